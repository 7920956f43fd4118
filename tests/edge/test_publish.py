"""What the AGI handler leaves for the edge, and when: before it answers a refused call."""

from __future__ import annotations

import asyncio
import logging
from urllib.parse import quote

import pytest

from click2dial_agi.app.handlers import CallHandlers
from click2dial_agi.app.snapshot import Snapshot
from click2dial_agi.domain.config import AGI, parse_config
from click2dial_agi.domain.variables import SIP_DIALOG
from click2dial_agi.io.agi_server import AGIServer
from click2dial_agi.io.refusals import ErrorHeaders, Refusals
from tests.edge.rig import run, soon

CONFIG = parse_config({"integrators": [{"name": "acme", "extensions": ["1000-1999"]}]})
CALL_REF = "0f8fad5b-d9cb-469f-a165-70867728950e"

CALLEE = (
    "callee: 3-4 digits, 10 digits starting 0, 11 digits starting 27 or 13-16 digits starting 00"
)
CONTACT_REF = "contact_ref: letters, digits and . - _ ~ only"

GOOD = {"teleforge_outbound_id": "27820001234", "callee": "0820000100"}
BAD = {"teleforge_outbound_id": "27820001234", "callee": "12"}


async def _session(
    handlers: CallHandlers,
    asked: dict[str, str],
    replies: list[str],
    channel: str = "PJSIP/1000-00000001",
) -> list[str]:
    """Play Asterisk's side of one /outbound session; return the commands it was sent."""
    server = AGIServer(handlers, AGI(listen="127.0.0.1:0"))  # type: ignore[arg-type]
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    facts = {"call_ref": CALL_REF, "dialed_at": "1700000000", "channel": channel, **asked}
    text = "&".join(f"{name}={quote(value, safe='')}" for name, value in facts.items())
    writer.write(
        f"agi_network: yes\nagi_network_script: outbound?{text}\n"
        f"agi_channel: {channel}\n\n".encode()
    )
    commands = []
    while line := await soon(reader.readline()):
        commands.append(line.decode())
        if not replies:
            break
        writer.write(f"{replies.pop(0)}\n".encode())
    writer.close()
    await writer.wait_closed()
    await server.stop(1)
    return commands


def _publish(
    asked: dict[str, str], replies: list[str], call_id: str, channel: str = "PJSIP/1000-00000001"
) -> tuple[list[str], ErrorHeaders]:
    """Return the commands of a session and what the edge then finds for a Call-ID."""

    async def session() -> tuple[list[str], ErrorHeaders]:
        refusals = Refusals()
        handlers = CallHandlers(Snapshot(CONFIG, {}), refusals)
        commands = await _session(handlers, asked, replies, channel)
        return commands, await refusals.find(call_id, elsewhere=False)

    return run(session())


def test_a_refused_call_leaves_its_errors_before_the_verdict() -> None:
    replies = ["200 result=1 (a)b%,c@phone)", "200 result=0"]
    commands, headers = _publish({**BAD, "teleforge_contact_ref": "é"}, replies, "a)b%,c@phone")
    assert commands[0] == f'GET FULL VARIABLE "{SIP_DIALOG}"\n'
    assert commands[1].startswith('EXEC MSet "')
    assert "C2D_VERDICT=refuse" in commands[1]
    assert headers == (("X-Teleforge-Error", CALLEE), ("X-Teleforge-Error", CONTACT_REF))


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({"callee": "12", "platforma_outbound_id": "27820001234"}, ["X-Platforma-Error"]),
        (
            {**BAD, "platforma_outbound_id": "27820001234"},
            ["X-Teleforge-Error", "X-Platforma-Error"],
        ),
    ],
)
def test_the_errors_come_in_the_families_that_the_invite_used(
    asked: dict[str, str], names: list[str]
) -> None:
    _, headers = _publish(asked, ["200 result=1 (a)", "200 result=0"], "a")
    assert headers == tuple((name, CALLEE) for name in names)


@pytest.mark.case("A5")
def test_a_call_over_a_limit_leaves_its_error() -> None:
    """The fifth of one phone at once."""

    async def fifth() -> ErrorHeaders:
        refusals = Refusals()
        handlers = CallHandlers(Snapshot(CONFIG, {}), refusals)
        for number in range(4):
            asked = {**GOOD, "call_ref": f"{CALL_REF[:-1]}{number}"}
            commands = await _session(handlers, asked, ["200 result=0"])
            assert "C2D_VERDICT=dial" in commands[0]
        platforma = {"callee": "0820000100", "platforma_outbound_id": "27820001234"}
        replies = ["200 result=1 (a)", "200 result=0"]
        commands = await _session(handlers, platforma, replies)
        assert "C2D_CAUSE=21,C2D_VERDICT=refuse" in commands[1]
        return await refusals.find("a", elsewhere=False)

    headers = run(fifth())
    assert headers == (("X-Platforma-Error", "limits: at most 4 calls of an agent at once"),)


def test_a_good_call_costs_no_round_trip() -> None:
    commands, headers = _publish(GOOD, ["200 result=0"], "a")
    assert len(commands) == 1
    assert "C2D_VERDICT=dial" in commands[0]
    assert headers == ()


def test_without_an_edge_a_refusal_costs_no_round_trip() -> None:
    handlers = CallHandlers(Snapshot(CONFIG, {}), None)
    commands = run(_session(handlers, BAD, ["200 result=0"]))
    assert len(commands) == 1


def test_a_channel_that_is_not_sip_is_not_asked() -> None:
    commands, _ = _publish(BAD, ["200 result=0"], "a", channel="Local/12@click2dial-00000001;2")
    assert len(commands) == 1


@pytest.mark.parametrize("reply", ["200 result=0", "200 result=1 ()", "511 Command Not Permitted"])
def test_without_a_call_id_the_call_is_refused_all_the_same(
    reply: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "click2dial_agi"):
        commands, headers = _publish(BAD, [reply, "200 result=0"], "")
    assert "C2D_VERDICT=refuse" in commands[1]
    assert headers == ()
    assert caplog.records == []
