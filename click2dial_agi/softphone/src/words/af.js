/** The softphone in Afrikaans. */

export const AF = {
  name: "Afrikaans",
  page: { title: "Sagtefoon · Click2Dial", heading: "Sagtefoon", language: "Taal" },
  line: {
    connecting: "Verbind tans",
    registered: "Gereed",
    away: "Verbind weer",
    unreachable: "Die bediener is onbereikbaar. Probeer weer …",
  },
  signIn: {
    title: "Meld aan",
    hint: "Met die uitbreiding en die wagwoord van jou foon.",
    extension: "Uitbreiding",
    password: "Wagwoord",
    records: "Wys my oproeprekords",
    key: "API-sleutel",
    keyOptional: "tensy jou netwerk geen nodig het nie",
    button: "Meld aan",
    busy: "Meld tans aan …",
    out: "Meld af",
    noServer: "Die bediener is onbereikbaar. Gaan jou netwerk na en meld dan weer aan.",
    wrong: "Verkeerde uitbreiding of wagwoord.",
    changed: "Die bediener aanvaar nie meer hierdie uitbreiding en wagwoord nie. Meld weer aan.",
    forbidden:
      "Die telefoonstelsel aanvaar nie hierdie foon nie: 'n ander een is dalk met hierdie uitbreiding " +
      "aangemeld, of hierdie netwerk word nie toegelaat nie.",
    displaced:
      "'n Ander foon het met hierdie uitbreiding aangemeld, en hierdie een lui nie meer nie. " +
      "Meld aan om hierdie een te gebruik.",
  },
  left: {
    hungUp: (number) =>
      `Die oproep met ${number} is afgelui toe hierdie bladsy herlaai is. Meld aan om weer te bel.`,
    stopped: (number) =>
      `Hierdie bladsy het tydens die oproep met ${number} gestop. Die telefoonstelsel beëindig so ’n ` +
      "oproep wanneer dit niks meer hoor nie. Meld aan om weer te bel.",
  },
  links: {
    handle: "Maak telefoonskakels met hierdie sagtefoon oop",
    elsewhere: "Die nommer is in die venster wat aangemeld is. Hierdie een kan toegemaak word.",
  },
  dial: {
    title: "Foon",
    callee: "Nommer om te bel",
    outboundId: "Nommer om te wys",
    contactRef: "Verwysing",
    optional: "opsioneel",
    call: "Bel",
  },
  call: {
    unknown: "Onbekende nommer",
    states: {
      incoming: "Inkomende oproep",
      calling: "Bel tans …",
      ringing: "Lui …",
      up: "In ’n oproep",
      held: "Aangehou",
    },
    from: (title, number) => `${title} van ${number}`,
    with: (title, number) => `${title} met ${number}`,
    you: "Jy",
    them: "Hulle",
    mute: "Demp",
    muted: "Mikrofoon gedemp",
    unmuted: "Mikrofoon aan",
    hold: "Hou aan",
    resume: "Hervat",
    keypad: "Sleutels",
    tones: "Tone gestuur",
    keys: { "*": "ster", "#": "huts" },
    answer: "Antwoord",
    reject: "Weier",
    hangUp: "Lui af",
  },
  ended: {
    theyHungUp: "Die ander kant het afgelui.",
    missed: "Gemis: die beller het opgegee.",
    other: "Die oproep is verby.",
    rejected: "Jy het die oproep geweier.",
    youHungUp: "Jy het afgelui.",
    givenUp: "Jy het afgelui voordat die oproep beantwoord is.",
    browser: "Hierdie blaaier kon nie die oproep opstel nie.",
  },
  refused: {
    values: (count) =>
      `Die oproep is geweier: ${count === 1 ? "een waarde is" : `${count} waardes is`} nie geldig nie.`,
    fields: {
      agent: "Uitbreiding",
      callee: "Nommer",
      outbound_id: "Nommer om te wys",
      contact_ref: "Verwysing",
    },
    statuses: {
      403: "Die oproep is geweier.",
      404: "Hierdie nommer bestaan nie.",
      408: "Die bediener het nie geantwoord nie.",
      480: "Niemand het geantwoord nie.",
      484: "Die oproep is geweier: ’n waarde is nie geldig nie.",
      486: "Beset.",
      487: "Die oproep is gekanselleer.",
      488: "Die bediener en hierdie blaaier het geen klankformaat gemeen nie.",
      503: "Daar is op die oomblik geen weg na hierdie nommer nie.",
      600: "Beset.",
      603: "Die oproep is geweier.",
    },
    other: (status) => `Die oproep het misluk (SIP-status ${status}).`,
  },
  transfer: {
    open: "Skakel deur",
    to: "Skakel deur na",
    now: "Skakel nou deur",
    ask: "Vra eers",
    complete: "Voltooi",
    swap: "Ruil om",
    cancel: "Kanselleer",
    sent: (number) => `Die oproep is na ${number} gestuur.`,
    connected: (number) => `Die oproep is met ${number} verbind.`,
    back: (number) => `${number} het nie hierdie oproep geneem nie. Dit kom terug na jou.`,
    waiting: (number) => `Aangehou: ${number}`,
    notHeld: "Die oproep kon nie aangehou word nie, dus is niemand anders gebel nie.",
    notNow: "Dit is nie nou moontlik nie. Die oproep is nog joune.",
    refused: {
      403: "Die deurskakeling word nie toegelaat nie. Die oproep is nog joune.",
      404: "Oproepe kan nie na hierdie nommer gestuur word nie. Die oproep is nog joune.",
      408: "Die bediener het nie geantwoord nie. Die oproep is nog joune.",
      other: (status) => `Die deurskakeling het misluk (SIP-status ${status}). Die oproep is nog joune.`,
    },
    consultation: (number, end) => `${number}: ${end}`,
  },
  silence: {
    none:
      "Geen klank kom van die ander kant nie. As dit so bly, is die netwerk tussen hierdie rekenaar en " +
      "die telefoonstelsel dalk af: hulle hoor jou dalk ook nie.",
    back: "Die klank is terug.",
  },
  microphone: {
    NotAllowedError:
      "Die mikrofoon is geblokkeer. Laat dit vir hierdie bladsy toe in die blaaier se adresbalk en probeer weer.",
    NotFoundError: "Geen mikrofoon is gevind nie. Koppel een en probeer weer.",
    OverconstrainedError: "Die gekose mikrofoon is nie gevind nie. Koppel dit, of kies ’n ander.",
    NotReadableError: "’n Ander program gebruik die mikrofoon, of die stelsel blokkeer dit.",
    other: "Die mikrofoon kon nie oopgemaak word nie.",
    insecure:
      "Blaaiers gee die mikrofoon slegs aan bladsye op https:// of op localhost. " +
      "Maak hierdie bladsy met ’n https-adres oop; docs/softphone.md sê wat dit verg.",
  },
  devices: {
    title: "Mikrofoon, luidspreker, luier",
    microphone: "Mikrofoon",
    speaker: "Luidspreker",
    ringer: "Luier",
    any: "Soos die blaaier kies",
    gone: {
      microphone: (label) =>
        `Die mikrofoon “${label}” is weg. Totdat dit terug is, kies die blaaier ’n ander.`,
      speaker: (label) => `Die luidspreker “${label}” is weg. Totdat dit terug is, kies die blaaier ’n ander.`,
      ringer: (label) => `Die luier “${label}” is weg. Totdat dit terug is, kies die blaaier ’n ander.`,
    },
  },
  records: {
    title: "Oproeprekords",
    states: {
      connecting: "Verbind tans",
      live: "Lewend",
      away: "Verbind weer",
      unauthorized: "Nie aangemeld nie",
    },
    none: "Rekords van jou oproepe verskyn hier soos oproepe eindig.",
    unauthorized:
      "Om jou oproeprekords te sien, meld met ’n API-sleutel aan, of vra jou operateur om jou netwerk toe te laat.",
    reasons: {
      hungup: "Beëindig",
      agent_hungup: "Jy het afgelui",
      callee_hungup: "Hulle het afgelui",
      busy: "Beset",
      reject: "Geweier",
      timeout: "Geen antwoord nie",
    },
    notValid: "Nie geldig nie",
    from: (number) => `Van ${number}`,
    to: (number) => `Na ${number}`,
    nobody: "’n nommer wat nie geldig is nie",
    as: (number) => `as ${number}`,
    again: "Bel weer",
    callAgain: (number) => `Bel weer: ${number}`,
  },
};
