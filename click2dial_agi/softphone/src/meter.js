/** A level meter: how loud a stream is, drawn as a bar. */

// Below this a quiet room would flicker; speech is around -30 to -12 dB.
const FLOOR_DB = -60;

export class Meter {
  #bar;
  #analyser = null;
  #source = null;
  #samples = new Float32Array(1024);
  #frame = 0;

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
    this.#draw();
  }

  stop() {
    cancelAnimationFrame(this.#frame);
    this.#source?.disconnect();
    this.#source = this.#analyser = null;
    this.#show(0);
  }

  #draw() {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    const power = this.#samples.reduce((sum, value) => sum + value * value, 0);
    const decibels = 10 * Math.log10(power / this.#samples.length + 1e-12);
    this.#show(Math.min(1, Math.max(0, 1 - decibels / FLOOR_DB)));
    this.#frame = requestAnimationFrame(() => this.#draw());
  }

  #show(level) {
    this.#bar.style.setProperty("--level", level.toFixed(3));
    this.#bar.dataset.level = level.toFixed(3);
  }
}
