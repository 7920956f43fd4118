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
  #message = null;
  #request = null;
  #timer = 0;

  /** `accepted()` and `rejected(status)` tell of each answer; 408 is silence. */
  constructor(agent, { accepted, rejected }) {
    this.#agent = agent;
    this.#accepted = accepted;
    this.#rejected = rejected;
  }

  /** Register for so many seconds, and again after half of them; an answer under way is lost. */
  send(expires) {
    this.stop();
    const message = (this.#message ??= this.#newMessage());
    message.cseq += 1;
    message.setHeader("cseq", `${message.cseq} REGISTER`);
    message.extraHeaders = [
      `Contact: ${this.#agent.contact.toString({ register: true })};expires=${expires}`,
    ];
    const answered = () => clearTimeout(this.#timer);
    this.#request = this.#agent.userAgentCore.register(message, {
      onAccept: () => {
        answered();
        if (expires > 0) this.#timer = setTimeout(() => this.send(expires), (expires / 2) * 1000);
        this.#accepted();
      },
      onReject: (response) => {
        answered();
        this.#rejected(response.message.statusCode);
      },
    });
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
