"""Bytes that no honest client sends: 4xx or a closed connection, and nothing reaches Asterisk."""

from __future__ import annotations

import json

import pytest

from sandbox.redis import RedisServer
from tests.http.fake_ari import FakeARI
from tests.http.rig import BODY, CALLS, KEY, exchange, serve, wire
from tests.io.running import run

GOOD = json.dumps(BODY).encode()
CLOSE = "Connection: close"

# By the status that must come.
BODIES: dict[int, list[bytes]] = {
    400: [
        b"",
        b"{",
        b"nonsense",
        b"{'agent': 1}",
        b"\xff\xfe",
        b"\xef\xbb\xbf" * 2 + GOOD,
        GOOD.decode().encode("utf-16"),
        GOOD + b"x",
        GOOD + GOOD,
        b"NaN",
        b'{"agent": NaN}',
        b'{"agent": Infinity}',
        b'{"agent": -Infinity}',
        b'{"agent": 01000}',
        b'{"agent": "1000", "agent": "1001"}',
        b"[" * 8000,
        b'{"a":' * 2000 + b"1" + b"}" * 2000,
        b'"' + b'[\\"' * 4000,
        b'"' + b"[\\" * 4000,
        b'"[[[[[[[[[\\',
        b'{"agent": "\r\n"}',
        b'{"agent": "\x00"}',
    ],
    413: [b" " * 16_385, GOOD + b" " * 16_384, b'"' + b"x" * 100_000 + b'"'],
    422: [
        *(b"null", b"[]", b"7", b"true", b'"text"', b"{}", b"[{}]", b"1e999"),
        b'{"agent": ' + b"1" * 5000 + b"}",
        b'{"agent": ' + b"[" * 90 + b"]" * 90 + b"}",
        b'{"agent": "' + b"[" * 8000 + b'"}',
        b'{"agent": "' + b'\\"[' * 4000 + b'"}',
    ],
}
# In place of each value; all are 422.
VALUES: list[object] = [
    *(True, False, 1000.0, 1e3, -1000, 0, 10**20, [], ["1000"], {}, {"a": 1}),
    *("1000\n", " 1000", "1000 ", "\uff11\uff10\uff10\uff10", "\u0661\u0660\u0660\u0660"),
    *("\ud800", "\x00", "1000\r\nX: y", "1000\r\n\r\nPOST / HTTP/1.1", "\u00e9", "1000,1001"),
    *("1000&1001", "${EXTEN}", "PJSIP/1000", "1000@trunk", "+27820001234", "x" * 15_000),
]


@pytest.mark.case("C29")
def test_bodies_that_are_no_call(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            for status, bodies in BODIES.items():
                for body in bodies:
                    answer = await exchange(api.port, wire(body, CLOSE))
                    assert answer.startswith(b"HTTP/1.1 %d " % status), (body[:80], answer)
                    assert json.loads(answer.partition(b"\r\n\r\n")[2])["errors"]
            assert ari.requests == []
            assert api.cdrs() == []

    run(test())


@pytest.mark.parametrize("field", ["agent", "callee", "outbound_id", "contact_ref", "call_ref"])
def test_values_that_no_rule_accepts(redis: RedisServer, field: str) -> None:
    values = list(VALUES)
    if field in ("contact_ref", "call_ref"):  # any digits and letters, and any length
        values = [value for value in values if type(value) is not int and value != "x" * 15_000]

    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            usual = {name: value for name, value in BODY.items() if name != "contact_ref"}
            for value in values:
                response = await api.client.post(
                    CALLS, content=json.dumps({**usual, field: value}).encode()
                )
                assert response.status_code == 422, (field, value)
                [error] = response.json()["errors"]
                # What was sent is never said back.
                shown = "contact_ref" if field == "call_ref" else field
                assert error["field"] == shown
                assert str(value) not in error["message"] or len(str(value)) < 3
            assert ari.requests == []

    run(test())


def test_unknown_keys_and_both_references(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            for more in ({"x": 1}, {"Agent": "1"}, {"": ""}, {"call_ref": "x"}, {"\ud800": 1}):
                response = await api.client.post(
                    CALLS, content=json.dumps({**BODY, **more}).encode()
                )
                assert response.status_code == 422, more
            assert ari.requests == []

    run(test())


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


# Requests that two parsers could read in two ways; each ends with a second one that must not count.
_POST = f"POST {CALLS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
FRAMES: list[bytes] = [
    f"{_POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + chunked(GOOD),
    f"{_POST}Content-Length: 5\r\nContent-Length: 6\r\n\r\n".encode() + GOOD,
    f"{_POST}Content-Length: +{len(GOOD)}\r\n\r\n".encode() + GOOD,
    f"{_POST}Content-Length: 0x10\r\n\r\n".encode() + GOOD,
    f"{_POST}Content-Length: -1\r\n\r\n".encode() + GOOD,
    f"{_POST}Content-Length: {10**30}\r\n\r\n".encode() + GOOD,
    f"{_POST}Transfer-Encoding: chunked, identity\r\n\r\n".encode() + chunked(GOOD),
    f"{_POST}Transfer-Encoding: xchunked\r\n\r\n".encode() + chunked(GOOD),
    f"{_POST}Transfer-Encoding : chunked\r\n\r\n".encode() + chunked(GOOD),
    f"{_POST}Transfer-Encoding: chunked\r\n\r\n".encode() + b"zz\r\n" + GOOD,
    f"{_POST}Transfer-Encoding: chunked\r\n\r\n".encode() + b"-1\r\n" + GOOD,
    f"{_POST}X: a\r\n b\r\nContent-Length: {len(GOOD)}\r\n\r\n".encode() + GOOD,
    f"{_POST}X\r\nContent-Length: {len(GOOD)}\r\n\r\n".encode() + GOOD,
    f"{_POST}X: a\rb\r\nContent-Length: {len(GOOD)}\r\n\r\n".encode() + GOOD,
    f"{_POST}X: a\x00b\r\nContent-Length: {len(GOOD)}\r\n\r\n".encode() + GOOD,
    f"{_POST}X Y: b\r\nContent-Length: {len(GOOD)}\r\n\r\n".encode() + GOOD,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\r\n\r\n\r\nnonsense\r\n\r\n",
    b"A" * 100_000,
]


def test_frames_that_could_be_read_in_two_ways(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            for frame in FRAMES:
                answer = await exchange(api.port, frame)
                assert answer[:10] in (b"", b"HTTP/1.1 4"), (frame, answer)
                assert answer.count(b"HTTP/1.1 ") <= 1, (frame, answer)
                assert ari.requests == [], frame

    run(test())
