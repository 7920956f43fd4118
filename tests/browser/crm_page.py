"""A CRM of another origin: its page has telephone numbers, and its server the API key."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

from tests.browser.office import API_KEY, HOST, Office

PAGE = """<!doctype html><html lang="{language}"><meta charset="utf-8"><title>Clients</title>
<main><h1>Clients</h1><ul id="clients">{clients}</ul></main>
<script>
  globalThis.heard = [];
  document.addEventListener("click2dial:state", (event) => heard.push(event.detail.state));
</script>
{script}</html>"""
SCRIPT = """<script src="{server}/click2dial.js" data-agent="1200" data-token-url="/token"
  data-outbound-id="27820001234"></script>"""
CLIENT = '<li><a href="tel:{number}" data-contact-ref="{ref}">{shown}</a></li>'


@dataclass
class CRMServer:
    """What the tests set, and how often a token was asked for."""

    url: str
    #: Who is signed in, and gets tokens.
    agent: str = "1200"
    clients: list[tuple[str, str, str]] = field(default_factory=list)
    language: str = "en"
    tokens: int = 0
    #: What the page has of ours; the pages of what its tokens are good for.
    script: str = SCRIPT
    origin: str = ""
    #: What a browser must send for a token: who else asks is shown where one signs in.
    cookie: str = ""
    #: The Content-Security-Policy of its page.
    policy: str = ""
    #: Whether its page is isolated from other origins: nothing of theirs that does not let it.
    isolated: bool = False
    #: Whether a token comes with all that the server said of it.
    tells_all: bool = False

    def page(self, server: str) -> str:
        rows = [CLIENT.format(number=n, ref=r, shown=s) for n, r, s in self.clients]
        script = self.script.format(server=server)
        return PAGE.format(language=self.language, clients="".join(rows), script=script)


@contextlib.contextmanager
def crm_server(desk: Office) -> Iterator[CRMServer]:
    """Run one for an office, which must let its origin in."""
    api = f"{desk.scheme}://{HOST}:{desk.http_port}"

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/token" and crm.cookie not in self.headers.get("Cookie", ""):
                self._answer("text/html", "<h1>Sign in</h1>")
            elif self.path == "/token":
                crm.tokens += 1
                self._answer("application/json", json.dumps(token()))
            elif self.path == "/":
                self._answer("text/html", crm.page(api))
            else:
                self.send_error(404)

        def _answer(self, media_type: str, text: str) -> None:
            body = text.encode()
            self.send_response(200)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            if crm.policy:
                self.send_header("Content-Security-Policy", crm.policy)
            if crm.isolated:
                self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
                self.send_header("Cross-Origin-Opener-Policy", "same-origin")
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # the page is closed
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    def token() -> dict[str, str]:
        answer = httpx.post(
            f"{api}/click2dial/tokens",
            json={"agent": crm.agent, "origin": crm.origin or crm.url},
            headers={"Authorization": f"Bearer {API_KEY}"},
        )
        given: dict[str, str] = answer.raise_for_status().json()
        return given if crm.tells_all else {"token": given["token"]}

    with ThreadingHTTPServer((HOST, desk.crm_port), Handler) as server:
        crm = CRMServer(f"http://{HOST}:{desk.crm_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield crm
        finally:
            server.shutdown()
