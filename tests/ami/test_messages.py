"""What comes from Asterisk's manager: cut into messages, whatever the bytes are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.ami import AMIParser, Message
from click2dial_agi.ami.messages import MAX_FIELDS, MAX_LINE, MAX_MESSAGE
from click2dial_agi.exceptions import LimitExceeded

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
HELD = (
    b"Event: Hold\r\nPrivilege: call,all\r\nChannel: PJSIP/1000-00000001\r\n"
    b"CallerIDName: Jos\xe9: a \x00 name\r\nUniqueid: 1.2\r\n\r\n"
)

names = st.from_regex(r"[A-Za-z]{1,12}", fullmatch=True).filter(
    lambda name: name not in ("Variable", "ChanVariable")
)
values = st.text(st.characters(blacklist_characters="\r\n", blacklist_categories=["Cs"]))
messages = st.dictionaries(names, values, min_size=1, max_size=8)


def parsed(data: bytes) -> list[Message]:
    return AMIParser().receive_data(BANNER + data)


def test_an_event_of_asterisk() -> None:
    (event,) = parsed(HELD)
    assert event.event == "Hold"
    assert event.get("Channel") == "PJSIP/1000-00000001"
    assert event.get("CallerIDName") == "Jos\ufffd: a \x00 name"
    assert event.get("Nothing") == event.action_id == ""
    assert not event.succeeded


def test_the_banner_is_no_message() -> None:
    parser = AMIParser()
    assert parser.banner is None
    assert parser.receive_data(BANNER[:5]) == []
    assert parser.receive_data(BANNER[5:]) == []
    assert parser.banner == "Asterisk Call Manager/11.0.0"


def test_variables_are_by_their_names() -> None:
    (status,) = parsed(
        b"Event: Status\r\nVariable: C2D_1.2=acall_ref=x\r\nVariable: EVAL(${A=B})=c=d\r\n"
        b"ChanVariable(PJSIP/1-1): X=\r\nVariable: none\r\n\r\n"
    )
    assert status.variables == {"C2D_1.2": "acall_ref=x", "EVAL(${A": "B})=c=d", "X": ""}
    assert status.get("Variable") == "none"


def test_of_a_field_that_comes_twice_the_first_counts() -> None:
    (event,) = parsed(b"Event: Hangup\r\nCause: 16\r\nCause: 28\r\nnonsense\r\n\r\n\r\n\r\n")
    assert event.fields == {"Event": "Hangup", "Cause": "16"}


@given(st.lists(messages, max_size=6), st.data())
def test_wherever_the_bytes_are_cut(told: list[dict[str, str]], data: st.DataObject) -> None:
    text = "".join(
        "".join(f"{name}: {value}\r\n" for name, value in one.items()) + "\r\n" for one in told
    )
    rest, found, parser = BANNER + text.encode(), [], AMIParser()
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        found += parser.receive_data(rest[:size])
        rest = rest[size:]
    assert [dict(message.fields) for message in found] == told


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_any_bytes_make_messages_or_nothing(chunks: list[bytes]) -> None:
    parser = AMIParser()
    for chunk in chunks:
        for message in parser.receive_data(chunk):
            assert isinstance(message, Message)


@pytest.mark.parametrize(
    "data",
    [
        b"a" * (MAX_LINE + 1),
        b"a" * (MAX_LINE + 1) + b"\n",
        b"a: b\n" * (MAX_FIELDS + 1),
        b"a" * (MAX_LINE - 1) + b"\n" + (b"b" * (MAX_LINE - 1) + b"\n") * (MAX_MESSAGE // MAX_LINE),
    ],
    ids=["unended line", "line", "fields", "message"],
)
def test_too_much(data: bytes) -> None:
    with pytest.raises(LimitExceeded):
        parsed(data)


def test_messages_without_end_take_no_memory() -> None:
    parser = AMIParser()
    for _ in range(3 * MAX_FIELDS):
        assert len(parser.receive_data(b"banner\n" if parser.banner is None else HELD)) <= 1
