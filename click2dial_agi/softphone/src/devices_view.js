/** The choice of devices, and what is said when one of them is gone. */

import { devices } from "./devices.js";
import { $, make, showText } from "./dom.js";
import { words } from "./words.js";

const missing = new Map(); // label by kind

/** Offer what the browser lets a page choose, once the microphone is allowed: before it has no names. */
export async function startDevices() {
  if (devices.kinds.length === 0) return;
  for (const kind of ["microphone", "speaker", "ringer"]) {
    $(`${kind}-choice`).hidden = !devices.kinds.includes(kind);
    $(kind).onchange = () => {
      missing.delete(kind);
      devices.choose(kind, $(kind).value);
      showMissing();
    };
  }
  $("devices").hidden = false;
  await devices.watch();
}

devices.addEventListener("list", () => {
  for (const kind of devices.kinds) {
    const options = devices.of(kind).map(({ deviceId, label }) => option(deviceId, label));
    $(kind).replaceChildren(option("", words.devices.any), ...options);
    $(kind).value = devices.idOf(kind);
  }
});

devices.addEventListener("gone", ({ detail: { kind, label } }) => {
  missing.set(kind, label);
  showMissing();
});

devices.addEventListener("back", ({ detail: { kind } }) => {
  missing.delete(kind);
  showMissing();
});

function showMissing() {
  const texts = [...missing].map(([kind, label]) => words.devices.gone[kind](label));
  showText($("devices-trouble"), texts.join(" "));
}

function option(value, label) {
  const made = make("option", "", label);
  made.value = value;
  return made;
}
