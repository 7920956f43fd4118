"""Which run of which PBX has a call, and when that run is over."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.domain.live_calls import LiveCall
from click2dial_agi.domain.pbx_runs import PBXRun

EAST, WEST = "02:fc:00:00:00:01", "02:fc:00:00:00:02"


def at(second: int) -> str:
    """Return when a PBX started, as ARI writes it."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.250+0000")


def call(pbx: str = "", entity_id: str = EAST) -> LiveCall:
    """Return a call that began at 1000 on a PBX that started at 500."""
    return LiveCall("ref", at=1000.0, pbx=pbx, run=str(PBXRun(entity_id, at(500))))


@pytest.mark.case("S1")
@pytest.mark.parametrize(
    ("name", "entity_id", "started", "call_on", "follows"),
    [
        (None, EAST, 1100, call(), True),
        (None, WEST, 1100, call(), False),
        (None, EAST, 500, call(), False),  # up before the call began: it shares the address only
        (None, EAST, 900, call(), False),
        (None, EAST, 998, call(), True),  # clocks differ a little
        ("east", EAST, 1100, call(), True),  # it was given a name meanwhile
        ("east", WEST, 1100, call(), False),
        ("east", WEST, 1100, call("east"), True),  # another network card
        ("west", EAST, 1100, call("east"), False),  # two on one machine
        ("east", EAST, 900, call("east"), False),  # one configuration for two servers
        (None, EAST, 1100, call("east"), True),
    ],
)
def test_a_pbx_that_was_started_anew(
    name: str | None, entity_id: str, started: int, call_on: LiveCall, follows: bool
) -> None:
    assert PBXRun(entity_id, at(started)).follows(name, call_on) is follows


@given(st.text())
def test_whatever_a_pbx_tells_is_a_run_or_none(text: str) -> None:
    run = PBXRun.parse(text)
    assert str(run) in (text, "")
    assert run.follows("east", call("east")) in (True, False)


def test_a_pbx_that_tells_nothing_follows_nobody() -> None:
    assert not PBXRun().follows(None, LiveCall("ref", at=1000.0))
    assert not PBXRun(EAST, "yesterday").follows(None, call())


@given(
    st.from_regex(r"[0-9a-f:]{1,64}", fullmatch=True),
    st.from_regex(r"[0-9T:.+Z-]{1,40}", fullmatch=True),
)
def test_a_run_is_read_as_it_was_written(entity_id: str, started: str) -> None:
    run = PBXRun(entity_id, started)
    assert PBXRun.parse(str(run)) == run
