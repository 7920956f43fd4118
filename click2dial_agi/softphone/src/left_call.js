/** The call that was up when the page was loaded anew or stopped: told of afterwards. */

import { hasTexts, keptInWindow } from "./kept.js";
import { readable } from "./numbers.js";

const KEY = "click2dial.call";
const TEXTS = ["peer", "shown", "contactRef"];

/** Keep a call, or null for none.  Kept while it is up, since a page that crashes says no goodbye. */
export function keepCall(call) {
  if (call === null) keptInWindow.drop(KEY);
  else keep(call, false);
}

/** The page goes, and has hung up. */
export function keepHungUp(call) {
  keep(call, true);
}

/** Return {peer, shown, contactRef, hungUp} of the call that the page before had, once; null if it had none. */
export function takeLeftCall() {
  const left = keptInWindow.read(KEY, (value) => hasTexts(value, TEXTS));
  keptInWindow.drop(KEY);
  return left;
}

function keep({ peer, contactRef }, hungUp) {
  const left = { peer, shown: readable(peer), contactRef, hungUp };
  keptInWindow.keep(KEY, JSON.stringify(left));
}
