"""docs/softphone.md's examples on a real Asterisk, through the edge."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from sandbox.chromium import TIMEOUT, await_audio
from sandbox.process import until
from tests.browser.examples import Example, Site, open_example, read_example
from tests.browser.office import ECHO, HANGS_UP, Office

LIBRARIES = ("sip.js-0.7", "sip.js", "jssip")
FAMILIES = ("Teleforge", "Platforma")

CALLEE = (
    "callee: 3-4 digits, 10 digits starting 0, 11 digits starting 27 or 13-16 digits starting 00"
)
OUTBOUND_ID = (
    "outbound_id: random, tvc_<campaign_name>, 10 digits starting 0 or 11 digits starting 27"
)
CONTACT_REF = "contact_ref: letters, digits and . - _ ~ only"

#: Values that are not valid, and all that is said of them, in its order.
MISTAKES = {
    "callee": ({"callee": "12345"}, [CALLEE]),
    "outbound ID": ({"callee": ECHO, "outbound_id": "31612345678"}, [OUTBOUND_ID]),
    "all": (
        {"callee": "12345", "outbound_id": "31612345678", "contact_ref": "client/4711"},
        [CALLEE, OUTBOUND_ID, CONTACT_REF],
    ),
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as site:
        yield site


def registered(desk: Office, extension: str = "1200") -> bool:
    return f"Contact:  {extension}/" in desk.pbx.cli("pjsip show contacts")


def failed(example: Example) -> bool:
    return "Call Failed" in example.logged


def await_lines(example: Example, count: int) -> None:
    """Wait for so many errors; what a page logs arrives only while Playwright is at work."""

    def logged() -> bool:
        example.page.wait_for_timeout(10)
        return len(example.errors) >= count

    until(logged, TIMEOUT, f"{count} errors logged")


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_page_holds_the_example(library: str) -> None:
    assert list(read_example(library)) == ["example.html", "example.js"]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_call_with_audio(desk: Office, page: Page, site: Site, library: str, family: str) -> None:
    """Register, call, hear oneself, hang up: and the CRM knows."""
    example = open_example(
        page, library, site, edge_port=desk.edge_port, callee=ECHO, family=family
    )
    await_audio(page)
    assert registered(desk)
    example.hang_up()
    record = desk.crm.pop()
    assert record | {"call_ref": "", "dialed_at": 0, "call_time": 0} == {
        "extension": "1200",
        "number": ECHO,
        "dial_number": "27820001234",
        "call_ref": "",
        "contact_ref": "client-4711",
        "dialed_at": 0,
        "end_reason": "hungup",
        "end_code": 16,
        "call_time": 0,
        "hold_time": 0,
        "call_dir": "outbound",
        "recording_url": "",
        "ref": "click-dial",
    }
    assert not failed(example)


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_callee_hangs_up(desk: Office, page: Page, site: Site, library: str) -> None:
    example = open_example(page, library, site, edge_port=desk.edge_port, callee=HANGS_UP)
    record = desk.crm.pop(TIMEOUT)
    assert (record["number"], record["end_reason"], record["end_code"]) == (HANGS_UP, "hungup", 16)
    assert record["contact_ref"] == "client-4711"
    assert not failed(example)


@pytest.mark.parametrize(
    ("family", "mistake"),
    [("", "callee"), ("", "outbound ID"), ("Teleforge", "all"), ("Platforma", "all")],
)
@pytest.mark.parametrize("library", LIBRARIES)
def test_the_failed_handler_lists_the_errors(
    desk: Office, page: Page, site: Site, library: str, family: str, mistake: str
) -> None:
    values, errors = MISTAKES[mistake]
    example = open_example(page, library, site, edge_port=desk.edge_port, family=family, **values)
    if library == "sip.js-0.7":
        errors = errors[-1:]  # before 0.14, SIP.js keeps the last header of a name
    await_lines(example, len(errors))
    assert failed(example)
    assert example.errors == errors
    record = desk.crm.pop()
    assert (record["end_reason"], record["end_code"]) == ("error", 28)
