/** The options: what they are is asked, whether they work is tried. */

import { Refusal } from "../button/server.js";
import { speak } from "../language.js";
import { connect } from "./connection.js";
import { current, managed, pagesOf, parse } from "./settings.js";
import { AF } from "./words/af.js";
import { EN } from "./words/en.js";

const { words, translatePage, offerLanguages } = speak({ en: EN, af: AF });

const form = document.getElementById("settings");
const outcome = document.getElementById("outcome");
const FIELDS = ["server", "token_url", "sites", "agent", "outbound_id"];

translatePage();
offerLanguages(document.getElementById("language"));
document.getElementById("origin").textContent = location.origin;
show(await current(), await managed());
form.hidden = false;

form.addEventListener("submit", (event) => {
  event.preventDefault();
  save();
});

function show(settings, set) {
  for (const name of FIELDS) {
    const value = settings[name];
    form[name].value = Array.isArray(value) ? value.join("\n") : value;
    form[name].disabled = Object.hasOwn(set, name);
  }
  document.getElementById("managed").hidden = Object.keys(set).length === 0;
}

async function save() {
  const { settings, wrong } = parse({
    ...Object.fromEntries(FIELDS.map((name) => [name, form[name].value])),
    sites: form.sites.value.split(/\s+/).filter(Boolean),
  });
  for (const name of FIELDS) {
    document.getElementById(`${name}-wrong`).hidden = !wrong.includes(name);
    form[name].setAttribute("aria-invalid", wrong.includes(name));
  }
  outcome.hidden = true;
  if (wrong.length > 0) {
    form[wrong[0]].focus();
    return;
  }
  // The browser asks the user only in the moment of the click.
  const origins = [...settings.sites, settings.token_url].map(pagesOf);
  if (!(await chrome.permissions.request({ origins }))) {
    say(words.outcome.notAllowed);
    return;
  }
  await chrome.storage.local.set(settings);
  await giveBackAllBut(origins);
  say(words.busy);
  show(settings, await managed());
  say(await tried(settings));
}

/** Keep no right to a site that is not chosen any more. */
async function giveBackAllBut(wanted) {
  const { origins = [] } = await chrome.permissions.getAll();
  const others = origins.filter((one) => !wanted.includes(one));
  if (others.length > 0) await chrome.permissions.remove({ origins: others }).catch(() => undefined);
}

/** Say whether the settings work, and else what does not. */
async function tried(settings) {
  const { server, agent, forget } = await connect(settings);
  await forget();
  try {
    await server.token();
  } catch {
    return words.outcome.noToken(settings.token_url);
  }
  try {
    await server.live();
  } catch (error) {
    const isRefusal = error instanceof Refusal;
    return isRefusal ? words.outcome.refused(error.message) : words.outcome.noServer;
  }
  return agent() ? words.outcome.works(agent()) : words.outcome.nobody;
}

function say(text) {
  outcome.textContent = text;
  outcome.hidden = false;
}
