/** The telephone in a page of the CRM: see docs/button.md. */

import { dialable } from "../numbers.js";
import { Caller } from "./caller.js";
import { Links } from "./links.js";
import { learnRules } from "./rules.js";
import { Server } from "./server.js";
import { wordsOf } from "./words.js";

// A module has no currentScript.
const script = document.currentScript ?? [...document.querySelectorAll('script[src*="/click2dial.js"]')].at(-1);
const { agent = "", token, tokenUrl, outboundId, contactRef, language } = script.dataset;
const server = new Server(script.src.replace(/\/click2dial\.js([?#].*)?$/, ""), newToken);
const words = wordsOf(language ?? document.documentElement.lang ?? "");
const caller = new Caller(server, agent, told);
const defaults = {
  ...(outboundId && { outbound_id: outboundId }),
  ...(contactRef && { contact_ref: contactRef }),
};
const links = new Links(caller, words, defaults);

/** The CRM's server gives one: it alone has the key. */
async function newToken(signal) {
  if (!tokenUrl) return token ?? "";
  const response = await fetch(tokenUrl, { cache: "no-store", signal });
  if (!response.ok) throw new Error(`${tokenUrl}: ${response.status}`);
  return (await response.json()).token;
}

function told(now) {
  links.show(now);
  if (now.state !== "unknown") learnRules(server);
  document.dispatchEvent(new CustomEvent("click2dial:state", { detail: now }));
}

async function start() {
  await learnRules(server);
  if (handleOfPage() !== handle) return; // another agent has come meanwhile
  // Some pages put another body in place of theirs.
  links.watch(document.documentElement);
  caller.start();
}

/** One of us that is here already.  Of an element with that id, or a frame, browsers make a global, too. */
function handleOfPage() {
  const found = Object.hasOwn(globalThis, "click2dial") ? globalThis.click2dial : null;
  return typeof found?.stop === "function" ? found : null;
}

/** What the page's own scripts have. */
const handle = {
  agent,
  /** Call a number, with `outbound_id` and `contact_ref` if need be. */
  call: (number, values = {}) => caller.call(dialable(number), { ...defaults, ...values }),
  hangUp: () => caller.hangUp(),
  /** Add buttons to a part of the page that nobody sees from outside: a shadow root. */
  watch: (root) => links.watch(root),
  /** Take all buttons away: the agent has gone. */
  stop() {
    links.stop();
    caller.stop();
    if (handleOfPage() === handle) delete globalThis.click2dial;
  },
  get state() {
    return caller.now;
  },
};

// A page that exchanges its body runs its scripts again: one of us is enough, which knows its call.
// With another agent it is the page of another one from now on.
const before = handleOfPage();
if (before?.agent !== agent) {
  before?.stop();
  globalThis.click2dial = handle;
  if (document.body) start();
  else document.addEventListener("DOMContentLoaded", start);
}
