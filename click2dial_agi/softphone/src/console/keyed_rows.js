/** Rows of a list or a table by key, in order: only what changed is touched, a few times a second. */

const PAUSE = 100; // between two changes of the page: nobody reads faster, and each costs a layout

export class KeyedRows {
  #container;
  #make;
  #compare;
  #rows = new Map(); // by key: {element, value, show(value), tick()}
  #changed = new Map(); // by key: the value, undefined to take the row away
  #timer = 0;
  #flushed = 0;

  /** `make()` returns a row: its `element`, `show(value)`, `tick()`; `compare(one, other)` sorts. */
  constructor(container, make, compare) {
    this.#container = container;
    this.#make = make;
    this.#compare = compare;
  }

  set(key, value) {
    this.#changed.set(key, value);
    this.#timer ||= setTimeout(() => this.#flush(), Math.max(0, this.#flushed + PAUSE - performance.now()));
  }

  /** Show these, a map by key, and no others. */
  replace(values) {
    for (const key of this.#rows.keys()) if (!values.has(key)) this.set(key, undefined);
    for (const key of this.#changed.keys()) if (!values.has(key)) this.set(key, undefined);
    for (const [key, value] of values) this.set(key, value);
  }

  /** Show a row again, as something beside it has changed. */
  touch(key) {
    const row = this.#rows.get(key);
    if (row && !this.#changed.has(key)) this.set(key, row.value);
  }

  touchAll() {
    for (const key of this.#rows.keys()) this.touch(key);
  }

  /** Time has passed. */
  tick() {
    for (const row of this.#rows.values()) if (!row.element.hidden) row.tick();
  }

  #flush() {
    this.#timer = 0;
    this.#flushed = performance.now();
    const changed = [...this.#changed];
    this.#changed.clear();
    for (const [key, value] of changed) {
      if (value === undefined) this.#remove(key);
      else this.#show(key, value);
    }
    this.#container.dispatchEvent(new Event("rows"));
  }

  #show(key, value) {
    let row = this.#rows.get(key);
    if (row === undefined) {
      row = this.#make();
      let next = null;
      for (const other of this.#rows.values()) {
        const isBehind = this.#compare(other.value, value) > 0;
        if (isBehind && (next === null || this.#compare(other.value, next.value) < 0)) next = other;
      }
      this.#container.insertBefore(row.element, next?.element ?? null);
      this.#rows.set(key, row);
    }
    row.value = value;
    row.show(value);
  }

  #remove(key) {
    const row = this.#rows.get(key);
    if (row === undefined) return;
    const focused = row.element.contains(document.activeElement);
    row.element.remove();
    this.#rows.delete(key);
    // Who steers with the keyboard goes on from here, and not from the top of the page.
    if (focused) this.#container.closest("section").querySelector("h2").focus();
  }
}
