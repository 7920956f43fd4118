/** What is done to a call, and what came of it in words. */

import { $, showText } from "../dom.js";
import { Refusal } from "./api.js";
import { namesOf } from "./calls_view.js";
import { words } from "./words.js";

/** Not a fault: the call is over, or its two sides are not joined. */
const GONE = [404, 409];

// What an action takes first, and what it then does.
const ACTIONS = {
  hangUp: { mayBegin: isSure, perform: hangUp },
  hold: { mayBegin: () => true, perform: hold },
};
const LISTENING = { mayBegin: hasExtension, perform: listen };

/** Return what does an action to a call of an API, which `api()` tells. */
export function steering(api) {
  return async (action, call) => {
    showText($("steer-result"), "");
    const { mayBegin, perform } = ACTIONS[action] ?? LISTENING;
    if (!(await mayBegin(call))) return;
    let told;
    try {
      told = await perform(api(), call, action);
    } catch (error) {
      told = inWords(error);
    }
    showText($("steer-result"), told);
  };
}

async function hangUp(api, call) {
  await api.remove(`click2dial/calls/${encodeURIComponent(call.call_ref)}`);
  const { agent, party } = namesOf(call);
  return words.steer.hungUp(agent, party);
}

/** Put the client on hold, or back to the agent: whichever the row's button said. */
async function hold(api, call) {
  const action = call.state === "held" ? "unhold" : "hold";
  await api.post(`click2dial/calls/${encodeURIComponent(call.call_ref)}/${action}`);
  return words.steer[action === "hold" ? "held" : "unheld"](namesOf(call).party);
}

async function listen(api, call, mode) {
  const extension = $("own-extension").value.trim();
  await api.post(`click2dial/calls/${encodeURIComponent(call.call_ref)}/listen`, { extension, mode });
  return words.steer.rings(extension);
}

function inWords(error) {
  if (!(error instanceof Refusal)) return words.steer.noServer;
  // The server says which of the two it was; it says nothing of a call that is gone.
  const gone = GONE.includes(error.status) && !error.message.startsWith("extension:");
  return gone ? words.steer.gone : words.steer.refused(error.message);
}

function hasExtension() {
  if ($("own-extension").value.trim()) return true;
  showText($("steer-result"), words.steer.needed);
  $("own-extension").focus();
  return false;
}

/** Ask, with the answer that does nothing in focus. */
function isSure(call) {
  const dialog = $("sure");
  const { agent, party } = namesOf(call);
  $("sure-text").textContent = words.steer.sure(agent, party);
  dialog.returnValue = "";
  dialog.showModal();
  $("sure-no").focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

export function startSteering() {
  $("sure-no").addEventListener("click", () => $("sure").close("no"));
  $("sure-yes").addEventListener("click", () => $("sure").close("yes"));
}
