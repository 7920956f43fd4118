/** The CRM's page of a contact: opened when a call of that contact rings or is placed. */

import { $ } from "./dom.js";

const PLACE = "{contact_ref}";

let template = "";

/** Take the integrator's address of a contact's page, if there is one. */
export function usePopURL(url) {
  template = String(url ?? "");
}

/** Return the address of a contact's page; "" if there is none. */
function urlOf(contactRef) {
  // Segments of dots would lead to another page than a contact's.
  if (!template || !contactRef || /^\.{1,2}$/.test(contactRef)) return "";
  return template.replaceAll(PLACE, () => encodeURIComponent(contactRef));
}

/** Show a call's contact as a link if it has a page, else as text. */
export function showContact(contactRef) {
  const url = urlOf(contactRef);
  $("contact-text").textContent = url ? "" : contactRef;
  $("contact-link").textContent = url ? contactRef : "";
  $("contact-link").hidden = !url;
  if (url) $("contact-link").href = url;
  else $("contact-link").removeAttribute("href");
}

/** Open a contact's page if there is one; return false if the browser does not let it. */
export function popContact(contactRef) {
  const url = urlOf(contactRef);
  if (!url) return true;
  const opened = window.open("", "_blank");
  if (opened === null) return false;
  // That page is not to steer this one.  With "noopener" nobody could tell whether it was opened.
  opened.opener = null;
  opened.location.href = url;
  return true;
}
