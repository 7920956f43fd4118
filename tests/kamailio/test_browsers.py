"""Browsers at Kamailio: over a WebSocket, with TLS where there is a certificate."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from sandbox.redis import RedisServer
from sandbox.sdp import describe
from sandbox.sip_text import tag_of
from sandbox.ua import UA, answer
from sandbox.waiting import patience
from tests.certificates import certificate
from tests.e2e.webphone import web_phone
from tests.kamailio.browser_phone import BrowserPhone
from tests.kamailio.fake_pbx import Front
from tests.kamailio.rig import OUTBOUND, PHONES, password

CONFIRMED = "state: 4"
FIRST = str(PHONES[0])
ORIGINS = ["https://crm.example.com", "http://[::1]:8300"]
HEADERS = [": ".join(OUTBOUND)]


@pytest.fixture(scope="module")
def front(kamailio_installed: None, running_redis: RedisServer) -> Iterator[Front]:
    with Front.running(running_redis, origins=ORIGINS) as front:
        yield front


@contextlib.contextmanager
def browser(front: Front) -> Iterator[BrowserPhone]:
    """Open a page's WebSocket."""
    with web_phone(front.kamailio.ws_url, FIRST) as phone:
        yield BrowserPhone(phone, password(FIRST))


async def _called(pbx: UA, page: BrowserPhone, name: str = FIRST) -> None:
    """Call a page, talk, and hang up."""
    call = await pbx.call(name)
    invite = await page.request("INVITE")
    page.answer(invite, body=describe(6000))
    await call.up()
    await page.request("ACK")
    bye = asyncio.create_task(call.request("BYE"))
    page.answer(await page.request("BYE"))
    assert (await bye).status == 200


@pytest.mark.case("P2")
def test_a_browser_is_called_and_hears_the_end(front: Front) -> None:
    """Its Contact is a name in .invalid, where no BYE would find it."""

    async def calls() -> None:
        with browser(front) as page:
            async with front.pbx(answer()) as pbx:
                assert (await page.register()).status == 200
                await _called(pbx, page)

    asyncio.run(calls())


@pytest.mark.case("P2")
def test_a_browser_calls_and_hears_the_end(front: Front) -> None:
    async def calls() -> None:
        with browser(front) as page:
            async with front.pbx(answer()) as pbx:
                final = await page.invite("0820000100", secrets.token_hex(8), HEADERS)
                assert final.status == 200
                (call,) = pbx.incoming
                bye = asyncio.create_task(call.request("BYE"))
                page.answer(await page.request("BYE"))
                assert (await bye).status == 200

    asyncio.run(calls())


@pytest.mark.case("P2")
def test_kamailios_own_bye_finds_a_browser(front: Front) -> None:
    """As it sends one when an Asterisk is gone."""

    async def calls() -> None:
        with browser(front) as page:
            async with front.pbx(answer()) as pbx:
                final = await page.invite("0820000100", secrets.token_hex(8), HEADERS)
                assert final.status == 200
                (call,) = pbx.incoming
                await call.ladder.wait(lambda m: m.method == "ACK", "ACK")
                # `s:`, as kamcmd takes 99e36763 for a number.
                ids = [final.call_id, *(tag_of(final.header(name)) for name in ("From", "To"))]
                dialog = [f"s:{one}" for one in ids]
                # It has passed the ACK on a moment before it takes the call for confirmed.
                async with asyncio.timeout(patience(5)):
                    while CONFIRMED not in front.kamailio.rpc("dlg.dlg_list", *dialog[:2]):
                        await asyncio.sleep(0.02)
                front.kamailio.rpc("dlg.terminate_dlg", *dialog)
                page.answer(await page.request("BYE"))
                await call.over()

    asyncio.run(calls())


@pytest.mark.case("P1")
def test_a_page_that_is_loaded_anew_takes_over(front: Front) -> None:
    async def calls() -> None:
        with browser(front) as before, browser(front) as page:
            async with front.pbx(answer()) as pbx:
                assert (await before.register()).status == 200
                assert (await page.register()).status == 200
                await _called(pbx, page)

    asyncio.run(calls())


@pytest.mark.case("L19")
def test_a_page_that_lost_its_place_is_told_whose_it_is(front: Front) -> None:
    """To a REGISTER without Contact, with which the softphone asks."""

    async def calls() -> None:
        with browser(front) as before, browser(front) as page:
            assert (await before.register()).status == 200
            assert before.contact in await before.who_is_there()
            assert (await page.register()).status == 200
            assert page.contact in await before.who_is_there()
            assert before.contact not in await before.who_is_there()

    asyncio.run(calls())


def test_a_page_that_is_closed_is_gone_at_once(front: Front) -> None:
    async def calls() -> None:
        async with front.pbx(answer()) as pbx:
            with browser(front) as page:
                assert (await page.register()).status == 200
            async with asyncio.timeout(patience(5)):
                while (await (await pbx.call(FIRST)).final()).status != 404:
                    await asyncio.sleep(0.1)

    asyncio.run(calls())


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 101),
        *((origin, 101) for origin in ORIGINS),
        ("https://evil.example.com", 403),
        ("https://crm-example.com", 403),
        ("https://crm.example.com.evil.example", 403),
        ("xhttps://crm.example.com", 403),
    ],
)
def test_only_known_pages_connect(front: Front, origin: str | None, status: int) -> None:
    try:
        with web_phone(front.kamailio.ws_url, FIRST, origin=origin):
            connected = 101
    except InvalidStatus as refused:
        connected = refused.response.status_code
    assert connected == status


@pytest.mark.parametrize("path", ["/", "/ws", "/wsx", "/phones/1300", "/../ws", "/%2fws"])
def test_there_is_nothing_else_to_see(front: Front, path: str) -> None:
    for port in (front.kamailio.browsers_port, front.kamailio.phones_port):
        answer = httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False)
        assert (answer.status_code, answer.text) == (404, "")


def test_with_a_certificate(
    kamailio_installed: None, running_redis: RedisServer, tmp_path: Path
) -> None:
    """Who connects to a listener with TLS is shown the configured one."""
    tls = certificate(tmp_path / "tls", "kamailio")
    trusts = ssl.create_default_context(cafile=tls["cert"])
    with Front.running(running_redis, tls=tls) as front:
        address = ("127.0.0.1", front.kamailio.browsers_port)
        with (
            socket.create_connection(address, patience(5)) as plain,
            trusts.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
        ):
            assert secured.version() in ("TLSv1.2", "TLSv1.3")
