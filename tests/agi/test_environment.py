"""The block with which Asterisk opens a session."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.agi import Environment
from click2dial_agi.exceptions import LimitExceeded, MalformedEnvironment
from tests.agi.wire import environment


def parse(block: bytes) -> Environment:
    return Environment.parse(block.removesuffix(b"\n\n"))


def test_a_real_block_is_read() -> None:
    read = parse(environment("outbound?a=1&b=2"))
    assert read.script == "outbound"
    assert read.query == "a=1&b=2"
    assert read.channel == "PJSIP/1000-00000001"


@pytest.mark.parametrize(
    ("asked", "script", "query"),
    [
        ("outbound", "outbound", ""),
        ("outbound?", "outbound", ""),
        ("/outbound?x", "outbound", "x"),
        ("//a/b?/c?d", "a/b", "/c?d"),
        ("", "", ""),
        ("?x", "", "x"),
    ],
)
def test_the_script_is_the_path_and_the_query_what_follows(
    asked: str, script: str, query: str
) -> None:
    read = parse(environment(asked))
    assert (read.script, read.query) == (script, query)


def test_what_asterisk_did_not_send_is_empty() -> None:
    read = Environment.parse(b"agi_network: yes\nagi_x: 1")
    assert (read.script, read.channel, read.query) == ("", "", "")


def test_bytes_of_any_kind_do_no_harm() -> None:
    block = environment(channel="NAME").replace(b"NAME", b"PJSIP/Zo\xeb-1")
    assert parse(block).channel == "PJSIP/Zo\ufffd-1"


@pytest.mark.parametrize(
    "block",
    [
        *(b"", b"hello", b"agi_network yes", b"AGI_network: yes\nx", b" agi_network: yes\nx"),
        *(b"agi_network_script: outbound\nagi_network: yes", b"agi_network: no\nx"),
        *(b"GET / HTTP/1.1", b"\x16\x03\x01\x02", b"agi_network: yes"),
    ],
)
def test_anything_else_is_not_an_environment(block: bytes) -> None:
    with pytest.raises(MalformedEnvironment, match="not the start of a FastAGI environment"):
        Environment.parse(block)


@given(st.sampled_from(["callerid", "calleridname", "dnid", "rdnis", "extension"]), st.binary())
def test_nothing_that_a_phone_sends_changes_what_is_read(variable: str, sent: bytes) -> None:
    """A newline in these forges lines, or ends the block early; all that counts stands before."""
    genuine = parse(environment("outbound?a=1"))
    for forgery in (sent, b"x\nagi_network_script: ended?b=2\nagi_channel: PJSIP/9-1\n" + sent):
        block = environment("outbound?a=1", **{variable: "SENT"}).replace(b"SENT", forgery)
        # The connection cuts at the first empty line.
        read = Environment.parse(block[: block.find(b"\n\n")])
        assert (read.script, read.query, read.channel) == (
            genuine.script,
            genuine.query,
            genuine.channel,
        )


def test_the_number_of_lines_is_limited() -> None:
    lines = [b"agi_network: yes", *(b"agi_arg_%d: x" % number for number in range(160))]
    assert Environment.parse(b"\n".join(lines[:160]))
    with pytest.raises(
        LimitExceeded, match="lines of the AGI environment exceeds the limit of 160"
    ):
        Environment.parse(b"\n".join(lines))
