"""The state machine: the same events however the bytes were cut, and documented errors only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pystrix.agi import core

from click2dial_agi.agi import AGIConnection, Environment, Hangup, Reply, limits
from click2dial_agi.agi.connection import State
from click2dial_agi.exceptions import (
    LimitExceeded,
    MalformedEnvironment,
    MalformedReply,
    ProtocolError,
    SessionClosed,
    UnexpectedData,
)
from tests.agi.wire import environment

ENVIRONMENT = environment("outbound", "call_ref=x")
USAGE = (
    b"520-Invalid command syntax.  Proper usage follows:\n"
    b" Usage: NOOP [<text>]\n\n        Does nothing.\n"
    b"520 End of proper usage.\n"
)
# What Asterisk sends until it must wait for us: before the first command, then after each.
SESSION = (
    ENVIRONMENT + b"HANGUP\n",
    b"200 result=1 (hello)\n",
    b"HANGUP\n510 Invalid or unknown command\nHANGUP\n",
    b"511 Command Not Permitted on a dead channel or intercept routine\n",
    USAGE,
    b"520 Invalid command syntax.  Proper usage not available.\r\n",
)
EVENTS = [
    "outbound",
    "HANGUP",
    (200, "result=1 (hello)"),
    "HANGUP",
    (510, "Invalid or unknown command"),
    "HANGUP",
    (511, "Command Not Permitted on a dead channel or intercept routine"),
    (520, USAGE.decode()[4:-1]),
    (520, "Invalid command syntax.  Proper usage not available."),
]
Cut = Callable[[bytes], Iterable[bytes]]


def drain(connection: AGIConnection) -> list[object]:
    """Return the events that wait, in a form that compares."""
    events: list[object] = []
    while (event := connection.next_event()) is not None:
        match event:
            case Environment():
                events.append(event.script)
            case Reply():
                events.append(tuple(event))
            case Hangup():
                events.append("HANGUP")
    return events


def play(session: Sequence[bytes], cut: Cut) -> list[object]:
    """Return the events of a session, whose parts arrive in the pieces that ``cut`` makes."""
    connection = AGIConnection()
    events = []
    for number, part in enumerate(session):
        if number:
            assert connection.send(core.Noop()) == b"NOOP\n"
        for piece in cut(part):
            connection.receive_data(piece)
            events += drain(connection)
    assert connection.state is State.READY
    return events


def ready() -> AGIConnection:
    """Return a connection that has read its environment."""
    connection = AGIConnection()
    connection.receive_data(ENVIRONMENT)
    drain(connection)
    return connection


def waiting() -> AGIConnection:
    """Return a connection that has sent a command."""
    connection = ready()
    connection.send(core.Noop())
    return connection


def test_a_whole_session() -> None:
    assert play(SESSION, lambda part: [part]) == EVENTS


def test_a_session_byte_by_byte() -> None:
    assert play(SESSION, lambda part: [part[i : i + 1] for i in range(len(part))]) == EVENTS


@pytest.mark.parametrize("step", range(len(SESSION)))
def test_a_session_cut_in_two_at_every_position(step: int) -> None:
    for position in range(len(SESSION[step]) + 1):

        def cut(part: bytes, position: int = position) -> list[bytes]:
            return [part[:position], part[position:]] if part is SESSION[step] else [part]

        assert play(SESSION, cut) == EVENTS


reply_lines = st.sampled_from([*SESSION[1:], b"HANGUP\n200 result=0\n", b"200 result=\xff\n"])


@given(st.lists(reply_lines, max_size=6), st.data())
def test_a_random_session_gives_the_same_events_however_cut(
    replies: list[bytes], data: st.DataObject
) -> None:
    session = (ENVIRONMENT, *replies)

    def cut(part: bytes) -> list[bytes]:
        at = sorted(data.draw(st.lists(st.integers(0, len(part)), max_size=5)))
        return [part[i:j] for i, j in zip([0, *at], [*at, len(part)], strict=True)]

    assert play(session, cut) == play(session, lambda part: [part])


agi_like = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from(
            [b"HANGUP\n", b"200 result=0\n", b"520-x\n", b"\n", b"agi_x: 1\n", b"\r\n"]
        ),
    ),
    max_size=20,
)


@given(st.sampled_from([AGIConnection, ready, waiting]), agi_like)
def test_random_bytes_raise_protocol_errors_only(
    start: Callable[[], AGIConnection], pieces: list[bytes]
) -> None:
    connection = start()
    try:
        for piece in pieces:
            connection.receive_data(piece)
    except ProtocolError:
        assert connection.state is State.CLOSED
    drain(connection)


@given(st.binary(max_size=200), st.integers(0, 200))
def test_random_bytes_end_the_same_way_however_cut(junk: bytes, position: int) -> None:
    def outcome(*pieces: bytes) -> tuple[list[object], type[ProtocolError] | None]:
        connection = waiting()
        try:
            for piece in pieces:
                connection.receive_data(piece)
        except ProtocolError as error:
            return drain(connection), type(error)
        return drain(connection), None

    assert outcome(junk) == outcome(junk[:position], junk[position:])


def test_a_hangup_does_not_end_the_session() -> None:
    connection = ready()
    connection.receive_data(b"HANGUP\n")
    assert drain(connection) == ["HANGUP"]
    connection.send(core.Noop())
    connection.receive_data(b"200 result=0\n")
    assert drain(connection) == [(200, "result=0")]


@pytest.mark.parametrize("position", [0, *(i + 1 for i in range(len(USAGE)) if USAGE[i] == 10)])
def test_a_hangup_may_come_between_any_two_lines(position: int) -> None:
    connection = waiting()
    connection.receive_data(USAGE[:position] + b"HANGUP\n" + USAGE[position:])
    reply = EVENTS[7]
    assert drain(connection) == (["HANGUP", reply] if position < len(USAGE) else [reply, "HANGUP"])


@pytest.mark.parametrize("length", range(0, len(ENVIRONMENT) + 1, 7))
def test_the_end_may_come_anywhere_in_the_environment(length: int) -> None:
    connection = AGIConnection()
    connection.receive_data(ENVIRONMENT[:length])
    connection.receive_eof()
    assert_closed(connection)


@pytest.mark.parametrize("length", range(len(USAGE) + 1))
def test_the_end_may_come_anywhere_in_a_reply(length: int) -> None:
    connection = waiting()
    connection.receive_data(USAGE[:length])
    connection.receive_eof()
    assert drain(connection) == ([EVENTS[7]] if length == len(USAGE) else [])
    assert_closed(connection)


def assert_closed(connection: AGIConnection) -> None:
    assert connection.state is State.CLOSED
    with pytest.raises(SessionClosed, match="the AGI session is closed"):
        connection.send(core.Noop())
    connection.receive_data(b"200 result=0\n" + ENVIRONMENT)
    connection.receive_eof()
    assert connection.next_event() is None


def test_after_broken_bytes_nothing_is_read_or_sent() -> None:
    connection = waiting()
    with pytest.raises(MalformedReply):
        connection.receive_data(b"HTTP/1.1 200 OK\n200 result=0\n")
    assert_closed(connection)


def test_what_came_before_broken_bytes_is_not_lost() -> None:
    connection = AGIConnection()
    with pytest.raises(UnexpectedData, match="a line although no command was sent: '200 x'"):
        connection.receive_data(ENVIRONMENT + b"200 x\n")
    assert drain(connection) == ["outbound"]


def test_a_second_reply_to_one_command_is_refused() -> None:
    connection = waiting()
    with pytest.raises(UnexpectedData):
        connection.receive_data(b"200 result=0\n200 result=0\n")
    assert drain(connection) == [(200, "result=0")]


@pytest.mark.parametrize(("start", "state"), [(AGIConnection, "ENVIRONMENT"), (waiting, "WAITING")])
def test_a_command_out_of_turn_is_a_programming_error(
    start: Callable[[], AGIConnection], state: str
) -> None:
    with pytest.raises(RuntimeError, match=state):
        start().send(core.Noop())


def environment_of(size: int) -> bytes:
    """Return a block of ``size`` bytes, not counting the two newlines at its end."""
    block = b"agi_network: yes\nagi_arg_1: "
    return block + b"x" * (size - len(block)) + b"\n\n"


def reply_of(size: int) -> bytes:
    return b"200 result=1 (" + b"x" * (size - 15) + b")\n"


def usage_of(size: int) -> bytes:
    return b"520-Usage\n" + b"x\n" * (size - 2) + b"520 End of proper usage.\n"


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "byte by byte"])
@pytest.mark.parametrize(
    ("start", "make", "limit", "what"),
    [
        (AGIConnection, environment_of, limits.MAX_ENVIRONMENT, "bytes of the AGI environment"),
        (waiting, reply_of, limits.MAX_LINE, "bytes in a line"),
        (waiting, usage_of, limits.MAX_USAGE_LINES, "lines of a usage text"),
    ],
)
def test_a_limit_may_be_reached_and_not_passed(
    start: Callable[[], AGIConnection],
    make: Callable[[int], bytes],
    limit: int,
    what: str,
    whole: bool,
) -> None:
    def feed(data: bytes) -> AGIConnection:
        connection = start()
        for piece in [data] if whole else [data[i : i + 1] for i in range(len(data))]:
            connection.receive_data(piece)
        return connection

    assert len(drain(feed(make(limit)))) == 1
    with pytest.raises(LimitExceeded) as raised:
        feed(make(limit + 1))
    assert (raised.value.what, raised.value.limit) == (what, limit)


@pytest.mark.parametrize(
    ("start", "limit"),
    [(AGIConnection, limits.MAX_ENVIRONMENT), (ready, limits.MAX_LINE), (waiting, limits.MAX_LINE)],
)
def test_a_peer_that_never_ends_its_line_is_cut_off(
    start: Callable[[], AGIConnection], limit: int
) -> None:
    connection = start()
    for _ in range(limit // 1024):
        connection.receive_data(b"x" * 1024)
    with pytest.raises(LimitExceeded):
        connection.receive_data(b"xx")


def test_a_web_browser_is_no_asterisk() -> None:
    with pytest.raises(MalformedEnvironment, match="GET / HTTP"):
        AGIConnection().receive_data(b"GET / HTTP/1.1\nHost: x\n\n")
