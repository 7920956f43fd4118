"""Who calls is what Kamailio has looked at: not what a phone writes, and nobody past Kamailio."""

from __future__ import annotations

import asyncio
import secrets
import socket

import pytest

from sandbox.sip import Message
from sandbox.ua import UA, answer
from sandbox.waiting import patience
from tests.kamailio.fake_pbx import Front
from tests.kamailio.rig import OUTBOUND, PHONES

FIRST, SECOND = PHONES[0], PHONES[1]
CALLEE = "27830000000"


async def _invite(front: Front, phone: UA, *headers: tuple[str, str], caller: str = "") -> int:
    call = await phone.call(CALLEE, [OUTBOUND, *headers], caller=caller)
    final = await call.final()
    if final.status < 300:
        await call.hang_up()
    return final.status


def test_whose_password_is_wrong_does_not_come_in(front: Front) -> None:
    async def tries() -> None:
        async with front.pbx(answer()) as pbx, front.phone(FIRST) as phone:
            phone.password = "not the one"
            assert (await phone.register()).status == 401
            assert await _invite(front, phone) == 401
            phone.name, phone.password = "1999", ""
            assert (await phone.register()).status == 401
            phone.password = None
            assert await _invite(front, phone) == 401
            assert pbx.incoming == []

    asyncio.run(tries())


@pytest.mark.case("P6")
@pytest.mark.parametrize("ha1", ["0" * 32, "d41d8cd98f00b204e9800998ecf8427e"])
def test_who_has_no_login_passes_with_no_hash(front: Front, ha1: str) -> None:
    """What stands for an unknown login must be nothing that somebody else can know."""

    async def tries() -> None:
        async with front.pbx(answer()) as pbx, front.phone(FIRST) as phone:
            phone.ha1 = ha1
            for name in (FIRST, PHONES[-1], "1999", "nobody", "10%31"):
                phone.name = str(name)
                assert (await phone.register()).status in (400, 401, 403), name
                assert await _invite(front, phone) in (400, 401, 403), name
            assert pbx.incoming == []

    asyncio.run(tries())


@pytest.mark.case("P6")
@pytest.mark.parametrize(
    "caller", [SECOND, f"%31{str(SECOND)[1:]}", f"{SECOND};x=1", "c2d-entrance"]
)
def test_a_forged_from_is_refused(front: Front, caller: object) -> None:
    async def forges() -> None:
        async with front.pbx(answer()) as pbx, front.phone(FIRST) as phone:
            phone.login = phone.name
            assert await _invite(front, phone, caller=str(caller)) in (400, 401, 403)
            phone.name = str(SECOND)
            assert (await phone.register()).status in (401, 403)
            assert pbx.incoming == []

    asyncio.run(forges())


@pytest.mark.case("P6")
@pytest.mark.parametrize(
    "name",
    [
        *("P-Asserted-Identity", "p-asserted-identity", "P-Preferred-Identity", "Remote-Party-ID"),
        *("X-C2D-Agent", "x-c2d-anything", "Diversion", "Proxy-Authorization"),
    ],
)
def test_a_forged_identity_does_not_pass(front: Front, name: str) -> None:
    async def forges() -> None:
        async with front.pbx(answer()) as pbx, front.phone(FIRST) as phone:
            value = f"<sip:{SECOND}@127.0.0.1>"
            if name == "Proxy-Authorization":
                value = (
                    f'Digest username="{SECOND}", realm="other", nonce="n", uri="u", response="r"'
                )
            assert await _invite(front, phone, (name, value), (name, value)) == 200
            (call,) = pbx.incoming
            assert call.invite is not None
            assert call.invite.header_all(name) == []
            assert call.invite.header_all("Authorization") == []
            assert call.invite.from_user == phone.name
            assert call.invite.header(OUTBOUND[0]) == OUTBOUND[1]

    asyncio.run(forges())


@pytest.mark.case("P6")
@pytest.mark.parametrize("method", ["INVITE", "REGISTER", "KDMQ", "OPTIONS"])
def test_inside_nobody_else_is_heard(front: Front, method: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.settimeout(0.5)
        stranger.sendto(
            _request(front, method), (front.kamailio.inner_host, front.kamailio.inner_port)
        )
        with pytest.raises(TimeoutError):
            stranger.recv(65536)


@pytest.mark.case("P7")
@pytest.mark.parametrize("method", ["INVITE", "BYE", "OPTIONS", "MESSAGE"])
def test_kamailio_hands_nothing_on_to_others(front: Front, method: str) -> None:
    """A request that says that it is part of a call, along a way that the sender made up."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
    ):
        other.bind(("127.0.0.1", 0))
        other.settimeout(0.5)
        phone.settimeout(patience(2))
        phone.bind(("127.0.0.1", 0))
        front.has_seen(FIRST, phone)
        port, third = front.kamailio.phones_port, other.getsockname()[1]
        way = f"Route: <sip:127.0.0.1:{port};lr>\r\n"
        for target, route in (
            (f"sip:x@127.0.0.1:{third}", way),
            (f"sip:x@127.0.0.1:{port}", f"{way}Route: <sip:127.0.0.1:{third};lr>\r\n"),
        ):
            request = _request(front, method, target, f"{route}", ";tag=made-up")
            phone.sendto(request, ("127.0.0.1", port))
            answer = Message(raw=phone.recv(65536), at=0, sent=False)
            assert answer.status in (403, 404)
            with pytest.raises(TimeoutError):
                other.recv(65536)


@pytest.mark.case("P20")
@pytest.mark.parametrize("way", ["host", "received", "rport", "maddr", "comma"])
@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_kamailio_hands_no_made_up_answer_on(front: Front, method: str, way: str) -> None:
    """An answer to nothing goes where its next Via says, which its sender wrote."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
    ):
        other.bind(("127.0.0.1", 0))
        other.settimeout(0.5)
        third, pbx = other.getsockname()[1], front.pbx_ports[0]
        via = {
            "host": f"127.0.0.1:{third}",
            "received": f"192.0.2.1:{third};received=127.0.0.1",
            "rport": f"127.0.0.1:{pbx};rport={third}",
            "maddr": f"192.0.2.1:{third};maddr=127.0.0.1",
            "comma": f"127.0.0.1:{third}, SIP/2.0/UDP 127.0.0.1:{pbx}",
        }[way]
        phone.sendto(_answer(front, via, method), ("127.0.0.1", front.kamailio.phones_port))
        with pytest.raises(TimeoutError):
            other.recv(65536)


@pytest.mark.case("P20")
@pytest.mark.parametrize("seen", ["", ";rport", ";received=127.0.0.1"])
def test_a_late_answer_of_a_phone_still_reaches_an_asterisk(front: Front, seen: str) -> None:
    """A 200 is said again for 32 s, and Kamailio forgets the INVITE after 5."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as pbx,
    ):
        pbx.bind(("127.0.0.1", front.pbx_ports[0]))
        pbx.settimeout(patience(2))
        late = _answer(front, f"127.0.0.1:{front.pbx_ports[0]}{seen}")
        phone.sendto(late, ("127.0.0.1", front.kamailio.phones_port))
        while not (heard := pbx.recv(65536)).startswith(b"SIP/2.0 200"):
            assert heard.startswith(b"OPTIONS")


def _answer(front: Front, via: str, method: str = "INVITE") -> bytes:
    """Return an answer that belongs to no request, and is to go on to a Via."""
    branch = f"z9hG4bK-{secrets.token_hex(8)}"
    return (
        "SIP/2.0 200 OK\r\n"
        f"Via: SIP/2.0/UDP 127.0.0.1:{front.kamailio.phones_port};branch={branch}\r\n"
        f"Via: SIP/2.0/UDP {via};branch={branch}\r\n"
        f"From: <sip:{FIRST}@127.0.0.1>;tag=stranger\r\nTo: <sip:{FIRST}@127.0.0.1>;tag=made-up\r\n"
        f"Call-ID: {branch}\r\nCSeq: 1 {method}\r\nContact: <sip:{FIRST}@127.0.0.1:9>\r\n"
        "Content-Length: 0\r\n\r\n"
    ).encode()


def _request(front: Front, method: str, target: str = "", lines: str = "", tag: str = "") -> bytes:
    port = front.kamailio.phones_port
    target = target or f"sip:{FIRST}@127.0.0.1:{port}"
    return (
        f"{method} {target} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 127.0.0.1:9;rport;branch=z9hG4bK-{secrets.token_hex(8)}\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:{FIRST}@127.0.0.1>;tag=stranger\r\n"
        f"To: <sip:{FIRST}@127.0.0.1>{tag}\r\nCall-ID: stranger-{method}-{len(target + lines)}\r\n"
        f"CSeq: 1 {method}\r\nContact: <sip:{FIRST}@127.0.0.1:9>\r\n{lines}"
        "Content-Length: 0\r\n\r\n"
    ).encode()
