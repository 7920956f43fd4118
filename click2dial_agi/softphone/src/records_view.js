/** The list of cdr records, newest first, and the buttons that call again. */

import { $, make, showPill } from "./dom.js";
import { duration, readable } from "./numbers.js";
import { FeedState } from "./records.js";
import { words } from "./words.js";

const MOST = 50; // more than a shift's calls would make the page slow to read, not more useful

const STATES = {
  [FeedState.CONNECTING]: "Connecting",
  [FeedState.LIVE]: "Live",
  [FeedState.AWAY]: "Reconnecting",
  [FeedState.UNAUTHORIZED]: "Not signed in",
};

const HINT = "Records of your calls appear here as calls end.";
const UNAUTHORIZED =
  "To see your call records, sign in with an API key, or ask your operator to allow your network.";

const END_REASONS = {
  hungup: ["Ended", "good"],
  agent_hungup: ["You hung up", "good"],
  callee_hungup: ["They hung up", "good"],
  busy: ["Busy", "warn"],
  reject: ["Rejected", "warn"],
  timeout: ["No answer", "warn"],
};

let redial;
let allowed = false;

/** Call `again(number, contactRef)` when a record's button is used. */
export function startRecords(again) {
  redial = again;
}

/** Whether the records' buttons can be used now. */
export function allowRedial(now) {
  allowed = now;
  for (const button of $("records").querySelectorAll("button")) button.disabled = !allowed;
}

export function showFeedState(state) {
  showPill($("feed-state"), state, STATES[state]);
  $("no-records").textContent = state === FeedState.UNAUTHORIZED ? UNAUTHORIZED : HINT;
}

export function clearRecords() {
  $("records").replaceChildren();
  $("no-records").hidden = false;
}

/** Put a cdr payload, of any version, on top of the list. */
export function addRecord(record, extension) {
  $("no-records").hidden = true;
  $("records").prepend(recordItem(record, extension));
  while ($("records").children.length > MOST) $("records").lastChild.remove();
}

function recordItem(record, extension) {
  const { call_dir: direction, end_reason: reason, end_code: code } = record;
  const client = record.number ?? record.ref; // before version 3 the client's number is in ref
  const theirs = direction === "inbound" || (client === extension && record.extension !== extension);
  const other = client === extension ? record.extension : client;
  const [label, state] = END_REASONS[reason] ?? [`${reason} ${code}`, "bad"];
  const at = new Date(record.dialed_at * 1000);
  const item = make("li", "record");
  item.dataset.callRef = record.call_ref;
  item.dataset.contactRef = record.contact_ref;
  const number = make("span", "number", `${theirs ? "From" : "To"} ${readable(other) || "a number that is not valid"}`);
  const pill = make("span", "pill", reason === "error" && code === 28 ? "Not valid" : label);
  pill.dataset.state = state;
  const when = make("time", "when", at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  when.dateTime = at.toISOString();
  // A reference that the server made up says nothing that the call_ref does not.
  const contactRef = record.contact_ref === record.call_ref ? "" : record.contact_ref;
  const details = [
    duration(record.call_time),
    record.dial_number && `as ${readable(record.dial_number)}`,
    contactRef,
  ];
  item.append(number, pill, make("span", "more", details.filter(Boolean).join(" · ")), when);
  if (other) item.append(redialButton(other, contactRef));
  return item;
}

function redialButton(number, contactRef) {
  const button = make("button", "quiet", words.records.again);
  button.type = "button";
  button.disabled = !allowed;
  button.setAttribute("aria-label", words.records.callAgain(readable(number)));
  button.addEventListener("click", () => redial(number, contactRef));
  return button;
}
