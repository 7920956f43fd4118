/** The panel of the call that is ringing or up. */

import { CallState } from "./call.js";
import { showContact } from "./contact_pop.js";
import { devices } from "./devices.js";
import { $, make, showText } from "./dom.js";
import { Meter } from "./meter.js";
import { duration, readable } from "./numbers.js";
import { SilenceWatch } from "./silence.js";
import { Tones } from "./tones.js";
import { words } from "./words.js";

const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];

export class CallView {
  #call = null;
  #seen = null; // ends the listening to the call that is shown
  #clock = 0;
  #meters = { local: new Meter($("level-local")), remote: new Meter($("level-remote")) };
  #sound = new AudioContext();
  #ringer = new AudioContext(); // one of its own: it may be heard elsewhere than calls
  #tones = new Tones({ ringer: this.#ringer, speaker: this.#sound });
  #silence = new SilenceWatch((silent) => this.#showSilence(silent));

  constructor() {
    devices.addEventListener("change", ({ detail }) => this.#route(detail));
    $("mute").addEventListener("click", () => this.#mute());
    $("hold").addEventListener("click", () => this.#call?.hold(!this.#call.held));
    $("answer").addEventListener("click", () => this.#call?.answer());
    $("hang-up").addEventListener("click", () => this.#call?.hangUp());
    $("keypad-toggle").addEventListener("click", () => this.#showKeypad($("keypad").hidden));
    $("keys").append(...KEYS.map((key) => this.#keyButton(key)));
    // Only while the focus is in the panel, so that no key pressed elsewhere becomes a tone.
    $("call-panel").addEventListener("keydown", (event) => {
      if (event.target.matches("input")) return;
      if (KEYS.includes(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey) {
        this.#send(event.key);
      }
    });
  }

  /** Browsers let a page make sound only after somebody clicked: call this from a click. */
  async unlockSound() {
    await this.#wake();
    if (this.#call === null) this.#rest();
  }

  #wake() {
    return Promise.all([this.#sound.resume(), this.#ringer.resume()]);
  }

  /** What makes sound of nothing all day takes the computer's power, and keeps its speaker open. */
  #rest() {
    this.#sound.suspend();
    this.#ringer.suspend();
  }

  /** Show a call until another one is shown, or none. */
  show(call) {
    this.#clear();
    this.#wake();
    this.#call = call;
    this.#seen = new AbortController();
    const { signal } = this.#seen;
    $("tones").value = "";
    $("call-title").textContent = readable(call.peer) || words.call.unknown;
    showContact(call.contactRef);
    $("call-note").textContent = call.returnedBy && words.transfer.back(readable(call.returnedBy));
    $("timer").textContent = "";
    this.#showKeypad(false);
    $("call-panel").hidden = false;
    call.addEventListener("state", () => this.#update(), { signal });
    call.addEventListener("hold", () => this.#update(), { signal });
    call.addEventListener("microphone", () => this.#meter("local"), { signal });
    this.#update();
    // The focus follows the call, unless somebody is typing just now.
    if (call.state !== CallState.INCOMING) $("call-panel").focus();
    else if (!document.activeElement?.matches("input")) $("answer").focus();
  }

  /** Show no call. */
  hide() {
    this.#clear();
    this.#rest();
  }

  #clear() {
    this.#seen?.abort();
    this.#seen = this.#call = null;
    clearInterval(this.#clock);
    this.#clock = 0;
    this.#tones.stop();
    this.#silence.stop();
    showText($("silence"), "");
    for (const meter of Object.values(this.#meters)) meter.stop();
    $("remote-audio").srcObject = null;
    $("call-panel").hidden = true;
    document.title = words.page.title;
    this.#announce("");
  }

  #update() {
    const { state, incoming, held, muted, peer } = this.#call;
    const [up, ringsHere] = [state === CallState.UP, state === CallState.INCOMING];
    const title = words.call.states[held ? "held" : state];
    $("call-panel").dataset.state = state;
    $("call-state").textContent = title ?? "";
    $("levels").hidden = $("up-buttons").hidden = !up;
    $("answer").hidden = !ringsHere;
    $("hang-up-label").textContent = ringsHere ? words.call.reject : words.call.hangUp;
    $("mute").setAttribute("aria-pressed", muted);
    $("hold").setAttribute("aria-pressed", held);
    $("hold-label").textContent = held ? words.call.resume : words.call.hold;
    document.title = ringsHere ? `${title}: ${peer}` : words.page.title;
    const announce = ringsHere ? words.call.from : words.call.with;
    this.#announce(title && announce(title, readable(peer)));
    if (ringsHere) this.#tones.ringIncoming();
    else if (state === CallState.RINGING) this.#tones.ringBack();
    else this.#tones.stop();
    if (up) this.#begin(incoming);
  }

  #begin(incoming) {
    if (this.#clock !== 0) return;
    $("remote-audio").srcObject = this.#call.streams.remote;
    this.#meter("local");
    this.#meter("remote");
    this.#silence.start(this.#call);
    const tick = () => {
      $("timer").textContent = duration((Date.now() - this.#call.answeredAt) / 1000);
    };
    tick();
    this.#clock = setInterval(tick, 250);
    if (incoming) $("call-panel").focus();
  }

  #meter(whose) {
    this.#meters[whose].start(this.#sound, this.#call.streams[whose]);
  }

  /** Let calls and the ringer be heard where the agent wants them. */
  #route({ kind }) {
    const id = devices.idOf(kind);
    const outputs = { speaker: [$("remote-audio"), this.#sound], ringer: [this.#ringer] };
    // What vanishes at this very moment is told of by the next "change".
    for (const output of outputs[kind] ?? []) output.setSinkId?.(id).catch(() => {});
  }

  #showSilence(silent) {
    $("silence").classList.toggle("good", !silent);
    showText($("silence"), silent ? words.silence.none : words.silence.back);
  }

  #mute() {
    this.#call?.mute(!this.#call.muted);
    this.#update();
    this.#announce(this.#call.muted ? words.call.muted : words.call.unmuted);
  }

  #showKeypad(shown) {
    $("keypad").hidden = !shown;
    $("keypad-toggle").setAttribute("aria-expanded", shown);
  }

  #keyButton(key) {
    const button = make("button", "", key);
    button.type = "button";
    if (key in words.call.keys) button.setAttribute("aria-label", words.call.keys[key]);
    button.addEventListener("click", () => this.#send(key));
    return button;
  }

  #send(key) {
    if (this.#call?.sendTone(key)) $("tones").value += key;
  }

  #announce(text) {
    $("announcer").textContent = text ?? "";
  }
}
