/** The list of cdr records, newest first, and the buttons that call again. */

import { $, make, showPill } from "./dom.js";
import { duration, readable } from "./numbers.js";
import { FeedState, MOST_RECORDS } from "./records.js";
import { words } from "./words.js";

/** The colour of an end_reason; any other is bad. */
const COLOURS = {
  hungup: "good",
  agent_hungup: "good",
  callee_hungup: "good",
  busy: "warn",
  reject: "warn",
  timeout: "warn",
};

/** Until readers of the screen have seen what is not to be read, in ms. */
const QUIET = 500;

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
  const { unauthorized, none } = words.records;
  showPill($("feed-state"), state, words.records.states[state]);
  $("no-records").textContent = state === FeedState.UNAUTHORIZED ? unauthorized : none;
}

export function clearRecords() {
  $("records").replaceChildren();
  $("no-records").hidden = false;
}

/** Put a cdr payload, of any version, where its call's end has its place, once. */
export function addRecord(record, extension) {
  const endedAt = record.dialed_at + record.call_time;
  const items = [...$("records").children];
  if (items.some((item) => item.dataset.callRef === record.call_ref)) return;
  const item = recordItem(record, extension);
  item.dataset.endedAt = endedAt;
  $("no-records").hidden = true;
  $("records").insertBefore(item, items.find((one) => one.dataset.endedAt <= endedAt) ?? null);
  while ($("records").children.length > MOST_RECORDS) $("records").lastChild.remove();
}

/** Put in what was before; nobody wants it read aloud. */
export function addPast(records, extension) {
  $("records").setAttribute("aria-live", "off");
  for (const record of records) addRecord(record, extension);
  setTimeout(() => $("records").setAttribute("aria-live", "polite"), QUIET);
}

function recordItem(record, extension) {
  const { call_dir: direction, end_reason: reason, end_code: code } = record;
  const client = record.number ?? record.ref; // before version 3 the client's number is in ref
  const theirs = direction === "inbound" || (client === extension && record.extension !== extension);
  const other = client === extension ? record.extension : client;
  const label = words.records.reasons[reason] ?? `${reason} ${code}`;
  const side = theirs ? words.records.from : words.records.to;
  const at = new Date(record.dialed_at * 1000);
  const item = make("li", "record");
  item.dataset.callRef = record.call_ref;
  item.dataset.contactRef = record.contact_ref;
  const number = make("span", "number", side(readable(other) || words.records.nobody));
  const notValid = reason === "error" && code === 28;
  const pill = make("span", "pill", notValid ? words.records.notValid : label);
  pill.dataset.state = COLOURS[reason] ?? "bad";
  const clock = { hour: "2-digit", minute: "2-digit" };
  const when = make("time", "when", at.toLocaleTimeString([], clock));
  when.dateTime = at.toISOString();
  // A reference that the server made up says nothing that the call_ref does not.
  const contactRef = record.contact_ref === record.call_ref ? "" : record.contact_ref;
  const details = [
    duration(record.call_time),
    record.dial_number && words.records.as(readable(record.dial_number)),
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
