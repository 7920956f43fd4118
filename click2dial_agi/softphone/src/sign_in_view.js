/** The sign-in form. */

import { $, showText } from "./dom.js";
import { kept } from "./kept.js";
import { offerLanguages, words } from "./words.js";

const REMEMBERED = "click2dial.extension";

/** Call `signIn({extension, password, key})` when the form is sent. */
export function startSignIn(signIn) {
  offerLanguages($("language"));
  $("extension").value = kept.get(REMEMBERED) ?? "";
  $("sign-in-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const extension = $("extension").value.trim();
    kept.keep(REMEMBERED, extension);
    signIn({ extension, password: $("password").value, key: $("api-key").value.trim() });
  });
  focusFirst();
}

/** Show the form, with a trouble if there is one. */
export function showSignIn(trouble = "") {
  $("sign-in").hidden = false;
  $("desk").hidden = $("who").hidden = true;
  setBusy(false);
  showText($("sign-in-trouble"), trouble);
  focusFirst();
}

/** While the line is being opened. */
export function setBusy(busy) {
  $("sign-in-button").disabled = busy;
  $("sign-in-button").textContent = busy ? words.signIn.busy : words.signIn.button;
  if (busy) showText($("sign-in-trouble"), "");
}

/** The password and the key stay in memory for as long as the line is open, and nowhere else. */
export function hideSignIn(extension) {
  $("sign-in").hidden = true;
  $("password").value = $("api-key").value = "";
  $("extension-label").textContent = extension;
  $("desk").hidden = $("who").hidden = false;
}

function focusFirst() {
  ($("extension").value ? $("password") : $("extension")).focus();
}
