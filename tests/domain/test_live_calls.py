"""A live call in Redis: what any version wrote can be read."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.domain.live_calls import LiveCall
from tests.domain.examples import CALL_REF

CALL = LiveCall(CALL_REF, "1000", "0820000100", "27820001234", "client-4711", 1.5, "call_ref=x")
PLACED = replace(CALL, pbx="east", run="02:fc:00:00:00:01/2026-01-02T03:04:05.678+0000")

#: As version 0.1.2 wrote it, in a call that its creator had given up.
OF_0_1_2 = (
    '{"agent": "1000", "callee": "0820000100", "dial_number": "27820001234",'
    ' "contact_ref": "client-4711", "call_ref": "%s", "at": 1.5, "facts": "call_ref=x",'
    ' "abandoned": true, "channel": "1795444038.12"}'
)


@pytest.mark.parametrize("call", [CALL, PLACED])
def test_what_is_written_is_read_again(call: LiveCall) -> None:
    assert LiveCall.parse(CALL_REF, call.text()) == call
    assert LiveCall.parse(CALL_REF, call.text(), away=True) == replace(call, away=True)


@pytest.mark.case("K2")
def test_an_entry_of_the_previous_version() -> None:
    assert LiveCall.parse(CALL_REF, OF_0_1_2 % CALL_REF) == CALL


@pytest.mark.case("K2")
def test_an_entry_of_a_later_version_with_more_in_it() -> None:
    later = json.dumps({**json.loads(CALL.text()), "place": "one", "version": 2})
    assert LiveCall.parse(CALL_REF, later) == CALL


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_anything_else_is_an_empty_call(text: str) -> None:
    assert LiveCall.parse(CALL_REF, text).call_ref == CALL_REF


@pytest.mark.parametrize("name", ["agent", "facts", "at"])
def test_a_value_of_another_type_is_empty(name: str) -> None:
    broken = json.dumps({**json.loads(CALL.text()), name: [1]})
    assert not getattr(LiveCall.parse(CALL_REF, broken), name)
