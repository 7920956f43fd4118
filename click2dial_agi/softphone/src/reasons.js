/** Why a call was not connected: the server's error headers, else the SIP status in words. */

/** Both families, one header for each error (docs/softphone.md). */
const ERROR_HEADERS = ["X-Teleforge-Error", "X-Platforma-Error"];

const STATUSES = {
  403: "The call was rejected.",
  404: "This number does not exist.",
  408: "There was no answer from the server.",
  480: "Nobody answered.",
  484: "The call was refused: a value is not valid.",
  486: "Busy.",
  487: "The call was cancelled.",
  488: "The server and this browser have no audio format in common.",
  503: "There is no way through to this number at the moment.",
  600: "Busy.",
  603: "The call was rejected.",
};

const FIELDS = { agent: "Extension", callee: "Number", outbound_id: "Caller ID", contact_ref: "Reference" };

/** Return the end that a final error response means for a call. */
export function reasonOf(message) {
  const texts = new Set(ERROR_HEADERS.flatMap((name) => message.getHeaders(name)));
  const errors = [...texts].map(readError);
  const text = errors.length
    ? `The call was refused: ${errors.length === 1 ? "one value is" : `${errors.length} values are`} not valid.`
    : (STATUSES[message.statusCode] ?? `The call failed (SIP status ${message.statusCode}).`);
  return { text, errors, good: false };
}

/** Split "callee: what is allowed" into the field, its label on this page, and the message. */
export function readError(text) {
  const [, field, message] = /^([a-z_]+): *(.*)$/s.exec(text) ?? [];
  if (!(field in FIELDS)) return { field: "", label: "", message: text };
  return { field, label: FIELDS[field], message };
}
