/** The search in the records of the last days. */

import { $, make, showPill, showText } from "../dom.js";
import { dialable, duration, readable } from "../numbers.js";
import { Refusal } from "./api.js";
import { words } from "./words.js";

const PAGE = "50";
const COLOURS = { hungup: "good", agent_hungup: "good", callee_hungup: "good", error: "bad", failed: "bad" };

let api = null;
let wanted = null; // the query of the search under way
let searching = null;

export function startHistory() {
  $("search").addEventListener("submit", (event) => {
    event.preventDefault();
    wanted = readForm();
    $("found").replaceChildren();
    search("");
  });
  $("more").addEventListener("click", () => search($("more").dataset.cursor));
}

export function searchWith(other) {
  api = other;
  searching?.abort();
  $("found").replaceChildren();
  $("found-table").hidden = $("more").hidden = true;
  showText($("search-state"), "");
}

function readForm() {
  const query = new URLSearchParams({ limit: PAGE });
  const set = (name, value) => value && query.set(name, value);
  set("agent", dialable($("search-agent").value));
  set("number", dialable($("search-number").value));
  set("contact_ref", $("search-ref").value.trim());
  for (const name of ["from", "to"]) {
    const { value } = $(`search-${name}`);
    if (value) query.set(name, Math.floor(new Date(value).getTime() / 1000));
  }
  return query;
}

async function search(cursor) {
  searching?.abort();
  const { signal } = (searching = new AbortController());
  showText($("search-state"), words.history.busy);
  $("more").hidden = true;
  let next = cursor;
  let error = null;
  try {
    next = await nextPage(cursor, signal);
  } catch (found) {
    error = found;
  }
  if (signal.aborted) return;
  const count = $("found").children.length;
  $("found-table").hidden = count === 0;
  $("more").hidden = error !== null || next === null;
  $("more").dataset.cursor = next ?? "";
  showText($("search-state"), error ? refused(error) : count ? words.history.found(count) : words.history.none);
}

/** Show a page; an answer may hold nothing and yet there is more. */
async function nextPage(cursor, signal) {
  for (;;) {
    const query = new URLSearchParams(wanted);
    if (cursor) query.set("cursor", cursor);
    const { records, cursor: next } = await api.get(`click2dial/history?${query}`, signal);
    $("found").append(...records.map(recordRow));
    if (records.length || next === null) return next;
    cursor = next;
  }
}

function refused(error) {
  return error instanceof Refusal ? words.history.refused(error.message) : words.steer.noServer;
}

function recordRow(record) {
  const row = make("tr", "");
  const at = new Date(record.dialed_at * 1000);
  const when = make("time", "", at.toLocaleString([], { dateStyle: "short", timeStyle: "short" }));
  when.dateTime = at.toISOString();
  const cell = make("td", "");
  cell.append(when);
  const pill = make("span", "pill");
  const { end_reason: reason } = record;
  showPill(pill, COLOURS[reason] ?? "warn", words.history.reasons[reason] ?? String(reason));
  const outcome = make("td", "");
  outcome.append(pill);
  const agent = make("th", "number", readable(String(record.extension)));
  agent.scope = "row";
  const number = make("td", "number", readable(String(record.number ?? record.ref ?? "")));
  const own = record.contact_ref === record.call_ref ? "" : record.contact_ref;
  row.append(cell, agent, number, outcome, make("td", "time", duration(record.call_time)), make("td", "", own));
  return row;
}
