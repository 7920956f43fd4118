/** The extension's options in English.  Another language is another object of the same keys. */

export const EN = {
  name: "English",
  page: { title: "Click2Dial: options", heading: "Buttons that call", language: "Language" },
  hint: "Telephone links in the pages of these sites get a button that calls.",
  server: { label: "Telephone system's address" },
  token_url: {
    label: "Address of tokens",
    hint: "Your company's page that knows who you are, and gives your browser the right to call.",
  },
  sites: {
    label: "Sites",
    hint: "One a line. Choose only sites that you trust: their pages say which numbers are called.",
  },
  agent: { label: "Your extension", optional: "if the address of tokens does not tell it" },
  outbound_id: { label: "Caller ID to show", optional: "if it is not the usual one" },
  managed: "What cannot be changed here is set by your organisation.",
  save: "Save",
  busy: "Looking whether it works …",
  wrong: {
    address: "An address such as https://pbx.example.com:8300 was expected.",
    sites: "At least one address such as https://crm.example.com was expected, and no *.",
    text: "Digits, or letters without blanks, were expected.",
  },
  outcome: {
    works: (agent) => `It works, for extension ${agent}. Reload the pages that are open.`,
    nobody: "It works. Enter your extension: the address of tokens does not tell it.",
    notAllowed: "Nothing was saved: without your leave to read these sites there are no buttons.",
    noToken: (url) => `Saved, but ${url} gave no token. Sign in there, then save again.`,
    noServer: "Saved, but the telephone system does not answer, or does not know the address below.",
    refused: (why) => `Saved, but the telephone system refused: ${why}`,
  },
  origin: {
    title: "For who runs the telephone system",
    hint: "This extension’s address, for cors_origins, and for the tokens that it is given:",
  },
};
