/** The agent's line: the WebSocket, the registration, and the calls that come in. */

import { Inviter, URI, UserAgent } from "sip.js";

import { Backoff } from "./backoff.js";
import { Call, CallState } from "./call.js";
import { headersOf } from "./headers.js";
import { Registration } from "./registration.js";

/** Where the line stands; sent as the detail of a "state" event. */
export const LineState = Object.freeze({
  CONNECTING: "connecting",
  REGISTERED: "registered",
  AWAY: "away", // the server cannot be reached; it is tried again
  REFUSED: "refused", // extension or password are wrong, or it may not register; not tried again
  DISPLACED: "displaced", // another phone of the extension's has its place; it is not taken back
  CLOSED: "closed",
});

// A registration that does not come through is how a dead connection is noticed: the browser's
// WebSocket tells nobody that packets vanish.  Half of this passes between two of them.
const EXPIRES = 120;

// So long a line that is closed waits for its last messages to be answered.
const UNREGISTER = 500;

// A call that was sent on and not taken comes back within the ringing time (docs/transfers.md), with
// the number as the PBX writes it: 082 000 0100 was dialled, 27 82 000 0100 comes back.
const RECALL = 120_000;
const SAME_DIGITS = 9;

const USER_AGENT = "Click2Dial softphone";

/**
 * Emits "state" ({state, retryAt, status}) and "incoming" ({call}); `status` is of a refusal.
 */
export class Line extends EventTarget {
  state = LineState.CONNECTING;
  calls = []; // the one that is talked in; behind it the consultation about it
  #sent = null; // the last call that was sent on without asking
  #agent;
  #registration;
  #domain;
  #backoff;
  #wakeUp = () => this.#backoff.hurry();

  constructor({ ws, domain, extension, password }) {
    super();
    this.#domain = domain;
    this.#backoff = new Backoff(() => this.#connect());
    this.#agent = new UserAgent({
      uri: addressOf(extension, domain),
      authorizationUsername: extension,
      authorizationPassword: password,
      userAgentString: USER_AGENT,
      logBuiltinEnabled: false,
      // The line reconnects by itself: SIP.js would give up after so many times.
      reconnectionAttempts: 0,
      transportOptions: { server: ws, connectionTimeout: 8, keepAliveInterval: 0 },
      sessionDescriptionHandlerFactoryOptions: {
        // No STUN: Asterisk learns the browser's address from its packets.
        peerConnectionConfiguration: { iceServers: [] },
        iceGatheringTimeout: 1000,
      },
      delegate: {
        onDisconnect: () => this.#away(),
        onInvite: (invitation) => this.#incoming(invitation),
      },
    });
    this.#registration = new Registration(this.#agent, {
      accepted: () => {
        if (this.state === LineState.CLOSED) return;
        this.#backoff.reset();
        this.#become(LineState.REGISTERED);
      },
      rejected: (status) => this.#rejected(status),
      displaced: () => {
        if (this.calls.length > 0) return false; // it is not to end for that
        this.#become(LineState.DISPLACED);
        return true;
      },
    });
    addEventListener("online", this.#wakeUp);
  }

  /** Connect and register; what comes of it arrives as "state" events. */
  open() {
    this.#connect();
  }

  /** Call a number.  Throws if there is a call already, or no line. */
  dial(callee, values) {
    if (this.calls.length > 0) throw new Error("the line is not free");
    return this.#place(callee, values);
  }

  /** Call somebody about the call that there is.  Throws if there is none, or two, or no line. */
  consult(callee, values) {
    if (this.calls.length !== 1) throw new Error("there is not one call to ask about");
    return this.#place(callee, values);
  }

  /** Send a call on to a number without asking there; return why not, in words, or null. */
  async send(call, callee) {
    this.#sent = { peer: call.peer, callee, at: Date.now() };
    return call.sendTo(this.#address(callee), callee);
  }

  /** End the call, unregister and disconnect. */
  async close() {
    removeEventListener("online", this.#wakeUp);
    this.#backoff.stop();
    this.#become(LineState.CLOSED);
    for (const call of [...this.calls]) call.hangUp();
    if (this.#agent.isConnected()) {
      this.#registration.send(0);
      await new Promise((resolve) => setTimeout(resolve, UNREGISTER));
    }
    this.#registration.stop();
    await this.#agent.stop().catch(() => {});
  }

  async #connect() {
    if (this.state === LineState.CLOSED) return;
    this.#become(LineState.CONNECTING);
    try {
      // start() connects the first time, reconnect() every other.
      await (this.#agent.state === "Started" ? this.#agent.reconnect() : this.#agent.start());
      this.#registration.send(EXPIRES);
    } catch {
      this.#away();
    }
  }

  #rejected(status) {
    if (this.state === LineState.CLOSED) return;
    if (status === 401 || status === 403 || status === 404) {
      this.#backoff.stop();
      this.#become(LineState.REFUSED, { status });
    } else {
      // 408 is what SIP.js makes of silence: the connection may be dead, so it is made anew.
      this.#agent.transport.disconnect().catch(() => {});
      this.#away();
    }
  }

  #away() {
    if (this.state === LineState.CLOSED || this.state === LineState.REFUSED) return;
    this.#registration.stop();
    this.#become(LineState.AWAY, { retryAt: this.#backoff.schedule() });
  }

  #become(state, { retryAt = 0, status = 0 } = {}) {
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: { state, retryAt, status } }));
  }

  #incoming(invitation) {
    // A call that is just being sent on may be back before the PBX has said how it went.
    if (this.calls.some((call) => !call.leaving)) {
      invitation.reject({ statusCode: 486 }).catch(() => {});
      return;
    }
    const identity = invitation.remoteIdentity;
    const contactRef = invitation.request.getHeader("X-Teleforge-Contact-Ref") ?? "";
    const peer = identity.uri.user ?? "";
    const returnedBy = this.#returnedBy(peer);
    const call = new Call(invitation, { incoming: true, peer, contactRef, returnedBy });
    this.#take(call);
    this.dispatchEvent(new CustomEvent("incoming", { detail: { call } }));
  }

  /** Who did not take a call that was sent there, if this caller is the one who was sent. */
  #returnedBy(peer) {
    const { peer: sent, callee, at } = this.#sent ?? {};
    this.#sent = null;
    const same = peer.slice(-SAME_DIGITS) === sent?.slice(-SAME_DIGITS);
    return same && Date.now() - at < RECALL ? callee : "";
  }

  #place(callee, values) {
    if (this.state !== LineState.REGISTERED) throw new Error("there is no line");
    const options = { extraHeaders: headersOf(values), earlyMedia: false };
    const inviter = new Inviter(this.#agent, this.#address(callee), options);
    return this.#take(new Call(inviter, { incoming: false, peer: callee, ...values }));
  }

  #address(callee) {
    return addressOf(callee, this.#domain);
  }

  #take(call) {
    this.calls.push(call);
    call.addEventListener("state", () => {
      if (call.state === CallState.ENDED) this.calls = this.calls.filter((one) => one !== call);
    });
    return call;
  }
}

// SIP.js decodes a URI's user once too often, which throws at a "%", and leaves ":" as it is, behind
// which a password is read.
const NOT_CARRIED = /[%:]/g;

/** The URI of whatever was typed: what is in no number and no extension is for the PBX to refuse. */
function addressOf(user, domain) {
  return new URI("sip", encodeURIComponent(user.replace(NOT_CARRIED, "_")), domain);
}
