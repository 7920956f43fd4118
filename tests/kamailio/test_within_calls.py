"""Who has read a call's SIP on its way asks for something within it: it is not his."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import socket
import struct
from collections.abc import AsyncIterator
from functools import partial

import pytest

from sandbox import sip_text
from sandbox.digest import digest
from sandbox.kamailio import Kamailio
from sandbox.phone_call import PhoneCall
from sandbox.process import until
from sandbox.redis import RedisServer
from sandbox.ua import UA, answer, silent
from sandbox.waiting import patience
from tests.kamailio.fake_pbx import Front
from tests.kamailio.rig import OUTBOUND, PHONES, password

pytestmark = pytest.mark.case("P40")

FIRST, SECOND = PHONES[0], PHONES[1]
CALLEE = "27830000000"
METHODS = ("REFER", "INVITE", "UPDATE", "INFO", "BYE")
CALLED, CALLS = "called", "calls"
BOTH = pytest.mark.parametrize("way", [CALLS, CALLED])


@contextlib.asynccontextmanager
async def _talking(front: Front, way: str) -> AsyncIterator[tuple[PhoneCall, PhoneCall]]:
    """The phone's side of a call that is up, and the Asterisk's."""
    async with front.pbx(answer()) as pbx, front.phone(FIRST) as phone:
        assert (await phone.register()).status == 200
        if way == CALLS:
            mine = await phone.call(CALLEE, [OUTBOUND])
            assert (await mine.final()).status == 200
            yield mine, await pbx.next_call()
        else:
            theirs = await pbx.call(str(FIRST))
            assert (await theirs.final()).status == 200
            yield await phone.next_call(), theirs


def _as_if(call: PhoneCall, phone: UA) -> PhoneCall:
    """Return that call as another phone, which has read all of it, goes on with it."""
    read = PhoneCall(phone, call.call_id)
    read.local, read.remote, read.target = call.local, call.remote, call.target
    read.routes, read.cseq = list(call.routes), call.cseq + 10
    phone._dialogs[call.call_id] = read  # it has not begun it
    return read


async def _asks(call: PhoneCall, method: str) -> int:
    lines = [("Refer-To", "<sip:27830000009@127.0.0.1>")] if method == "REFER" else []
    return (await call.request(method, lines)).status


async def _gets(read: PhoneCall, status: int, theirs: PhoneCall) -> None:
    """Ask for everything: each is answered with a status, and the Asterisk hears nothing."""
    answers = {method: await _asks(read, method) for method in METHODS}
    assert answers == dict.fromkeys(METHODS, status)
    assert _heard(theirs) == set()


def _heard(pbx: PhoneCall) -> set[str]:
    """Return what the Asterisk was asked for in the call, but the INVITE that began it."""
    return {one.method for one in pbx.ladder.messages if not one.sent and one.method} - {
        "ACK",
        *(["INVITE"] if pbx.invite else []),
    }


def _whose(kamailio: Kamailio) -> str:
    """Return what a Kamailio keeps of whose calls are."""
    return kamailio.rpc("htable.dump", "whose")


def _knows_no_call(kamailio: Kamailio) -> bool:
    return "name:" not in _whose(kamailio)


@BOTH
def test_a_stranger_has_to_log_in(front: Front, way: str) -> None:
    async def reads() -> None:
        async with _talking(front, way) as (mine, theirs), front.phone(FIRST) as stranger:
            stranger.password = None
            read = _as_if(mine, stranger)
            await _gets(read, 401, theirs)
            await mine.hang_up()
            await theirs.over()

    asyncio.run(reads())


def test_nobody_is_taken_for_an_agent_who_has_not_logged_in(front: Front) -> None:
    async def asks() -> None:
        async with _talking(front, CALLS) as (mine, theirs), front.phone(PHONES[-1]) as stranger:
            stranger.password = None
            read = _as_if(mine, stranger)
            read.local = read.local.replace(f"sip:{FIRST}@", f"sip:{PHONES[-1]}@")
            assert await _asks(read, "BYE") == 401
            assert _heard(theirs) == set()

    asyncio.run(asks())


@BOTH
@pytest.mark.parametrize("registered", [False, True])
@pytest.mark.parametrize("own", [False, True])
def test_another_agents_login_is_none(front: Front, way: str, registered: bool, own: bool) -> None:
    """Also along the way of a call of his own, which has another mark (`did`)."""

    async def reads() -> None:
        async with _talking(front, way) as (mine, theirs), front.phone(SECOND) as other:
            if registered:
                assert (await other.register()).status == 200
            read = _as_if(mine, other)
            read.local = read.local.replace(f"sip:{FIRST}@", f"sip:{SECOND}@")
            if own:
                call = await other.call(CALLEE, [OUTBOUND])
                assert (await call.final()).status == 200
                read.routes = call.routes
            await _gets(read, 403, theirs)
            await mine.hang_up()
            await theirs.over()

    asyncio.run(reads())


@BOTH
def test_a_phone_that_has_moved_logs_in(front: Front, way: str) -> None:
    """Its NAT has given it another port, say."""

    async def moves() -> None:
        async with _talking(front, way) as (mine, theirs), front.phone(FIRST) as moved:
            assert moved.password == password(FIRST)
            assert await _asks(_as_if(mine, moved), "BYE") == 200
            await theirs.over()

    asyncio.run(moves())


@BOTH
def test_where_it_has_logged_in_it_is_not_asked_again(front: Front, way: str) -> None:
    """A page that is closed says BYE, and is gone."""

    async def hangs_up() -> None:
        async with _talking(front, way) as (mine, theirs):
            mine.ua.password = None
            assert await _asks(mine, "INFO") == 200
            assert mine.call_id in await asyncio.to_thread(_whose, front.kamailio)
            assert await _asks(mine, "BYE") == 200
            await theirs.over()
        async with asyncio.timeout(patience(5)):
            while mine.call_id in await asyncio.to_thread(_whose, front.kamailio):
                await asyncio.sleep(0.05)

    asyncio.run(hangs_up())


@pytest.mark.case("P50")
@pytest.mark.parametrize("sent_by", ["another phone", "a stranger"])
def test_an_answer_to_a_call_is_no_login(front: Front, sent_by: str) -> None:
    """Its To is whatever the called phone says, and who has seen the INVITE may send one, too."""

    async def reads() -> None:
        async with _talking(front, CALLS) as (mine, theirs), front.phone(SECOND) as other:
            other.password = password(SECOND)
            assert (await other.register()).status == 200
            for phone in (mine.ua, other):
                phone.rule = silent()
            called = other if sent_by == "another phone" else mine.ua
            await theirs.ua.call(called.name)
            invite = (await called.next_call()).invite
            assert invite is not None
            text = sip_text.response(invite, 180, "-", tag="ringing", contact=other.contact)
            to = invite.header("To")
            other.wire.send(text.replace(f"To: {to}", f"To: <sip:{FIRST}@127.0.0.1>"))
            # Kamailio has seen the answer once the Asterisk has it.
            await theirs.ua.calls_up()[-1].wait_status(180)
            other.password = None
            read = _as_if(mine, other)
            await _gets(read, 401, theirs)
            await mine.hang_up()
            await theirs.over()

    asyncio.run(reads())


@BOTH
@pytest.mark.case("P51")
def test_another_phone_of_the_agent_takes_nothing_from_the_first(front: Front, way: str) -> None:
    """A page in the browser beside a phone on the desk, which registers while the page talks."""

    async def hangs_up() -> None:
        async with _talking(front, way) as (mine, theirs), front.phone(FIRST) as desk:
            assert (await desk.register()).status == 200
            mine.ua.password = None  # a page that is closed answers no challenge
            assert await _asks(mine, "INFO") == 200
            assert await _asks(mine, "BYE") == 200
            await theirs.over()

    asyncio.run(hangs_up())


@BOTH
@pytest.mark.case("P52")
def test_a_kamailio_that_starts_anew_knows_phones_of_the_others(
    running_redis: RedisServer, kamailio_installed: None, way: str
) -> None:
    async def hangs_up(front: Front) -> None:
        async with _talking(front, way) as (mine, theirs), front.phone(FIRST) as stranger:
            front.kamailio.kill()
            front.kamailio.start()
            async with asyncio.timeout(patience(10)):
                while str(FIRST) not in await asyncio.to_thread(front.kamailio.rpc, "ul.dump"):
                    await asyncio.sleep(0.05)
            stranger.password = None
            assert await _asks(_as_if(mine, stranger), "BYE") == 401
            mine.ua.password = None
            assert await _asks(mine, "INFO") == 200
            assert await _asks(mine, "BYE") == 200
            await theirs.over()

    with Front.running(running_redis, nodes=2) as front:
        asyncio.run(hangs_up(front))


def _connected(front: Front, own_port: int = 0) -> socket.socket:
    """Connect by TCP; closing it leaves its port free at once."""
    phone = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    phone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    phone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    phone.settimeout(patience(3))
    phone.bind(("127.0.0.1", own_port))
    phone.connect(("127.0.0.1", front.kamailio.phones_port))
    return phone


def _said(
    phone: socket.socket, method: str, lines: str = "", to_tag: str = "", line: int = FIRST
) -> str:
    """Send a request of an agent's by TCP, and return the answer."""
    port = phone.getsockname()[1]
    phone.sendall(
        f"{method} sip:127.0.0.1 SIP/2.0\r\n"
        f"Via: SIP/2.0/TCP 127.0.0.1:{port};branch=z9hG4bK-{secrets.token_hex(8)}\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:{line}@127.0.0.1>;tag=a\r\n"
        f"To: <sip:{line}@127.0.0.1>{to_tag}\r\nCall-ID: {secrets.token_hex(8)}\r\n"
        f"CSeq: 1 {method}\r\nContact: <sip:{line}@127.0.0.1:{port};transport=tcp>\r\n"
        f"{lines}Content-Length: 0\r\n\r\n".encode()
    )
    return phone.recv(65536).decode()


def _log_in(phone: socket.socket, line: int = FIRST) -> None:
    found = re.search(r"WWW-Authenticate: (.*)", _said(phone, "REGISTER", line=line))
    assert found is not None
    login = digest(found[1], "REGISTER", "sip:127.0.0.1", str(line), password(line))
    assert " 200 " in _said(phone, "REGISTER", f"Authorization: {login}\r\n", line=line)


@pytest.mark.case("P51")
def test_a_connections_port_is_no_login(front: Front) -> None:
    """Those of HAProxy, in front of pages, are soon another page's."""
    with _connected(front) as phone:
        port = phone.getsockname()[1]
        _log_in(phone)
        # Within no call that there is.
        assert " 404 " in _said(phone, "INFO", to_tag=";tag=b")
    with _connected(front, port) as stranger:
        assert " 401 " in _said(stranger, "INFO", to_tag=";tag=b")


@pytest.mark.case("P53")
def test_who_logs_in_from_everywhere_fills_nothing(front: Front) -> None:
    """One password would else take all of Kamailio's memory, an entry for each port."""

    async def registers() -> None:
        for _ in range(8):
            async with front.phone(SECOND) as phone:
                assert (await phone.register()).status == 200

    asyncio.run(registers())
    kept = re.findall(rf"name: {SECOND};\d", front.kamailio.rpc("htable.dump", "at"))
    assert len(kept) == 4
    with _connected(front) as phone:
        _log_in(phone)
        assert "value: #" in front.kamailio.rpc("htable.dump", "on")
    until(lambda: "value: #" not in front.kamailio.rpc("htable.dump", "on"), 5, "the table's end")


@pytest.mark.case("P51")
def test_lines_of_a_phone_share_a_connection(front: Front) -> None:
    with _connected(front) as phone:
        for line in (FIRST, SECOND):
            _log_in(phone, line)
        for line in (FIRST, SECOND):
            assert " 404 " in _said(phone, "INFO", to_tag=";tag=b", line=line)
        assert " 401 " in _said(phone, "INFO", to_tag=";tag=b", line=PHONES[-1])


@pytest.mark.case("P54")
@pytest.mark.parametrize("nodes", [1, 2])
def test_nothing_is_kept_of_calls_that_nobody_took(
    running_redis: RedisServer, kamailio_installed: None, nodes: int
) -> None:
    """A queue calls agents without a phone again and again."""

    async def calls(front: Front) -> None:
        async with front.phone(FIRST) as phone:
            async with front.pbx(answer()) as pbx:
                call = await pbx.call(str(SECOND))
                assert (await call.final()).status == 404
            async with asyncio.timeout(patience(10)):
                while any(front.kamailio.serves(*front.pbx_ports)):
                    await asyncio.sleep(0.1)
            call = await phone.call(CALLEE, [OUTBOUND])
            assert (await call.final()).status == 503

    with Front.running(running_redis, nodes=nodes) as front:
        asyncio.run(calls(front))
        for kamailio in front.kamailios:
            until(partial(_knows_no_call, kamailio), 5, "calls forgotten")
