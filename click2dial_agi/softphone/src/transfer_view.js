/** Transfers: the form that begins one, and the buttons of a consultation. */

import { CallState } from "./call.js";
import { called, group, outboundId } from "./dial_view.js";
import { $, showText } from "./dom.js";
import { readable } from "./numbers.js";
import { words } from "./words.js";

/**
 * Works on the calls of a line: the first is the one that is sent on, the second the consultation.
 *
 * `take(call)` is told of the consultation's call, `show(call)` which of the two is talked in.
 */
export class TransferView {
  #line = null;
  #shown = null; // the call whose panel is seen
  #busy = false;
  #take;
  #show;

  constructor({ take, show }) {
    this.#take = take;
    this.#show = show;
    $("transfer").addEventListener("click", () => this.#open($("transfer-form").hidden));
    $("transfer-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const target = called($("transfer-to"));
      if (target) this.#run((call) => this.#line.send(call, target));
    });
    $("transfer-to").addEventListener("input", () => group($("transfer-to")));
    $("transfer-form").addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      this.#open(false);
      $("transfer").focus();
    });
    $("ask-first").addEventListener("click", () => {
      const target = called($("transfer-to"));
      if (target) this.#run((call) => this.#ask(call, target));
    });
    $("complete").addEventListener("click", () => this.#run((call, other) => call.connectWith(other)));
    $("swap").addEventListener("click", () => this.#run(() => this.#swap()));
    $("cancel").addEventListener("click", () => this.#run((call, other) => this.#cancel(call, other)));
  }

  /** Show what can be done with a line's calls; another call than before forgets what was typed. */
  update(line, shown) {
    if (shown !== this.#shown) this.#open(false);
    this.#line = line;
    this.#shown = shown;
    const [call, other] = line.calls;
    const consulting = other !== undefined && !call.leaving;
    const bothUp = call?.state === CallState.UP && other?.state === CallState.UP;
    $("transfer").hidden = consulting;
    $("consultation").hidden = !consulting;
    for (const id of ["complete", "swap"]) $(id).disabled = !bothUp || this.#busy;
    for (const id of ["transfer", "transfer-now", "ask-first", "cancel"]) $(id).disabled = this.#busy;
    const waiting = shown === call ? other : call;
    $("waiting").textContent = consulting ? words.transfer.waiting(readable(waiting.peer)) : "";
  }

  /** Say what went wrong, or nothing. */
  tell(trouble) {
    showText($("transfer-trouble"), trouble);
  }

  #open(open) {
    $("transfer-form").hidden = !open;
    $("transfer").setAttribute("aria-expanded", open);
    if (open) $("transfer-to").focus();
    else $("transfer-to").value = "";
    this.tell(null);
  }

  /** Do one thing at a time, and say why not if it was not done. */
  async #run(action) {
    if (this.#busy) return;
    this.#busy = true;
    this.tell(null);
    this.update(this.#line, this.#shown);
    const trouble = await action(...this.#line.calls).catch(() => words.transfer.notNow);
    this.#busy = false;
    this.update(this.#line, this.#shown);
    if (trouble) this.tell(trouble);
  }

  async #ask(call, target) {
    if (!(await call.hold(true))) return words.transfer.notHeld;
    const values = { outboundId: outboundId(), contactRef: call.contactRef };
    this.#take(this.#line.consult(target, values)).start();
    return null;
  }

  async #swap() {
    const [call, other] = this.#line.calls;
    const [from, to] = this.#shown === call ? [call, other] : [other, call];
    if (!(await from.hold(true))) return words.transfer.notHeld;
    this.#show(to);
    await to.hold(false);
    return null;
  }

  async #cancel(call, consultation) {
    consultation.hangUp();
    this.tell(null); // who did it needs not be told how it ended
    await call.hold(false);
    return null;
  }
}
