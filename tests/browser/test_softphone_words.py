"""The softphone's languages: each says all that the other says, and nothing is left in English."""

from __future__ import annotations

import re
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from sandbox.astconf import agent_password
from sandbox.chromium import await_audio, new_page
from tests.browser.agent import Agent
from tests.browser.office import API_KEY, ECHO, Office
from tests.browser.test_softphone_page import check_accessibility

SOFTPHONE = Path(__file__).parents[2] / "click2dial_agi" / "softphone"

#: What is the same in both languages.
SAME = {".transfer.consultation", ".records.as"}
#: And in the console.
SAME |= {".agents.counts", ".health.parts.redis", ".history.agent", ".calls.agent"}

# Functions are called with marks in place of what they are given, and with the singular.
_READ = """async ([url, name]) => {
  const { [name]: words } = await import(url);
  const found = {};
  const read = (value, path) => {
    if (typeof value === "string") found[path] = value;
    else if (typeof value === "function") {
      found[path] = value(...["{0}", "{1}"].slice(0, value.length));
      found[`${path}(1)`] = value(...[1, "{1}"].slice(0, value.length));
    } else for (const key of Object.keys(value)) read(value[key], `${path}.${key}`);
  };
  read(words, "");
  return found;
}"""


def read_words(page: Page, language: str, folder: str = "src/words") -> dict[str, str]:
    """Every text of a language by its path."""
    script = (SOFTPHONE / folder / f"{language}.js").read_bytes()
    url = "data:text/javascript;base64," + b64encode(script).decode()
    found: dict[str, str] = page.evaluate(_READ, [url, language.upper()])
    return found


@pytest.mark.parametrize("folder", ["src/words", "src/console/words", "src/extension/words"])
def test_each_language_says_everything(page: Page, folder: str) -> None:
    english, afrikaans = read_words(page, "en", folder), read_words(page, "af", folder)
    assert english.keys() == afrikaans.keys()
    for path, text in english.items():
        assert text, path
        assert afrikaans[path], path
        assert (text == afrikaans[path]) == (path.removesuffix("(1)") in SAME), path
        marks = re.findall(r"\{\d\}", text)
        assert sorted(marks) == sorted(re.findall(r"\{\d\}", afrikaans[path])), path


@pytest.mark.parametrize("name", ["index.html", "console.html", "src/extension/options.html"])
def test_the_page_itself_says_nothing(name: str) -> None:
    """Its words are where the languages are, but for what is said without JavaScript."""
    html = (SOFTPHONE / name).read_text("utf-8")
    html = re.sub(r"<title>.*?</title>|<noscript>.*?</noscript>", "", html)
    assert re.findall(r">\s*([^<>\s][^<>]*)<", html) == []
    assert re.findall(r"aria-label=|title=", html) == []


class Foreign:
    """A page in Afrikaans: found by its ids, and read for English words."""

    def __init__(self, page: Page, english: dict[str, str], own: dict[str, str]) -> None:
        self.page = page
        self.theirs = set(english.values()) - set(own.values()) - {english[".name"]}

    def click(self, identity: str) -> None:
        self.page.locator(f"#{identity}").click()

    def says(self, identity: str, text: str) -> None:
        expect(self.page.locator(f"#{identity}")).to_have_text(text)

    def has_no_english(self) -> None:
        read = """() => [document.title, ...document.body.innerText.split("\\n"),
          ...[...document.querySelectorAll("[aria-label]")].map((one) => one.ariaLabel)]"""
        shown: list[Any] = self.page.evaluate(read)
        assert {text.strip() for text in shown} & self.theirs == set()
        check_accessibility(self.page)


@pytest.fixture
def foreign(browser: Browser, page: Page) -> Any:
    english, own = read_words(page, "en"), read_words(page, "af")
    with new_page(browser, locale="af-ZA", bypass_csp=True, reduced_motion="reduce") as one:
        yield Foreign(one, english, own)


def test_in_afrikaans(foreign: Foreign, desk: Office) -> None:
    """From the sign-in to a transfer that is refused; a screen reader is told the language."""
    page = foreign.page
    page.goto(desk.page)
    assert page.evaluate("document.documentElement.lang") == "af"
    expect(page).to_have_title("Sagtefoon · Click2Dial")
    foreign.has_no_english()
    page.get_by_label("Uitbreiding").fill("1200")
    page.get_by_label("Wagwoord").fill(agent_password("1200"))
    page.get_by_text("Wys my oproeprekords").click()
    page.get_by_label("API-sleutel").fill(API_KEY)
    page.get_by_role("button", name="Meld aan").click()
    foreign.says("line-state", "Gereed")
    foreign.says("feed-state", "Lewend")
    foreign.has_no_english()
    page.get_by_label("Nommer om te bel").fill("12345")
    page.get_by_label("Nommer om te wys").fill("27820001234")
    page.get_by_role("button", name="Bel", exact=True).click()
    expect(page.locator("#outcome")).to_contain_text("een waarde is nie geldig nie")
    expect(page.locator("#records")).to_contain_text("Nie geldig nie")
    page.get_by_label("Nommer om te bel").fill(ECHO)
    page.get_by_role("button", name="Bel", exact=True).click()
    foreign.says("call-state", "In \u2019n oproep")
    await_audio(page)
    foreign.click("keypad-toggle")
    foreign.click("transfer")
    page.get_by_label("Skakel deur na").fill("ontvangs")
    page.get_by_role("button", name="Skakel nou deur").click()
    expect(page.locator("#transfer-trouble")).to_contain_text("Die oproep is nog joune.")
    foreign.has_no_english()
    page.set_viewport_size({"width": 320, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.get_by_role("button", name="Lui af").click()
    foreign.says("outcome-text", "Jy het afgelui.")
    expect(page.locator("#records")).to_contain_text("Na 082 000 0191")
    foreign.has_no_english()


def test_a_language_is_chosen_and_remembered(page: Page, desk: Office) -> None:
    agent = Agent(page, desk)
    agent.open()
    page.get_by_label("Language").select_option("Afrikaans")
    expect(page.get_by_label("Taal")).to_have_value("af")
    page.reload()
    expect(page.get_by_role("button", name="Meld aan")).to_be_visible()
    page.get_by_label("Taal").select_option("English")
    agent.fill_sign_in()
    expect(agent.line_state).to_have_text("Ready")


def test_a_language_that_is_not_here(browser: Browser, desk: Office) -> None:
    with new_page(browser, locale="fr-FR") as page:
        page.goto(desk.page)
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()
