/** Server-sent events of a response: fetch() in place of EventSource, which can send no key. */

// The server says something every 15 s. Of a connection that died (a proxy, a suspended computer)
// nobody is told: it is silent, and what was heard last is not how it is.
const SILENCE = 45_000;
const LOOK = 5000;

// So long a stream may take to begin.
const BEGIN = 10_000;

const MEDIA_TYPE = "text/event-stream";

/** Ask for a stream with a signal: return the response of `ask(signal)`.
 *
 * `signal` ends it, also while it is read; without an answer it is given up.  Throws if a success is
 * no stream, as when a proxy answers with a page of its own.
 */
export async function begun(ask, signal) {
  const stop = new AbortController();
  signal.addEventListener("abort", () => stop.abort(), { once: true });
  const timer = setTimeout(() => stop.abort(), BEGIN);
  try {
    const response = await ask(stop.signal);
    const type = response.headers.get("Content-Type") ?? "";
    if (response.ok && !type.startsWith(MEDIA_TYPE)) {
      stop.abort();
      throw new Error(`no ${MEDIA_TYPE}: ${type}`);
    }
    return response;
  } finally {
    clearTimeout(timer);
  }
}

/** Yield {event, data, id} for each block of a text/event-stream (HTML standard, 9.2.6).
 *
 * It ends with the response, and when nothing at all was heard of the server for a while.
 */
export async function* eventsOf(response) {
  let waiting = "";
  let fields = { event: "message", data: "", id: "" };
  for await (const text of textOf(response)) {
    // A "\r" at the end may have its "\n" still to come.
    const lines = (waiting + text).split(/\r\n|\n|\r(?!$)/);
    waiting = lines.pop();
    for (const line of lines) {
      const [, name, value] = /^(event|data|id): ?(.*)$/.exec(line) ?? [];
      if (name) fields[name] = value;
      if (line !== "") continue;
      if (fields.data) yield fields;
      fields = { event: "message", data: "", id: "" };
    }
  }
}

async function* textOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let heard = Date.now();
  // By the clock on the wall: a timer stands still while a computer is suspended.
  const timer = setInterval(() => {
    if (Date.now() - heard > SILENCE) reader.cancel().catch(() => undefined);
  }, LOOK);
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      heard = Date.now();
      yield value;
    }
  } finally {
    clearInterval(timer);
    reader.cancel().catch(() => undefined);
  }
}
