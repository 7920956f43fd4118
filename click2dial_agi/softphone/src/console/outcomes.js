/** How the calls of today ended, by the hour. */

export const GROUPS = ["ended", "timeout", "busy", "failed"];

const GROUP_OF = {
  hungup: "ended",
  agent_hungup: "ended",
  callee_hungup: "ended",
  timeout: "timeout",
  busy: "busy",
  reject: "busy",
};

/** As many as are asked for at once, and all together: a day's calls of a hundred agents. */
const PAGE = 500;
const MOST = 10_000;

export class Outcomes {
  #day = 0;
  #known = new Set();
  #loaded = false;
  #hours = new Map(); // by its beginning in Unix seconds: a count for each group
  /** Not all of today's are counted. */
  partial = false;

  constructor() {
    this.#begin();
  }

  /** Count a record, once; false if it is not one of today's. */
  add({ call_ref: ref, dialed_at: at, end_reason: reason }) {
    if (startOfToday() !== this.#day) this.#begin();
    if (at < this.#day || this.#known.has(ref)) return false;
    this.#known.add(ref);
    const hour = new Date(at * 1000).setMinutes(0, 0, 0) / 1000;
    if (!this.#hours.has(hour)) this.#hours.set(hour, Object.fromEntries(GROUPS.map((one) => [one, 0])));
    this.#hours.get(hour)[Object.hasOwn(GROUP_OF, reason) ? GROUP_OF[reason] : "failed"] += 1;
    return true;
  }

  /** Count what is kept of today; after the first time, as far back as something is new. */
  async load(api, signal) {
    let cursor = "";
    for (let seen = 0; seen < MOST; seen += PAGE) {
      const more = cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
      const found = await api.get(`click2dial/history?from=${startOfToday()}&limit=${PAGE}${more}`, signal);
      const added = found.records.filter((record) => this.add(record));
      cursor = found.cursor;
      if (cursor === null || (this.#loaded && found.records.length && !added.length)) {
        this.#loaded = true;
        return;
      }
    }
    this.#loaded = this.partial = true;
  }

  get total() {
    return this.#known.size;
  }

  /** The count of each group. */
  totals() {
    const sum = (group) => [...this.#hours.values()].reduce((all, hour) => all + hour[group], 0);
    return Object.fromEntries(GROUPS.map((group) => [group, sum(group)]));
  }

  /** All hours from the first with a call to the last: [beginning, {group: count}]. */
  hours() {
    const starts = [...this.#hours.keys()];
    const found = [];
    for (let hour = Math.min(...starts); hour <= Math.max(...starts); hour += 3600) {
      found.push([hour, this.#hours.get(hour) ?? Object.fromEntries(GROUPS.map((one) => [one, 0]))]);
    }
    return found;
  }

  #begin() {
    this.#day = startOfToday();
    this.#known.clear();
    this.#hours.clear();
    this.#loaded = this.partial = false;
  }
}

function startOfToday() {
  return new Date().setHours(0, 0, 0, 0) / 1000;
}
