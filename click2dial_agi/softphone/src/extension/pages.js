/** Which pages get buttons: those of the chosen sites that the user has allowed. */

import { current, pagesOf } from "./settings.js";

let last = Promise.resolve();

/** Have the browser run our script in them, from when they are loaded the next time. */
export function choosePages() {
  // One after the other: the browser knows a script of the same name once.
  last = last.then(register, register);
  return last;
}

async function register() {
  const { sites, isComplete } = await current();
  const matches = [];
  for (const pages of isComplete ? sites.map(pagesOf) : []) {
    if (await chrome.permissions.contains({ origins: [pages] })) matches.push(pages);
  }
  const [before] = await chrome.scripting.getRegisteredContentScripts();
  // At the browser's start nothing is taken away: pages are being loaded.
  if (String(before?.matches ?? []) === String(matches)) return;
  await chrome.scripting.unregisterContentScripts();
  if (matches.length === 0) return;
  const script = { id: "buttons", js: ["content.js"], matches, allFrames: true };
  await chrome.scripting.registerContentScripts([script]);
}
