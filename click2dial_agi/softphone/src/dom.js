/** The page's elements by their id, and small helpers. */

/** The element of an id; an id that the page lacks is a mistake, not a null. */
export function $(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`no element #${id}`);
  return element;
}

/** Show a text in an element, or hide the element if there is none. */
export function showText(element, text) {
  element.textContent = text ?? "";
  element.hidden = !text;
}

/** Make an element with a class and a text. */
export function make(tag, className, text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

export function showPill(element, state, text) {
  if (element.dataset.state !== state) element.dataset.state = state;
  setText(element, text);
}

/** Touch an element only if its text is another. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
