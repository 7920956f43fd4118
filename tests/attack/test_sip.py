"""Phones that attack through SIP: on the real Asterisk, with the lines of the sample."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.asterisk import Asterisk
from sandbox.sip import Message
from sandbox.trunk import Trunk
from sandbox.waiting import patience

SAMPLE = (Path(__file__).parents[2] / "etc/asterisk/pjsip.conf").read_text("utf-8")

#: Asterisk, the phones and the provider are all on loopback, each on an address of its own.
PHONE, PROVIDER = "127.0.0.2", "127.0.0.3"

# `Set(GLOBAL())` tells what ran.
DIALPLAN = """
    [click2dial]
    exten => _[!-~]!,1,Set(GLOBAL(RAN)=${EXTEN})
     same => n,Hangup(21)
    [out]
    exten => _X.,1,Dial(${PJSIP_DIAL_CONTACTS(2000)},2)
    """


def sample_agent() -> str:
    """Return the sample's lines for agents' endpoints, with the network of the test's phone."""
    lines = SAMPLE.partition("[agent](!)\n")[2].partition("\n\n")[0].splitlines()
    assert any(line.startswith("contact_permit") for line in lines)
    kept = [line for line in lines if not line.startswith((";", "contact_permit"))]
    return "\n".join([*kept, f"contact_permit = {PHONE}/32"])


@pytest.fixture(scope="module")
def pbx(tree: Path, trunk: Trunk) -> Iterator[Asterisk]:
    """A PBX with an agent as the sample has it, and one as it was before."""
    endpoints = f"""
[2000]
{sample_agent()}
disallow = all
allow = ulaw
aors = 2000
[2000]
type = aor
max_contacts = 1
remove_existing = yes
"""
    with Asterisk(
        tree, trunk_port=trunk.port, extra_extensions=DIALPLAN, extra_pjsip=endpoints
    ) as pbx:
        yield pbx


def request(
    pbx: Asterisk, method: str, *lines: str, user: str = "2000", source: str = PHONE, to: str = ""
) -> Message:
    """Send one request from an address of loopback; return its final response."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind((source, 0))
        phone.settimeout(patience(5))
        own = f"{source}:{phone.getsockname()[1]}"
        to = to or f"sip:{user}@127.0.0.1"
        head = [
            f"{method} {to if method != 'REGISTER' else 'sip:127.0.0.1'} SIP/2.0",
            f"Via: SIP/2.0/UDP {own};branch=z9hG4bK{secrets.token_hex(6)};rport",
            f"From: <sip:{user}@127.0.0.1>;tag={secrets.token_hex(4)}",
            f"To: <{to}>",
            f"Call-ID: {secrets.token_hex(8)}",
            f"CSeq: 1 {method}",
            "Max-Forwards: 70",
            *(line.replace("OWN", own) for line in lines),
            *("Content-Type: text/plain", "Content-Length: 2", "", "hi"),
        ]
        phone.sendto("\r\n".join(head).encode(), ("127.0.0.1", pbx.sip_port))
        while True:
            message = Message(raw=phone.recv(65536), at=0.0, sent=False)
            if message.status >= 200:
                return message


def contacts(pbx: Asterisk) -> str:
    return pbx.cli("pjsip show contacts")


@pytest.mark.case("A6")
def test_a_phone_registers_where_it_is(pbx: Asterisk) -> None:
    answer = request(pbx, "REGISTER", "Contact: <sip:2000@OWN>", "Expires: 60")
    assert answer.status == 200
    assert f"sip:2000@{PHONE}:" in contacts(pbx)


@pytest.mark.case("A6")
@pytest.mark.parametrize(
    "contact",
    [
        f"<sip:0044770090012@{PROVIDER}:5060>",
        f"<sip:0044770090012@{PROVIDER}>",
        f'"2000" <sip:0044770090012@{PROVIDER}:5060;transport=udp>;expires=600',
        f"sip:2000@{PROVIDER}",
        f"<sip:2000@OWN>, <sip:0044770090012@{PROVIDER}>",
        "<sip:0044770090012@127.0.0.1:TRUNK>",
    ],
)
def test_a_contact_that_points_at_the_provider_is_refused(pbx: Asterisk, contact: str) -> None:
    before = contacts(pbx)
    line = "Contact: " + contact.replace("TRUNK", str(pbx.trunk_port))
    answer = request(pbx, "REGISTER", line, "Expires: 60")
    assert answer.status in (401, 403)  # this endpoint has no password: it is the contact
    assert contacts(pbx) == before


@pytest.mark.case("A6")
@pytest.mark.parametrize("host", ["localhost", "trunk.invalid", "no-such-host.invalid"])
def test_a_name_is_replaced_by_where_the_phone_is(pbx: Asterisk, host: str) -> None:
    """What a name stands for may change after it was looked at."""
    line = f"Contact: <sip:0044770090012@{host}:{pbx.trunk_port}>"
    request(pbx, "REGISTER", line, "Expires: 60")
    stored = [text for text in contacts(pbx).splitlines() if "2000/" in text]
    assert all(f"@{PHONE}:" in text for text in stored), stored


@pytest.mark.case("T19")
@pytest.mark.parametrize("user", ["2000", "1000"])
def test_a_text_message_runs_no_dialplan(pbx: Asterisk, user: str) -> None:
    pbx.cli("dialplan set global RAN nothing")
    answer = request(pbx, "MESSAGE", user=user, to="sip:0820000100@127.0.0.1", source="127.0.0.1")
    ran = pbx.cli("dialplan show globals").partition("RAN=")[2].partition("\n")[0].strip()
    if user == "1000":  # an endpoint without the sample's line: this is what it is there for
        assert (answer.status, ran) == (202, "0820000100")
    else:
        assert (answer.status, ran) == (404, "nothing")
