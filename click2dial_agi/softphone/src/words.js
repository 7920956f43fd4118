/** What the page says, in the agent's language: words/ has one file for each. */

import { AF } from "./words/af.js";
import { EN } from "./words/en.js";

const LANGUAGES = { en: EN, af: AF };
const REMEMBERED = "click2dial.language";

/** The language that was chosen here, else the first of the browser's that there is. */
export const language =
  [localStorage.getItem(REMEMBERED), ...navigator.languages]
    .map((tag) => (tag ?? "").toLowerCase().split("-")[0])
    .find((tag) => Object.hasOwn(LANGUAGES, tag)) ?? "en";

export const words = LANGUAGES[language];

/** Write the words into the page: data-word is an element's text, data-label what a reader reads. */
export function translatePage() {
  document.documentElement.lang = language;
  document.title = words.page.title;
  for (const element of document.querySelectorAll("[data-word]")) {
    element.textContent = word(element.dataset.word);
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", word(element.dataset.label));
  }
}

/** The languages there are, as [tag, its own name]. */
export function languages() {
  return Object.entries(LANGUAGES).map(([tag, { name }]) => [tag, name]);
}

/** Use a language from now on: the page is loaded anew. */
export function chooseLanguage(tag) {
  localStorage.setItem(REMEMBERED, tag);
  location.reload();
}

/** The text of a path such as "signIn.title". */
function word(path) {
  const text = path.split(".").reduce((found, key) => found?.[key], words);
  if (typeof text !== "string") throw new Error(`no word ${path}`);
  return text;
}
