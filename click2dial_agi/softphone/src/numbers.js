/** Numbers as people write them: what is dialled, and how they are grouped for the eye. */

// What only helps the eye: blanks, dashes and dots of all kinds, and marks without width, which a
// telephone adds when one copies a number.
const PUNCTUATION = /[\s().\/\p{Pd}\u2212\u00ad\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/gu;

// An extension behind a number, which nobody dials: "x12", "ext. 12".
const EXTENSION = /(?:x|#|ext|extn|extension)[\s.:]*\d{1,7}\s*$/i;
const BEFORE_EXTENSION = 7;

// The server's rules: pairs of a pattern and a replacement, of which the first that matches counts.
// This script knows no country.
let dialled = [];
let shown = [];

/** Take the rules that the server sends with its configuration. */
export function useRules(rules) {
  const compile = (pairs) => pairs.map(([pattern, replacement]) => [new RegExp(pattern), replacement]);
  dialled = compile(rules.dialled);
  shown = compile(rules.shown);
}

/** Drop what only helps the eye, and write "+" the way it is dialled here. */
export function dialable(text) {
  const number = withoutExtension(withoutURI(text.trim()));
  return namesASecond(number) ? number : rewrite(number.replace(PUNCTUATION, ""), dialled);
}

/** Take a tel: URI apart (RFC 3966), or a callto:, which is the same without a standard. */
function withoutURI(text) {
  const [, number, parameters] = /^(?:tel|callto):([^;]*)(.*)$/is.exec(decoded(text)) ?? [];
  if (number === undefined) return text;
  const [, context] = /;phone-context=(\+[\d.()-]+)/i.exec(parameters) ?? [];
  return context && !number.startsWith("+") ? context + number : number;
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function withoutExtension(text) {
  const number = text.replace(EXTENSION, "");
  return number.replace(/\D/g, "").length < BEFORE_EXTENSION ? text : number;
}

/** Tell whether a text ends like "021 555 1234/5": the end of another number.  The server says so. */
function namesASecond(text) {
  const slash = text.lastIndexOf("/");
  const [before, after] = [text.slice(0, slash + 1), text.slice(slash + 1)].map((part) => part.match(/\d/g));
  return before !== null && after !== null && after.length < 3;
}

/** Tell whether a text is a number, somehow written, rather than a name. */
export function isNumber(text) {
  return !namesASecond(text) && /^\+?\d+$/.test(text.replace(PUNCTUATION, ""));
}

/** Group a number for the eye, if it is a whole one: 082 000 0100, +44 20 7031 3000. */
export function readable(number) {
  return rewrite(number, shown);
}

/** Group what is being typed as soon as it is a whole number; anything else stays as it is. */
export function grouped(text) {
  if (!isNumber(text)) return text;
  const digits = text.replace(PUNCTUATION, "");
  const number = readable(digits);
  return number === digits ? text : number;
}

function rewrite(text, rules) {
  const rule = rules.find(([pattern]) => pattern.test(text));
  return rule ? text.replace(...rule) : text;
}

/** Seconds as 0:07 or 1:02:03. */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (parts[0] === 0) parts.shift();
  return parts.map((part, index) => (index ? String(part).padStart(2, "0") : part)).join(":");
}
