/** The call that was up when the page was loaded anew or stopped: told of afterwards. */

import { readable } from "./numbers.js";

const KEY = "click2dial.call"; // sessionStorage: of this window only, gone when it is closed

/** Keep a call, or null for none.  Kept while it is up, since a page that crashes says no goodbye. */
export function keepCall(call) {
  if (call === null) sessionStorage.removeItem(KEY);
  else keep(call, false);
}

/** The page goes, and has hung up. */
export function keepHungUp(call) {
  keep(call, true);
}

/** Return {peer, shown, contactRef, hungUp} of the call that the page before had, once; null if it had none. */
export function takeLeftCall() {
  const text = sessionStorage.getItem(KEY);
  sessionStorage.removeItem(KEY);
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function keep({ peer, contactRef }, hungUp) {
  const left = { peer, shown: readable(peer), contactRef, hungUp };
  sessionStorage.setItem(KEY, JSON.stringify(left));
}
