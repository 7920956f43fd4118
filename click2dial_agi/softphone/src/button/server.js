/** The server's REST API as a page of the CRM may use it: with a token, for one agent. */

const LIVE = "/click2dial/calls";
const EVENTS = "/click2dial/events";
const RETRY = 1000;

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

  /** `newToken` returns a promise of a token; it is asked again when one, as `token`, has run out. */
  constructor(base, newToken, token = null) {
    this.#base = base;
    this.#newToken = newToken;
    this.#token = token && Promise.resolve(token);
  }

  /** How the integrator writes numbers: public. */
  async rules() {
    const response = await fetch(`${this.#base}/click2dial.json`);
    return (await response.json()).numbers;
  }

  /** Have a token: the one that there is, or a new one. */
  async token() {
    const asked = (this.#token ??= this.#newToken());
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

  /** The live calls of the agent. */
  async live() {
    return (await this.#ask(LIVE)).calls;
  }

  async call(ref) {
    return this.#ask(`${LIVE}/${ref}`);
  }

  async hangUp(ref) {
    return this.#ask(`${LIVE}/${ref}`, { method: "DELETE" });
  }

  /** Yield the name of each event of the agent's; it ends where the server tells nothing. */
  async *events(signal) {
    const response = await this.#send(EVENTS, { signal });
    if (!response.ok) return;
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (let { value, done } = await reader.read(); !done; { value, done } = await reader.read()) {
      const lines = (rest + value).split(/\r?\n/);
      rest = lines.pop();
      for (const line of lines) if (line.startsWith("event: ")) yield line.slice(7);
    }
  }

  async #ask(path, options = {}) {
    const response = await this.#send(path, options);
    if (response.status === 204) return null;
    const answer = await response.json().catch(() => ({}));
    if (response.ok) return answer;
    throw new Refusal(response.status, answer.errors ?? [], Number(response.headers.get("Retry-After")));
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
