/** This extension's cdr records: those of the last days, and then as they arrive, by server-sent events. */

import { Backoff } from "./backoff.js";
import { within } from "./deadline.js";
import { begun, eventsOf } from "./event_stream.js";

/** More than a shift's calls would make the page slow to read, not more useful. */
export const MOST_RECORDS = 50;

const ANSWER = 25_000; // ms

/** How the stream stands; the detail of a "state" event. */
export const FeedState = Object.freeze({
  CONNECTING: "connecting",
  LIVE: "live",
  AWAY: "away",
  UNAUTHORIZED: "unauthorized",
});

/**
 * Emits "state", "record" ({record}: a cdr payload) and, whenever it begins to hear of them, "past"
 * ({records}, the newest first): among them are those that it missed.
 *
 * fetch() in place of EventSource, which can send no Authorization header.
 */
export class RecordFeed extends EventTarget {
  #url;
  #past;
  #headers;
  #abort = null;
  #backoff = new Backoff(() => this.#read());

  constructor({ extension, key }) {
    super();
    this.#url = `softphone/events?extension=${encodeURIComponent(extension)}`;
    this.#past = `click2dial/history?agent=${encodeURIComponent(extension)}&limit=${MOST_RECORDS}`;
    this.#headers = { Accept: "text/event-stream", ...(key && { Authorization: `Bearer ${key}` }) };
  }

  open() {
    this.#read();
  }

  close() {
    this.#backoff.stop();
    this.#abort?.abort();
    this.#abort = null;
  }

  async #read() {
    const abort = (this.#abort = new AbortController());
    this.#become(FeedState.CONNECTING);
    try {
      const ask = (signal) => fetch(this.#url, { headers: this.#headers, signal, cache: "no-store" });
      const response = await begun(ask, abort.signal);
      if (response.status === 401) {
        this.#become(FeedState.UNAUTHORIZED);
        return;
      }
      if (response.ok) {
        this.#backoff.reset();
        for await (const event of eventsOf(response)) this.#take(event);
      }
    } catch {
      // The network or the server went away, or close() was called.
    }
    if (abort.signal.aborted) return;
    this.#become(FeedState.AWAY);
    this.#backoff.schedule();
  }

  #take({ event, data }) {
    if (event === "state") {
      this.#become(data === "live" ? FeedState.LIVE : FeedState.AWAY);
      if (data === "live") this.#catchUp(this.#abort.signal);
    } else if (event === "cdr") {
      const record = JSON.parse(data).payload;
      this.dispatchEvent(new CustomEvent("record", { detail: { record } }));
    }
  }

  /** A server that keeps no history says so, and the list begins empty. */
  async #catchUp(signal) {
    try {
      const records = await within(ANSWER, (limited) => this.#askForPast(limited), signal);
      if (records) this.dispatchEvent(new CustomEvent("past", { detail: { records } }));
    } catch {
      // As with the stream, which tells of it.
    }
  }

  async #askForPast(signal) {
    const response = await fetch(this.#past, { headers: this.#headers, signal, cache: "no-store" });
    return response.ok ? (await response.json()).records : null;
  }

  #become(state) {
    this.dispatchEvent(new CustomEvent("state", { detail: { state } }));
  }
}
