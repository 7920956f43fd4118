/** The softphone in English.  Another language is another object of the same keys. */

export const EN = {
  name: "English",
  page: { title: "Softphone · Click2Dial", heading: "Softphone", language: "Language" },
  line: {
    connecting: "Connecting",
    registered: "Ready",
    away: "Reconnecting",
    unreachable: "The server cannot be reached. Trying again …",
  },
  signIn: {
    title: "Sign in",
    hint: "With the extension and the password of your phone.",
    extension: "Extension",
    password: "Password",
    records: "Show my call records",
    key: "API key",
    keyOptional: "unless your network needs none",
    button: "Sign in",
    busy: "Signing in …",
    out: "Sign out",
    noServer: "The server cannot be reached. Check your network, then sign in again.",
    wrong: "Wrong extension or password.",
    changed: "The server no longer accepts this extension and password. Sign in again.",
    forbidden:
      "The telephone system does not take this phone: another one may be signed in with this extension, " +
      "or this network may not be allowed.",
    displaced:
      "Another phone has signed in with this extension, so this one does not ring any more. " +
      "Sign in to use this one.",
  },
  left: {
    hungUp: (number) =>
      `The call with ${number} was hung up when this page was loaded anew. Sign in to call again.`,
    stopped: (number) =>
      `This page stopped during the call with ${number}. The telephone system ends such a call when ` +
      "it hears nothing any more. Sign in to call again.",
  },
  links: {
    handle: "Open telephone links with this softphone",
    elsewhere: "The number is in the window that is signed in. This one can be closed.",
  },
  dial: {
    title: "Phone",
    callee: "Number to call",
    outboundId: "Caller ID to show",
    contactRef: "Reference",
    optional: "optional",
    call: "Call",
  },
  call: {
    unknown: "Unknown number",
    states: {
      incoming: "Incoming call",
      calling: "Calling …",
      ringing: "Ringing …",
      up: "In a call",
      held: "On hold",
    },
    from: (title, number) => `${title} from ${number}`,
    with: (title, number) => `${title} with ${number}`,
    you: "You",
    them: "Them",
    mute: "Mute",
    muted: "Microphone muted",
    unmuted: "Microphone on",
    hold: "Hold",
    resume: "Resume",
    keypad: "Keypad",
    tones: "Tones sent",
    keys: { "*": "star", "#": "hash" },
    answer: "Answer",
    reject: "Reject",
    hangUp: "Hang up",
  },
  ended: {
    theyHungUp: "The other side hung up.",
    missed: "Missed: the caller gave up.",
    other: "The call has ended.",
    rejected: "You rejected the call.",
    youHungUp: "You hung up.",
    givenUp: "You hung up before the call was answered.",
    browser: "The call could not be set up by this browser.",
  },
  refused: {
    values: (count) =>
      `The call was refused: ${count === 1 ? "one value is" : `${count} values are`} not valid.`,
    fields: { agent: "Extension", callee: "Number", outbound_id: "Caller ID", contact_ref: "Reference" },
    statuses: {
      403: "The call was rejected.",
      404: "This number does not exist.",
      408: "There was no answer from the server.",
      480: "Nobody answered.",
      484: "The call was refused: a value is not valid.",
      486: "Busy.",
      487: "The call was cancelled.",
      488: "The server and this browser have no audio format in common.",
      503: "There is no way through to this number at the moment.",
      600: "Busy.",
      603: "The call was rejected.",
    },
    other: (status) => `The call failed (SIP status ${status}).`,
  },
  transfer: {
    open: "Transfer",
    to: "Transfer to",
    now: "Transfer now",
    ask: "Ask first",
    complete: "Complete transfer",
    swap: "Swap calls",
    cancel: "Cancel transfer",
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
  silence: {
    none:
      "No sound comes from the other side. If this stays so, the network between this computer and " +
      "the telephone system may be cut: they may not hear you either.",
    back: "The sound is back.",
  },
  microphone: {
    NotAllowedError:
      "The microphone is blocked. Allow it for this page in the browser's address bar, then try again.",
    NotFoundError: "No microphone was found. Connect one, then try again.",
    OverconstrainedError: "The chosen microphone was not found. Connect it, or choose another.",
    NotReadableError: "The microphone is in use by another program, or the system blocks it.",
    other: "The microphone could not be opened.",
    insecure:
      "Browsers give the microphone only to pages on https:// or on localhost. " +
      "Open this page with an https address; docs/softphone.md says what that takes.",
  },
  devices: {
    title: "Microphone, speaker, ringer",
    microphone: "Microphone",
    speaker: "Speaker",
    ringer: "Ringer",
    any: "As the browser chooses",
    gone: {
      microphone: (label) =>
        `The microphone “${label}” is gone. Until it is back, the browser chooses another.`,
      speaker: (label) => `The speaker “${label}” is gone. Until it is back, the browser chooses another.`,
      ringer: (label) => `The ringer “${label}” is gone. Until it is back, the browser chooses another.`,
    },
  },
  records: {
    title: "Call records",
    states: { connecting: "Connecting", live: "Live", away: "Reconnecting", unauthorized: "Not signed in" },
    none: "Records of your calls appear here as calls end.",
    unauthorized:
      "To see your call records, sign in with an API key, or ask your operator to allow your network.",
    reasons: {
      hungup: "Ended",
      agent_hungup: "You hung up",
      callee_hungup: "They hung up",
      busy: "Busy",
      reject: "Rejected",
      timeout: "No answer",
    },
    notValid: "Not valid",
    from: (number) => `From ${number}`,
    to: (number) => `To ${number}`,
    nobody: "a number that is not valid",
    as: (number) => `as ${number}`,
    again: "Call again",
    callAgain: (number) => `Call again: ${number}`,
  },
};
