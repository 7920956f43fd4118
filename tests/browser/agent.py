"""An agent at the softphone page: what a person does there, and what a person sees."""

from __future__ import annotations

import os
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from sandbox.astconf import agent_password
from sandbox.chromium import audio, await_audio
from tests.browser.office import API_KEY, Office

#: Where `picture` leaves its screenshots; nowhere if this is not set.
SCREENSHOTS = os.environ.get("C2D_SCREENSHOTS", "")


class Agent:
    """One browser page with the softphone."""

    def __init__(self, page: Page, desk: Office, extension: str = "1200") -> None:
        self.page = page
        self.desk = desk
        self.extension = extension
        self.outcome = page.locator("#outcome")
        self.call_state = page.locator("#call-state")
        self.line_state = page.locator("#line-state")
        self.trouble = page.locator("#trouble")
        self.records = page.locator("#records li")

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def open(self, address: str = "") -> None:
        self.page.goto(address or self.desk.page)

    def fill_sign_in(self, *, password: str = "", key: str = API_KEY) -> None:
        self.page.get_by_label("Extension").fill(self.extension)
        self.page.get_by_label("Password").fill(password or agent_password(self.extension))
        if key:
            self.page.get_by_text("Show my call records").click()
            self.page.get_by_label("API key").fill(key)
        self.button("Sign in").click()

    def sign_in(self, *, key: str = API_KEY) -> Agent:
        """Open the page and be ready for calls."""
        self.open()
        self.fill_sign_in(key=key)
        expect(self.line_state).to_have_text("Ready")
        return self

    def dial(self, callee: str, outbound_id: str = "27820001234", contact_ref: str = "") -> None:
        self.page.get_by_label("Number to call").fill(callee)
        self.page.get_by_label("Caller ID to show").fill(outbound_id)
        self.page.get_by_label("Reference").fill(contact_ref)
        self.button("Call").click()

    def call(self, callee: str, **values: str) -> None:
        """Dial, and hear the other side."""
        self.dial(callee, **values)
        self.is_in_call()

    def is_in_call(self) -> None:
        expect(self.call_state).to_have_text("In a call")
        await_audio(self.page)

    def sees_end(self, text: str) -> None:
        expect(self.outcome).to_contain_text(text)

    def level(self, whose: str) -> float:
        """The level meter of `local` or `remote`, 0 to 1."""
        return float(self.page.locator(f"#level-{whose}").get_attribute("data-level") or 0)

    def sends(self) -> int:
        packets: int = audio(self.page)["sent"]
        return packets

    def picture(self, name: str) -> None:
        """Take the page as it is now, light and dark, wide and narrow."""
        take_pictures(self.page, name)


def take_pictures(page: Page, name: str, width: int = 1100, *, whole: bool = True) -> None:
    """Take a page as it is now, light and dark, wide and narrow, if pictures are wanted.

    All of it, or as much as a window shows.
    """
    if not SCREENSHOTS:
        return
    for scheme in ("light", "dark"):
        for size, pixels in {"wide": width, "narrow": 380}.items():
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            page.set_viewport_size({"width": pixels, "height": 860})
            page.wait_for_timeout(200)  # what follows the scheme is drawn in the next frame
            path = Path(SCREENSHOTS) / f"{name}-{scheme}-{size}.png"
            page.screenshot(path=path, full_page=whole)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": width, "height": 860})
