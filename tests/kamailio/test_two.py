"""Two Kamailios: each knows where all phones are, and reaches them through the other."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from sandbox import ports
from sandbox.digest import digest
from sandbox.phone_call import PhoneCall
from sandbox.redis import RedisServer
from sandbox.sdp import describe
from sandbox.ua import UA, answer
from sandbox.waiting import patience
from tests.e2e.webphone import web_phone
from tests.kamailio.browser_phone import BrowserPhone
from tests.kamailio.fake_pbx import Front
from tests.kamailio.rig import PHONES, password

FIRST, SECOND = str(PHONES[0]), str(PHONES[1])
SOON = 2.5


@pytest.fixture(scope="module")
def front(kamailio_installed: None, running_redis: RedisServer) -> Iterator[Front]:
    with Front.running(running_redis, nodes=2) as front:
        yield front


@asynccontextmanager
async def _registered(front: Front, node: int) -> AsyncIterator[UA]:
    async with front.phone(FIRST, node) as phone:
        assert (await phone.register()).status == 200
        yield phone
        await phone.register(expires=0)


async def _called(pbx: UA, name: str) -> PhoneCall:
    """Call a phone until the node knows of it: the other one tells it a moment after the 200."""
    async with asyncio.timeout(patience(5)):
        while True:
            call = await pbx.call(name)
            if (await call.final()).status != 404:
                return call
            await asyncio.sleep(0.05)


@pytest.mark.case("P11")
@pytest.mark.parametrize(("phone_at", "pbx_at"), [(0, 1), (1, 0), (1, 1)])
@pytest.mark.parametrize("phone_hangs_up", [True, False])
def test_a_phone_is_reached_through_either(
    front: Front, phone_at: int, pbx_at: int, phone_hangs_up: bool
) -> None:
    async def calls() -> None:
        async with (
            _registered(front, phone_at) as phone,
            front.pbx(answer(), node=pbx_at) as pbx,
        ):
            call = await _called(pbx, FIRST)
            taken = await phone.next_call()
            await taken.media.hear(pbx.name)
            await call.media.hear(phone.name)
            one, other = (taken, call) if phone_hangs_up else (call, taken)
            await one.hang_up()
            await other.over()

    asyncio.run(calls())


@pytest.mark.case("P11")
def test_a_browser_is_reached_through_the_other(front: Front) -> None:
    async def calls() -> None:
        with web_phone(front.kamailios[1].ws_url, SECOND) as web:
            page = BrowserPhone(web, password(SECOND))
            assert (await page.register()).status == 200
            async with front.pbx(answer()) as pbx:
                calling = asyncio.create_task(_called(pbx, SECOND))
                page.answer(await page.request("INVITE"), body=describe(6000))
                call = await calling
                await page.request("ACK")
                bye = asyncio.create_task(call.request("BYE"))
                page.answer(await page.request("BYE"))
                assert (await bye).status == 200

    asyncio.run(calls())


def test_one_takes_the_others_challenge(front: Front) -> None:
    """A phone whose requests a load balancer spreads logs in at once."""

    async def registers() -> None:
        async with front.phone(FIRST) as phone:
            phone.password = None
            challenge = await phone.register()
            value = challenge.header("WWW-Authenticate") or ""
            phone.dial_through(front.kamailios[1].phones_port)
            uri = f"sip:127.0.0.1:{phone.pbx_port}"
            login = digest(value, "REGISTER", uri, FIRST, password(FIRST))
            done = await phone.register(headers=[("Authorization", login)])
            assert done.status == 200
            phone.password = password(FIRST)
            await phone.register(expires=0)

    asyncio.run(registers())


@pytest.mark.case("P11")
@pytest.mark.parametrize("there", [True, False])
def test_what_the_other_was_not_told_it_asks(front: Front, there: bool) -> None:
    """A word that is lost between the two costs nobody a call."""

    async def calls() -> None:
        async with front.phone(FIRST) as phone, front.pbx(answer(), node=1) as pbx:
            if there:
                other = front.kamailios[1]
                front.kamailio.rpc("dmq.remove", f"sip:{other.inner_host}:{other.inner_port}")
                assert (await phone.register()).status == 200
            call = await pbx.call(FIRST)
            assert (await call.final()).status == (200 if there else 404)
            if there:
                await call.hang_up()
                await phone.register(expires=0)

    asyncio.run(calls())


@pytest.mark.case("P11")
def test_one_that_comes_back_knows_the_phones(front: Front) -> None:
    async def calls() -> None:
        async with _registered(front, 0) as phone:
            front.kamailios[1].kill()
            front.kamailios[1].start()  # not in another thread: it would end with that
            async with front.pbx(answer(), node=1) as pbx:
                call = await _called(pbx, FIRST)
                taken = await phone.next_call()
                await call.hang_up()
                await taken.over()

    asyncio.run(calls())


@pytest.mark.case("P21")
@pytest.mark.parametrize("pbx_at", [0, 1])
def test_a_phone_hangs_up_whose_address_here_is_not_known(front: Front, pbx_at: int) -> None:
    """As of a phone that a Kamailio that came back is told of by the others."""
    home = front.kamailios[1]

    async def calls() -> None:
        async with front.phone(FIRST, 1) as phone, front.pbx(answer(), node=pbx_at) as pbx:
            contact = f"sip:{FIRST}@127.0.0.1:{phone.wire.port}"
            where = ("location", f"s:{FIRST}", contact, "60", "0.5", "s:0", "0", "0", "7807")
            home.rpc("ul.add", *where)
            call = await _called(pbx, FIRST)
            taken = await phone.next_call()
            # It has never logged in here, and does so now.
            assert (await taken.request("BYE")).status == 200
            await call.over()
            home.rpc("ul.rm", *where[:2])

    asyncio.run(calls())


@pytest.mark.case("P11")
def test_a_phone_of_one_that_died_is_no_phone(front: Front) -> None:
    """Who calls it hears so in time, until it registers at the other."""

    async def calls() -> None:
        async with front.pbx(answer()) as pbx, front.phone(FIRST, 1) as phone:
            assert (await phone.register()).status == 200
            await (await _called(pbx, FIRST)).hang_up()
            front.kamailios[1].kill()
            began = time.monotonic()
            assert (await (await pbx.call(FIRST)).final()).status == 404
            assert time.monotonic() - began < SOON
            phone.dial_through(front.kamailio.phones_port)
            assert (await phone.register()).status == 200
            await (await _called(pbx, FIRST)).hang_up()

    try:
        asyncio.run(calls())
    finally:
        front.kamailios[1].start()


@pytest.mark.case("P14")
@pytest.mark.parametrize("dead", [0, 1])
def test_the_entrance_moves_to_the_one_that_lives(
    running_redis: RedisServer, kamailio_installed: None, dead: int
) -> None:
    """Here both have the address all the time; the kernel gives to one of them."""
    entrance = ("127.0.0.9", ports.free_port())

    async def calls(front: Front) -> None:
        left = 1 - dead
        async with front.pbx(answer(), node=left) as pbx, front.phone(FIRST, left) as phone:
            assert (await phone.register()).status == 200
            pbx.wire.target = entrance
            for _ in range(2):
                call = await _called(pbx, FIRST)
                taken = phone.incoming[-1]
                await taken.media.hear(pbx.name)
                front.kamailios[dead].kill()
                await call.hang_up()
                await taken.over()

    address = f"{entrance[0]}:{entrance[1]}"
    with Front.running(running_redis, nodes=2, entrance=address) as front:
        asyncio.run(calls(front))


@pytest.mark.case("P7")
@pytest.mark.parametrize("told", ["", "X-C2D-Within: node\r\n"])
def test_neither_hands_a_strangers_request_on_for_the_other(front: Front, told: str) -> None:
    """Along a way that the sender made up: in at one, out at the other."""
    first, second = front.kamailios
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as third,
    ):
        third.bind(("127.0.0.1", 0))
        third.settimeout(0.5)
        stranger.settimeout(patience(2))
        stranger.bind(("127.0.0.1", 0))
        front.has_seen(FIRST, stranger)
        way = (
            f"<sip:127.0.0.1:{first.phones_port};r2=on;lr>, "
            f"<sip:{first.inner_host}:{first.inner_port};r2=on;lr>, "
            f"<sip:{second.inner_host}:{second.inner_port};lr>, "
            f"<sip:127.0.0.1:{third.getsockname()[1]};lr>"
        )
        request = (
            f"MESSAGE sip:x@127.0.0.1:{front.pbx_ports[0]} SIP/2.0\r\n"
            "Via: SIP/2.0/UDP 127.0.0.1:9;rport;branch=z9hG4bK-stranger\r\nMax-Forwards: 70\r\n"
            f"From: <sip:{FIRST}@127.0.0.1>;tag=a\r\nTo: <sip:{FIRST}@127.0.0.1>;tag=b\r\n"
            f"Call-ID: in-at-one{len(told)}\r\nCSeq: 1 MESSAGE\r\nRoute: {way}\r\n{told}"
            "Content-Length: 0\r\n\r\n"
        )
        stranger.sendto(request.encode(), ("127.0.0.1", first.phones_port))
        assert stranger.recv(65536).startswith(b"SIP/2.0 403 ")
        with pytest.raises(TimeoutError):
            third.recv(65536)
