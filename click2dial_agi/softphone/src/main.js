/** The softphone page: puts line, call, records and what is seen of them together. */

import { CallState } from "./call.js";
import { usePopURL } from "./contact_pop.js";
import { within } from "./deadline.js";
import { startDevices } from "./devices_view.js";
import {
  allowDial,
  fillDial,
  redial,
  showDial,
  showExamples,
  showOutcome,
  startDial,
} from "./dial_view.js";
import { $, showPill, showText } from "./dom.js";
import { keepHungUp, takeLeftCall } from "./left_call.js";
import { Line, LineState } from "./line.js";
import { askForMicrophone } from "./microphone.js";
import { useRules } from "./numbers.js";
import { RecordFeed } from "./records.js";
import { addPast, addRecord, clearRecords, showFeedState, startRecords } from "./records_view.js";
import { hideSignIn, setBusy, showSignIn, startSignIn } from "./sign_in_view.js";
import { Switchboard } from "./switchboard.js";
import { canHandleLinks, handleLinks, handOver, linkedNumber, takeNumbers } from "./tel_links.js";
import { translatePage, words } from "./words.js";

const ANSWER = 10_000; // ms

let line = null;
let feed = null;
let wanted = null; // {peer, contactRef} to be called when somebody has signed in
translatePage();
const switchboard = new Switchboard();

startSignIn(signIn);
startDial((callee, values) => {
  switchboard.unlockSound();
  showOutcome(null);
  switchboard.take(line, line.dial(callee, values)).start();
});
startRecords(redial);
takeNumbers((number) => {
  if (line === null) return false;
  fillDial({ peer: number, contactRef: "" });
  return true;
});
$("handle-links").hidden = !canHandleLinks();
$("handle-links").addEventListener("click", handleLinks);
$("sign-out").addEventListener("click", () => signOut());
addEventListener("beforeunload", (event) => {
  if (line?.calls.length) event.preventDefault(); // the browser asks whether to leave
});
addEventListener("pagehide", () => {
  const up = line?.calls.find(({ state }) => state === CallState.UP);
  line?.close();
  if (up) keepHungUp(up);
});
addEventListener("pageshow", ({ persisted }) => {
  // Brought back as it was left, it looks signed in, and is not: nobody has kept the password.
  if (!persisted || line === null) return;
  line = null;
  location.reload();
});
begin();

/** Say what became of a call that the page before had, and take the number it was opened for. */
async function begin() {
  const left = takeLeftCall();
  wanted = left;
  if (left !== null) showSignIn(words.left[left.hungUp ? "hungUp" : "stopped"](left.shown));
  const number = linkedNumber();
  if (!number) return;
  if (await handOver(number)) {
    if (line === null) showSignIn(words.links.elsewhere);
    return;
  }
  wanted = { peer: number, contactRef: "" };
  if (feed !== null) fillWanted(); // somebody has signed in meanwhile
}

async function signIn({ extension, password, key }) {
  switchboard.unlockSound();
  setBusy(true);
  let opening;
  try {
    const config = await within(ANSWER, askForConfig);
    useRules(config.numbers);
    showExamples(config.examples);
    usePopURL(config.pop_url);
    opening = line = new Line({ ...config, extension, password });
  } catch {
    showSignIn(words.signIn.noServer);
    return;
  }
  let wasRegistered = false;
  opening.addEventListener("state", ({ detail: { state, status } }) => {
    if (opening !== line) return;
    if (state === LineState.REFUSED && status === 403) {
      signOut(words.signIn.forbidden); // the password was right
    } else if (state === LineState.REFUSED) {
      signOut(wasRegistered ? words.signIn.changed : words.signIn.wrong);
    } else if (state === LineState.DISPLACED) {
      signOut(words.signIn.displaced);
    } else if (state === LineState.REGISTERED && !wasRegistered) {
      wasRegistered = true;
      enter(extension, key);
    } else if (state === LineState.AWAY && !wasRegistered) {
      signOut(words.signIn.noServer);
      return;
    }
    showLine(state);
  });
  opening.addEventListener("incoming", ({ detail }) => switchboard.take(opening, detail.call));
  opening.open();
}

async function enter(extension, key) {
  hideSignIn(extension);
  showOutcome(null);
  showDial(true);
  fillWanted();
  $("callee").focus();
  clearRecords();
  feed = new RecordFeed({ extension, key });
  feed.addEventListener("state", ({ detail }) => showFeedState(detail.state));
  feed.addEventListener("record", ({ detail }) => addRecord(detail.record, extension));
  feed.addEventListener("past", ({ detail }) => addPast(detail.records, extension));
  feed.open();
  showText($("trouble"), await askForMicrophone());
  await startDevices();
}

async function askForConfig(signal) {
  const response = await fetch("softphone/config", { cache: "no-store", signal });
  if (!response.ok) throw new Error(response.status);
  return response.json();
}

function fillWanted() {
  if (wanted !== null) fillDial(wanted);
  wanted = null;
}

function signOut(trouble = "") {
  feed?.close();
  feed = null;
  const closing = line;
  line = null;
  closing?.close();
  showSignIn(trouble);
}

function showLine(state) {
  if (!(state in words.line)) return;
  showPill($("line-state"), state, words.line[state]);
  allowDial(state === LineState.REGISTERED);
  const away = state === LineState.AWAY;
  const { unreachable } = words.line;
  if (away || $("trouble").textContent === unreachable) {
    // While it is being tried the text stays, so that nothing flickers.
    if (state !== LineState.CONNECTING) showText($("trouble"), away ? unreachable : "");
  }
}
