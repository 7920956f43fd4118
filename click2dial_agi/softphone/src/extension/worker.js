/** The service worker: it alone has the token, and asks the server for the pages (docs/extension.md).
 *
 * The browser stops it after half a minute without work, and begins it anew when there is some: what
 * it has in memory is what it can get again.  What a page is told, the page keeps.
 */

import { Refusal } from "../button/server.js";
import { connect } from "./connection.js";
import { choosePages } from "./pages.js";
import { current } from "./settings.js";

const REF = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const KEY = /^[0-9a-f]{32}$/;
const LONGEST = 1000;

const NOT_CHOSEN = new Refusal(403, []);

// What our script in a page may ask for: the number is the page's, the agent and the rest are not.
const QUESTIONS = {
  rules: async ({ server, forget }) => {
    await forget(); // somebody else may be signed in since the last page
    return server.rules();
  },
  live: ({ server }) => server.live(),
  call: ({ server }, { ref }) => server.call(matching(ref, REF)),
  hangUp: ({ server }, { ref }) => server.hangUp(matching(ref, REF)),
  create: async ({ server, agent, settings }, { callee, contact_ref, key }) => {
    await server.token();
    const body = { agent: agent(), callee: text(callee) };
    if (settings.outbound_id) body.outbound_id = settings.outbound_id;
    if (contact_ref) body.contact_ref = text(contact_ref);
    return server.create(body, matching(key, KEY));
  },
};

let connected = null; // a promise of what `connection` returns

chrome.runtime.onMessage.addListener((message, sender, answer) => {
  answerTo(message, sender).then(answer);
  return true; // the answer comes later
});

chrome.runtime.onConnect.addListener(tell);

chrome.storage.onChanged.addListener((_, area) => {
  if (area === "session") return;
  connected = null;
  choosePages();
});
for (const event of [
  chrome.runtime.onInstalled,
  chrome.runtime.onStartup,
  chrome.permissions.onAdded,
  chrome.permissions.onRemoved,
]) {
  event.addListener(() => choosePages());
}

// What stands there is for us; browsers show it to scripts in pages as well if one does not say so.
chrome.storage.local.setAccessLevel({ accessLevel: "TRUSTED_CONTEXTS" }).catch(() => undefined);

async function answerTo(message, sender) {
  try {
    const question = Object.hasOwn(QUESTIONS, message?.what) ? QUESTIONS[message.what] : null;
    if (question === null) throw NOT_CHOSEN;
    return { value: await question(await connectionFor(sender), message) };
  } catch (error) {
    if (!(error instanceof Refusal)) return { failed: String(error) };
    return { refusal: { status: error.status, errors: error.errors } };
  }
}

/** Tell a page of each event, for as long as it listens. */
async function tell(port) {
  const ear = new AbortController();
  port.onDisconnect.addListener(() => ear.abort());
  // That it says something is all: it keeps this worker from being stopped.
  port.onMessage.addListener(() => undefined);
  try {
    const { server } = await connectionFor(port.sender);
    for await (const event of server.events(ear.signal)) port.postMessage(event);
  } catch {
    // The page asks again.
  }
  port.disconnect();
}

/** Return the connection for a page of a chosen site; raise a refusal for any other. */
async function connectionFor(sender) {
  connected ??= connection();
  const found = await connected;
  const { isComplete, sites } = found.settings;
  if (!isComplete || !sender.tab || !sites.includes(sender.origin)) throw NOT_CHOSEN;
  return found;
}

async function connection() {
  const settings = await current();
  return { settings, ...(await connect(settings)) };
}

function text(value) {
  if (typeof value === "string" && value.length <= LONGEST) return value;
  throw new TypeError("a text was expected");
}

function matching(value, pattern) {
  if (pattern.test(text(value))) return value;
  throw new TypeError(`${pattern} was expected`);
}
