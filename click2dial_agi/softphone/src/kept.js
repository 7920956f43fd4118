/** What a page keeps in its browser: small texts, each under a name.
 *
 * A browser may keep nothing (its user or policy blocks it) or have no room, and says both by an
 * exception.  The page works all the same, and begins anew the next time.
 */

class Kept {
  #storage;

  /** `storage()` returns what keeps them, or throws. */
  constructor(storage) {
    this.#storage = storage;
  }

  /** Return a text, null if there is none. */
  get(name) {
    return tried(() => this.#storage().getItem(name));
  }

  keep(name, text) {
    tried(() => this.#storage().setItem(name, text));
  }

  drop(name) {
    tried(() => this.#storage().removeItem(name));
  }

  /** Return what was kept as JSON, null if it is none, or not what `isOne` takes. */
  read(name, isOne) {
    const value = tried(() => JSON.parse(this.get(name)));
    return isOne(value) ? value : null;
  }
}

function tried(what) {
  try {
    return what() ?? null;
  } catch {
    return null;
  }
}

/** Of this browser, until it is cleared. */
export const kept = new Kept(() => localStorage);

/** Of this window, and gone when it is closed. */
export const keptInWindow = new Kept(() => sessionStorage);

/** Whether a value has a text under each of these names. */
export function hasTexts(value, names) {
  return names.every((name) => typeof value?.[name] === "string");
}
