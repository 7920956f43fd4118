/** The server as a page reaches it: through the service worker, which has the token. */

import { Refusal, unique } from "../button/server.js";

// The browser stops a worker that nobody has spoken to for 30 s.
const STILL_HERE = 20_000;

/** What `Server` is to a page of the CRM that may have a token. */
export class RemoteServer {
  rules() {
    return ask({ what: "rules" });
  }

  live() {
    return ask({ what: "live" });
  }

  call(ref) {
    return ask({ what: "call", ref });
  }

  hangUp(ref) {
    return ask({ what: "hangUp", ref });
  }

  /** Place a call; the same key on a second try, so that a lost answer rings nobody twice. */
  create({ callee, contact_ref }) {
    return ask({ what: "create", callee, contact_ref, key: unique() });
  }

  /** Yield the name of each event of the agent's; it throws when there are no more, or no worker. */
  async *events(signal) {
    const port = chrome.runtime.connect();
    const timer = setInterval(() => port.postMessage(""), STILL_HERE);
    const stream = new ReadableStream({
      start(control) {
        port.onMessage.addListener((event) => control.enqueue(event));
        port.onDisconnect.addListener(() => control.error(new Error("the worker is gone")));
        signal.addEventListener("abort", () => control.error(signal.reason));
      },
    });
    const reader = stream.getReader();
    try {
      for (;;) yield (await reader.read()).value;
    } finally {
      clearInterval(timer);
      port.disconnect();
    }
  }
}

/** Ask the worker, and once more if it was stopped before it had answered. */
async function ask(question) {
  const send = () => chrome.runtime.sendMessage(question);
  const { value, refusal, failed } = await send().catch(send);
  if (refusal) throw new Refusal(refusal.status, refusal.errors);
  if (failed) throw new Error(failed);
  return value;
}
