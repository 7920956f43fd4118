/** A button behind each link to a telephone number, also behind those that come later. */

import { dialable } from "../numbers.js";
import { describe } from "./words.js";

const LINKS = 'a[href^="tel:" i]';

export class Links {
  #caller;
  #words;
  #defaults;
  #isMeant;
  #buttons = new Map(); // link -> its button and its status
  #pressed = null; // the link whose call is shown

  /** `defaults` are outbound_id and contact_ref for links that have none of their own.
   *
   * `isMeant` tells of a click's event whether it counts.
   */
  constructor(caller, words, defaults, isMeant = () => true) {
    this.#caller = caller;
    this.#words = words;
    this.#defaults = defaults;
    this.#isMeant = isMeant;
  }

  /** Add the buttons to a document, and keep doing so. */
  watch(root) {
    this.#addTo(root);
    new MutationObserver((changes) => {
      for (const change of changes) {
        for (const node of change.addedNodes) if (node instanceof Element) this.#addTo(node);
      }
      for (const [link, { box }] of this.#buttons) {
        if (link.isConnected) continue;
        box.remove();
        this.#buttons.delete(link);
      }
    }).observe(root, { childList: true, subtree: true });
  }

  /** Show a state on all buttons. */
  show(now) {
    for (const [link, { button, status }] of this.#buttons) {
      const isItsCall = now.mine && link === this.#pressed;
      const canEnd = isItsCall && !this.#caller.isFree;
      const number = link.textContent.trim();
      button.textContent = canEnd ? this.#words.hangUp : this.#words.call;
      button.setAttribute("aria-label", `${button.textContent} ${number}`);
      button.disabled = !canEnd && !this.#caller.isFree;
      button.title = button.disabled ? this.#words.elsewhere : "";
      const others = this.#caller.isFree ? "free" : "busy";
      const isForAll = isItsCall || !now.mine || now.state === "unknown";
      button.dataset.state = isForAll ? now.state : others;
      status.textContent = isItsCall ? said(this.#words, now) : "";
    }
  }

  #addTo(root) {
    const links = [...root.querySelectorAll(LINKS), ...(root.matches?.(LINKS) ? [root] : [])];
    const fresh = links.filter((link) => !this.#buttons.has(link));
    for (const link of fresh) this.#add(link);
    if (fresh.length > 0) this.show(this.#caller.now);
  }

  #add(link) {
    const box = document.createElement("span");
    box.className = "click2dial";
    const button = document.createElement("button");
    button.type = "button";
    const status = document.createElement("span");
    status.setAttribute("role", "status");
    box.append(" ", button, " ", status);
    link.after(box);
    button.addEventListener("click", (event) => {
      if (this.#isMeant(event)) this.#press(link);
    });
    this.#buttons.set(link, { box, button, status });
  }

  #press(link) {
    if (link === this.#pressed && !this.#caller.isFree) {
      this.#caller.hangUp();
      return;
    }
    this.#pressed = link;
    const values = { ...this.#defaults };
    const { outboundId, contactRef } = link.dataset;
    if (outboundId) values.outbound_id = outboundId;
    if (contactRef) values.contact_ref = contactRef;
    this.#caller.call(dialable(decoded(link.getAttribute("href"))), values);
  }
}

/** The words for a state, and behind them what the server said of each value. */
function said(words, now) {
  const text = describe(words, now);
  const details = (now.errors ?? []).map((error) => error.message).join("; ");
  return details ? `${text} (${details})` : text;
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
