"""The block with which Asterisk opens a session."""

from __future__ import annotations

import pytest

from click2dial_agi.agi import Environment
from click2dial_agi.exceptions import LimitExceeded, MalformedEnvironment
from tests.agi.wire import environment


def parse(block: bytes) -> Environment:
    return Environment.parse(block.removesuffix(b"\n\n"))


def test_a_real_block_is_read() -> None:
    read = parse(environment("outbound", "a=1&b=2", "second"))
    assert read.script == "outbound"
    assert read.channel == "PJSIP/1000-00000001"
    assert read.variables["agi_uniqueid"] == "1700000000.1"
    assert [read.argument(number) for number in (1, 2, 3)] == ["a=1&b=2", "second", ""]


@pytest.mark.parametrize(
    ("asked", "script"),
    [("outbound", "outbound"), ("/outbound", "outbound"), ("//a/b", "a/b"), ("", "")],
)
def test_the_script_has_no_slash_at_its_start(asked: str, script: str) -> None:
    assert parse(environment(asked)).script == script


def test_what_asterisk_did_not_send_is_empty() -> None:
    read = Environment.parse(b"agi_network: yes")
    assert (read.script, read.channel, read.argument(1)) == ("", "", "")


def test_a_value_may_hold_colons_and_be_empty() -> None:
    read = parse(environment(request="agi://h:1/x", accountcode=""))
    assert read.variables["agi_request"] == "agi://h:1/x"
    assert read.variables["agi_accountcode"] == ""


def test_a_callers_name_of_any_bytes_does_no_harm() -> None:
    block = environment(calleridname="NAME").replace(b"NAME", b"Zo\xeb \xff\xfe")
    assert parse(block).variables["agi_calleridname"] == "Zo\ufffd \ufffd\ufffd"


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"hello",
        b"agi_network yes",
        b"AGI_network: yes",
        b" agi_network: yes",
        b"a\nagi_x: 1",
        b"agi_x: 1\nnot_agi: 2",
        b"agi_x: 1\n",
        b"GET / HTTP/1.1",
        b"\x16\x03\x01\x02",
    ],
)
def test_anything_else_is_not_an_environment(block: bytes) -> None:
    with pytest.raises(MalformedEnvironment, match="not an AGI environment line"):
        Environment.parse(block)


def test_a_forged_line_is_refused() -> None:
    forged = environment(calleridname="x\nagi_network_script: other")
    with pytest.raises(MalformedEnvironment, match="comes twice"):
        parse(forged)


def test_the_number_of_lines_is_limited() -> None:
    lines = [f"agi_arg_{number}: x".encode() for number in range(161)]
    assert len(Environment.parse(b"\n".join(lines[:160])).variables) == 160
    with pytest.raises(
        LimitExceeded, match="lines of the AGI environment exceeds the limit of 160"
    ):
        Environment.parse(b"\n".join(lines))
