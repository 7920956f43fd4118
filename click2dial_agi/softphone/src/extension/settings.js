/** What the agent has set, or an admin by policy (chrome.storage.managed), whose word counts. */

const NOTHING = { server: "", token_url: "", agent: "", outbound_id: "", sites: [] };

// Numbers as the server takes them, and "random" or "tvc_<campaign>" as caller IDs: it judges.
const SHORT_TEXT = /^[\x21-\x7e]{0,80}$/;

// As browsers write it: a pattern's * would be other sites, too.
const HOST = /^([a-z0-9._-]+|\[[0-9a-f:]+\])$/;

// How each is read from what somebody wrote; null for what it cannot be.
const READERS = {
  server: (text) => webAddress(text, ({ origin, pathname }) => origin + pathname.replace(/\/+$/, "")),
  token_url: (text) => webAddress(text, ({ origin, pathname, search }) => origin + pathname + search),
  agent: shortText,
  outbound_id: shortText,
  sites: (texts) => {
    const sites = texts.map((text) => webAddress(text, ({ origin }) => origin));
    return sites.length === 0 || sites.includes(null) ? null : [...new Set(sites)];
  },
};

/** Read what was written: the settings, and the names of those that cannot be used. */
export function parse(written) {
  const settings = {};
  const wrong = [];
  for (const [name, read] of Object.entries(READERS)) {
    settings[name] = read(written[name]) ?? NOTHING[name];
    if (read(written[name]) === null) wrong.push(name);
  }
  return { settings, wrong };
}

/** Return what an admin has set. */
export async function managed() {
  // Without a policy some browsers have no such storage at all.
  return chrome.storage.managed.get(null).catch(() => ({}));
}

/** Return what counts; whether that is enough to call with, `isComplete` says. */
export async function current() {
  const written = { ...NOTHING, ...(await chrome.storage.local.get(NOTHING)), ...(await managed()) };
  const { settings, wrong } = parse(written);
  return { ...settings, isComplete: wrong.length === 0 };
}

/** The match pattern of the pages of an address's origin. */
export function pagesOf(address) {
  return `${new URL(address).origin}/*`;
}

function webAddress(text, part) {
  const written = text.trim();
  const address = written.includes("://") ? written : `https://${written}`;
  if (!/^https?:\/\//i.test(address) || !URL.canParse(address)) return null;
  const url = new URL(address);
  return HOST.test(url.hostname) && !url.username && !url.password ? part(url) : null;
}

function shortText(text) {
  return SHORT_TEXT.test(text.trim()) ? text.trim() : null;
}
