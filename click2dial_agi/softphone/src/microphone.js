/** Whether this page may have the microphone, and why not in words. */

const TROUBLES = {
  NotAllowedError:
    "The microphone is blocked. Allow it for this page in the browser's address bar, then try again.",
  NotFoundError: "No microphone was found. Connect one, then try again.",
  OverconstrainedError: "The chosen microphone was not found. Connect it, or choose another.",
  NotReadableError: "The microphone is in use by another program, or the system blocks it.",
};

const INSECURE =
  "Browsers give the microphone only to pages on https:// or on localhost. " +
  "Open this page with an https address; docs/softphone.md says what that takes.";

/** Return what is wrong in words if an error is about the microphone, else undefined. */
export function microphoneTrouble(error) {
  return isSecureContext ? TROUBLES[error?.name] : INSECURE;
}

/** Ask for the microphone once, so that the browser's question comes before the first call. */
export async function askForMicrophone() {
  if (!isSecureContext || !navigator.mediaDevices) return INSECURE;
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    for (const track of stream.getTracks()) track.stop();
    return null;
  } catch (error) {
    return microphoneTrouble(error) ?? "The microphone could not be opened.";
  }
}
