"""Units of another version, and a softphone that was not built: what pip leaves as it is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from click2dial_agi.app.doctor.installed import check_pages, check_units
from click2dial_agi.domain.config import parse_config
from tests.domain.examples import ACME

OURS = Path(__file__).parents[2] / "etc"
UNIT = "click2dial-agi.service"


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """/etc/systemd/system after README's Install."""
    (tmp_path / "etc").mkdir()
    return Path(shutil.copy(OURS / UNIT, tmp_path / "etc")).parent


def found(etc: Path) -> list[str]:
    return [one.line() for one in check_units(etc, etc.parent / "packaged", OURS)]


@pytest.mark.case("O12")
def test_readmes_is_good(etc: Path) -> None:
    assert found(etc) == []


@pytest.mark.case("O12")
def test_one_of_an_older_version_is_named(etc: Path) -> None:
    text = (etc / UNIT).read_text("utf-8")
    (etc / UNIT).write_text(text.replace("WatchdogSec=2\n", ""), "utf-8")
    (one,) = check_units(etc, etc.parent / "packaged", OURS)
    assert one.check == "unit-stale"
    line = one.line()
    assert f"{etc / UNIT} is not the unit of this version" in line
    assert f"cp {OURS / UNIT} {etc / UNIT}" in line
    (etc.parent / "packaged").mkdir()
    (etc.parent / "packaged" / UNIT).touch()
    assert f"to mend it: rm {etc / UNIT}, and systemctl daemon-reload" in found(etc)[0]


def test_where_it_is_installed_and_what_comments_say_is_the_operators_affair(etc: Path) -> None:
    text = (etc / UNIT).read_text("utf-8").replace("/opt/click2dial/bin", "/srv/venv/bin")
    (etc / UNIT).write_text(f"# by me\n\n{text}; me\n", "utf-8")
    assert found(etc) == []


def test_one_that_is_masked_or_not_there_is_not_named(etc: Path) -> None:
    (etc / UNIT).unlink()
    assert found(etc) == []
    (etc / UNIT).symlink_to("/dev/null")
    assert found(etc) == []


PAGES = {
    "softphone": {"softphone_ws": "wss://pbx.example.com/ws"},
    "console": {},
}


@pytest.mark.case("O10")
@pytest.mark.parametrize("page", PAGES)
def test_a_page_that_was_not_built_is_named(tmp_path: Path, page: str) -> None:
    keys = {"http": "127.0.0.1:8300", page: True, **PAGES[page]}
    asterisk = {"ari_password": "good-enough-for-ari", "ami": "127.0.0.1:5038"}
    asterisk |= {"ami_username": "u", "ami_password": "good-enough-for-ami"}
    config = parse_config({"asterisk": asterisk, "integrators": [{**ACME, **keys}]})
    (found,) = check_pages(config, tmp_path)
    assert found.check == f"{page}-missing"
    assert f"integrators.acme.{page}" in found.what
    assert "make softphone" in found.cure
    (tmp_path / "dist").mkdir()
    (tmp_path / f"dist/{page}.js").touch()
    assert list(check_pages(config, tmp_path)) == []
    assert list(check_pages(parse_config({"integrators": [ACME]}), tmp_path / "away")) == []
