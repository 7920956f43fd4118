/** Agents and calls as they are, by server-sent events (docs/events.md). */

import { Backoff } from "../backoff.js";
import { begun, eventsOf } from "../event_stream.js";

// For so long without a stream what was told last may be shown, in ms: a server that reads its
// configuration again, or is started anew, is back by then.
const KNOWN = 5000;

/** How the stream stands; the detail of a "state" event. */
export const StreamState = Object.freeze({ CONNECTING: "connecting", LIVE: "live", AWAY: "away" });

/**
 * Emits "state", "snapshot", "agent" ({agent}), "call" ({call}), "record" ({record}) and "refused"
 * ({status}), after which it does not try again; "forgotten" when it cannot tell any more how they are.
 *
 * `agents` by extension and `calls` by call_ref are as they are by then; a call that has ended is
 * not among them.
 */
export class Live extends EventTarget {
  agents = new Map();
  calls = new Map();
  #api;
  #abort = null;
  #lastId = "";
  #forgetting = 0;
  #backoff = new Backoff(() => this.#read());

  constructor(api) {
    super();
    this.#api = api;
  }

  open() {
    this.#read();
  }

  close() {
    this.#backoff.stop();
    this.#stopForgetting();
    this.#abort?.abort();
    this.#abort = null;
  }

  async #read() {
    const abort = (this.#abort = new AbortController());
    this.#tell("state", { state: StreamState.CONNECTING });
    const headers = { Accept: "text/event-stream", ...(this.#lastId && { "Last-Event-ID": this.#lastId }) };
    try {
      const ask = (signal) => this.#api.send("click2dial/events", { headers, signal });
      const response = await begun(ask, abort.signal);
      if ([401, 403, 404, 501].includes(response.status)) {
        this.#tell("refused", { status: response.status });
        return;
      }
      // What was forgotten while it was asked is not among what was missed: then a snapshot is needed.
      if (response.ok && (this.#lastId || !headers["Last-Event-ID"])) {
        this.#backoff.reset();
        this.#stopForgetting();
        this.#tell("state", { state: StreamState.LIVE });
        for await (const event of eventsOf(response)) this.#take(event);
      }
    } catch {
      // The network or the server went away, or close() was called.
    }
    if (abort.signal.aborted) return;
    this.#tell("state", { state: StreamState.AWAY });
    this.#forgetting ||= setTimeout(() => this.#forget(), KNOWN);
    this.#backoff.schedule();
  }

  /** Say of all that there was that nobody knows; what there is comes as a snapshot. */
  #forget() {
    this.#lastId = "";
    const unknown = { state: "unknown", since: 0 };
    for (const [extension, agent] of this.agents) this.agents.set(extension, { ...agent, ...unknown });
    for (const [ref, call] of this.calls) this.calls.set(ref, { ...call, ...unknown });
    this.#tell("forgotten", {});
  }

  #stopForgetting() {
    clearTimeout(this.#forgetting);
    this.#forgetting = 0;
  }

  #take({ event, data, id }) {
    if (id) this.#lastId = id;
    const told = JSON.parse(data);
    if (event === "snapshot") {
      this.agents = new Map(told.agents.map((agent) => [agent.extension, agent]));
      this.calls = new Map(told.calls.map((call) => [call.call_ref, call]));
      this.#tell("snapshot", {});
    } else if (event === "agent") {
      this.agents.set(told.extension, told);
      this.#tell("agent", { agent: told });
    } else if (event === "call") {
      if (told.state === "ended") this.calls.delete(told.call_ref);
      else this.calls.set(told.call_ref, told);
      this.#tell("call", { call: told });
    } else if (event === "cdr") {
      this.#tell("record", { record: told });
    }
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
