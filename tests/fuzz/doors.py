"""Hostile bytes at the HTTP door and at the edge's."""

from __future__ import annotations

import asyncio
import random
import time

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from click2dial_agi.domain.hosts import read_host
from click2dial_agi.domain.sip_errors import add_headers, is_sign_of_phone, read_final_error
from sandbox.redis import redis_server
from tests.edge.rig import SIP, FakeAsterisk, phone, running_edge
from tests.edge.test_sip_errors import HEADERS, REFUSAL
from tests.fuzz.mutate import mutate
from tests.fuzz.watch import watched
from tests.http.fake_ari import FakeARI
from tests.http.rig import CALLS, KEY, serve

__all__ = ["fuzz_edge", "fuzz_http"]

_BATCH = 16  # at once, and then a look at whether all is well

_GOOD = b'{"agent":"1000","callee":"0820000100","outbound_id":"27820001234","contact_ref":"a"}'
_HEAD = f"Host: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n".encode()
_POST = f"POST {CALLS} HTTP/1.1\r\nIdempotency-Key: k\r\n".encode() + _HEAD
_REQUESTS = [
    *(
        f"{method} {path} HTTP/1.1\r\n".encode() + _HEAD + b"\r\n"
        for method, path in (
            *(("GET", CALLS), ("HEAD", CALLS), ("GET", f"{CALLS}/x"), ("DELETE", f"{CALLS}/x")),
            *(("GET", "/healthz"), ("GET", "/docs"), ("GET", "/openapi.json"), ("GET", "/readyz")),
            *(("GET", "/softphone"), ("GET", "/softphone/config"), ("GET", "/softphone/icon.svg")),
            *(("GET", "/click2dial/recordings/x.wav"), ("OPTIONS", CALLS), ("GET", f"{CALLS}?a=b")),
        )
    ),
    _POST + b"Content-Length: %d\r\n\r\n%b" % (len(_GOOD), _GOOD),
    _POST + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(_GOOD), _GOOD),
    f"GET {CALLS} HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n".encode()
    + b"X-Forwarded-For: 10.0.0.1, ::1\r\nSec-Fetch-Site: same-origin\r\n"
    + b"Expect: 100-continue\r\n\r\n",
]

_HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: sip\r\nOrigin: http://127.0.0.1\r\n\r\n"
)
_FRAME = b"\x82\x85\x00\x00\x00\x00hello"
_MESSAGES = [
    REFUSAL,
    REFUSAL.replace(b"484 Address Incomplete", b"200 OK").replace(b"7 INVITE", b"1 REGISTER"),
    b"REGISTER sip:a SIP/2.0\r\nCall-ID: a\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n",
    b"INVITE sip:1@a SIP/2.0\r\nCall-ID: a\r\nCSeq: 1 INVITE\r\nTo: <sip:1@a>;tag=2\r\n\r\nv=0",
    b"\r\n\r\n",
]


async def fuzz_http(chance: random.Random, seconds: float) -> int:
    """Send requests that are almost good; return how many."""
    sent, until = 0, time.monotonic() + seconds
    keys = {"softphone": True, "softphone_ws": "ws://a/ws", "cors_origins": ["http://localhost"]}
    keys |= {"trusted_proxies": ["127.0.0.0/8"], "public_url": "http://localhost/x"}
    with redis_server() as redis, watched() as errors:
        async with FakeARI() as ari, serve(redis, ari, allow_from=["::1"], **keys) as api:  # type: ignore[arg-type]
            while time.monotonic() < until:
                batch = [mutate(chance, _REQUESTS) for _ in range(_BATCH)]
                answers = await asyncio.gather(*(_exchange(api.port, data) for data in batch))
                sent += len(batch)
                for data, answer in zip(batch, answers, strict=True):
                    assert answer[:9] in (b"", b"HTTP/1.1 "), (data, answer[:99])
                    assert answer[:12] != b"HTTP/1.1 500", data
                assert errors == [], batch
                if sent % 1024 == 0:
                    assert (await api.client.get("/healthz")).status_code == 200
                    ari.channels.clear()
                    api.redis.flushall()
    return sent


async def fuzz_edge(chance: random.Random, seconds: float) -> int:
    """Send handshakes, frames and SIP that are almost good; return how many."""
    sent, until = 0, time.monotonic() + seconds
    config = {"connections_per_minute": 1_000_000, "register_timeout": 1.0, "stall_timeout": 1.0}
    with watched() as errors:
        async with (
            FakeAsterisk(echo=True) as asterisk,
            running_edge(asterisk.url, **config) as edge,  # type: ignore[arg-type]
        ):
            while time.monotonic() < until:
                bytes_ = [mutate(chance, [_HANDSHAKE + _FRAME]) for _ in range(_BATCH // 2)]
                await asyncio.gather(*(_exchange(edge.port, data) for data in bytes_))
                messages = [mutate(chance, _MESSAGES) for _ in range(_BATCH // 2)]
                for message in messages:
                    read_host([message.decode("latin-1")[:300]])
                    is_sign_of_phone(message)
                    if read_final_error(message) is not None:
                        added = len(add_headers(message, HEADERS)) - len(message)
                        assert added > 0, message
                await _through(f"ws://127.0.0.1:{edge.port}/ws", messages)
                sent += len(bytes_) + len(messages)
                assert errors == [], (bytes_, messages)
                if sent % 1024 == 0:
                    async with phone(edge) as client:
                        await client.send("REGISTER")
                        assert await client.recv() == "REGISTER"
    return sent


async def _exchange(port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        async with asyncio.timeout(0.02):
            return await reader.read(200)
    except (TimeoutError, ConnectionError):
        return b""
    finally:
        writer.transport.abort()


async def _through(url: str, messages: list[bytes]) -> None:
    """Send messages to an Asterisk that says them back."""
    try:
        async with connect(url, subprotocols=[SIP], compression=None, proxy=None) as client:
            for message in messages:
                await client.send(message)
                if len(message) <= 65_536:
                    assert isinstance(await client.recv(), bytes)
    except ConnectionClosed:
        if all(len(message) <= 65_536 for message in messages):
            raise
    except WebSocketException as error:
        raise AssertionError(messages) from error
