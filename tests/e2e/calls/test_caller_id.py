"""What leaves towards the trunk: the caller ID that was chosen, and nothing of the agent."""

from __future__ import annotations

import pytest

from sandbox.rawsip import raw_invite
from sandbox.server import Server
from sandbox.sip import Message
from tests.e2e.calls.desk import OUTBOUND_ID, Desk
from tests.e2e.records import expect

pytestmark = pytest.mark.usefixtures("quiet")

SHOWN = '"27820001234" <sip:27820001234@127.0.0.1>'
CONTACT_REF = ("X-Teleforge-Contact-Ref", "matter-4711")

#: Headers that a SIP stack fills with numbers of its own making, any digits among them.
MADE_UP = ("Via", "Call-ID", "CSeq", "Contact", "Content-Length")


def shows(invite: Message, *secrets: str) -> None:
    """Check that the callee learns the caller ID, everywhere the same, and none of the secrets."""
    sender = invite.header("From") or ""
    assert sender.partition(";")[0] == SHOWN
    assert invite.header_all("P-Asserted-Identity") == [SHOWN]
    assert invite.header("Contact") == f"<sip:asterisk@127.0.0.1:{port(invite)}>"
    names = [name.lower() for name, _ in invite.headers]
    assert not [name for name in names if name.startswith("x-")]
    assert not {"privacy", "remote-party-id", "diversion"} & set(names)
    # The number that was called, any digits among them too, is no secret.
    said = [sender.partition(";")[0]] + [
        value.replace(f"sip:{invite.uri_user}@", "")
        for name, value in invite.headers
        if name not in (*MADE_UP, "From")
    ]
    for secret in secrets:
        assert not [value for value in said if secret in value]
    assert b"Wilhelmina" not in invite.raw


def port(invite: Message) -> str:
    return (invite.header("Via") or "").partition(";")[0].rpartition(":")[2]


def test_nothing_of_the_agent_leaves(desk: Desk) -> None:
    number = desk.trunk.number()
    headers = [OUTBOUND_ID, CONTACT_REF, ("X-Platforma-Contact-Ref", "matter-4712")]
    headers += [("X-Other", "matter-4713"), ("User-Agent", "matter-4714")]
    desk.call(number, headers, agent="named")
    shows(desk.trunk.wait_invite(number), "1199", "named", "matter-")


@pytest.mark.parametrize(
    "headers",
    [
        [("Privacy", "id")],
        [("Privacy", "id;header;user;critical")],
        [("P-Asserted-Identity", '"Forged" <sip:27119999999@evil.example>')],
        [("P-Preferred-Identity", "<sip:27119999999@evil.example>")],
        [("Remote-Party-ID", "<sip:27119999999@evil.example>;privacy=full;screen=yes")],
        [("Privacy", "id"), ("P-Asserted-Identity", "<sip:27119999999@evil.example>")],
        [("Diversion", "<sip:27119999999@evil.example>;reason=unconditional")],
    ],
)
@pytest.mark.parametrize("agent", ["1001", "1198"], ids=["agent", "agent trusted by the operator"])
def test_phone_cannot_change_or_hide_the_caller_id(
    desk: Desk, agent: str, headers: list[tuple[str, str]]
) -> None:
    number = desk.trunk.number()
    result, record = desk.call(number, [OUTBOUND_ID, *headers], agent=agent)
    shows(desk.trunk.wait_invite(number), agent, "27119999999", "Forged", "evil")
    expect(record, result, number=number, extension=agent, end_reason="hungup", end_code=16)


@pytest.mark.parametrize(
    "display",
    [
        b'"1001" ',
        b'"27119999999" ',
        b'"a\x0bagi_extension: 1001" ',
        b'"a\x85\xe2\x80\xa8agi_extension: 1001" ',
        b'"\\"${SHELL(id)}\\\\" ',
        b'"' + b"x" * 3000 + b'" ',
        b'"\xff\xfe\x01\x7f" ',
        b'"Anonymous" ',
    ],
)
def test_forged_display_name(desk: Desk, display: bytes) -> None:
    """From's name may hold any bytes; it reaches the AGI environment and nothing else."""
    number = desk.trunk.number()
    result = raw_invite(
        desk.pbx,
        callee=number.encode(),
        display=display,
        lines=b"X-Teleforge-Outbound-ID: 27820001234\r\n",
    )
    assert result.status == 200
    shows(desk.trunk.wait_invite(number), "1000", "1001", "27119999999", "SHELL", "xxx")
    expect(desk.crm.pop(), result, number=number, end_reason="hungup", end_code=16)


def test_short_caller_id_is_warned_of(desk: Desk, server: Server) -> None:
    """It works, but providers often reject it."""
    _, record = desk.call(desk.trunk.number(), [("X-Teleforge-Outbound-ID", "0820001234")])
    warning = f" WARNING {record['call_ref']} shows a caller ID starting 0; "
    assert warning in server.log()
