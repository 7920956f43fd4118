"""What the softphone's script makes of numbers, with the rules that the server sends."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from phonenumbers import PhoneNumberFormat
from playwright.sync_api import Page

from click2dial_agi.domain.numbering import TELEFORGE, Misread, Number, NumberPlan, country_plan
from tests.domain.numbering.countries import digits, examples
from tests.domain.numbering.test_written import FILLINGS

SCRIPT = Path(__file__).parents[2] / "click2dial_agi" / "softphone" / "src" / "numbers.js"

RUN = """async ([url, rules, name, texts]) => {
  const script = await import(url);
  script.useRules(rules);
  return texts.map((text) => script[name](text));
}"""


def run(page: Page, plan: NumberPlan, name: str, texts: list[str]) -> list[Any]:
    """Call a function of the script with each of the texts."""
    url = "data:text/javascript;base64," + b64encode(SCRIPT.read_bytes()).decode()
    rules = plan.rules()
    answers: list[Any] = page.evaluate(RUN, [url, rules, name, texts])
    return answers


@pytest.mark.parametrize("country", ["ZA", "GB", "US", "DE", "FR", "IN", "JP", "SG"])
def test_numbers_are_grouped_as_the_country_does(page: Page, country: str) -> None:
    found = list(examples(country))
    plan = country_plan(country)
    international = [example.written(PhoneNumberFormat.INTERNATIONAL) for example in found]
    assert run(page, plan, "readable", [f"+{one.e164}" for one in found]) == international
    national = [example.written(PhoneNumberFormat.NATIONAL) for example in found]
    assert run(page, plan, "grouped", [digits(text) for text in national]) == national
    dialled = run(page, plan, "dialable", international + national)
    for text, example in zip(dialled, [*found, *found], strict=True):
        number = plan.read(text)
        assert isinstance(number, Number)
        assert number.e164 == example.e164


def test_as_the_contract_has_them(page: Page) -> None:
    written = ["+27 82 000 1234", "(082) 000-1234", "+44 20 7031 3000", "tel:+27820001234", "1001"]
    dialled = ["27820001234", "0820001234", "00442070313000", "27820001234", "1001"]
    assert run(page, TELEFORGE, "dialable", written) == dialled
    shown = ["27 82 000 1234", "082 000 1234", "00442070313000", "27 82 000 1234", "1001"]
    assert run(page, TELEFORGE, "readable", dialled) == shown


def test_what_is_not_dialled(page: Page) -> None:
    """Extensions, what a tel: URI says besides, and the 0 behind a country code."""
    written = {
        "tel:+27-82-000-1234;ext=12": "27820001234",
        "TEL:0820001234;phone-context=example.com": "0820001234",
        "tel:82-000-1234;ext=5;phone-context=+27": "27820001234",
        "tel:+27820001234;phone-context=+44": "27820001234",
        "082 000 1234 x12": "0820001234",
        "082 000 1234 ext. 12": "0820001234",
        "0820001234#12": "0820001234",
        "+27 (0)82 000 1234": "27820001234",
        "+44 20 7031 3000 Ext: 7": "00442070313000",
        "082x0001234": "082x0001234",
        "1001#2": "1001#2",
    }
    assert run(page, TELEFORGE, "dialable", list(written)) == list(written.values())


def test_what_helps_the_eye_is_dropped(page: Page) -> None:
    plain = [filling for filling in FILLINGS if filling[0] not in "%!"]
    written = [f"{filling}08{filling}2000{filling}1234{filling}" for filling in plain]
    assert set(run(page, TELEFORGE, "dialable", written)) == {"0820001234"}
    assert all(run(page, TELEFORGE, "isNumber", written))


def test_what_is_no_number_stays_as_it_is(page: Page) -> None:
    names = ["random", "tvc_spring", "", "082 000 123x"]
    assert not any(run(page, TELEFORGE, "isNumber", names))
    typed = [*names, "082 000", "+27 8", "082 000 12345"]
    assert run(page, TELEFORGE, "grouped", typed) == typed


@pytest.mark.case("C70")
def test_the_end_of_another_number_stays_to_be_refused(page: Page) -> None:
    """By the server, which reads "021 555 1234/5" in no other way."""
    written = ["021 555 1234/5", "030 123456/78", "tel:+49-30-1234/5"]
    left = ["021 555 1234/5", "030 123456/78", "+49-30-1234/5"]
    assert run(page, country_plan("DE"), "dialable", written) == left
    assert run(page, country_plan("DE"), "grouped", written) == written
    assert not any(run(page, country_plan("DE"), "isNumber", written))
    for text in left:
        assert country_plan("DE").read(text) == Misread(
            "one number only: one or two digits after a slash may be another number's"
        )
    parted = ["030/123456", "tel://0301234567"]
    assert run(page, country_plan("DE"), "dialable", parted) == ["030123456", "0301234567"]
