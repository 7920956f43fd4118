"""What comes from Asterisk's manager: cut into messages, whatever the bytes are."""

from __future__ import annotations

import pytest
from hypothesis import example, given
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
values = st.text(st.characters(blacklist_categories=["Cs"])).filter(lambda text: "\r\n" not in text)
answers = st.dictionaries(names, values, max_size=8).map(lambda more: {"Response": "x"} | more)


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
        b"Event: Status\r\nPrivilege: Call\r\n"
        b"Variable: C2D_1.2=acall_ref=x\r\nVariable: EVAL(${A=B})=c=d\r\n"
        b"ChanVariable(PJSIP/1-1): X=\r\nVariable: none\r\n\r\n"
    )
    assert status.variables == {"C2D_1.2": "acall_ref=x", "EVAL(${A": "B})=c=d", "X": ""}
    assert status.get("Variable") == "none"


def test_of_a_field_that_comes_twice_the_first_counts() -> None:
    (answer,) = parsed(b"Response: Error\r\nCause: 16\r\nCause: 28\r\nnonsense\r\n\r\n\r\n\r\n")
    assert answer.fields == {"Response": "Error", "Cause": "16"}


HANGUP = (
    b"Event: Hangup\r\nPrivilege: call,all\r\nContext: click2dial\r\n"
    b"Exten: %b\r\nPriority: 16\r\n\r\n"
)
FORGED = b"Event: DeviceStateChange\nPrivilege: call,all\nDevice: PJSIP/1000\nState: UNAVAILABLE"


@given(st.binary(max_size=80).filter(lambda text: b"\r\n" not in text and text[-1:] != b"\r"))
@example(b"1\n\n" + FORGED + b"\n\n")
@example(b"1\r\r" + FORGED.replace(b"\n", b"\r") + b"\r\rx")
def test_a_text_that_a_phone_wrote_stays_in_its_field(text: bytes) -> None:
    (event,) = parsed(HANGUP % text)
    assert list(event.fields) == ["Event", "Privilege", "Context", "Exten", "Priority"]
    assert event.get("Exten") == text.decode("utf-8", "replace")


@pytest.mark.parametrize(
    "forged",
    [
        b"Device: PJSIP/1000\r\nEvent: DeviceStateChange\r\nPrivilege: call,all",
        b"Event: DeviceStateChange\r\nDevice: PJSIP/1000\r\nPrivilege: call,all",
        b"Event: DeviceStateChange",
        b"ActionID: 1\r\nResponse: Success",
    ],
)
def test_what_does_not_begin_as_asterisks_do_is_no_message(forged: bytes) -> None:
    found = parsed(HANGUP % (b"1\r\n\r\n" + forged + b"\r\n\r\n"))
    assert [one.event for one in found] == ["Hangup"]


def test_an_event_of_a_list_begins_otherwise() -> None:
    (event,) = parsed(b"Event: QueueMember\r\nQueue: sales\r\nActionID: 7\r\n\r\n")
    assert (event.event, event.action_id) == ("QueueMember", "7")


@given(st.lists(answers, max_size=6), st.data())
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
        b"a" * (MAX_LINE + 1) + b"\r\n",
        b"a: b\r\n" * (MAX_FIELDS + 1),
        (b"b" * (MAX_LINE - 1) + b"\r\n") * (MAX_MESSAGE // MAX_LINE + 1),
    ],
    ids=["unended line", "line", "fields", "message"],
)
def test_too_much(data: bytes) -> None:
    with pytest.raises(LimitExceeded):
        parsed(data)


def test_messages_without_end_take_no_memory() -> None:
    parser = AMIParser()
    for _ in range(3 * MAX_FIELDS):
        assert len(parser.receive_data(BANNER if parser.banner is None else HELD)) <= 1
