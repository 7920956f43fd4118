"""WebSockets that do not register: how long they stay, and for whom they give way."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from click2dial_agi.domain.sip_errors import is_sign_of_phone
from tests.edge.rig import FakeAsterisk, pair, phone, run, running_edge, soon

SIGNS = [
    ("200 OK", "REGISTER"),
    ("202 Accepted", "REGISTER"),
    ("100 Trying", "INVITE"),
    ("180 Ringing", "INVITE"),
    ("200 OK", "INVITE"),
]
NO_SIGNS = [
    ("200 OK", "OPTIONS"),
    ("100 Trying", "REGISTER"),
    ("401 Unauthorized", "REGISTER"),
    ("401 Unauthorized", "INVITE"),
    ("484 Address Incomplete", "INVITE"),
    ("200 OK", "BYE"),
    ("200 OK", "SUBSCRIBE"),
    ("200 OK", "REGISTERED"),
    ("2000 OK", "REGISTER"),
]


def response(line: str, method: str) -> str:
    return f"SIP/2.0 {line}\r\nCall-ID: a\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"


async def told(asterisk: ServerConnection, client: ClientConnection, text: str) -> None:
    await asterisk.send(text)
    assert await soon(client.recv()) == text


@pytest.mark.case("A4")
@pytest.mark.parametrize(("line", "method"), SIGNS)
def test_a_phone_that_asterisk_knows_stays(line: str, method: str) -> None:
    assert is_sign_of_phone(response(line, method).encode())

    async def test() -> None:
        async with pair(register_timeout=0.3) as (client, asterisk, _):
            await told(asterisk, client, response(line, method))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.8):
                    await client.recv()
            await told(asterisk, client, response("200 OK", "OPTIONS"))

    run(test())


@pytest.mark.case("A4")
@pytest.mark.parametrize(("line", "method"), NO_SIGNS)
def test_others_are_told_to_go(line: str, method: str) -> None:
    assert not is_sign_of_phone(response(line, method).encode())

    async def test() -> None:
        async with pair(register_timeout=0.3) as (client, asterisk, _):
            await client.send(response("200 OK", "REGISTER"))  # its own word is none
            await told(asterisk, client, response(line, method))
            await soon(client.wait_closed())
            assert (client.close_code, client.close_reason) == (1008, "register first")
            await soon(asterisk.wait_closed())

    run(test())


@pytest.mark.case("A4")
def test_an_address_has_so_many_and_no_more() -> None:
    async def test() -> None:
        config: dict[str, Any] = {"connections_per_address": 3, "max_connections": 100}
        async with (
            FakeAsterisk() as asterisk,
            running_edge(asterisk.url, **config) as edge,
            contextlib.AsyncExitStack() as stack,
        ):
            for _ in range(3):
                await stack.enter_async_context(phone(edge))
            with pytest.raises(InvalidStatus) as refused:
                async with phone(edge):
                    pass
            assert refused.value.response.status_code == 503
            async with phone(edge, local_addr=("127.0.0.2", 0)):
                pass

    run(test())


@pytest.mark.case("A4")
@pytest.mark.parametrize("key", ["connections_per_address", "max_connections"])
def test_strangers_give_way_and_phones_do_not(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setattr("click2dial_agi.io.edge.server._GRACE", 0.0)
    bound: dict[str, Any] = {key: 3}

    async def test() -> None:
        async with (
            FakeAsterisk() as asterisk,
            running_edge(asterisk.url, **bound) as edge,
            contextlib.AsyncExitStack() as stack,
        ):
            links = []
            for _ in range(3):
                client = await stack.enter_async_context(phone(edge))
                links.append((client, await asterisk.accept()))
            (first, to_first), (second, _), (third, to_third) = links
            await told(to_first, first, response("200 OK", "REGISTER"))
            await told(to_third, third, response("180 Ringing", "INVITE"))
            fourth = await stack.enter_async_context(phone(edge))
            to_fourth = await asterisk.accept()
            with pytest.raises(ConnectionClosed):
                await soon(second.recv())
            await told(to_fourth, fourth, response("200 OK", "REGISTER"))
            with pytest.raises(InvalidStatus) as refused:  # three phones: nobody gives way
                async with phone(edge):
                    pass
            assert refused.value.response.status_code == 503
            for client, upstream in ((first, to_first), (third, to_third), (fourth, to_fourth)):
                await told(upstream, client, response("200 OK", "OPTIONS"))

    run(test())
