/** The server's clock, of which the times of calls and agents are. */

import { duration } from "../numbers.js";

let ahead = 0; // seconds

export function setClock(now) {
  ahead = now - Date.now() / 1000;
}

/** Now, in Unix seconds of the server's. */
export function serverNow() {
  return Date.now() / 1000 + ahead;
}

/** How long something lasts that began then, as 0:07; nothing if nobody can tell. */
export function lasting(since) {
  return since ? duration(serverNow() - since) : "";
}
