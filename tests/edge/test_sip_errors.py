"""Which SIP message gets the error headers, and that nothing else of it changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.domain.sip_errors import FinalError, add_headers, read_final_error

# As Asterisk 22 wrote it, but for the addresses.
REFUSAL = (
    b"SIP/2.0 484 Address Incomplete\r\n"
    b"Via: SIP/2.0/WS 192.0.2.7:51324;rport=51324;received=192.0.2.7;branch=z9hG4bK7\r\n"
    b"Call-ID: 3bb1c2a5@phone.example\r\n"
    b"From: <sip:1000@192.0.2.1>;tag=1\r\n"
    b"To: <sip:12@192.0.2.1>;tag=2\r\n"
    b"CSeq: 7 INVITE\r\n"
    b"Server: Asterisk PBX 22\r\n"
    b"Reason: Q.850;cause=28\r\n"
    b"Content-Length:  0\r\n"
    b"\r\n"
)
FOUND = FinalError(484, "3bb1c2a5@phone.example", "2")
HEADERS = [("X-Teleforge-Error", "callee: wrong"), ("X-Teleforge-Error", "contact_ref: wrong")]
LINES = b"X-Teleforge-Error: callee: wrong\r\nX-Teleforge-Error: contact_ref: wrong\r\n"


def test_each_error_is_a_line_before_content_length() -> None:
    assert read_final_error(REFUSAL) == FOUND
    assert add_headers(REFUSAL, HEADERS) == REFUSAL.replace(
        b"Content-Length:", LINES + b"Content-Length:"
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Call-ID: ", b"i:"),
        (b"Call-ID: ", b"I \t: \t"),
        (b"Call-ID: ", b"CALL-ID:"),
        (b"Call-ID: ", b"call-id:\r\n "),
        (b"phone.example\r\n", b"phone.example  \r\n"),
        (b"CSeq: 7 INVITE", b"cseq :\r\n\t7\r\n INVITE \t"),
        (b"Content-Length:  0\r\n", b""),
        (b"SIP/2.0 484 Address Incomplete", b"SIP/2.0 484 "),
        (b"\r\n\r\n", b"\r\n\r\nbody\r\n\r\nContent-Length: 9\r\nCall-ID: other\r\n"),
    ],
)
def test_forms_that_rfc_3261_allows(old: bytes, new: bytes) -> None:
    assert read_final_error(REFUSAL.replace(old, new)) == FOUND


@pytest.mark.parametrize(
    ("name", "lines"),
    [(b"l", b"Reason: Q.850;cause=28\r\n"), (b"CONTENT-LENGTH ", b"Reason: Q.850;cause=28\r\n")],
)
def test_content_length_in_its_other_forms(name: bytes, lines: bytes) -> None:
    message = REFUSAL.replace(b"Content-Length", name)
    assert add_headers(message, HEADERS) == message.replace(lines, lines + LINES)


def test_without_content_length_the_lines_come_last() -> None:
    message = REFUSAL.replace(b"Content-Length:  0\r\n", b"") + b"Content-Length: 4 in a body"
    head, _, body = message.partition(b"\r\n\r\n")
    assert add_headers(message, HEADERS) == head + b"\r\n" + LINES + b"\r\n" + body


@pytest.mark.parametrize("status", [300, 401, 484, 603, 699])
def test_every_final_error_counts(status: int) -> None:
    message = REFUSAL.replace(b"484", b"%d" % status)
    assert read_final_error(message) == FOUND._replace(status=status)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"SIP/2.0 484", b"SIP/2.0 100"),
        (b"SIP/2.0 484", b"SIP/2.0 200"),
        (b"SIP/2.0 484", b"SIP/2.0 700"),
        (b"SIP/2.0 484", b"SIP/2.0 4840"),
        (b"SIP/2.0 484", b"SIP/3.0 484"),
        (b"SIP/2.0 484", b"INVITE sip:1 SIP/2.0\r\nX: SIP/2.0 484"),
        (b"7 INVITE", b"7 REGISTER"),
        (b"7 INVITE", b"7 INVITED"),
        (b"7 INVITE", b"INVITE"),
        (b"CSeq", b"X-CSeq"),
        (b"Call-ID", b"X-Call-ID"),
        (b"\r\n\r\n", b"\r\n"),
        (b"\r\nCSeq: 7 INVITE", b"\r\n\r\nCSeq: 7 INVITE"),
    ],
)
def test_everything_else_is_left_alone(old: bytes, new: bytes) -> None:
    assert read_final_error(REFUSAL.replace(old, new)) is None


def test_a_value_cannot_add_a_line() -> None:
    message = add_headers(REFUSAL, [("X-Teleforge-Error", "callee\r\nVia: evil\x00\x7f")])
    assert b"X-Teleforge-Error: callee  Via: evil  \r\n" in message


def test_a_call_id_that_is_not_utf8_reads_as_agi_reads_it() -> None:
    found = read_final_error(REFUSAL.replace(b"3bb1", b"\xff\xe2\x82"))
    assert found is not None
    assert found.call_id == b"\xff\xe2\x82c2a5@phone.example".decode("utf-8", "replace")


@given(st.binary(max_size=400))
def test_any_bytes_are_read(message: bytes) -> None:
    read_final_error(message)
    assert len(add_headers(message, HEADERS)) - len(message) in (0, len(LINES))


_pieces = st.sampled_from(
    [
        *(REFUSAL[:32], b"SIP/2.0 484 X", b"\r\n", b"\r\n\r\n", b" ", b"\t", b":", b"\xff"),
        *(b"Call-ID", b"i", b"CSeq", b"1 INVITE", b"Content-Length", b"l", b"0", b"a@b"),
    ]
)


@given(st.lists(_pieces, max_size=30).map(b"".join))
def test_pieces_of_sip_are_read_and_keep_their_bytes(message: bytes) -> None:
    read_final_error(message)
    changed = add_headers(message, HEADERS)
    if b"\r\n\r\n" in message:
        assert (
            changed.replace(LINES, b"", 1) == message
            or changed.replace(b"\r\n" + LINES[:-2], b"", 1) == message
        )
    else:
        assert changed == message


@given(st.binary(max_size=200), st.integers(0, 2**16))
def test_a_body_passes_whole(body: bytes, length: int) -> None:
    message = REFUSAL.replace(b"Content-Length:  0", b"Content-Length: %d" % length) + body
    assert add_headers(message, HEADERS).endswith(b"Content-Length: %d\r\n\r\n" % length + body)
