/** Whether this page may have the microphone, and why not in words. */

import { words } from "./words.js";

/** Return what is wrong in words if an error is about the microphone, else undefined. */
export function microphoneTrouble(error) {
  return isSecureContext ? words.microphone[error?.name] : words.microphone.insecure;
}

/** Ask for the microphone once, so that the browser's question comes before the first call. */
export async function askForMicrophone() {
  if (!isSecureContext || !navigator.mediaDevices) return words.microphone.insecure;
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    for (const track of stream.getTracks()) track.stop();
    return null;
  } catch (error) {
    return microphoneTrouble(error) ?? words.microphone.other;
  }
}
