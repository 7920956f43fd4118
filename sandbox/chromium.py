"""Debian's Chromium, and what it knows of its calls."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, Playwright

from sandbox.process import until
from sandbox.waiting import patience

TIMEOUT = patience(10.0)

#: What it is always started with.
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    *("--use-fake-device-for-media-stream", "--autoplay-policy=no-user-gesture-required"),
    # A name that is not this machine's, so that its page is not a secure context.
    "--host-resolver-rules=MAP *.example.com 127.0.0.1",
)
#: What lets the pages of a `Profile` share one process.
_ONE_PROCESS = "--process-per-site"

# Keeps every RTCPeerConnection of a page where a test can ask it for its counters.
_KEEP_CONNECTIONS = """
globalThis.connections = [];
const Native = globalThis.RTCPeerConnection;
globalThis.RTCPeerConnection = class extends Native {
  constructor(...settings) { super(...settings); globalThis.connections.push(this); }
};
// SIP.js 0.7 prefers the old name.
globalThis.webkitRTCPeerConnection = globalThis.RTCPeerConnection;
"""

_READ_AUDIO = """async () => {
  const audio = { sent: 0, received: 0, spoken: 0, heard: 0, direction: null };
  const connection = globalThis.connections.at(-1);
  if (!connection) return audio;
  audio.direction = connection.getTransceivers()[0]?.currentDirection ?? null;
  for (const report of (await connection.getStats()).values()) {
    if (report.type === "outbound-rtp") audio.sent = report.packetsSent;
    if (report.type === "media-source") audio.spoken = report.totalAudioEnergy ?? 0;
    if (report.type === "inbound-rtp") {
      audio.received = report.packetsReceived;
      audio.heard = report.totalAudioEnergy ?? 0;
    }
  }
  return audio;
}"""


def chromium_path() -> str | None:
    """Return where Chromium is, None if it is not installed."""
    return shutil.which("chromium")


@contextlib.contextmanager
def chromium(
    playwright: Playwright, *, microphone: str = "", popups: bool = True, keeps: bool = False
) -> Iterator[Browser]:
    """Start it with a fake microphone that beeps; `microphone` "deny" is the user's "no".

    Without `popups` it opens windows as it does at home: only soon after a click. If it `keeps`
    pages, Back brings one as it was left, as at home, too.
    """
    defaults = {"--disable-popup-blocking": popups, "--disable-back-forward-cache": not keeps}
    ask = "--use-fake-ui-for-media-stream" + (f"={microphone}" if microphone else "")
    browser = playwright.chromium.launch(
        executable_path=chromium_path(),
        args=[*ARGUMENTS, _ONE_PROCESS, ask],
        timeout=60_000,
        ignore_default_args=[name for name, is_wanted in defaults.items() if not is_wanted],
    )
    try:
        yield browser
    finally:
        browser.close()


@contextlib.contextmanager
def new_page(browser: Browser, **context: Any) -> Iterator[Page]:
    """Open a page of its own: no storage, no cookies; an error in its scripts fails the test."""
    with _context(browser, **context) as own, _page(own) as page:
        yield page


class Profile:
    """Pages one after the other that find nothing of each other, in one process that stays.

    As new as those of `new_page`, for two thirds of the CPU: most of what a page costs is the start
    of a process that compiles the same scripts again.  `site` is an address on the site of the
    pages; one at which nothing happens keeps the process.
    """

    def __init__(self, context: BrowserContext, site: str) -> None:
        self._context = context
        self._keeper = context.new_page()
        self._keeper.goto(site)
        self._devtools = context.new_cdp_session(self._keeper)

    @contextlib.contextmanager
    def new_page(self) -> Iterator[Page]:
        """Open a page as `new_page` does; what it opened and stored goes with it."""
        try:
            with _page(self._context) as page:
                yield page
        finally:
            for opened in self._context.pages:
                if opened is not self._keeper:
                    opened.close()
            self._context.unroute_all()
            self._context.clear_cookies()
            stored = {"origin": "*", "storageTypes": "all"}
            self._devtools.send("Storage.clearDataForOrigin", stored)
            self._devtools.send("Network.clearBrowserCache")


@contextlib.contextmanager
def profile(browser: Browser, site: str) -> Iterator[Profile]:
    """Make a profile that is not the browser's own."""
    with _context(browser) as context:
        yield Profile(context, site)


@contextlib.contextmanager
def _context(browser: Browser, **settings: Any) -> Iterator[BrowserContext]:
    settings = {"viewport": {"width": 1100, "height": 860}, **settings}
    with browser.new_context(**settings) as context:
        context.set_default_timeout(TIMEOUT * 1000)
        context.add_init_script(_KEEP_CONNECTIONS)
        yield context


@contextlib.contextmanager
def _page(context: BrowserContext) -> Iterator[Page]:
    errors: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    assert errors == []


def audio(page: Page) -> dict[str, Any]:
    """Return what the page's newest call has sent and received: RTP packets and energy."""
    read: dict[str, Any] = page.evaluate(_READ_AUDIO)
    return read


def await_audio(page: Page, *, packets: int = 20) -> dict[str, Any]:
    """Wait until audio has flowed both ways since now, and the other side was not silent."""
    before = audio(page)

    def flows() -> dict[str, Any] | None:
        page.wait_for_timeout(50)  # a look costs as much of the CPU as the call itself
        now = audio(page)
        both = all(now[key] >= before[key] + packets for key in ("sent", "received"))
        loud = now["heard"] > before["heard"] + 1e-4 and now["spoken"] > before["spoken"]
        return now if both and loud else None

    return until(flows, TIMEOUT, "audio both ways")
