"""Phones that attack: what Kamailio reads otherwise than an Asterisk, and where it sends what."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import socket
from collections.abc import Iterator

import pytest

from sandbox.digest import digest
from sandbox.sip import Message
from sandbox.ua import answer
from sandbox.waiting import patience
from tests.kamailio.fake_pbx import Front
from tests.kamailio.rig import OUTBOUND, PHONES, password

FIRST, SECOND = PHONES[0], PHONES[1]
CALLEE = "27830000000"


@pytest.fixture
def elsewhere() -> Iterator[socket.socket]:
    """Where nothing is to be sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        other.settimeout(0.5)
        yield other


def _port(other: socket.socket) -> int:
    return int(other.getsockname()[1])


def _heard_nothing(other: socket.socket) -> None:
    with pytest.raises(TimeoutError):
        other.recv(65536)


@pytest.mark.case("P30")
@pytest.mark.parametrize("before", ["x", "x\0", "x\0\r\nSubject: y"])
@pytest.mark.parametrize("line", [f"From: <sip:{SECOND}@127.0.0.1>;tag=1", "X-C2D-Agent: 1"])
def test_no_line_is_one_to_asterisk_alone(front: Front, line: str, before: str) -> None:
    """Behind a CR without LF."""

    async def smuggles() -> None:
        async with front.pbx(answer()) as pbx, front.phone(FIRST) as phone:
            call = await phone.call(CALLEE, [("Subject", f"{before}\r{line}"), OUTBOUND])
            assert (await call.final()).status == 400
            assert pbx.incoming == []

    asyncio.run(smuggles())


@pytest.mark.case("P30")
def test_nobody_calls_without_a_login_as_if_within_a_call(front: Front) -> None:
    """To Kamailio To has a tag, to Asterisk there is another one without it."""
    port = front.kamailio.phones_port
    inside = f"{front.kamailio.inner_host}:{front.kamailio.inner_port}"
    lines = (
        f"Route: <sip:127.0.0.1:{port};r2=on;lr>, <sip:{inside};r2=on;lr>\r\n"
        f"Subject: x\rTo: <sip:{CALLEE}@127.0.0.1>\r\n"
    )
    target = f"sip:{CALLEE}@127.0.0.1:{front.pbx_ports[0]}"

    async def calls() -> None:
        async with front.pbx(answer()) as pbx:
            final = await asyncio.to_thread(_asked, front, "INVITE", target, lines)
            assert final.status == 400
            assert pbx.incoming == []

    asyncio.run(calls())


async def _answers_unheard(front: Front, header: tuple[str, str]) -> None:
    """Let a phone answer a call with a header for which the caller is not to hear of it."""
    async with front.pbx(answer()) as pbx, front.phone(FIRST) as phone:
        phone.rule = answer(headers=[header])
        assert (await phone.register()).status == 200
        call = await pbx.call(str(FIRST))
        await phone.next_call()
        await asyncio.sleep(0.5)
        assert call.final_status == 0
        call.cancel()


@pytest.mark.case("P30")
def test_an_answer_with_such_a_line_is_not_heard(front: Front, elsewhere: socket.socket) -> None:
    lie = f"x\rContact: <sip:{FIRST}@127.0.0.1:{_port(elsewhere)}>"

    asyncio.run(_answers_unheard(front, ("Subject", lie)))


class _Picky(asyncio.DatagramProtocol):
    """An Asterisk that lives, and takes each INVITE for no SIP."""

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        request = Message(raw=data, at=0, sent=False)
        if request.method == "OPTIONS":
            same = ("Via", "From", "To", "Call-ID", "CSeq")
            lines = [f"{name}: {request.header(name)}\r\n" for name in same]
            said = f"SIP/2.0 200 OK\r\n{''.join(lines)}Content-Length: 0\r\n\r\n"
            self._transport.sendto(said.encode(), addr)


@pytest.mark.case("P31")
def test_what_an_asterisk_does_not_answer_says_nothing_of_it(front: Front) -> None:
    """A phone writes what is no SIP to Asterisk, which lets it lie; others go on calling."""

    async def calls() -> None:
        loop, port = asyncio.get_running_loop(), front.pbx_ports[0]
        pbx, _ = await loop.create_datagram_endpoint(_Picky, local_addr=("127.0.0.1", port))
        with contextlib.closing(pbx):
            async with asyncio.timeout(patience(5)), front.phone(FIRST) as phone:
                while not all(front.kamailio.serves(port)):
                    await asyncio.sleep(0.05)
                before = front.kamailio.log().count("down: ")
                assert (await (await phone.call(CALLEE, [OUTBOUND])).final()).status == 503
                assert front.kamailio.log().count("down: ") == before

    asyncio.run(calls())


@pytest.mark.case("P32")
@pytest.mark.parametrize("method", ["BYE", "INVITE", "ACK"])
@pytest.mark.parametrize("where", ["uri", "route"])
def test_no_stranger_has_a_name_looked_up(front: Front, method: str, where: str) -> None:
    """Who waits for DNS serves nobody.  It is one who has logged in: nobody else gets as far."""
    port, name = front.kamailio.phones_port, f"{secrets.token_hex(4)}.invalid"
    way = f"Route: <sip:127.0.0.1:{port};lr>\r\n"
    if where == "route":
        way += f"Route: <sip:{name};lr>\r\n"
    target = f"sip:x@{name if where == 'uri' else f'127.0.0.1:{front.pbx_ports[0]}'}"
    if method == "ACK":
        _send(front, method, target, way).close()
        assert _asked(front, "BYE", f"sip:x@127.0.0.1:{port}", "").status == 404
    else:
        assert _asked(front, method, target, way).status == 403
    assert "could not resolve" not in front.kamailio.log()


@pytest.mark.case("P33")
@pytest.mark.parametrize(
    "contact", ["<sip:{0}@127.0.0.1:{1}>", "<sip:{0}@far.invalid;maddr=127.0.0.1>"]
)
def test_a_phone_is_called_where_it_is(
    front: Front, elsewhere: socket.socket, contact: str
) -> None:
    async def registers() -> None:
        async with front.pbx(answer()) as pbx, front.phone(FIRST) as phone:
            lie = contact.format(FIRST, _port(elsewhere))
            assert (await phone.register(lie)).status == 200
            call = await pbx.call(str(FIRST))
            assert (await call.final()).status == 200
            await phone.next_call()
            await call.hang_up()

    asyncio.run(registers())
    _heard_nothing(elsewhere)


@pytest.mark.case("P33")
@pytest.mark.parametrize("name", ["Contact", "m"])
@pytest.mark.parametrize("behind", ["received=", "q=0.5;\r\n Received ="])
def test_a_phone_does_not_say_from_where_it_registers(
    front: Front, elsewhere: socket.socket, name: str, behind: str
) -> None:
    async def registers() -> None:
        async with front.phone(FIRST) as phone:
            lie = f'<sip:{FIRST}@127.0.0.1>;{behind}"sip:127.0.0.1:{_port(elsewhere)}"'
            lines = [] if name == "Contact" else [(name, lie)]
            answered = await phone.register(lie if not lines else None, headers=lines)
            assert answered.status == 400

    asyncio.run(registers())


@pytest.mark.case("P33")
def test_a_call_goes_on_with_the_phone_that_it_is_with(
    front: Front, elsewhere: socket.socket
) -> None:
    """Whatever Contact and Record-Route say, in the call and in the answer."""
    there = f"127.0.0.1:{_port(elsewhere)}"
    contact = ("Contact", f"<sip:{FIRST}@{there}>")

    async def lies() -> None:
        async with front.pbx(answer()) as pbx, front.phone(FIRST) as phone:
            way = ("Record-Route", f"<sip:{there};lr>")
            mine = await phone.call(CALLEE, [OUTBOUND, contact, way])
            assert (await mine.final()).status == 200
            await (await pbx.next_call()).hang_up()
            await mine.over()

            phone.rule = answer(headers=[contact])
            assert (await phone.register()).status == 200
            call = await pbx.call(str(FIRST))
            assert (await call.final()).status == 200
            theirs = await phone.next_call()
            await call.hang_up()
            await theirs.over()

    asyncio.run(lies())
    _heard_nothing(elsewhere)


@pytest.mark.case("P35")
@pytest.mark.parametrize(
    "way", ["{0}", "<sip:127.0.0.1:{1};lr>, {0}", "{0}, <sip:127.0.0.1:{1};lr>"]
)
def test_a_phone_adds_nothing_to_the_way_of_a_call(
    front: Front, elsewhere: socket.socket, way: str
) -> None:
    """The Asterisk would send there all that it says within the call."""
    lie = f"<sip:127.0.0.1:{_port(elsewhere)};lr>"
    added = ("Record-Route", way.format(lie, front.kamailio.phones_port))

    asyncio.run(_answers_unheard(front, added))
    _heard_nothing(elsewhere)


@pytest.mark.case("P37")
def test_a_login_that_was_read_on_the_way_calls_no_other_number(front: Front) -> None:
    async def replays() -> None:
        async with front.pbx(answer()) as pbx, front.phone(FIRST) as phone:
            call = await phone.call(CALLEE, [OUTBOUND])
            assert (await call.final()).status == 200
            login = next(
                one.header("Authorization")
                for one in call.ladder.messages
                if one.sent and one.header("Authorization")
            )
            await call.hang_up()
            assert login is not None
            async with front.phone(FIRST) as thief:
                thief.password = None
                number = "0027830000001"
                ours = f'uri="{thief.uri(number)}", response="x"'
                lie = f'Digest username="x", realm="x", nonce="x", {ours}'
                for name in ("Subject", "Authorization", "Proxy-Authorization"):
                    lines = [OUTBOUND, (name, lie), ("Authorization", login)]
                    other = await thief.call(number, lines)
                    assert (await other.final()).status == 401
            assert len(pbx.incoming) == 1

    asyncio.run(replays())


@pytest.mark.case("P36")
def test_a_connection_on_which_nobody_logs_in_ends_within_a_minute(front: Front) -> None:
    """Strangers would take them all, for an hour; a phone that has logged in keeps its own."""
    where = ("127.0.0.1", front.kamailio.phones_port)
    with socket.create_connection(where) as stranger, socket.create_connection(where) as phone:
        phone.settimeout(patience(3))
        challenge = _registered(phone, "")
        assert challenge.status == 401
        login = digest(
            challenge.header("WWW-Authenticate") or "",
            *("REGISTER", "sip:127.0.0.1", str(FIRST), password(FIRST)),
        )
        assert _registered(phone, f"Authorization: {login}\r\n").status == 200
        listed = front.kamailio.rpc("core.tcp_list").split("{")
        lifetimes = {
            port: int(found[1])
            for port in (_port(stranger), _port(phone))
            for one in listed
            if f"src_port: {port}\n" in one and (found := re.search(r"lifetime: (\d+)", one))
        }
        assert lifetimes[_port(stranger)] <= 60
        assert lifetimes[_port(phone)] > 300  # as long as a registration lasts


def _registered(phone: socket.socket, login: str) -> Message:
    """Send REGISTER on a connection, and return the answer."""
    own = f"127.0.0.1:{_port(phone)};transport=tcp"
    phone.sendall(
        "REGISTER sip:127.0.0.1 SIP/2.0\r\n"
        f"Via: SIP/2.0/TCP 127.0.0.1:{_port(phone)};branch=z9hG4bK-{secrets.token_hex(8)}\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:{FIRST}@127.0.0.1>;tag=phone\r\n"
        f"To: <sip:{FIRST}@127.0.0.1>\r\nCall-ID: {secrets.token_hex(8)}\r\n"
        f"CSeq: 1 REGISTER\r\nContact: <sip:{FIRST}@{own}>\r\nExpires: 300\r\n{login}"
        "Content-Length: 0\r\n\r\n".encode()
    )
    return Message(raw=phone.recv(65536), at=0, sent=False)


def _asked(front: Front, method: str, target: str, lines: str) -> Message:
    """Send a phone's request within a call that never was, and return its answer."""
    with _send(front, method, target, lines) as stranger:
        while True:
            message = Message(raw=stranger.recv(65536), at=0, sent=False)
            if message.status >= 200:
                return message


def _send(front: Front, method: str, target: str, lines: str) -> socket.socket:
    stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stranger.settimeout(patience(3))
    stranger.bind(("127.0.0.1", 0))
    front.has_seen(FIRST, stranger)
    request = (
        f"{method} {target} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 127.0.0.1:9;rport;branch=z9hG4bK-{secrets.token_hex(8)}\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:{FIRST}@127.0.0.1>;tag=stranger\r\n{lines}"
        f"To: <sip:{CALLEE}@127.0.0.1>;tag=made-up\r\nCall-ID: {secrets.token_hex(8)}\r\n"
        f"CSeq: 1 {method}\r\nContact: <sip:{FIRST}@127.0.0.1:9>\r\nContent-Length: 0\r\n\r\n"
    )
    stranger.sendto(request.encode(), ("127.0.0.1", front.kamailio.phones_port))
    return stranger
