/** Notices that no sound arrives: RTP is counted, since a wire that is cut tells nobody. */

const PERIOD = 1000;

// Longer than any pause of a codec that sends nothing in silence: those send a packet every 0.4 s.
const LONGEST_PAUSE = 6000;

/** Watches one call at a time, from start() to stop(). */
export class SilenceWatch {
  #told;
  #timer = 0;
  #received = -1;
  #since = 0;
  #silent = false;

  /** `told(silent)` is called when packets have stopped coming, and when they come again. */
  constructor(told) {
    this.#told = told;
  }

  /** Watch a call from now on. */
  start(call) {
    this.stop();
    this.#heard();
    this.#timer = setInterval(() => this.#look(call, this.#timer), PERIOD);
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = 0;
    this.#received = -1;
    this.#silent = false;
  }

  async #look(call, timer) {
    const received = await call.packetsReceived();
    if (timer !== this.#timer) return; // stopped, or another call by now
    const comes = received !== this.#received;
    this.#received = received;
    // To whom we hold nothing is sent.
    if (comes || call.held || call.holding) this.#heard();
    else if (performance.now() - this.#since >= LONGEST_PAUSE) this.#become(true);
  }

  #heard() {
    this.#since = performance.now();
    this.#become(false);
  }

  #become(silent) {
    if (silent === this.#silent) return;
    this.#silent = silent;
    this.#told(silent);
  }
}
