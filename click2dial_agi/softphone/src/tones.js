/** What the agent hears while it rings, made by the browser itself: no sound files. */

// [frequencies, seconds on, seconds off]
const INCOMING = [[480, 620], 0.8, 1.6];
const RINGBACK = [[400, 450], 0.4, 2.6]; // South African ringing tone, near enough
const VOLUME = 0.06;

export class Tones {
  #ringer;
  #speaker;
  #timer = 0;
  #playing = [];

  /** Two audio contexts: where it rings, and where calls are heard. */
  constructor({ ringer, speaker }) {
    this.#ringer = ringer;
    this.#speaker = speaker;
  }

  ringIncoming() {
    this.#repeat(this.#ringer, INCOMING);
  }

  ringBack() {
    this.#repeat(this.#speaker, RINGBACK);
  }

  stop() {
    clearInterval(this.#timer);
    for (const oscillator of this.#playing) oscillator.stop();
    this.#playing = [];
  }

  #repeat(context, [frequencies, on, off]) {
    this.stop();
    const play = () => {
      this.#playing = frequencies.map((frequency) => beep(context, frequency, on));
    };
    play();
    this.#timer = setInterval(play, (on + off) * 1000);
  }
}

function beep(context, frequency, seconds) {
  const { currentTime, destination } = context;
  const oscillator = context.createOscillator();
  const gain = context.createGain();
  oscillator.frequency.value = frequency;
  // A ramp at both ends: a tone that is cut off clicks.
  gain.gain.setValueAtTime(0, currentTime);
  gain.gain.linearRampToValueAtTime(VOLUME, currentTime + 0.02);
  gain.gain.setValueAtTime(VOLUME, currentTime + seconds - 0.02);
  gain.gain.linearRampToValueAtTime(0, currentTime + seconds);
  oscillator.connect(gain).connect(destination);
  oscillator.start();
  oscillator.stop(currentTime + seconds);
  return oscillator;
}
