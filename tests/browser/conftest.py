"""One office and one browser for all tests here."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright
from redis import Redis

from click2dial_agi.io.redis_lists import history_key
from sandbox.chromium import Profile, chromium, chromium_path, profile
from sandbox.process import until
from sandbox.redis import RedisServer, redis_server
from sandbox.trunk import Trunk
from sandbox.waiting import patience
from tests.browser.examples import Site
from tests.browser.office import ROOT, Office, office
from tests.e2e.conftest import _unable as unable
from tests.e2e.conftest import pytest_runtest_makereport, tree, trunk

__all__ = ["pytest_runtest_makereport", "tree", "trunk"]


@pytest.fixture(scope="package")
def built() -> None:
    """The softphone's script and the libraries of the examples; quick when they are there."""
    if chromium_path() is None:
        unable("chromium is not installed: apt-get install chromium")
    subprocess.run(["make", "--silent", "softphone", "browser"], cwd=ROOT, check=True)


@pytest.fixture(scope="package")
def store() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture(scope="package")
def whole_office(tree: Path, trunk: Trunk, store: RedisServer, built: None) -> Iterator[Office]:
    with office(tree, trunk, store) as office_:
        yield office_


@pytest.fixture
def desk(whole_office: Office, store: RedisServer) -> Office:
    """The office, with neither call nor record of an earlier test left.

    A page that is closed during a call may be gone before its BYE is.
    """
    pbx = whole_office.pbx
    pbx.cli("channel request hangup all")
    until(lambda: "0 active channels" in pbx.cli("core show channels count"), 10, "no call")
    whole_office.crm.clear()
    with Redis.from_url(store.url) as redis:
        redis.delete(history_key(whole_office.crm.list_name))
    return whole_office


# For this package only: while Playwright runs, so does its event loop, and asyncio.run() would
# fail in the tests of others.
@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        expect.set_options(timeout=patience(5) * 1000)
        yield started


@pytest.fixture(scope="package")
def browser(playwright: Playwright, built: None) -> Iterator[Browser]:
    with chromium(playwright) as started:
        yield started


@pytest.fixture(scope="package")
def profiles(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Profile]]:
    """Two agents' browsers, on the site of all pages here."""
    with (
        Site(tmp_path_factory.mktemp("empty")) as site,
        profile(browser, site.address) as one,
        profile(browser, site.address) as other,
    ):
        yield [one, other]


@pytest.fixture
def page(profiles: list[Profile]) -> Iterator[Page]:
    with profiles[0].new_page() as opened:
        yield opened


@pytest.fixture
def other_page(profiles: list[Profile]) -> Iterator[Page]:
    """A second agent's browser."""
    with profiles[1].new_page() as opened:
        yield opened
