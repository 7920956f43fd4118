/** Telephone links of other pages: the browser opens this page with ?call=tel:… for them. */

const PARAMETER = "call";
const LONGEST = 128; // characters of a link; numbers have fewer

// So long a window that is signed in may take to say that it has the number.
const ANSWER = 500;

const channel = new BroadcastChannel("click2dial.call");

/** Return the link or number that this page was opened for, "" if none; it leaves the address. */
export function linkedNumber() {
  const address = new URL(location.href);
  const number = (address.searchParams.get(PARAMETER) ?? "").slice(0, LONGEST);
  address.searchParams.delete(PARAMETER);
  history.replaceState(null, "", address);
  return number;
}

/** Whether another window of the softphone, which is signed in, takes a number. */
export function handOver(number) {
  return new Promise((resolve) => {
    const answered = ({ data }) => {
      if (data.taken === number) done(true);
    };
    const timer = setTimeout(() => done(false), ANSWER);
    const done = (taken) => {
      clearTimeout(timer);
      channel.removeEventListener("message", answered);
      resolve(taken);
    };
    channel.addEventListener("message", answered);
    channel.postMessage({ number });
  });
}

/** Call `take(number)` for numbers of other windows; it returns whether it did. */
export function takeNumbers(take) {
  channel.addEventListener("message", ({ data }) => {
    if (typeof data.number === "string" && take(data.number)) {
      channel.postMessage({ taken: data.number });
    }
  });
}

/** Whether a page may ask to get telephone links; callto: is none that browsers hand to pages. */
export function canHandleLinks() {
  return isSecureContext && "registerProtocolHandler" in navigator;
}

/** Ask the browser, which asks its user, to open telephone links here. */
export function handleLinks() {
  const address = new URL(location.pathname, location.origin);
  navigator.registerProtocolHandler("tel", `${address}?${PARAMETER}=%s`);
}
