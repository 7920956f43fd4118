"""Who may open a WebSocket: on the wire, and the rules behind it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from click2dial_agi.domain.hosts import Host, read_host
from click2dial_agi.io.edge.admission import Rate, origin_allowed
from tests.edge.rig import FakeAsterisk, phone, run, running_edge, soon

CRM = "https://crm.example.com"


def _try(phones: int = 1, config: dict[str, Any] | None = None, **options: Any) -> list[int]:
    """Connect so many phones, one after another; return the status that each one met."""

    async def connect_all() -> list[int]:
        statuses = []
        async with FakeAsterisk() as asterisk, running_edge(asterisk.url, **config or {}) as edge:
            for _ in range(phones):
                try:
                    async with phone(edge, **options):
                        statuses.append(101)
                except InvalidStatus as refused:
                    statuses.append(refused.response.status_code)
        return statuses

    return run(connect_all())


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({}, 101),
        ({"path": "/ws?x=1"}, 101),
        ({"subprotocols": ["other", "sip"]}, 101),
        ({"path": "/"}, 404),
        ({"path": "/ws/"}, 404),
        ({"path": "/softphone"}, 404),
        ({"subprotocols": ["msrp"]}, 400),
        ({"subprotocols": ["SIP"]}, 400),
        ({"subprotocols": None}, 400),
        ({"origin": "http://127.0.0.1"}, 101),
        ({"origin": "https://127.0.0.1:8443"}, 101),
        ({"origin": CRM}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1.example.com"}, 403),
        ({"additional_headers": [("Origin", "http://127.0.0.1"), ("Origin", CRM)]}, 403),
    ],
)
def test_handshakes(options: dict[str, Any], status: int) -> None:
    assert _try(**options) == [status]


@pytest.mark.parametrize(
    ("origins", "origin", "status"),
    [
        ([CRM], CRM, 101),
        ([CRM], CRM.upper(), 101),
        ([CRM], f"{CRM}:8443", 403),
        ([CRM], "http://127.0.0.1", 403),
        ([CRM, "same-host"], "http://127.0.0.1", 101),
        (["*"], "http://anywhere.example", 101),
        (["*"], "null", 101),
        ([], "http://127.0.0.1", 403),
        ([], None, 101),
    ],
)
def test_configured_origins(origins: list[str], origin: str | None, status: int) -> None:
    assert _try(config={"origins": origins}, origin=origin) == [status]


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        ("https://PBX.example.com", "pbx.example.com:8088", True),
        ("http://[2001:db8::1]:8300", "[2001:DB8::1]:8088", True),
        ("http://pbx.example.com@evil.example", "pbx.example.com", False),
        ("http://[", "[", False),
        ("pbx.example.com", "pbx.example.com", False),
        ("", "", False),
        ("http://", "", False),
    ],
)
def test_same_host(origin: str, host: str, allowed: bool) -> None:
    named = read_host([host])
    let_in = named is not None and origin_allowed([origin], named, ["same-host"], [named])
    assert let_in is allowed


def test_a_host_that_is_not_ours_is_no_same_host() -> None:
    """The name of a page from elsewhere may point here (DNS rebinding)."""
    evil, ours = Host("evil.example", "8088"), Host("pbx.example.com", "")
    assert not origin_allowed(["http://evil.example:8088"], evil, ["same-host"], [ours])
    assert origin_allowed(["http://evil.example:8088"], evil, ["http://evil.example:8088"], [ours])


def test_too_many_connections_from_one_address(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "click2dial_agi"):
        assert _try(6, {"connections_per_minute": 3}) == [101, 101, 101, 429, 429, 429]
    assert [record.message for record in caplog.records] == [
        "127.0.0.1 opens too many connections: refused for now"
    ]


def test_too_many_connections_in_all() -> None:
    async def test() -> None:
        async with (
            FakeAsterisk() as asterisk,
            running_edge(asterisk.url, max_connections=2) as edge,
            phone(edge),
            phone(edge) as second,
        ):
            with pytest.raises(InvalidStatus) as refused:
                async with phone(edge):
                    pass
            assert refused.value.response.status_code == 503
            assert refused.value.response.headers["Retry-After"] == "60"
            await second.close()
            await _until_connections(edge, 1)
            async with phone(edge):
                pass

    run(test())


def test_a_flood_of_silent_sockets_is_cut_off() -> None:
    async def test() -> None:
        async with (
            FakeAsterisk() as asterisk,
            running_edge(asterisk.url, max_connections=1) as edge,
        ):
            streams = [await asyncio.open_connection("127.0.0.1", edge.port) for _ in range(80)]
            ends = [asyncio.create_task(reader.read()) for reader, _ in streams]
            await soon(_count_done(ends, 80 - 1 - 64))
            assert edge.connections <= 1 + 64
            for _, writer in streams:
                writer.transport.abort()
            await asyncio.gather(*ends, return_exceptions=True)

    run(test())


async def _count_done(tasks: list[asyncio.Task[bytes]], count: int) -> None:
    while sum(task.done() for task in tasks) < count:
        await asyncio.wait(
            [task for task in tasks if not task.done()], return_when=asyncio.FIRST_COMPLETED
        )


async def _until_connections(edge: Any, count: int) -> None:
    async def poll() -> None:
        while edge.connections > count:
            await asyncio.sleep(0.001)

    await soon(poll())


@pytest.mark.parametrize(
    "garbage", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET\r\n\r\n", b"\r\n" * 5_000]
)
def test_garbage_is_closed_and_not_logged(
    garbage: bytes, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    async def test() -> None:
        async with FakeAsterisk() as asterisk, running_edge(asterisk.url) as edge:
            reader, writer = await asyncio.open_connection("127.0.0.1", edge.port)
            writer.write(garbage)
            writer.write_eof()
            answer = await soon(reader.read())
            assert answer == b"" or answer.startswith(b"HTTP/1.1 400")
            writer.close()
            await writer.wait_closed()

    run(test())
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


def test_a_page_that_is_refused_is_named_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "click2dial_agi"):
        assert _try(origin=CRM) == [403]
    assert caplog.messages == [
        f"127.0.0.1 (Origin '{CRM}') refused: this page's Origin is not in edge.origins"
    ]


def test_the_rate_counts_by_owner_and_minute() -> None:
    rate = Rate()
    assert [rate.count("192.0.2.1", now) for now in (0.0, 1.0, 59.9)] == [1, 2, 3]
    assert rate.retry_after(59.9) == 1
    assert rate.retry_after(20.0) == 40
    assert rate.count("192.0.2.2", 59.9) == 1
    assert rate.count("::ffff:192.0.2.1", 59.9) == 4
    assert rate.count("192.0.2.1", 60.0) == 1
    assert rate.count("2001:db8:0:1::1", 60.0) == 1
    assert rate.count("2001:db8:0:1:ffff::2", 60.0) == 2
    assert rate.count("2001:db8:0:2::1", 60.0) == 1
    assert rate.count("fe80::1%eth0", 60.0) == 1
    assert rate.count("not an address", 60.0) == 1
