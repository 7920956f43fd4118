/** The form that places a call, and what came of the last one. */

import { $, make } from "./dom.js";
import { kept } from "./kept.js";
import { dialable, grouped, readable } from "./numbers.js";
import { allowRedial } from "./records_view.js";

const REMEMBERED = "click2dial.outbound-id";

/** Which input an error of the server is about. */
const INPUTS = { callee: "callee", outbound_id: "outbound-id", contact_ref: "contact-ref" };

/** Call `dial(callee, {outboundId, contactRef})` when the form is sent. */
export function startDial(dial) {
  $("outbound-id").value = kept.get(REMEMBERED) ?? "";
  $("dial").addEventListener("submit", (event) => {
    event.preventDefault();
    const callee = called($("callee"));
    if (!callee) return;
    const contactRef = $("contact-ref").value.trim();
    kept.keep(REMEMBERED, outboundId());
    dial(callee, { outboundId: outboundId(), contactRef });
  });
  for (const id of Object.values(INPUTS)) {
    $(id).addEventListener("input", () => mark(id, false));
  }
  for (const id of [INPUTS.callee, INPUTS.outbound_id]) {
    $(id).addEventListener("input", () => group($(id)));
  }
}

/** Show what numbers look like here; an older server does not say. */
export function showExamples({ callee = "", outbound_id = "" } = {}) {
  $(INPUTS.callee).placeholder = readable(callee);
  $(INPUTS.outbound_id).placeholder = readable(outbound_id);
}

/** Fill the form in; the caller ID is the one that stands there. */
export function fillDial({ peer, contactRef }) {
  $("callee").value = grouped(dialable(peer));
  $("contact-ref").value = contactRef;
}

/** Fill the form in and send it. */
export function redial(peer, contactRef) {
  fillDial({ peer, contactRef });
  $("dial").requestSubmit();
}

/** The caller ID that the agent's calls show. */
export function outboundId() {
  return $("outbound-id").value.trim();
}

export function showDial(shown) {
  $("dial").hidden = !shown;
  allowRedial(canDial());
}

export function allowDial(allowed) {
  $("call").disabled = !allowed;
  allowRedial(canDial());
}

function canDial() {
  return !$("dial").hidden && !$("call").disabled;
}

/** Show how a call ended; an error's field is marked, and described by the error. */
export function showOutcome(end) {
  $("outcome").hidden = end === null;
  const errors = end?.errors ?? [];
  $("outcome").classList.toggle("good", end?.good ?? false);
  $("outcome-text").textContent = end?.text ?? "";
  $("errors").replaceChildren(...errors.map(errorItem));
  const wrong = errors.map(({ field }) => INPUTS[field]);
  for (const id of Object.values(INPUTS)) mark(id, wrong.includes(id));
  if (end !== null) $(wrong.find(Boolean) ?? "callee").focus();
}

function errorItem({ field, label, message }) {
  const item = document.createElement("li");
  if (field in INPUTS) item.id = `${INPUTS[field]}-error`;
  if (label) item.append(make("strong", "", label));
  item.append(make("span", "", message));
  return item;
}

function mark(id, wrong) {
  $(id).toggleAttribute("aria-invalid", wrong);
  if (wrong) {
    $(id).setAttribute("aria-invalid", "true");
    $(id).setAttribute("aria-describedby", `${id}-error`);
  } else {
    $(id).removeAttribute("aria-describedby");
  }
}

/** Return what is dialled of a required input, "" if nothing stands there, which the browser says.
 *
 * Of what has nothing to dial, such as "-", the server says what a number is.
 */
export function called(input) {
  input.value = input.value.trim();
  return input.reportValidity() ? dialable(input.value) || input.value : "";
}

/** Group a number while it is typed at its end; a cursor in its middle would jump. */
export function group(input) {
  if (input.selectionStart === input.value.length) input.value = grouped(input.value);
}
