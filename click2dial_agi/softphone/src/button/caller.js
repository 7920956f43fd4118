/** Where the agent stands: free, in a call of this page's, or in one from elsewhere. */

import { Refusal } from "./server.js";

// How often the server is asked, in milliseconds, and how often if it tells by itself.
const WHILE_CALLING = 1000;
const WHILE_FREE = 5000;
const WHILE_TOLD = 30_000;
const NEXT_TRY = 10_000;

// As the API tells them, and `calling` before it has answered.
const LIVE = new Set(["calling", "queued", "ringing-agent", "ringing-callee", "up", "held"]);
const TOLD = new Set([...LIVE, "ended", "unknown"].filter((state) => state !== "calling"));

const FREE = { state: "free" };
const UNKNOWN = { state: "unknown" };

export class Caller {
  #server;
  #agent;
  #told;
  #timer = 0;
  #ref = null; // of the call that this page placed
  #now = UNKNOWN;
  #looking = false;
  #again = false; // something happened while it was looked
  #isTold = false;
  #ear = null; // what ends listening
  #end = new AbortController(); // of all that is begun here

  /** `told` hears each new state: the call as the API shows it, and `mine`. */
  constructor(server, agent, told) {
    this.#server = server;
    this.#agent = agent;
    this.#told = told;
  }

  get now() {
    return this.#now;
  }

  get isFree() {
    const { state } = this.#now;
    // Of a call of ours of which nobody can tell it is more likely that it goes on.
    return !LIVE.has(state) && !(state === "unknown" && this.#ref !== null);
  }

  /** Begin to follow the agent. */
  start() {
    const attend = (event) => {
      if (event.isTrusted) this.#attend();
    };
    document.addEventListener("visibilitychange", attend, { signal: this.#end.signal });
    this.#attend();
  }

  /** Follow him no more; a call goes on. */
  stop() {
    this.#end.abort();
    this.#ear?.abort();
    clearTimeout(this.#timer);
  }

  /** Have a number called; what became of it is told. */
  async call(callee, values) {
    if (!this.isFree) return;
    const body = { agent: this.#agent, callee, ...values };
    this.#tell({ state: "calling", callee, contact_ref: values.contact_ref ?? "", mine: true });
    try {
      const created = await this.#server.create(body);
      if (!created.call_ref) throw new Error("a call without call_ref");
      this.#ref = created.call_ref;
      this.#tell({ ...created, state: "ringing-agent", mine: true });
    } catch (error) {
      // Without an answer nobody knows what became of it.
      const state = error instanceof Refusal ? "refused" : "unknown";
      this.#tell({ ...this.#now, state, ...refusal(error) });
    }
    this.#lookIn(WHILE_CALLING);
  }

  async hangUp() {
    const ref = this.#now.call_ref;
    if (this.isFree || !ref) return;
    await this.#server.hangUp(ref).catch(() => undefined);
    await this.#look();
  }

  #lookIn(milliseconds) {
    clearTimeout(this.#timer);
    if (this.#end.signal.aborted) return;
    this.#timer = setTimeout(() => this.#look(), milliseconds);
  }

  /** Listen while somebody looks at the page: a browser has few connections for all its pages. */
  #attend() {
    this.#ear?.abort();
    if (document.hidden) return;
    this.#ear = new AbortController();
    this.#listen(this.#ear.signal);
    this.#look();
  }

  async #listen(signal) {
    while (!signal.aborted) {
      try {
        for await (const event of this.#server.events(signal)) {
          this.#isTold = event !== "";
          this.#look();
        }
      } catch {
        // It is asked now and then as well.
      }
      this.#isTold = false;
      if (!signal.aborted) this.#look();
      await new Promise((resolve) => setTimeout(resolve, NEXT_TRY));
    }
  }

  async #look() {
    clearTimeout(this.#timer);
    this.#again = true;
    if (this.#looking) return;
    this.#looking = true;
    while (this.#again) {
      this.#again = false;
      await this.#lookOnce();
    }
    this.#looking = false;
    const pause = this.#ref === null ? WHILE_FREE : WHILE_CALLING;
    this.#lookIn(this.#isTold ? WHILE_TOLD : pause);
  }

  async #lookOnce() {
    try {
      if (this.#ref !== null) await this.#follow(this.#ref);
      else if (!document.hidden && this.#now.state !== "calling") await this.#find();
    } catch (error) {
      // Nobody knows: that is not the same as free, nor as what was.
      const ours = this.#ref === null ? {} : this.#now;
      if (this.#now.state !== "calling") this.#tell({ ...ours, state: "unknown", ...refusal(error) });
    }
  }

  async #follow(ref) {
    const call = known(await this.#server.call(ref).catch((error) => this.#over(error)));
    if (call.state === "ended") this.#ref = null;
    this.#tell({ ...call, mine: true });
  }

  /** Return our call as it is for its agent once it is another's, who sees it alone, or forgotten. */
  #over(error) {
    if (!(error instanceof Refusal && error.status === 404)) throw error;
    const { status, errors, ...call } = this.#now;
    return { ...call, state: "ended", record: null };
  }

  async #find() {
    const { calls, complete } = await this.#server.live();
    const [call] = calls;
    if (this.#now.state === "calling") return;
    if (call !== undefined) this.#tell({ ...known(call), mine: false });
    // What became of the last call stays to be read.
    else if (!["ended", "refused"].includes(this.#now.state)) this.#tell(complete === false ? UNKNOWN : FREE);
  }

  #tell(now) {
    if (this.#end.signal.aborted) return;
    const before = this.#now;
    this.#now = now;
    if (before.state !== now.state || before.call_ref !== now.call_ref) this.#told(now);
  }
}

/** Return a call as the server tells it; throws if its state is none that a page is promised. */
function known(call) {
  if (!TOLD.has(call?.state)) throw new Error(`no state of a call: ${call?.state}`);
  return call;
}

function refusal(error) {
  if (!(error instanceof Refusal)) return { status: 0, errors: [] };
  return { status: error.status, errors: error.errors };
}
