/** The integrator's API, asked with the key that was typed in. */

import { within } from "../deadline.js";
import { errorsOf } from "../refusals.js";

// How long an answer is waited for, in milliseconds: looking through records takes the longest.
const ANSWER = 25_000;

/** An answer that is not a success: its status, and what the server says in words. */
export class Refusal extends Error {
  constructor(status, errors) {
    super(errors.map(({ message }) => message).join("; ") || `HTTP ${status}`);
    this.status = status;
  }
}

export class API {
  #headers;

  constructor(key) {
    this.#headers = key ? { Authorization: `Bearer ${key}` } : {};
  }

  get(path, signal) {
    return this.#ask(path, { signal });
  }

  post(path, body) {
    const headers = { "Content-Type": "application/json" };
    return this.#ask(path, { method: "POST", headers, body: JSON.stringify(body) });
  }

  remove(path) {
    return this.#ask(path, { method: "DELETE" });
  }

  /** The response itself, of any status. */
  send(path, { headers, ...options } = {}) {
    return fetch(path, { ...options, headers: { ...headers, ...this.#headers }, cache: "no-store" });
  }

  #ask(path, { signal, ...options }) {
    return within(ANSWER, (limited) => this.#askFor(path, { ...options, signal: limited }), signal);
  }

  async #askFor(path, options) {
    const response = await this.send(path, options);
    if (response.status === 204) return null;
    const answer = await response.json().catch((error) => {
      if (response.ok) throw error;
      return {};
    });
    if (response.ok) return answer;
    throw new Refusal(response.status, errorsOf(answer));
  }
}
