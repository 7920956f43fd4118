/** Who is there, and what each agent does: a tile for each. */

import { $, make, setText, showPill } from "../dom.js";
import { readable } from "../numbers.js";
import { lasting } from "./clock.js";
import { KeyedRows } from "./keyed_rows.js";
import { words } from "./words.js";

const STATES = ["talking", "hold", "ringing", "idle", "paused", "offline", "unknown"];

let live = null;
const byNumber = new Intl.Collator(undefined, { numeric: true }).compare;
const tiles = new KeyedRows($("agents"), agentTile, (one, other) => byNumber(one.extension, other.extension));

export function startAgents() {
  for (const state of STATES) {
    const option = make("option", "", words.agents.states[state]);
    option.value = state;
    $("agent-state").append(option);
  }
  for (const name of ["input", "change"]) $("agent-filter").addEventListener(name, () => tiles.touchAll());
  $("agent-filter").addEventListener("submit", (event) => event.preventDefault());
  $("agents").addEventListener("rows", showCounts);
}

/** Show the agents of a feed from now on. */
export function followAgents(feed) {
  live = feed;
  const touch = ({ agent }) => tiles.touch(agent);
  for (const name of ["snapshot", "forgotten"]) live.addEventListener(name, () => tiles.replace(live.agents));
  live.addEventListener("agent", ({ detail: { agent } }) => tiles.set(agent.extension, agent));
  live.addEventListener("call", ({ detail: { call } }) => touch(call));
  tiles.replace(live.agents);
}

export function tickAgents() {
  tiles.tick();
}

function agentTile() {
  const element = make("li", "agent");
  const extension = make("span", "extension");
  const pill = make("span", "pill");
  const party = make("span", "party");
  const time = make("span", "time");
  const [first, second] = [make("div", ""), make("div", "")];
  first.append(extension, " ", pill);
  second.append(party, " ", time);
  element.append(first, second);
  let since = 0;
  const tick = () => setText(time, lasting(since));
  return {
    element,
    tick,
    show(agent) {
      setText(extension, agent.extension);
      showPill(pill, agent.state, words.agents.states[agent.state] ?? agent.state);
      const call = live.calls.get(agent.call_ref);
      setText(party, call ? readable(call.callee === agent.extension ? call.agent : call.callee) : "");
      since = agent.state === "offline" ? 0 : agent.since;
      element.hidden = !isWanted(agent);
      tick();
    },
  };
}

function isWanted({ extension, state }) {
  const text = $("agent-text").value.trim();
  return extension.includes(text) && ["", state].includes($("agent-state").value);
}

function showCounts() {
  const counts = new Map();
  for (const { state } of live.agents.values()) counts.set(state, (counts.get(state) ?? 0) + 1);
  const shown = STATES.filter((state) => counts.has(state)).map((state) =>
    words.agents.counts(counts.get(state), words.agents.states[state].toLowerCase()),
  );
  setText($("agent-counts"), shown.join(" · "));
  $("no-agents").hidden = $("agents").querySelector("li:not([hidden])") !== null;
}
