/** Buttons in a page that has no script of ours: the extension's part that runs there. */

import { Caller } from "../button/caller.js";
import { Links } from "../button/links.js";
import { learnRules } from "../button/rules.js";
import { wordsOf } from "../button/words.js";
import { RemoteServer } from "./remote_server.js";

// A page of another site may show one of a chosen site in a frame, under something to click at.
const isAmongItsOwn = [...location.ancestorOrigins].every((origin) => origin === location.origin);

async function start() {
  const server = new RemoteServer();
  const words = wordsOf(document.documentElement.lang || navigator.language);
  const caller = new Caller(server, undefined, (now) => {
    links.show(now);
    if (now.state !== "unknown") learnRules(server);
  });
  // The page's scripts can press a button, too: they do not mean it.
  const links = new Links(caller, words, {}, { isMeant: ({ isTrusted }) => isTrusted, by: "extension" });
  await learnRules(server);
  links.watch(document.documentElement);
  caller.start();
}

if (isAmongItsOwn && document.body) start();
