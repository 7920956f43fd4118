/** A level meter: how loud a stream is, drawn as a bar. */

// Below this a quiet room would flicker; speech is around -30 to -12 dB.
const FLOOR_DB = -60;
// An eye sees no more of a bar that moves more often, and a computer without graphics hardware would draw all day.
const PERIOD = 100; // ms

export class Meter {
  #bar;
  #analyser = null;
  #source = null;
  #samples = new Float32Array(4096); // most of what is heard in a period
  #timer = 0;

  constructor(bar) {
    this.#bar = bar;
  }

  /** Show the level of a stream until stop(). */
  start(context, stream) {
    this.stop();
    this.#analyser = context.createAnalyser();
    this.#analyser.fftSize = this.#samples.length;
    this.#source = context.createMediaStreamSource(stream);
    this.#source.connect(this.#analyser);
    this.#timer = setInterval(() => this.#draw(), PERIOD);
  }

  stop() {
    clearInterval(this.#timer);
    this.#source?.disconnect();
    this.#source = this.#analyser = null;
    this.#show(0);
  }

  #draw() {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    const power = this.#samples.reduce((sum, value) => sum + value * value, 0);
    const decibels = 10 * Math.log10(power / this.#samples.length + 1e-12);
    this.#show(Math.min(1, Math.max(0, 1 - decibels / FLOOR_DB)));
  }

  #show(level) {
    this.#bar.style.setProperty("--level", level.toFixed(3));
    this.#bar.dataset.level = level.toFixed(3);
  }
}
