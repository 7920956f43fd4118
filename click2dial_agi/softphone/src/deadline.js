/** An end to waiting: what is asked over a connection that died is never answered. */

/** Do something with a signal, which is aborted after so many milliseconds, or with another one. */
export async function within(milliseconds, work, signal) {
  const limit = new AbortController();
  const stop = () => limit.abort();
  const timer = setTimeout(stop, milliseconds);
  signal?.addEventListener("abort", stop);
  if (signal?.aborted) stop();
  try {
    return await work(limit.signal);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}
