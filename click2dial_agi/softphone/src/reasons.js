/** Why a call was not connected: the server's error headers, else the SIP status in words. */

import { words } from "./words.js";

/** Both families, one header for each error (docs/softphone.md). */
const ERROR_HEADERS = ["X-Teleforge-Error", "X-Platforma-Error"];

/** Return the end that a final error response means for a call. */
export function reasonOf(message) {
  const texts = new Set(ERROR_HEADERS.flatMap((name) => message.getHeaders(name)));
  const errors = [...texts].map(readError);
  const { values, statuses, other } = words.refused;
  const status = message.statusCode;
  const text = errors.length ? values(errors.length) : (statuses[status] ?? other(status));
  return { text, errors, good: false };
}

/** Split "callee: what is allowed" into the field, its label on this page, and the message. */
export function readError(text) {
  const [, field, message] = /^([a-z_]+): *(.*)$/s.exec(text) ?? [];
  const { fields } = words.refused;
  if (!Object.hasOwn(fields, field)) return { field: "", label: "", message: text };
  return { field, label: fields[field], message };
}
