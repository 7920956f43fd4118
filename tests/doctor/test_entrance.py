"""The name of Kamailio's entrance, as doctor sees it."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from click2dial_agi.app.doctor import Finding, Level
from click2dial_agi.app.doctor.entrance import check_entrance
from click2dial_agi.domain.config import parse_config
from tests.doctor.test_beside import KAMAILIO
from tests.domain.examples import ACME

pytestmark = pytest.mark.case("O27")


def found(entrance: str | None) -> list[Finding]:
    kamailio = {**KAMAILIO, **({} if entrance is None else {"entrance": entrance})}
    document: dict[str, Any] = {
        "integrators": [{**ACME, "extensions": ["1000-1099"]}],
        "errors_redis": "redis://127.0.0.1:1/0",
        "kamailio": kamailio,
    }
    return asyncio.run(check_entrance(parse_config(document)))


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What the machine's resolver knows."""
    known: dict[str, list[str]] = {}

    def look_up(host: str, port: int, *_: object, **__: object) -> list[Any]:
        if host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_DGRAM, 0, "", (one, port)) for one in known[host]]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


@pytest.mark.parametrize("entrance", [None, "127.0.0.2:5060", "k.example:5060"])
def test_one_that_leads_to_a_node(names: dict[str, list[str]], entrance: str | None) -> None:
    names.update({"k.example": ["127.0.0.2"], "127.0.0.2": ["127.0.0.2"]})
    assert found(entrance) == []


def test_an_address_that_moves(names: dict[str, list[str]]) -> None:
    names["127.0.0.9"] = ["127.0.0.9"]
    assert found("127.0.0.9:5060") == []


def test_a_name_that_nobody_knows(names: dict[str, list[str]]) -> None:
    (one,) = found("k.example:5060")
    assert (one.check, one.level) == ("entrance-unknown", Level.DANGER)
    assert "kamailio.entrance: k.example leads nowhere from this machine" in one.what
    assert "127.0.0.2" in one.cure


@pytest.mark.parametrize(
    ("leads_to", "level"),
    [(["127.0.0.3"], Level.DANGER), (["127.0.0.2", "127.0.0.3"], Level.WARNING)],
)
def test_a_name_that_leads_elsewhere(
    names: dict[str, list[str]], leads_to: list[str], level: Level
) -> None:
    names["k.example"] = leads_to
    (one,) = found("k.example:5060")
    assert (one.check, one.level) == ("entrance-astray", level)
    assert "leads to 127.0.0.3, where no node listens" in one.what
