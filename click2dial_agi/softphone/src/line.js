/** The agent's line: the WebSocket, the registration, and the calls that come in. */

import { Inviter, UserAgent } from "sip.js";

import { Backoff } from "./backoff.js";
import { Call, CallState } from "./call.js";
import { Registration } from "./registration.js";

/** Where the line stands; sent as the detail of a "state" event. */
export const LineState = Object.freeze({
  CONNECTING: "connecting",
  REGISTERED: "registered",
  AWAY: "away", // the server cannot be reached; it is tried again
  REFUSED: "refused", // extension or password are wrong; it is not tried again
  CLOSED: "closed",
});

// A registration that does not come through is how a dead connection is noticed: the browser's
// WebSocket tells nobody that packets vanish.  Half of this passes between two of them.
const EXPIRES = 120;

// So long a line that is closed waits for its last messages to be answered.
const UNREGISTER = 500;

const USER_AGENT = "Click2Dial softphone";

/**
 * Emits "state" ({state, retryAt}) and "incoming" ({call}).
 */
export class Line extends EventTarget {
  state = LineState.CONNECTING;
  call = null;
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
      uri: UserAgent.makeURI(`sip:${encodeURIComponent(extension)}@${domain}`),
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
    });
    addEventListener("online", this.#wakeUp);
  }

  /** Connect and register; what comes of it arrives as "state" events. */
  open() {
    this.#connect();
  }

  /** Call a number.  Throws if there is a call already, or no line. */
  dial(callee, extraHeaders) {
    if (this.call !== null || this.state !== LineState.REGISTERED) {
      throw new Error("the line is not free");
    }
    const target = UserAgent.makeURI(`sip:${encodeURIComponent(callee)}@${this.#domain}`);
    const inviter = new Inviter(this.#agent, target, { extraHeaders, earlyMedia: false });
    return this.#take(new Call(inviter, { incoming: false, peer: callee }));
  }

  /** End the call, unregister and disconnect. */
  async close() {
    removeEventListener("online", this.#wakeUp);
    this.#backoff.stop();
    this.#become(LineState.CLOSED);
    this.call?.hangUp();
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
      this.#become(LineState.REFUSED);
    } else {
      // 408 is what SIP.js makes of silence: the connection may be dead, so it is made anew.
      this.#agent.transport.disconnect().catch(() => {});
      this.#away();
    }
  }

  #away() {
    if (this.state === LineState.CLOSED || this.state === LineState.REFUSED) return;
    this.#registration.stop();
    this.#become(LineState.AWAY, this.#backoff.schedule());
  }

  #become(state, retryAt = 0) {
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: { state, retryAt } }));
  }

  #incoming(invitation) {
    if (this.call !== null) {
      invitation.reject({ statusCode: 486 }).catch(() => {});
      return;
    }
    const identity = invitation.remoteIdentity;
    const contactRef = invitation.request.getHeader("X-Teleforge-Contact-Ref") ?? "";
    const call = new Call(invitation, {
      incoming: true,
      peer: identity.uri.user ?? "",
      contactRef,
    });
    this.#take(call);
    this.dispatchEvent(new CustomEvent("incoming", { detail: { call } }));
  }

  #take(call) {
    this.call = call;
    call.addEventListener("state", () => {
      if (call.state === CallState.ENDED) this.call = null;
    });
    return call;
  }
}
