/** The registration of one line: REGISTER, again before it expires, and once more to end it. */

// Asterisk answers in milliseconds, or not at all while it starts; SIP.js would wait 32 s.
const DEADLINE = 5000;

/**
 * SIP.js has a Registerer, but while one of its requests waits for an answer it takes no other;
 * after a lost connection that is half a minute in which nobody can call the agent.
 */
export class Registration {
  #agent;
  #accepted;
  #rejected;
  #displaced;
  #message = null;
  #request = null;
  #timer = 0;

  /**
   * `accepted()` and `rejected(status)` tell of each answer; 408 is silence.  `displaced()` is asked
   * when another phone has taken this one's place at the registrar: whether to leave it to that one.
   */
  constructor(agent, { accepted, rejected, displaced }) {
    this.#agent = agent;
    this.#accepted = accepted;
    this.#rejected = rejected;
    this.#displaced = displaced;
  }

  /** Register for so many seconds, and again after half of them; an answer under way is lost. */
  send(expires) {
    const contact = this.#agent.contact.toString({ register: true });
    this.#ask([`Contact: ${contact};expires=${expires}`], {
      onAccept: () => {
        if (expires > 0) this.#timer = setTimeout(() => this.#renew(expires), (expires / 2) * 1000);
        this.#accepted();
      },
      onReject: (response) => this.#rejected(response.message.statusCode),
    });
  }

  /**
   * Register again, unless another phone has the place: one that an AOR with max_contacts = 1 has
   * let go is not told, and would take the place back, each from the other, once a minute.
   */
  #renew(expires) {
    // Without a Contact a REGISTER asks who is registered (RFC 3261, 10.2.3).
    this.#ask([], {
      onAccept: ({ message }) => {
        const there = message.getHeaders("contact");
        const user = `sip:${this.#agent.contact.uri.user}@`;
        // Nobody at all: the registrar has forgotten.
        const gone = there.length > 0 && !there.some((one) => one.includes(user));
        if (!gone || !this.#displaced()) this.send(expires);
      },
      onReject: () => this.send(expires),
    });
  }

  #ask(headers, { onAccept, onReject }) {
    this.stop();
    const message = (this.#message ??= this.#newMessage());
    message.cseq += 1;
    message.setHeader("cseq", `${message.cseq} REGISTER`);
    message.extraHeaders = headers;
    const answered = (then) => (response) => {
      clearTimeout(this.#timer);
      then(response);
    };
    const delegate = { onAccept: answered(onAccept), onReject: answered(onReject) };
    this.#request = this.#agent.userAgentCore.register(message, delegate);
    this.#timer = setTimeout(() => this.#rejected(408), DEADLINE);
  }

  /** Forget it: nothing is sent, and no answer is heard. */
  stop() {
    clearTimeout(this.#timer);
    this.#request?.dispose();
    this.#request = null;
  }

  #newMessage() {
    const { uri } = this.#agent.configuration;
    const registrar = uri.clone();
    registrar.user = undefined;
    return this.#agent.userAgentCore.makeOutgoingRequestMessage("REGISTER", registrar, uri, uri, {});
  }
}
