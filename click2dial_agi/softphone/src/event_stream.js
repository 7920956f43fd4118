/** Server-sent events of a response: fetch() in place of EventSource, which can send no key. */

/** Yield {event, data, id} for each block of a text/event-stream (HTML standard, 9.2.6). */
export async function* eventsOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  let fields = { event: "message", data: "", id: "" };
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    // A "\r" at the end may have its "\n" still to come.
    const lines = (waiting + value).split(/\r\n|\n|\r(?!$)/);
    waiting = lines.pop();
    for (const line of lines) {
      const [, name, text] = /^(event|data|id): ?(.*)$/.exec(line) ?? [];
      if (name) fields[name] = text;
      if (line !== "") continue;
      if (fields.data) yield fields;
      fields = { event: "message", data: "", id: "" };
    }
  }
}
