/** The extension's options in Afrikaans. */

export const AF = {
  name: "Afrikaans",
  page: { title: "Click2Dial: opsies", heading: "Knoppies wat bel", language: "Taal" },
  hint: "Telefoonskakels in die blaaie van hierdie webwerwe kry ’n knoppie wat bel.",
  server: { label: "Telefoonstelsel se adres" },
  token_url: {
    label: "Adres van tekens",
    hint: "Jou maatskappy se blad wat weet wie jy is, en jou blaaier die reg gee om te bel.",
  },
  sites: {
    label: "Webwerwe",
    hint: "Een per reël. Kies net werwe wat jy vertrou: hulle blaaie sê watter nommers gebel word.",
  },
  agent: { label: "Jou uitbreiding", optional: "as die adres van tekens dit nie sê nie" },
  outbound_id: { label: "Nommer om te wys", optional: "as dit nie die gewone een is nie" },
  managed: "Wat nie hier verander kan word nie, is deur jou organisasie gestel.",
  save: "Bewaar",
  busy: "Kyk of dit werk …",
  wrong: {
    address: "’n Adres soos https://pbx.example.com:8300 is verwag.",
    sites: "Minstens een adres soos https://crm.example.com is verwag, en geen * nie.",
    text: "Syfers, of letters sonder spasies, is verwag.",
  },
  outcome: {
    works: (agent) => `Dit werk, vir uitbreiding ${agent}. Herlaai die blaaie wat oop is.`,
    nobody: "Dit werk. Vul jou uitbreiding in: die adres van tekens sê dit nie.",
    notAllowed: "Niks is bewaar nie: sonder jou verlof om hierdie werwe te lees is daar geen knoppies nie.",
    noToken: (url) => `Bewaar, maar ${url} het geen teken gegee nie. Meld daar aan, en bewaar weer.`,
    noServer: "Bewaar, maar die telefoonstelsel antwoord nie, of ken nie die adres hieronder nie.",
    refused: (why) => `Bewaar, maar die telefoonstelsel het geweier: ${why}`,
  },
  origin: {
    title: "Vir wie die telefoonstelsel bestuur",
    hint: "Hierdie byvoeging se adres, vir cors_origins, en vir die tekens wat dit kry:",
  },
};
