/** The server's REST API as a page of the CRM may use it: with a token, for one agent. */

import { within } from "../deadline.js";
import { begun, eventsOf } from "../event_stream.js";
import { errorsOf } from "../refusals.js";

const LIVE = "/click2dial/calls";
const EVENTS = "/click2dial/events";
const RETRY = 1000;

// How long an answer is waited for, in milliseconds: the server has less to do than that. It may ask
// several PBXs before a phone rings, or does not.
const TO_KNOW = 10_000;
const TO_ACT = 25_000;

/** An answer that is not a success: its status, and the errors as texts. */
export class Refusal extends Error {
  constructor(status, errors, retryAfter = 0) {
    super(errors.map((error) => error.message).join("; "));
    this.status = status;
    this.errors = errors;
    this.retryAfter = retryAfter;
  }
}

export class Server {
  #base;
  #newToken;
  #token = null; // a promise: those who ask at once share it

  /** `newToken(signal)` returns a promise of a token; it is asked again when one, as `token`, has run
   * out. */
  constructor(base, newToken, token = null) {
    this.#base = base;
    this.#newToken = newToken;
    this.#token = token && Promise.resolve(token);
  }

  /** How the integrator writes numbers: public. */
  async rules() {
    return within(TO_KNOW, async (signal) => {
      const response = await fetch(`${this.#base}/click2dial.json`, { signal });
      return (await response.json()).numbers;
    });
  }

  /** Have a token: the one that there is, or a new one. */
  async token() {
    const asked = (this.#token ??= within(TO_KNOW, this.#newToken));
    return asked.catch((error) => {
      if (this.#token === asked) this.#token = null;
      throw error;
    });
  }

  /** Ask for a new token before the next request. */
  forget() {
    this.#token = null;
  }

  /** Place a call; the same key on a second try, so that a lost answer rings nobody twice. */
  async create(body, key = unique()) {
    const headers = { "Content-Type": "application/json", "Idempotency-Key": key };
    const options = { method: "POST", headers, body: JSON.stringify(body) };
    try {
      return await this.#ask(LIVE, options);
    } catch (error) {
      if (error instanceof Refusal) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY));
      return this.#ask(LIVE, options);
    }
  }

  /** The live `calls` of the agent; `complete` is false while a PBX cannot be asked for its own. */
  async live() {
    return this.#ask(LIVE);
  }

  async call(ref) {
    return this.#ask(`${LIVE}/${ref}`);
  }

  async hangUp(ref) {
    return this.#ask(`${LIVE}/${ref}`, { method: "DELETE" });
  }

  /** Yield the name of each event of the agent's; it ends where the server tells nothing. */
  async *events(signal) {
    const response = await begun((limited) => this.#send(EVENTS, { signal: limited }), signal);
    if (!response.ok) return;
    for await (const { event } of eventsOf(response)) yield event;
  }

  async #ask(path, options = {}) {
    return within(options.method ? TO_ACT : TO_KNOW, (signal) => this.#askFor(path, { ...options, signal }));
  }

  async #askFor(path, options) {
    const response = await this.#send(path, options);
    if (response.status === 204) return null;
    const answer = await response.json().catch((error) => {
      options.signal.throwIfAborted();
      if (response.ok) throw error;
      return {};
    });
    if (response.ok) return answer;
    throw new Refusal(response.status, errorsOf(answer), Number(response.headers.get("Retry-After")));
  }

  async #send(path, options) {
    const known = this.#token;
    const response = await this.#sendOnce(path, options);
    if (response.status !== 401 || known === null) return response;
    if (this.#token === known) this.#token = null;
    return this.#sendOnce(path, options);
  }

  async #sendOnce(path, options) {
    const headers = { ...options.headers, Authorization: `Bearer ${await this.token()}` };
    return fetch(this.#base + path, { ...options, headers, credentials: "omit", cache: "no-store" });
  }
}

/** A text that nobody else makes; pages without TLS have no randomUUID. */
export function unique() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
