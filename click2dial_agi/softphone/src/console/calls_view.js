/** The live calls, each with what can be done to it. */

import { $, make, setText, showPill } from "../dom.js";
import { duration, readable } from "../numbers.js";
import { lasting, serverNow } from "./clock.js";
import { KeyedRows } from "./keyed_rows.js";
import { words } from "./words.js";

const ACTIONS = ["listen", "whisper", "barge", "hold", "hangUp"];
const FOR_SUPERVISORS = ["listen", "whisper", "barge"];
const TALKING = ["up", "held"];

let live = null;
let act = null;
let supervises = false;
const rows = new KeyedRows(
  $("calls"),
  callRow,
  (one, other) => other.dialed_at - one.dialed_at || (one.call_ref < other.call_ref ? -1 : 1),
);

/** Call `act(action, call)` when a button of a call's is used. */
export function startCalls(action) {
  act = action;
  $("calls").addEventListener("rows", () => {
    $("no-calls").hidden = $("calls").children.length > 0;
    $("calls-table").hidden = !$("no-calls").hidden;
    showQueue();
  });
}

/** Show the calls of a feed from now on; a supervisor may listen to them. */
export function followCalls(feed, { supervisor }) {
  live = feed;
  supervises = supervisor;
  for (const name of ["snapshot", "forgotten"]) live.addEventListener(name, () => rows.replace(live.calls));
  live.addEventListener("call", ({ detail: { call } }) => rows.set(call.call_ref, live.calls.get(call.call_ref)));
  rows.replace(live.calls);
}

export function tickCalls() {
  rows.tick();
  showQueue();
}

function showQueue() {
  const queued = live ? [...live.calls.values()].filter(({ state }) => state === "queued") : [];
  const longest = Math.max(0, ...queued.map(({ since }) => (since ? serverNow() - since : 0)));
  const text = queued.length ? words.calls.waiting(queued.length, duration(longest)) : "";
  setText($("queue"), text);
}

function callRow() {
  const element = make("tr", "call-row");
  const agent = make("th", "agent-of");
  agent.scope = "row";
  const party = make("td", "party");
  const number = make("span", "number");
  const reference = make("span", "more");
  party.append(number, reference);
  const state = make("td", "");
  const pill = make("span", "pill");
  const recorded = make("span", "recorded", words.calls.recorded);
  state.append(pill, " ", recorded);
  const time = make("td", "time");
  const actions = make("td", "actions");
  element.append(agent, party, state, time, actions);
  let shown = null;
  const buttons = ACTIONS.map((action) => {
    const button = make("button", action === "hangUp" ? "quiet end" : "quiet", words.steer[action]);
    button.type = "button";
    button.addEventListener("click", () => act(action, shown));
    actions.append(button);
    return [action, button];
  });
  const tick = () => setText(time, lasting(shown.since));
  return {
    element,
    tick,
    show(call) {
      shown = call;
      const names = namesOf(call);
      setText(agent, names.agent);
      setText(number, names.party);
      // A reference that the server made up says nothing.
      const own = call.contact_ref === call.call_ref ? "" : call.contact_ref;
      setText(reference, [words.calls.directions[call.direction], own].filter(Boolean).join(" · "));
      showPill(pill, call.state, words.calls.states[call.state] ?? call.state);
      recorded.hidden = !(call.recorded && TALKING.includes(call.state));
      for (const [action, button] of buttons) {
        const label = words.steer[action === "hold" && call.state === "held" ? "unhold" : action];
        setText(button, label);
        button.setAttribute("aria-label", words.steer.of(label, names.agent, names.party));
        button.hidden = FOR_SUPERVISORS.includes(action) && !supervises;
        button.disabled = action !== "hangUp" && !TALKING.includes(call.state);
      }
      tick();
    },
  };
}

/** Who is in a call, for the eye. */
export function namesOf(call) {
  const { nobody } = words.calls;
  return { agent: readable(call.agent) || nobody, party: readable(call.callee) || nobody };
}
