"""The examples of docs/softphone.md as web pages."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from playwright.sync_api import Page

from sandbox.astconf import agent_password
from tests.browser.office import HOST, ROOT

DOCS = ROOT / "docs" / "softphone.md"
MODULES = ROOT / "tests" / "browser" / "node_modules"

#: What an example needs of its library as a script of its own.
SCRIPTS = {"sip-0.7.8.min.js": MODULES / "sip.js-0.7" / "dist" / "sip-0.7.8.min.js"}

_BLOCK = re.compile(r"<!-- example: (\S+) (\S+) -->\n```\w+\n(.*?)\n```\n", re.DOTALL)


class Site:
    """A web server on the edge's host, so that the edge allows its Origin.

    A real one: Chromium takes a page that Playwright makes up for one of the public internet, and
    keeps those from connecting to this machine.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

        class Files(SimpleHTTPRequestHandler):
            def __init__(self, *connection: Any) -> None:
                super().__init__(*connection, directory=str(directory))

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer((HOST, 0), Files)
        self.address = f"http://{HOST}:{self._server.server_port}"

    def __enter__(self) -> Site:
        Thread(target=self._server.serve_forever, args=[0.05], daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Example:
    """A page under way: what it has logged, and how its call is ended."""

    page: Page
    logged: list[str] = field(default_factory=list)

    @property
    def errors(self) -> list[str]:
        """The validation errors that the page has logged."""
        mark = "Validation Error:  "
        return [line.removeprefix(mark) for line in self.logged if line.startswith(mark)]

    def hang_up(self) -> None:
        self.page.get_by_role("button", name="Hang up").click()


def read_example(library: str) -> dict[str, str]:
    """Return the files of one example by their names."""
    blocks = _BLOCK.findall(DOCS.read_text("utf-8"))
    return {name: text for owner, name, text in blocks if owner == library}


def bundle(script: str, directory: Path) -> str:
    """Bundle a script as the page says."""
    (directory / "example.js").write_text(script, "utf-8")
    done = subprocess.run(
        [MODULES / ".bin" / "esbuild", "example.js", "--bundle", "--format=esm"],
        cwd=directory,
        env={**os.environ, "NODE_PATH": str(MODULES)},
        capture_output=True,
        check=True,
        text=True,
    )
    return done.stdout


def open_example(
    page: Page,
    library: str,
    site: Site,
    *,
    edge_port: int,
    callee: str,
    outbound_id: str = "27820001234",
    contact_ref: str = "client-4711",
    family: str = "",
    extension: str = "1200",
) -> Example:
    """Put the values into an example, serve it to the browser, and let it run.

    `family` Teleforge or Platforma exchanges the headers; empty leaves the example as it is.
    """
    files = read_example(library)
    script = files["example.js"].replace("<server_url>:8088", f"<server_url>:{edge_port}")
    for name, value in {
        "server_url": HOST,
        "ext": extension,
        "ext_password": agent_password(extension),
        "callee": callee,
        "outbound_id": outbound_id,
        "custom_call_ref": contact_ref,
    }.items():
        script = script.replace(f"<{name}>", value)
    if family:
        script = re.sub(r"X-(Teleforge|Platforma)-", f"X-{family}-", script)
    files["example.js"] = script
    if "bundle.js" in files["example.html"]:
        files["bundle.js"] = bundle(script, site.directory)

    for name in SCRIPTS.keys() - files.keys():
        files[name] = SCRIPTS[name].read_text("utf-8")
    for name, text in files.items():
        (site.directory / name).write_text(text, "utf-8")
    example = Example(page)
    page.on("console", lambda message: example.logged.append(message.text))
    page.goto(f"{site.address}/example.html")
    return example
