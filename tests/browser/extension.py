"""Chromium with the browser extension in it (docs/extension.md)."""

from __future__ import annotations

import contextlib
import json
import subprocess
from base64 import b64decode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, CDPSession, Page, Playwright, expect

from sandbox.chromium import ARGUMENTS, TIMEOUT, chromium_path
from sandbox.process import until

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "click2dial_agi" / "softphone" / "src" / "extension"


def identity(key: str) -> str:
    """Return the identity that Chromium gives an extension with a public key."""
    digest = sha256(b64decode(key)).hexdigest()[:32]
    return "".join(chr(ord("a") + int(digit, 16)) for digit in digest)


EXTENSION_ORIGIN = "chrome-extension://" + identity(
    json.loads((SOURCES / "manifest.json").read_text("utf-8"))["key"]
)


def build(folder: Path) -> Path:
    """Build the extension as `make extension` does, and return the folder to load."""
    subprocess.run(["sh", "packaging/extension.sh", str(folder)], cwd=ROOT, check=True)
    return folder / "extension"


def allow(extension: Path, *sites: str) -> None:
    """Have sites allowed from the beginning: nobody can press a browser's own dialogues here."""
    path = extension / "manifest.json"
    manifest = json.loads(path.read_text("utf-8")) | {"host_permissions": list(sites)}
    path.write_text(json.dumps(manifest), "utf-8")


@dataclass(frozen=True)
class Extended:
    """A browser with the extension."""

    context: BrowserContext

    def new_page(self, address: str) -> Page:
        page = self.context.new_page()
        page.goto(address)
        return page

    def options(self) -> Page:
        return self.new_page(f"{EXTENSION_ORIGIN}/options.html")

    def set(self, says: str, **settings: str) -> None:
        """Fill in the options, save them, and see what is said of them."""
        page = self.options()
        for name, value in settings.items():
            page.locator(f"#{name}").fill(value)
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#outcome")).to_have_text(says)
        self.serves(page, settings.get("sites", "").split())
        page.close()

    def serves(self, page: Page, sites: Sequence[str]) -> None:
        """Wait until the browser has been told of the chosen sites."""
        read = """chrome.scripting.getRegisteredContentScripts().then(
            (scripts) => scripts.flatMap((script) => script.matches))"""
        wanted = [f"{site}/*" for site in sites]
        until(lambda: page.evaluate(read) == wanted, TIMEOUT, f"scripts in {wanted}")

    def stop_worker(self, page: Page) -> None:
        """Stop the service worker, as Chromium does when idle; `page` has the options."""
        with self.devtools(page) as session:
            session.send("ServiceWorker.enable")
            session.send("ServiceWorker.stopAllWorkers")

    @contextlib.contextmanager
    def devtools(self, page: Page) -> Iterator[CDPSession]:
        session = self.context.new_cdp_session(page)
        try:
            yield session
        finally:
            session.detach()

    def taken_over(self, page: Page, script: str) -> Any:
        """Run a script where the extension's own runs in a page: what an attacker's dream is."""
        worlds: list[int] = []

        def created(event: dict[str, Any]) -> None:
            if event["context"]["name"] == "Click2Dial":
                worlds.append(event["context"]["id"])

        with self.devtools(page) as session:
            session.on("Runtime.executionContextCreated", created)
            session.send("Runtime.enable")
            until(lambda: page.evaluate("1") and worlds, TIMEOUT, "the extension's world")
            answer = session.send(
                "Runtime.evaluate",
                {
                    **{"expression": script, "contextId": worlds[0]},
                    **{"awaitPromise": True, "returnByValue": True},
                },
            )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")


@contextlib.contextmanager
def extended(playwright: Playwright, extension: Path, profile: Path) -> Iterator[Extended]:
    """Start Chromium with the extension, and nothing else in its profile."""
    errors: list[str] = []
    context = playwright.chromium.launch_persistent_context(
        profile,
        executable_path=chromium_path(),
        args=[
            *ARGUMENTS,
            f"--load-extension={extension}",
            f"--disable-extensions-except={extension}",
        ],
        timeout=60_000,
    )
    try:
        context.set_default_timeout(TIMEOUT * 1000)
        context.on("weberror", lambda error: errors.append(str(error.error)))
        if not context.service_workers:
            context.wait_for_event("serviceworker")
        yield Extended(context)
    finally:
        context.close()
    assert errors == []
