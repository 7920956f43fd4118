/** What an answer of the API that is no success says. */

/** Return its errors; of an answer that is not ours, but that of a proxy in between, there are none. */
export function errorsOf(answer) {
  const errors = Array.isArray(answer?.errors) ? answer.errors : [];
  return errors.filter((error) => typeof error?.message === "string");
}
