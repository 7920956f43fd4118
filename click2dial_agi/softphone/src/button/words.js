/** What the buttons say.  Another language is another object of the same keys. */

const EN = {
  call: "Call",
  hangUp: "Hang up",
  states: {
    calling: "Calling …",
    "ringing-agent": "Your phone rings",
    "ringing-callee": "Ringing …",
    up: "In a call",
    held: "On hold",
    queued: "In a call",
    unknown: "The server cannot be reached",
  },
  elsewhere: "You are in a call",
  ended: {
    busy: "Busy",
    reject: "Rejected",
    timeout: "No answer",
    error: "Your phone was not reached",
    failed: "The call failed",
    other: "Call ended",
  },
  refused: {
    401: "Sign in again",
    403: "Not allowed",
    409: "Your phone is not registered",
    422: "Not a number that can be called",
    429: "Not now: too many calls, or you are in one",
    503: "The telephone system cannot be reached",
    other: "The call was refused",
  },
};

const AF = {
  call: "Bel",
  hangUp: "Lui af",
  states: {
    calling: "Bel tans …",
    "ringing-agent": "Jou foon lui",
    "ringing-callee": "Lui …",
    up: "In ’n oproep",
    held: "Aangehou",
    queued: "In ’n oproep",
    unknown: "Die bediener is onbereikbaar",
  },
  elsewhere: "Jy is in ’n oproep",
  ended: {
    busy: "Beset",
    reject: "Geweier",
    timeout: "Geen antwoord nie",
    error: "Jou foon is nie bereik nie",
    failed: "Die oproep het misluk",
    other: "Oproep beëindig",
  },
  refused: {
    401: "Meld weer aan",
    403: "Nie toegelaat nie",
    409: "Jou foon is nie geregistreer nie",
    422: "Nie ’n nommer wat gebel kan word nie",
    429: "Nie nou nie: te veel oproepe, of jy is in een",
    503: "Die telefoonstelsel is onbereikbaar",
    other: "Die oproep is geweier",
  },
};

const LANGUAGES = { en: EN, af: AF };

/** Return the words of a language such as "af-ZA"; English for one that is not here. */
export function wordsOf(language) {
  return LANGUAGES[language.toLowerCase().split("-")[0]] ?? EN;
}

/** Say a state as the page's events have it. */
export function describe(words, { state, mine, record, status }) {
  if (state === "free") return "";
  if (state === "ended") return words.ended[record?.end_reason] ?? words.ended.other;
  if (state === "refused") return words.refused[status] ?? words.refused.other;
  if (mine === false) return words.elsewhere;
  return words.states[state] ?? "";
}
