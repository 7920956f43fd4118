"""Bytes that mean something to a dialplan, a shell or AGI are data here, and mostly refused."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote_from_bytes

import pytest

from sandbox.rawsip import raw_invite
from sandbox.result import CallResult
from sandbox.server import Server
from tests.e2e.calls.desk import Desk
from tests.e2e.records import expect

DIALLED = "0820000100"
OUTBOUND_LINE = b"X-Teleforge-Outbound-ID: 27820001234\r\n"

#: Stands for a path at which Asterisk may write; a test fails when a file is there.
TARGET = b"TARGET"

HOSTILE = [
    *(b"a,b", b'"', b'a"b"c', b"'", b"a'b;--", b"`touch TARGET`", b"$(touch TARGET)", b"|", b"a|b"),
    *(b"${SHELL(touch TARGET)}", b"${EXTEN}", b"${", b"${x", b"$", b"$[1+1]", b"$[", b"}", b"]"),
    *(b"a&b", b"a;b", b"\\", b"a\\", b"\\x29", b"a(b", b"a)b", b"abc):0:3", b"abc)}:0:3", b"[x]"),
    *(b"abc)})${SHELL(touch TARGET)}", b"x)}${SHELL(touch TARGET)}${URIENCODE(${LEN(y", b"{x}"),
    *(b"C2D_VERDICT=dial", b"x,C2D_VERDICT=dial", b"x&refused=", b"x&call_ref=y", b"#include x"),
    *(b"%", b"%41", b"%0a", b"%00", b"%n%s", b"\xff\xfe", b"\xc3(", b"\x01\x02\x7f", b"\x0b\x85"),
    *(b"^", b"!", b"<x>", b"a=b", b"a:b", b"a\tb", b"@", b"/n", b")" * 700, b"%" * 1400),
    *(b"\xff" * 1400, "\u200babc".encode(), "\uff10\uff18".encode(), b"abc\r\n def"),
]


@pytest.fixture
def untouched(desk: Desk) -> Iterator[bytes]:
    """The path that attacks try to write; there must be no file in the end."""
    yield f"{desk.pbx.spool_inside}/touched".encode()
    assert [path.name for path in desk.pbx.spool.iterdir()] == []


def refused(result: CallResult) -> None:
    assert (result.status, result.reason) == (484, "Q.850;cause=28")


def name(value: bytes) -> str:
    """Return a short name for a test."""
    return ascii(value[:24])[2:-1]


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("value", HOSTILE, ids=name)
def test_contact_ref(desk: Desk, untouched: bytes, value: bytes) -> None:
    line = b"X-Teleforge-Contact-Ref: %b\r\n" % value.replace(TARGET, untouched)
    result = raw_invite(desk.pbx, callee=DIALLED.encode(), lines=OUTBOUND_LINE + line)
    refused(result)
    record = desk.crm.pop()
    expect(record, result, number=DIALLED, contact_ref="", end_reason="error", end_code=28)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(
    "value",
    [*HOSTILE, b"27820001234)}:0:3", b"27820001234)", b"27820001234 ,x", b"tvc_${SHELL(id)}"],
    ids=name,
)
def test_outbound_id(desk: Desk, untouched: bytes, value: bytes) -> None:
    line = b"X-Platforma-Outbound-ID: %b\r\n" % value.replace(TARGET, untouched)
    result = raw_invite(desk.pbx, callee=DIALLED.encode(), lines=line)
    refused(result)
    record = desk.crm.pop()
    expect(record, result, number=DIALLED, dial_number="", end_reason="error", end_code=28)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(
    "callee",
    [
        *(b"0820000100%0d%0aX", b"0820000100%0a", b"%300820000100", b"0820000100%20", b"a%2Cb"),
        *(
            "\uff10\uff18\uff12\uff10".encode(),
            "0820000100\uff10".encode(),
            "\u0660\u0668".encode(),
            b"\xc2\xa0",
        ),
        *(b"5", b"*", b"+", b"+27820000100", b"1" * 80, b"0820000100" * 30, b"0820000100,1"),
        *(b"x", b"s", b"Z", b",", b"%5D", b"%20", b"%09", b"-", b"--", b"5-", b"%00", b"%C3%A9"),
        *(b"1%20201", b"%201%20201", b"0%C2%A082", b"%E2%80%AA+2782", b"%F0%9F%98%80", b"%80x"),
        *(b"0%0982", b"0%7F", b"0%FF", b"%0A%0A", b"fax", b"failed", b"*97", b"1-9-9"),
        *(
            b"_%5B0-9*%23%5DX",
            b"_%5B0-9*%23%5DXXX",
            b"_%5B_%5D.",
            b"_%5B%09-~%C3%80-%F0%9F%98%80%5D.",
        ),
        *(b'""', b"${SHELL(touch TARGET)}", b"${EXTEN}", b"0820000100&PJSIP/1001", b"_X.", b"_."),
        *(b"0820000100)", b"))", b"0820000100\\", b"0820000100@evil", b"//", b"hh", b"0820000100|"),
    ],
    ids=name,
)
def test_callee(desk: Desk, untouched: bytes, callee: bytes) -> None:
    """Percent-encoded in the request URI, where a phone can put any byte."""
    encoded = quote_from_bytes(callee.replace(TARGET, untouched), safe="%$&+,*").encode()
    result = raw_invite(desk.pbx, callee=encoded, lines=OUTBOUND_LINE)
    refused(result)
    expect(desk.crm.pop(), result, number="", end_reason="error", end_code=28)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(
    "callee", [*(bytes([name]) for name in b"aehiotT"), b"h-", b"%7F", b"%FF%FE", b"%08x"]
)
def test_callee_that_is_the_dialplans_own(desk: Desk, callee: bytes) -> None:
    """There is no such extension: Asterisk refuses it before the product hears of it.

    Names that it looks for by itself, alone, and what begins with a byte that begins no text
    (docs/numbers.md).
    """
    processed = desk.pbx.cli("core show calls")
    result = raw_invite(desk.pbx, callee=callee, lines=OUTBOUND_LINE)
    assert result.status in (404, 484)
    assert result.reason is None
    assert desk.pbx.cli("core show calls") == processed
    assert desk.crm.waiting() == 0


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("user", [None, b"-"])
def test_nobody_is_called(desk: Desk, user: bytes | None) -> None:
    """A request URI without a user, and one of which Asterisk leaves nothing."""
    result = raw_invite(desk.pbx, callee=user, lines=OUTBOUND_LINE)
    refused(result)
    expect(desk.crm.pop(), result, number="", end_reason="error", end_code=28)


@pytest.mark.usefixtures("quiet", "untouched")
@pytest.mark.parametrize(
    "callee", [b"%30%38%32%30%30%30%30%31%30%30", b"0820000100:password", b"0820000100%00"]
)
def test_other_spellings_of_a_number(desk: Desk, callee: bytes) -> None:
    """For SIP these are the number; a NUL ends it."""
    result = raw_invite(desk.pbx, callee=callee, lines=OUTBOUND_LINE)
    expect(desk.crm.pop(), result, number=DIALLED, end_reason="hungup", end_code=16)


@pytest.mark.usefixtures("quiet", "untouched")
@pytest.mark.parametrize("value", [b"  ab", b" ab  ", b"\tab"])
def test_white_space_around_a_value(desk: Desk, value: bytes) -> None:
    line = b"X-Teleforge-Contact-Ref:%b\r\n" % value
    result = raw_invite(desk.pbx, callee=DIALLED.encode(), lines=OUTBOUND_LINE + line)
    record = desk.crm.pop()
    expect(record, result, number=DIALLED, contact_ref="ab", end_reason="hungup", end_code=16)


@pytest.mark.usefixtures("quiet", "untouched")
def test_header_sent_twice(desk: Desk) -> None:
    """The first counts."""
    more = b"X-Teleforge-Outbound-ID: 27820005678\r\n"
    result = raw_invite(desk.pbx, callee=DIALLED.encode(), lines=OUTBOUND_LINE + more)
    expect(desk.crm.pop(), result, number=DIALLED, end_reason="hungup", end_code=16)


@pytest.mark.usefixtures("quiet", "untouched")
def test_all_headers_as_large_as_they_get(desk: Desk) -> None:
    """Encoded they are three times as long, and must still pass the dialplan's buffers."""
    names = (
        *(b"Teleforge-Outbound-ID", b"Teleforge-Contact-Ref", b"Platforma-Outbound-ID"),
        *(b"Platforma-Contact-Ref", b"Platforma-Call-Ref"),
    )
    lines = b"".join(b"X-%b: %b\r\n" % (one, b"\xff" * 3900) for one in names)
    result = raw_invite(desk.pbx, callee=b"0820000100" * 8, lines=lines)
    refused(result)
    expect(
        desk.crm.pop(),
        result,
        number="",
        dial_number="",
        contact_ref="",
        end_reason="error",
        end_code=28,
    )


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("size", [4200, 5000])
def test_header_beyond_asterisks_buffer(desk: Desk, size: int) -> None:
    """Asterisk reads a line of more than 4 KB as empty, and says so in its log; we do not."""
    before = len(desk.pbx.log())
    line = b"X-Teleforge-Contact-Ref: %b\r\n" % (b"x" * size)
    result = raw_invite(desk.pbx, callee=DIALLED.encode(), lines=OUTBOUND_LINE + line)
    assert "Not enough buffer space in pjsip_hdr_print_on" in desk.pbx.log()[before:]
    refused(result)
    record = desk.crm.pop()
    expect(record, result, number=DIALLED, contact_ref="", end_reason="error", end_code=28)


# The lines with which AGI would open for 1001, in one that Asterisk writes for somebody else.
FORGED = quote_from_bytes(
    b"x\nagi_arg_1: call_ref=00000000-0000-0000-0000-000000000000&dialed_at=1"
    b"&channel=PJSIP/1001-0&integrator=acme&extension=1001&number=0820000100"
    b"&dial_number=27820006666&contact_ref=forged&call_dir=outbound&dialstatus=ANSWER"
    b"&hangup_cause=16&ended_at=2\n",
    safe="",
).encode()


@pytest.mark.usefixtures("quiet", "untouched")
@pytest.mark.parametrize(
    ("agent", "lines", "update"),
    [
        ("1000", b"Diversion: <sip:%b@x>\r\n" % FORGED, b""),
        ("1198", b"P-Asserted-Identity: <sip:%b@x>\r\n" % FORGED, b""),
        ("1198", b"Remote-Party-ID: <sip:%b@x>\r\n" % FORGED, b""),
        ("1198", b"", b"P-Asserted-Identity: <sip:%b@x>\r\n" % FORGED),
    ],
    ids=["who diverted", "who calls", "who calls, the old way", "who calls, during the call"],
)
def test_forged_lines_of_agi(
    desk: Desk, server: Server, agent: str, lines: bytes, update: bytes
) -> None:
    """Whether the server reads them as an opening of their own is a race, so try it often."""
    before = len(server.log())
    for _ in range(10):
        result = raw_invite(
            desk.pbx,
            agent=agent.encode(),
            callee=DIALLED.encode(),
            lines=OUTBOUND_LINE + lines,
            update=update,
        )
        record = desk.crm.pop()
        expect(record, result, number=DIALLED, extension=agent, end_reason="hungup", end_code=16)
    assert " WARNING " not in server.log()[before:]
