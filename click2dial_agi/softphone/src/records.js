/** This extension's cdr records as they arrive, by server-sent events. */

import { Backoff } from "./backoff.js";
import { eventsOf } from "./event_stream.js";

/** How the stream stands; the detail of a "state" event. */
export const FeedState = Object.freeze({
  CONNECTING: "connecting",
  LIVE: "live",
  AWAY: "away",
  UNAUTHORIZED: "unauthorized",
});

/**
 * Emits "state" and "record" ({record}: a cdr payload).
 *
 * fetch() in place of EventSource, which can send no Authorization header.
 */
export class RecordFeed extends EventTarget {
  #url;
  #headers;
  #abort = null;
  #backoff = new Backoff(() => this.#read());

  constructor({ extension, key }) {
    super();
    this.#url = `softphone/events?extension=${encodeURIComponent(extension)}`;
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
      const response = await fetch(this.#url, {
        headers: this.#headers,
        signal: abort.signal,
        cache: "no-store",
      });
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
    } else if (event === "cdr") {
      const record = JSON.parse(data).payload;
      this.dispatchEvent(new CustomEvent("record", { detail: { record } }));
    }
  }

  #become(state) {
    this.dispatchEvent(new CustomEvent("state", { detail: { state } }));
  }
}
