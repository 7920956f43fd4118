/** What the page says. */

export const words = {
  records: {
    again: "Call again",
    callAgain: (number) => `Call again: ${number}`,
  },
  devices: {
    any: "As the browser chooses",
    gone: {
      microphone: (label) => `The microphone “${label}” is gone. Until it is back, the browser chooses another.`,
      speaker: (label) => `The speaker “${label}” is gone. Until it is back, the browser chooses another.`,
      ringer: (label) => `The ringer “${label}” is gone. Until it is back, the browser chooses another.`,
    },
  },
  left: {
    hungUp: (number) =>
      `The call with ${number} was hung up when this page was loaded anew. Sign in to call again.`,
    stopped: (number) =>
      `This page stopped during the call with ${number}. The telephone system ends such a call when ` +
      "it hears nothing any more. Sign in to call again.",
  },
  links: {
    elsewhere: "The number is in the window that is signed in. This one can be closed.",
  },
  silence: {
    none:
      "No sound comes from the other side. If this stays so, the network between this computer and " +
      "the telephone system may be cut: they may not hear you either.",
    back: "The sound is back.",
  },
  transfer: {
    sent: (number) => `The call was sent to ${number}.`,
    connected: (number) => `The call was connected with ${number}.`,
    back: (number) => `${number} did not take this call. It comes back to you.`,
    waiting: (number) => `On hold: ${number}`,
    notHeld: "The call could not be put on hold, so nobody else was called.",
    notNow: "That is not possible now. The call is still yours.",
    refused: {
      403: "The transfer is not allowed. The call is still yours.",
      404: "Calls cannot be sent to this number. The call is still yours.",
      408: "The server did not answer. The call is still yours.",
      other: (status) => `The transfer failed (SIP status ${status}). The call is still yours.`,
    },
    consultation: (number, end) => `${number}: ${end}`,
  },
};
