"""An agent of the cluster who has a softphone in Chromium, and what the page shows of the calls."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from playwright.sync_api import Page, expect, sync_playwright

from sandbox.chromium import await_audio, chromium, new_page
from sandbox.cluster import BROWSERS, OUTBOUND_ID, Cluster, password
from sandbox.cluster_calls import OUTCOMES, Placed
from sandbox.waiting import patience


class BrowserAgent:
    """The page; its calls are listed with those of the phones (`placed`)."""

    def __init__(self, cluster: Cluster, page: Page, placed: list[Placed]) -> None:
        self._cluster, self._page, self._placed = cluster, page, placed
        self.name = str(BROWSERS[0])

    def sign_in(self) -> None:
        page = self._page
        page.goto(f"http://127.0.0.1:{self._cluster.api_port}/softphone")
        page.get_by_label("Extension").fill(self.name)
        page.get_by_label("Password").fill(password(self.name))
        self._press("Sign in")
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Wait until it can call, however long it tries to reach its Kamailio."""
        expect(self._page.locator("#line-state")).to_have_text("Ready", timeout=patience(20) * 1000)

    def call(self) -> Placed:
        """Call somebody outside, and hear him."""
        cluster, page = self._cluster, self._page
        number = cluster.number(OUTCOMES["answer"])
        placed = Placed(number, self.name, cluster.kamailio.name, time.time())
        self._placed.append(placed)
        page.get_by_label("Number to call").fill(number)
        page.get_by_label("Caller ID to show").fill(OUTBOUND_ID)
        page.get_by_label("Reference").fill(number)
        self._press("Call")
        expect(page.locator("#call-state")).to_have_text("In a call")
        placed.status, placed.seconds = 200, time.time() - placed.began
        await_audio(page)
        return placed

    def hang_up(self, placed: Placed) -> None:
        """Hang up if the page has not seen the call's end before."""
        button = self._page.get_by_role("button", name="Hang up", exact=True)
        if button.is_visible():
            button.click()
        expect(button).to_be_hidden()
        placed.ended = time.time()

    def shows(self) -> str:
        """Return what a person reads there: the line, the call, what is wrong."""
        places = ("#line-state", "#call-state", "#outcome", "#trouble")
        found = [self._page.locator(place) for place in places]
        return ", ".join(one.inner_text() for one in found if one.is_visible() and one.inner_text())

    def _press(self, name: str) -> None:
        self._page.get_by_role("button", name=name, exact=True).click()


@contextlib.contextmanager
def browser_agent(cluster: Cluster, placed: list[Placed]) -> Iterator[BrowserAgent]:
    """Start Chromium and sign the agent in."""
    expect.set_options(timeout=patience(5) * 1000)
    with (
        sync_playwright() as playwright,
        chromium(playwright) as browser,
        new_page(browser) as page,
    ):
        agent = BrowserAgent(cluster, page, placed)
        agent.sign_in()
        yield agent
