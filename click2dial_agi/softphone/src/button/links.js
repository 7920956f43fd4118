/** A button behind each link to a telephone number, also behind those that come or change later. */

import { dialable } from "../numbers.js";
import { describe } from "./words.js";

const BOX = "click2dial";

// Browsers read " TEL:082" as "tel:082", too: what it comes to is looked at afterwards.
const LINKS = 'a[href*="tel:" i]';

const CHANGES = {
  ...{ childList: true, subtree: true, characterData: true },
  ...{ attributes: true, attributeFilter: ["href", "contenteditable"] },
};

export class Links {
  #caller;
  #words;
  #defaults;
  #isMeant;
  #by;
  #buttons = new Map(); // link -> its button and its status
  #boxes = new WeakSet();
  #observers = [];
  #pressed = null; // the link whose call is shown, and the number that it had
  #number = "";

  /** `defaults` are outbound_id and contact_ref for links that have none of their own.
   *
   * `isMeant` tells of a click's event whether it counts, `by` whose buttons they are.
   */
  constructor(caller, words, defaults, { isMeant = () => true, by = "page" } = {}) {
    this.#caller = caller;
    this.#words = words;
    this.#defaults = defaults;
    this.#isMeant = isMeant;
    this.#by = by;
  }

  /** Add the buttons to a document, or a part of it, and keep doing so. */
  watch(root) {
    this.#addTo(root);
    const observer = new MutationObserver((changes) => this.#follow(changes));
    observer.observe(root, CHANGES);
    this.#observers.push(observer);
  }

  /** Take all buttons away, and add no more. */
  stop() {
    for (const observer of this.#observers) observer.disconnect();
    for (const link of this.#buttons.keys()) this.#remove(link);
  }

  /** Show a state on all buttons. */
  show(now) {
    for (const link of this.#buttons.keys()) {
      if (link.isConnected) this.#showOne(link, now);
      else this.#remove(link); // it went with a shadow root
    }
  }

  #follow(changes) {
    const touched = new Set();
    for (const { type, target, addedNodes, removedNodes } of changes) {
      const element = target instanceof Element ? target : target.parentElement;
      if (type === "attributes") {
        this.#addTo(target);
        linksIn(target, "a").forEach((link) => touched.add(link));
      }
      // What is read aloud of a button is the text of its link.
      touched.add(element?.closest("a"));
      for (const node of removedNodes) {
        if (node instanceof Element) linksIn(node, "a").forEach((link) => touched.add(link));
      }
      for (const node of addedNodes) if (node instanceof Element) this.#addTo(node);
    }
    for (const link of touched) {
      if (!this.#buttons.has(link)) continue;
      if (link.isConnected && isCallable(link)) this.#showOne(link, this.#caller.now);
      else this.#remove(link);
    }
  }

  #showOne(link, now) {
    const { button, status } = this.#buttons.get(link);
    const isItsCall = now.mine && this.#isPressed(link);
    const canEnd = isItsCall && !this.#caller.isFree;
    const number = link.textContent.trim();
    const label = canEnd ? this.#words.hangUp : this.#words.call;
    setText(button, label);
    setAttribute(button, "aria-label", `${label} ${number}`);
    button.disabled = !canEnd && !this.#caller.isFree;
    setAttribute(button, "title", button.disabled ? this.#words.elsewhere : "");
    const others = this.#caller.isFree ? "free" : "busy";
    const isForAll = isItsCall || !now.mine || now.state === "unknown";
    setAttribute(button, "data-state", isForAll ? now.state : others);
    setText(status, isItsCall ? said(this.#words, now) : "");
  }

  #addTo(root) {
    for (const link of linksIn(root, LINKS)) {
      if (!isCallable(link)) continue;
      if (!this.#buttons.has(link)) this.#add(link);
      // A link that the page moved must not leave its button behind another one.
      const { box } = this.#buttons.get(link);
      if (box.previousElementSibling !== link) link.after(box);
      // A page that draws its rows anew: this is what the number that is called has now.
      if (this.#pressed !== null && !this.#isPressed(this.#pressed) && numberOf(link) === this.#number) {
        this.#pressed = link;
      }
      this.#showOne(link, this.#caller.now);
    }
  }

  #add(link) {
    this.#removeCopies(link);
    const box = document.createElement("span");
    box.className = BOX;
    box.dataset.by = this.#by;
    const button = document.createElement("button");
    button.type = "button";
    const status = document.createElement("span");
    status.setAttribute("role", "status");
    box.append(" ", button, " ", status);
    link.after(box);
    this.#boxes.add(box);
    button.addEventListener("click", (event) => {
      if (this.#isMeant(event)) this.#press(link);
    });
    this.#buttons.set(link, { box, button, status });
  }

  /** Pages keep copies of themselves, to be shown again: their buttons do nothing. */
  #removeCopies(link) {
    for (let one = link.nextElementSibling; one?.className === BOX; ) {
      const next = one.nextElementSibling;
      if (one.dataset.by === this.#by && !this.#boxes.has(one)) one.remove();
      one = next;
    }
  }

  #isPressed(link) {
    return link === this.#pressed && link.isConnected && numberOf(link) === this.#number;
  }

  #remove(link) {
    this.#buttons.get(link).box.remove();
    this.#buttons.delete(link);
  }

  #press(link) {
    if (this.#isPressed(link) && !this.#caller.isFree) {
      this.#caller.hangUp();
      return;
    }
    this.#pressed = link;
    this.#number = numberOf(link);
    const values = { ...this.#defaults };
    const { outboundId, contactRef } = link.dataset;
    if (outboundId) values.outbound_id = outboundId;
    if (contactRef) values.contact_ref = contactRef;
    this.#caller.call(this.#number, values);
  }
}

function linksIn(root, selector) {
  return [...root.querySelectorAll(selector), ...(root.matches?.(selector) ? [root] : [])];
}

/** Whether a link leads to a telephone number, and is no part of a text that is being written. */
function isCallable(link) {
  return link.protocol === "tel:" && !link.isContentEditable;
}

function numberOf(link) {
  return dialable(link.getAttribute("href"));
}

// What stays as it is is not written: each writing is a change of the page, of which many are told.
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** The words for a state, and behind them what the server said of each value. */
function said(words, now) {
  const text = describe(words, now);
  const details = (now.errors ?? []).map((error) => error.message).join("; ");
  return details ? `${text} (${details})` : text;
}
