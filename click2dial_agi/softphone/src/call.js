/** One call, from its first INVITE to its end. */

import { SessionState } from "sip.js";

import { devices } from "./devices.js";
import { microphoneTrouble } from "./microphone.js";
import { readable } from "./numbers.js";
import { reasonOf } from "./reasons.js";
import { refer } from "./refer.js";
import { words } from "./words.js";

/** Where a call stands; a "state" event tells of each change. */
export const CallState = Object.freeze({
  INCOMING: "incoming",
  CALLING: "calling",
  RINGING: "ringing",
  UP: "up",
  ENDED: "ended",
});

// Milliseconds that every exchange recognises.
const TONE = 120;
const TONE_GAP = 80;

// So long the PBX may take to say how a transfer went.  Of a call that was sent it says nothing until
// somebody answers, and the phone must be free before that: what is not taken comes back.
const NEWS_OF_SENT = 500;
const NEWS_OF_CONNECTED = 5000;

/**
 * Emits "state", "hold", and "microphone" when it is another one.  After the end, `end` holds {text, errors, good}.
 */
export class Call extends EventTarget {
  state;
  muted = false;
  held = false;
  holding = false; // hold was asked for and the answer is not there yet
  answeredAt = 0;
  end = null;

  leaving = ""; // what will have become of it, while the PBX connects the other side with somebody

  #constraints = {};

  constructor(session, { incoming, peer, contactRef = "", returnedBy = "" }) {
    super();
    this.session = session;
    this.incoming = incoming;
    this.peer = peer;
    this.contactRef = contactRef; // of an incoming call, where the PBX knows it
    this.returnedBy = returnedBy; // who did not take this call when it was sent there
    this.state = incoming ? CallState.INCOMING : CallState.CALLING;
    session.delegate = {
      onBye: () => this.#finish({ text: this.leaving || words.ended.theyHungUp, good: true }),
      onCancel: () => this.#finish({ text: words.ended.missed, good: false }),
    };
    session.stateChange.addListener((state) => {
      if (state === SessionState.Established) {
        this.answeredAt = Date.now();
        this.#become(CallState.UP);
      } else if (state === SessionState.Terminated) {
        // SIP.js tells the reason only after this, in a delegate's or a promise's callback.
        setTimeout(() => this.#finish({ text: words.ended.other, good: true }));
      }
    });
  }

  /** Send the INVITE.  A microphone that is not to be had ends the call with its reason. */
  async start() {
    try {
      await this.session.invite({
        sessionDescriptionHandlerOptions: this.#options(),
        requestDelegate: {
          onProgress: ({ message }) => {
            if (message.statusCode !== 100) this.#become(CallState.RINGING);
          },
          onReject: ({ message }) => this.#finish(reasonOf(message)),
        },
      });
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Take an incoming call. */
  async answer() {
    try {
      await this.session.accept({ sessionDescriptionHandlerOptions: this.#options() });
    } catch (error) {
      this.session.reject({ statusCode: 480 }).catch(() => {});
      this.#failed(error);
    }
  }

  /** End the call, whatever its state. */
  hangUp() {
    const { session } = this;
    const done = (promise) => promise.catch(() => {});
    if (this.state === CallState.INCOMING) {
      this.#finish({ text: words.ended.rejected, good: true });
      done(session.reject({ statusCode: 603 }));
    } else if (session.state === SessionState.Established) {
      this.#finish({ text: words.ended.youHungUp, good: true });
      done(session.bye());
    } else if (session.state !== SessionState.Terminated) {
      this.#finish({ text: words.ended.givenUp, good: true });
      done(session.cancel());
    }
  }

  /** Stop or resume sending the microphone. */
  mute(muted) {
    this.muted = muted;
    this.#sendMicrophone();
  }

  /** Put the other side on hold, or take it back; return whether it is, when Asterisk has said so. */
  async hold(held) {
    if (this.state !== CallState.UP || this.holding || held === this.held) return this.held === held;
    this.holding = true;
    const agreed = await this.#reinvite({ constraints: this.#constraints, hold: held });
    this.holding = false;
    if (agreed) this.held = held;
    this.#sendMicrophone();
    this.dispatchEvent(new Event("hold"));
    return agreed;
  }

  #reinvite(sessionDescriptionHandlerOptions) {
    return new Promise((resolve) => {
      const requestDelegate = { onAccept: () => resolve(true), onReject: () => resolve(false) };
      this.session.sessionDescriptionHandlerOptionsReInvite = sessionDescriptionHandlerOptions;
      this.session.invite({ requestDelegate }).catch(() => resolve(false));
    });
  }

  /** Send the other side to a URI without asking there; return why not, in words, or null. */
  async sendTo(address, callee) {
    this.leaving = words.transfer.sent(readable(callee));
    const trouble = await refer(this.session, address, NEWS_OF_SENT);
    this.#left(trouble === null);
    return trouble;
  }

  /** Connect the other side with that of another call; return why not, in words, or null. */
  async connectWith(other) {
    this.leaving = other.leaving = words.transfer.connected(readable(other.peer));
    const trouble = await refer(this.session, other.session, NEWS_OF_CONNECTED);
    for (const call of [this, other]) call.#left(trouble === null);
    return trouble;
  }

  /** The PBX has answered: it has the other side now, or it is still here. */
  #left(gone) {
    if (gone && this.state !== CallState.ENDED) {
      this.#finish({ text: this.leaving, good: true });
      if (this.session.state === SessionState.Established) this.session.bye().catch(() => {});
    }
    this.leaving = "";
  }

  /** Send what the microphone hears that is to be used now; the one before stays if it cannot be had. */
  async useMicrophone() {
    const sender = this.#media?.peerConnection?.getSenders().find(({ track }) => track);
    if (this.state !== CallState.UP || !sender) return;
    const stream = await navigator.mediaDevices.getUserMedia({ audio: devices.audio });
    const [track] = stream.getAudioTracks();
    if (this.state !== CallState.UP) {
      track.stop();
      return;
    }
    const before = sender.track;
    await sender.replaceTrack(track);
    const { local } = this.streams;
    local.removeTrack(before);
    local.addTrack(track);
    before.stop();
    this.#sendMicrophone();
    this.dispatchEvent(new Event("microphone"));
  }

  /** Send one DTMF tone as RTP event (RFC 4733); false if the call cannot carry it. */
  sendTone(tone) {
    const dtmf = this.#media?.peerConnection?.getSenders()[0]?.dtmf;
    if (this.state !== CallState.UP || !dtmf?.canInsertDTMF) return false;
    // Behind those that wait: insertDTMF() alone would drop them.
    dtmf.insertDTMF(dtmf.toneBuffer + tone, TONE, TONE_GAP);
    return true;
  }

  /** What the microphone sends and what the other side says, as streams. */
  get streams() {
    return { local: this.#media.localMediaStream, remote: this.#media.remoteMediaStream };
  }

  /** What SIP.js shall set the media up with; hold gives the same, or it would open another microphone. */
  #options() {
    this.#constraints = { audio: devices.audio, video: false };
    return { constraints: this.#constraints };
  }

  /** How many packets of sound have come so far. */
  async packetsReceived() {
    const reports = (await this.#media?.peerConnection?.getStats()) ?? new Map();
    let packets = 0;
    for (const { type, packetsReceived } of reports.values()) {
      if (type === "inbound-rtp") packets += packetsReceived;
    }
    return packets;
  }

  get #media() {
    return this.session.sessionDescriptionHandler;
  }

  #sendMicrophone() {
    const senders = this.#media?.peerConnection?.getSenders() ?? [];
    for (const { track } of senders) if (track) track.enabled = !this.muted && !this.held;
  }

  #failed(error) {
    const text = microphoneTrouble(error) ?? words.ended.browser;
    this.#finish({ text, good: false });
  }

  #finish({ text, good, errors = [] }) {
    if (this.end !== null) return; // the first reason is the real one
    this.end = { text, good, errors };
    this.#become(CallState.ENDED);
  }

  #become(state) {
    if (this.state === CallState.ENDED) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}
