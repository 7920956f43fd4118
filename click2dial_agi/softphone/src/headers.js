/** What a call tells the server beside its number, as SIP headers (docs/contract.md). */

import { dialable, isNumber } from "./numbers.js";

/** Return the header lines of a caller ID and a reference as they were typed; "" is left out. */
export function headersOf({ outboundId = "", contactRef = "" }) {
  const headers = [];
  // random and tvc_<campaign> are names; all else is a number as somebody may write it.
  if (outboundId) {
    headers.push(header("Outbound-ID", isNumber(outboundId) ? dialable(outboundId) : outboundId));
  }
  if (contactRef) headers.push(header("Contact-Ref", contactRef));
  return headers;
}

/** A header line: one line, whatever was typed. */
function header(name, value) {
  return `X-Teleforge-${name}: ${value.replace(/[\r\n]+/g, " ")}`;
}
