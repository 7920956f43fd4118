/** A line's calls on the page: which one is seen, and what is shown when one has ended. */

import { CallState } from "./call.js";
import { CallView } from "./call_view.js";
import { popContact } from "./contact_pop.js";
import { devices } from "./devices.js";
import { showDial, showOutcome } from "./dial_view.js";
import { keepCall } from "./left_call.js";
import { readable } from "./numbers.js";
import { TransferView } from "./transfer_view.js";
import { words } from "./words.js";

export class Switchboard {
  #line = null;
  #shown = null;
  #callView = new CallView();
  #transferView = new TransferView({
    take: (call) => this.take(this.#line, call),
    show: (call) => this.#show(call),
  });

  constructor() {
    devices.addEventListener("change", ({ detail: { kind } }) => {
      if (kind !== "microphone") return;
      for (const call of this.#line?.calls ?? []) call.useMicrophone().catch(() => {});
    });
  }

  /** Browsers let a page make sound only after somebody clicked: call this from a click. */
  unlockSound() {
    this.#callView.unlockSound();
  }

  /** Show a new call of a line, and after its end what remains; return the call. */
  take(line, call) {
    this.#line = line;
    showOutcome(null);
    showDial(false);
    // A consultation is about a contact whose page is there already.
    let popped = line.calls[0] !== call || popContact(call.contactRef);
    call.addEventListener("state", () => {
      this.#keep();
      if (call.state === CallState.ENDED) this.#ended(call);
      else this.#transferView.update(line, this.#shown);
      // A browser that lets no page open windows by itself does it after a click: on "Answer".
      if (call.state === CallState.UP && !popped) popped = popContact(call.contactRef);
    });
    this.#show(call);
    return call;
  }

  #keep() {
    const [call] = this.#line.calls;
    keepCall(call?.state === CallState.UP ? call : null);
  }

  #show(call) {
    this.#shown = call;
    if (call === null) this.#callView.hide();
    else this.#callView.show(call);
    this.#transferView.update(this.#line, call);
  }

  #ended(call) {
    const [left] = this.#line.calls;
    if (left === undefined) {
      this.#show(null);
      showDial(true);
      showOutcome(call.end);
      return;
    }
    if (left !== this.#shown) this.#show(left);
    else this.#transferView.update(this.#line, left);
    // Of two that are being connected the other ends in a moment; one that was sent may be back.
    if (call.leaving || left.leaving) return;
    this.#transferView.tell(words.transfer.consultation(readable(call.peer), call.end.text));
  }
}
