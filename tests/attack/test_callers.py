"""Callers outside who attack through SIP: on the real Asterisk, with the sample's provider."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from sandbox.notifications import Notification, Payload
from sandbox.office import Office, Team
from sandbox.office_conf import CARRIER
from sandbox.phone_call import PhoneCall

SAMPLE = (Path(__file__).parents[2] / "etc/asterisk/pjsip.conf").read_text("utf-8")


def provider_may() -> str:
    """Return what the sample lets the provider do about transfers."""
    lines = SAMPLE.partition("[trunk]\ntype = endpoint\n")[2].partition("\n[")[0].splitlines()
    return "\n".join(line for line in lines if line.startswith("allow_"))


@pytest.fixture(scope="module")
def office(tree: Path) -> Iterator[Office]:
    with Office(tree, pjsip=f"\n[{CARRIER}](+)\n{provider_may()}\n") as office:
        yield office


async def _calls(office: Office, team: Team) -> tuple[str, PhoneCall, PhoneCall]:
    """Call a team's agent from outside; return the number and both ends."""
    number = office.number()
    client = await office.dial_in(team.did(), number)
    agent = await team.first.next_call()
    await asyncio.gather(client.up(), agent.up())
    await asyncio.gather(client.media.hear(agent.media.mark), agent.media.hear(number))
    return number, client, agent


async def _puts_agents_together(office: Office) -> None:
    async with office.team("acme") as mine, office.team("open") as theirs:
        one, client, agent = await _calls(office, mine)
        two, other, colleague = await _calls(office, theirs)
        replaces = quote(other.replaces(), safe="")
        answer = await client.refer(f"<{office.trunk.uri(theirs.first.name)}?Replaces={replaces}>")
        assert answer.status == 603
        await asyncio.gather(agent.media.hear(one), colleague.media.hear(two))
        await asyncio.gather(client.hang_up(), other.hang_up())
        await asyncio.gather(agent.over(), colleague.over())
        for number, team in ((one, mine), (two, theirs)):
            record = await _record(office, number)
            assert record["extension"] == team.first.name
            assert record["end_reason"] == "callee_hungup"


async def _record(office: Office, number: str) -> Payload:
    def mine(one: Notification) -> bool:
        return one.list_name.endswith(":cdr") and one.payload["number"] == number

    assert await office.notifications.wait(mine, 1)
    [record] = office.notifications.take(mine)
    return record.payload


@pytest.mark.case("A40")
def test_a_caller_puts_no_agents_together(office: Office) -> None:
    office.loop.run(_puts_agents_together(office))
