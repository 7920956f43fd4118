// Button: a CRM whose page calls, and whose server gives the page a token in place of the key.
// C2D_URL=http://pbx:8300 C2D_KEY=… node button.mjs 8080; http://localhost:8080 is in cors_origins.
import { createServer } from "node:http";

const { C2D_URL, C2D_KEY } = process.env;
const port = Number(process.argv[2]);
const agent = "1000"; // whoever is signed in: your CRM knows
const page = `<!doctype html><title>Clients</title>
<a href="tel:0820000100" data-contact-ref="client-4711">082 000 0100</a>
<script src="${C2D_URL}/click2dial.js" data-agent="${agent}" data-token-url="/token"></script>`;

createServer(async ({ url }, response) => {
  const isToken = url === "/token";
  response.setHeader("Content-Type", isToken ? "application/json" : "text/html");
  response.end(isToken ? await token() : page);
}).listen(port, "127.0.0.1");

async function token() {
  const answer = await fetch(`${C2D_URL}/click2dial/tokens`, {
    method: "POST",
    headers: { Authorization: `Bearer ${C2D_KEY}`, "Content-Type": "application/json" },
    body: JSON.stringify({ agent, origin: `http://localhost:${port}` }),
  });
  return answer.text();
}
