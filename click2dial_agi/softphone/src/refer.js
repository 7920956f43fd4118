/** REFER: asks the PBX to connect the other side of a call with somebody else (RFC 3515, 3891). */

import { SessionState } from "sip.js";

import { words } from "./words.js";

/**
 * Ask for the other side of a session to be connected with a URI, or with that of another session.
 *
 * Return null if the PBX does it, else why not, in words; the other side is then still here.  When it
 * has taken the request, it has so many milliseconds to say with NOTIFY that it failed after all.
 */
export function refer(session, target, patience) {
  return new Promise((resolve) => {
    const told = (status) => {
      if (status >= 300) resolve(refusal(status));
      else if (status >= 200) resolve(null);
    };
    const onNotify = (notification) => {
      notification.accept().catch(() => {});
      told(progressOf(notification.request.body));
    };
    const requestDelegate = {
      onAccept: () => setTimeout(resolve, patience, null),
      onReject: ({ message }) => told(message.statusCode),
    };
    session.stateChange.addListener((state) => {
      if (state === SessionState.Terminated) resolve(null);
    });
    session.refer(target, { onNotify, requestDelegate }).catch(() => resolve(refusal(408)));
  });
}

/** Read the status of a message/sipfrag; 0 if it has none. */
function progressOf(body) {
  return Number(/^SIP\/2\.0 (\d{3})\b/.exec(body)?.[1] ?? 0);
}

function refusal(status) {
  return words.transfer.refused[status] ?? words.transfer.refused.other(status);
}
