/** The language of a page: the one that was chosen here, else the first of the browser's. */

import { kept } from "./kept.js";

const REMEMBERED = "click2dial.language";

/** Return what a page says in one of `languages`: objects of the same keys, by their tag. */
export function speak(languages) {
  const language =
    [kept.get(REMEMBERED), ...navigator.languages]
      .map((tag) => (tag ?? "").toLowerCase().split("-")[0])
      .find((tag) => Object.hasOwn(languages, tag)) ?? "en";
  const words = languages[language];

  /** The text of a path such as "signIn.title". */
  function word(path) {
    const text = path.split(".").reduce((found, key) => found?.[key], words);
    if (typeof text !== "string") throw new Error(`no word ${path}`);
    return text;
  }

  /** Write the words into the page: data-word is an element's text, data-label what a reader reads. */
  function translatePage() {
    document.documentElement.lang = language;
    document.title = words.page.title;
    for (const element of document.querySelectorAll("[data-word]")) {
      element.textContent = word(element.dataset.word);
    }
    for (const element of document.querySelectorAll("[data-label]")) {
      element.setAttribute("aria-label", word(element.dataset.label));
    }
  }

  /** Fill a select with the languages, each by its own name; a choice loads the page anew. */
  function offerLanguages(select) {
    for (const [tag, { name }] of Object.entries(languages)) {
      const option = document.createElement("option");
      option.textContent = name;
      Object.assign(option, { value: tag, lang: tag });
      select.append(option);
    }
    select.value = language;
    select.addEventListener("change", () => {
      kept.keep(REMEMBERED, select.value);
      location.reload();
    });
  }

  return { words, translatePage, offerLanguages };
}
