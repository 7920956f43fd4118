"""Replies: what Asterisk answers, read as pystrix's actions expect it."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pystrix.agi import core

from click2dial_agi.agi import Reply, result_of
from click2dial_agi.agi.commands import Action
from click2dial_agi.agi.replies import ResultItem
from click2dial_agi.exceptions import (
    ApplicationFailed,
    CommandRejected,
    DeadChannel,
    InvalidCommand,
    MalformedReply,
    UsageError,
)


@pytest.mark.parametrize(
    ("line", "items"),
    [
        ("200 result=0", {"result": ResultItem("0", "")}),
        ("200 result=1 (ANSWER)", {"result": ResultItem("1", "ANSWER")}),
        ("200 result=1 ()", {"result": ResultItem("1", "")}),
        ("200 result=1 (a (b) c)", {"result": ResultItem("1", "a (b) c")}),
        (
            "200 result=-1 endpos=80",
            {"result": ResultItem("-1", ""), "endpos": ResultItem("80", "")},
        ),
        ("200 result=", {"result": ResultItem("", "")}),
    ],
)
def test_a_result_is_read(line: str, items: dict[str, ResultItem]) -> None:
    reply = Reply.parse(line)
    reply.raise_for_code()
    assert reply.code == 200
    assert reply.items == items


@pytest.mark.parametrize(
    ("action", "line", "result"),
    [
        (core.GetVariable("X"), "200 result=1 (hello)", "hello"),
        (core.GetVariable("X"), "200 result=0", None),
        (core.Exec("MSet", ["A=1"]), "200 result=0", "0"),
        (core.ChannelStatus(), "200 result=6", core.CHANNEL_UP),
    ],
)
def test_pystrix_actions_read_our_replies(action: Action, line: str, result: object) -> None:
    assert action.process_response(Reply.parse(line)) == result


@pytest.mark.parametrize(
    ("line", "error", "message"),
    [
        ("510 Invalid or unknown command", InvalidCommand, "510 Invalid or unknown command"),
        (
            "511 Command Not Permitted on a dead channel or intercept routine",
            DeadChannel,
            "511 Command Not Permitted on a dead channel or intercept routine",
        ),
        ("520 Invalid command syntax.", UsageError, "520 Invalid command syntax."),
        (
            "520-Usage:\n520 End of proper usage.",
            UsageError,
            "520 Usage:\n520 End of proper usage.",
        ),
        ("500 Whatever comes", CommandRejected, "500 Whatever comes"),
        ("100 ", CommandRejected, "100 "),
    ],
)
def test_a_refused_command_raises_what_its_code_means(
    line: str, error: type[CommandRejected], message: str
) -> None:
    with pytest.raises(error) as raised:
        Reply.parse(line).raise_for_code()
    assert type(raised.value) is error
    assert str(raised.value) == message
    assert (raised.value.code, raised.value.text) == (int(line[:3]), line[4:])


@pytest.mark.parametrize(
    "line", ["", "200", "20 x", "2000 x", "hello", " 200 x", "٢٠٠ result=0", "HANGUP ", "-1 x"]
)
def test_anything_else_is_no_reply(line: str) -> None:
    with pytest.raises(MalformedReply, match="not an AGI reply"):
        Reply.parse(line)


def test_the_error_shows_the_start_of_the_line_only() -> None:
    with pytest.raises(MalformedReply) as raised:
        Reply.parse("x" * 1000)
    assert raised.value.line == "x" * 80


@given(st.text())
def test_any_text_is_a_reply_or_malformed(line: str) -> None:
    try:
        reply = Reply.parse(line)
    except MalformedReply:
        return
    assert reply.items is not None


@pytest.mark.case("K3")
def test_an_application_that_asterisk_lacks_is_an_error_of_ours() -> None:
    with pytest.raises(ApplicationFailed) as raised:
        result_of(core.Exec("MSet", ["A=1"]), Reply.parse("200 result=-2"))
    assert str(raised.value) == "200 result=-2"


@pytest.mark.case("K3")
@given(text=st.text())
def test_any_result_is_read_or_an_error_of_ours(text: str) -> None:
    for action in (core.Exec("MSet", ["A=1"]), core.GetFullVariable("X")):
        with suppress(CommandRejected):
            result_of(action, Reply.parse(f"200 result={text}"))
