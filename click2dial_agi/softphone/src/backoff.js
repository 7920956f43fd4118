/** Tries again: soon at first, then ever more rarely, so that a server that comes back has air. */

const FIRST = 1000;
const LONGEST = 30_000;

export class Backoff {
  #attempt;
  #tries = 0;
  #timer = 0;
  #at = 0;

  constructor(attempt) {
    this.#attempt = attempt;
  }

  /** Plan the next attempt, unless one is planned; return when it will be, in Date.now() time. */
  schedule() {
    if (this.#timer === 0) {
      const longest = Math.min(LONGEST, FIRST * 2 ** this.#tries++);
      // A third at random: phones that lost their server together do not come back together.
      const delay = longest * (1 - Math.random() / 3);
      this.#at = Date.now() + delay;
      this.#timer = setTimeout(() => this.#run(), delay);
    }
    return this.#at;
  }

  /** Make the planned attempt now. */
  hurry() {
    if (this.#timer !== 0) this.#run();
  }

  /** All is well: the next failure is a first one. */
  reset() {
    this.stop();
    this.#tries = 0;
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = 0;
  }

  #run() {
    this.stop();
    this.#attempt();
  }
}
