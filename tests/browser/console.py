"""A supervisor at the console: what a person does there, and what a person sees."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from tests.browser.agent import take_pictures
from tests.browser.office import SUPERVISOR_KEY, Office

WIDE = 1500


class Console:
    """One browser page with the console."""

    def __init__(self, page: Page, desk: Office) -> None:
        self.page = page
        self.desk = desk
        self.stream = page.locator("#stream-state")
        self.health = page.locator("#health-state")
        self.result = page.locator("#steer-result")
        self.found = page.locator("#found tr")

    def sign_in(self, key: str = SUPERVISOR_KEY, address: str = "") -> Console:
        """Open the page and see what is."""
        self.page.set_viewport_size({"width": WIDE, "height": 860})
        self.page.goto(address or self.desk.console)
        self.fill_sign_in(key)
        expect(self.stream).to_have_text("Live")
        return self

    def fill_sign_in(self, key: str) -> None:
        self.page.get_by_label("Key", exact=False).fill(key)
        self.page.get_by_role("button", name="Sign in").click()

    def agent(self, extension: str) -> Locator:
        return self.page.locator("#agents li").filter(
            has=self.page.get_by_text(extension, exact=True)
        )

    def call(self, text: str) -> Locator:
        """The row of a call."""
        return self.page.locator("#calls tr").filter(has_text=text)

    def press(self, text: str, name: str) -> None:
        self.call(text).get_by_role("button", name=name).click()

    def search(self, **fields: str) -> None:
        for name, value in fields.items():
            self.page.locator(f"#search-{name}").fill(value)
        self.page.get_by_role("button", name="Search").click()

    def total(self) -> int:
        """How many calls of today are counted."""
        return int(self.page.locator("#outcome-all").inner_text() or 0)

    def picture(self, name: str) -> None:
        take_pictures(self.page, name, WIDE)
