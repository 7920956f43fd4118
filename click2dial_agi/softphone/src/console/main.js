/** The console: puts the sign-in, what is live, and what was, together. */

import "./console.css";

import { $, showPill, showText } from "../dom.js";
import { keptInWindow } from "../kept.js";
import { useRules } from "../numbers.js";
import { followAgents, startAgents, tickAgents } from "./agents_view.js";
import { API, Refusal } from "./api.js";
import { followCalls, startCalls, tickCalls } from "./calls_view.js";
import { askHealth, followHealth, stopHealth } from "./health_view.js";
import { searchWith, startHistory } from "./history_view.js";
import { Live } from "./live.js";
import { Outcomes } from "./outcomes.js";
import { showOutcomes, startOutcomes } from "./outcomes_view.js";
import { startSteering, steering } from "./steer.js";
import { offerLanguages, translatePage, words } from "./words.js";

// For as long as the tab is open, and no longer: a key opens all of an integrator's calls.
const KEY = "click2dial.console.key";
const EXTENSION = "click2dial.console.extension";

const CATCH_UP_EVERY = 20_000; // snapshots may come more often, and the day may be long

let live = null;
let api = null;

translatePage();
offerLanguages($("language"));
startAgents();
startCalls(steering(() => api));
startSteering();
startOutcomes();
startHistory();
$("sign-in-form").addEventListener("submit", (event) => {
  event.preventDefault();
  signIn($("key").value.trim());
});
$("sign-out").addEventListener("click", () => signOut());
$("own-extension").value = keptInWindow.get(EXTENSION) ?? "";
$("own-extension").addEventListener("input", () => {
  keptInWindow.keep(EXTENSION, $("own-extension").value.trim());
});
setInterval(() => {
  if (live === null || document.hidden) return;
  tickAgents();
  tickCalls();
}, 1000);
const key = keptInWindow.get(KEY);
if (key !== null) signIn(key);
else $("key").focus();

async function signIn(key) {
  setBusy(true);
  const asking = new API(key);
  try {
    const { numbers } = await asking.get("click2dial.json");
    useRules(numbers);
    const health = await askHealth(asking);
    keptInWindow.keep(KEY, key);
    enter(asking, health);
  } catch (error) {
    signOut(error instanceof Refusal && error.status === 401 ? words.signIn.wrong : words.signIn.noServer);
  }
}

function enter(asking, health) {
  api = asking;
  $("key").value = "";
  $("sign-in").hidden = true;
  $("desk").hidden = $("who").hidden = false;
  $("supervisor").hidden = !health.supervisor;
  live = new Live(api);
  const opening = live;
  opening.addEventListener("state", ({ detail: { state } }) => {
    if (opening === live) showPill($("stream-state"), state, words.stream[state]);
  });
  opening.addEventListener("refused", () => opening === live && signOut(words.signIn.wrong));
  followAgents(live);
  followCalls(live, health);
  followOutcomes(live);
  followHealth(api, health, () => signOut(words.signIn.wrong));
  searchWith(api);
  live.open();
}

function signOut(trouble = "") {
  keptInWindow.drop(KEY);
  stopHealth();
  live?.close();
  live = api = null;
  $("sign-in").hidden = false;
  $("desk").hidden = $("who").hidden = true;
  setBusy(false);
  showText($("sign-in-trouble"), trouble);
  $("key").focus();
}

function setBusy(busy) {
  $("sign-in-button").disabled = busy;
  $("sign-in-button").textContent = busy ? words.signIn.busy : words.signIn.button;
}

/** Count what is kept of today, then what ends; after a gap, what was missed, once in a while. */
function followOutcomes(feed) {
  const outcomes = new Outcomes();
  let loadedAt = -CATCH_UP_EVERY;
  let timer = 0;
  const load = async () => {
    loadedAt = performance.now();
    timer = 0;
    try {
      if (feed === live) await outcomes.load(api);
    } catch {
      // What ends from now on is counted all the same; the health says why.
    }
    if (feed === live) showOutcomes(outcomes);
  };
  showOutcomes(outcomes);
  feed.addEventListener("record", ({ detail: { record } }) => {
    if (outcomes.add(record)) showOutcomes(outcomes);
  });
  feed.addEventListener("snapshot", () => {
    timer ||= setTimeout(load, Math.max(0, loadedAt + CATCH_UP_EVERY - performance.now()));
  });
}
