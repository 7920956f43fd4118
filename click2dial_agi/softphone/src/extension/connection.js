/** The server as the extension reaches it: with the agent's token, which is nowhere else. */

import { Refusal, Server } from "../button/server.js";

const TOKEN = /^[\x21-\x7e]{1,512}$/;
const EXTENSION = /^[0-9]{1,20}$/;
const UNAUTHORIZED = 401;

/** Return a `server`, whose calls they are, `agent()`, which is known when there is a token, and
 * `forget()`, with which the next request asks for a new one.
 *
 * A worker is stopped at any time, and begun anew with the token of before: the browser keeps that
 * until it is closed, in its memory, where no page can read it.
 */
export async function connect(settings) {
  const from = JSON.stringify([settings.server, settings.token_url]);
  const { kept } = await chrome.storage.session.get("kept");
  let known = kept?.from === from ? kept : null;

  async function newToken(signal) {
    known = { from, ...(await askForToken(settings.token_url, signal)) };
    await chrome.storage.session.set({ kept: known });
    return known.token;
  }

  const server = new Server(settings.server, newToken, known?.token);
  async function forget() {
    server.forget();
    await chrome.storage.session.remove("kept");
  }

  return { server, forget, agent: () => known?.agent || settings.agent };
}

/** Ask as who is signed in there: the browser sends that site's cookies. */
async function askForToken(url, signal) {
  const response = await fetch(url, { cache: "no-store", credentials: "include", signal });
  const answer = response.ok ? await response.json().catch(() => null) : null;
  // Who is not signed in gets an error, or a page where one signs in.
  if (!TOKEN.test(answer?.token ?? "")) throw new Refusal(UNAUTHORIZED, []);
  return { token: answer.token, agent: EXTENSION.test(answer.agent ?? "") ? answer.agent : "" };
}
