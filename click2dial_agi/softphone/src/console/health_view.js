/** How the telephone system's parts are, asked every few seconds while somebody looks. */

import { $, make, showPill } from "../dom.js";
import { Refusal } from "./api.js";
import { setClock } from "./clock.js";
import { words } from "./words.js";

const EVERY = 10_000;

let timer = 0;

/** Ask now and again; `refused()` is called if the key is not known any more. */
export function followHealth(api, first, refused) {
  show(first);
  clearInterval(timer);
  timer = setInterval(async () => {
    if (document.hidden) return;
    try {
      show(await askHealth(api));
    } catch (error) {
      if (error instanceof Refusal && error.status === 401) refused();
      else showPill($("health-state"), "unknown", words.health.unknown);
    }
  }, EVERY);
}

export function stopHealth() {
  clearInterval(timer);
}

/** Whether the key is good, too: `supervisor` says which kind it is. */
export async function askHealth(api) {
  const health = await api.get("console/health");
  setClock(health.now);
  return health;
}

function show({ ready, parts, lists, webhooks }) {
  const { good, bad } = words.health;
  const all = ready && ![lists, ...webhooks].some(({ failing }) => failing);
  showPill($("health-state"), all ? "good" : "bad", all ? good : bad);
  const found = Object.entries(parts).map(([name, state]) => partItem(partName(name), state, null));
  const queues = [
    [words.health.parts.lists, lists],
    ...webhooks.map((webhook) => [words.health.webhook(webhook.name), webhook]),
  ];
  found.push(...queues.map(([name, { failing, waiting }]) => partItem(name, failing ? "away" : "ok", waiting)));
  $("parts").replaceChildren(...found);
}

function partItem(name, state, waiting) {
  const item = make("li", "");
  const pill = make("span", "pill");
  const { ok, away, reasons } = words.health;
  showPill(pill, state === "ok" ? "good" : "bad", { ok, away }[state] ?? reasons[state] ?? state);
  item.append(make("span", "part", name), pill);
  if (waiting) item.append(make("span", "more", words.health.waiting(waiting)));
  return item;
}

function partName(name) {
  const [, pbx] = /^ari:(.*)$/.exec(name) ?? [];
  if (pbx) return words.health.pbx(pbx);
  return Object.hasOwn(words.health.parts, name) ? words.health.parts[name] : name;
}
