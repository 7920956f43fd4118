"""What goes to Asterisk's manager: one action, whatever the values are."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.ami import login_key, serialize_action
from click2dial_agi.ami.actions import MAX_FIELDS, MAX_LINE
from click2dial_agi.exceptions import UnsafeCommand


def test_an_action() -> None:
    assert serialize_action("Hangup", "7", {"Channel": "PJSIP/1-1", "Cause": "16"}) == (
        b"Action: Hangup\r\nActionID: 7\r\nChannel: PJSIP/1-1\r\nCause: 16\r\n\r\n"
    )


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_value_is_one_line_or_refused(name: str, value: str) -> None:
    try:
        data = serialize_action("Ping", "1", {name: value})
    except UnsafeCommand:
        assert re.search(r"[\r\n\0]", value) or not re.fullmatch(r"[A-Za-z0-9-]{1,64}", name)
    else:
        assert data.count(b"\r\n") == 4 if name not in ("Action", "ActionID") else 3
        assert data.count(b"\n") == data.count(b"\r")
        assert data.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("value", ["x\r\nAction: Command", "x\nX: y", "x\r", "\0"])
def test_a_line_break_begins_no_action_of_its_own(value: str) -> None:
    for name, fields in (("Ping", {"Channel": value}), (value, {})):
        with pytest.raises(UnsafeCommand, match="a line break"):
            serialize_action(name, "1", fields)
    with pytest.raises(UnsafeCommand, match="name of an action's field"):
        serialize_action("Ping", "1", {value: "x"})


def test_what_asterisk_would_cut() -> None:
    with pytest.raises(UnsafeCommand, match="at most 1000 bytes"):
        serialize_action("Setvar", "1", {"Value": "x" * MAX_LINE})
    with pytest.raises(UnsafeCommand, match="at most 128 fields"):
        serialize_action("Setvar", "1", {f"A{n}": "" for n in range(MAX_FIELDS)})


def test_the_key_of_a_login() -> None:
    """As `printf 840415273secret | md5sum` says."""
    assert login_key("840415273", "secret") == "81c3ab5534a432bec402f6d988ee45b4"
