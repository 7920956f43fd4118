"""What an agent's phone is shown of who was called: his number, whatever the network says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from sandbox.office import Office
from sandbox.phone_call import PhoneCall
from sandbox.ua import answer
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import further_phone, played, problems_of, records

AGENT = "2150"
ANOTHER = "666"
ENDPOINTS = f"""
[believed](common)
context = from-trunk
aors = trunk
trust_id_inbound = yes
[{AGENT}](agent)
aors = {AGENT}
send_pai = yes
send_rpid = yes
trust_id_outbound = yes
[{AGENT}](aor)
"""


@pytest.fixture(scope="module")
def office(tree: Path) -> Iterator[Office]:
    """Its trunk is believed."""
    with Office(tree, pjsip=ENDPOINTS, keys={"trunk_dial": "PJSIP/{number}@believed"}) as office:
        yield office


def _shown(call: PhoneCall) -> list[str]:
    return [
        message.header(name) or ""
        for message in call.ladder.messages
        for name in ("P-Asserted-Identity", "Remote-Party-ID")
        if not message.sent and message.header(name)
    ]


async def _calls(created: bool, scene: Scene) -> None:
    said = [("P-Asserted-Identity", f'"Somebody" <sip:{ANOTHER}@example.net>')]
    scene.office.trunk.plan[scene.number] = answer(0.2, said)
    async with further_phone(scene, AGENT) as phone:
        if created:
            answered = await scene.office.create(scene.team, scene.number, scene.ref, agent=AGENT)
            assert answered.status_code == 201, answered.text
            call = await phone.next_call()
        else:
            call = await phone.call(scene.number, scene.headers(scene.ref))
        await call.up()
        await call.media.hear(scene.number)
        await asyncio.sleep(0.3)  # an UPDATE comes a moment later
        assert [one for one in _shown(call) if scene.number not in one] == []
        await call.hang_up()
        await records(scene)


@pytest.mark.case("T66")
@pytest.mark.parametrize("created", [False, True])
def test_the_network_names_nobody(office: Office, created: bool) -> None:
    work = [played(office, Origin.PHONE, partial(_calls, created))]
    assert problems_of(office, work) == []


async def _asks(scene: Scene) -> None:
    """Of the agent whom a client is put together with, the phone shows the client."""
    async with further_phone(scene, AGENT) as phone:
        await scene.begin()
        consultation = await scene.consult(AGENT)
        await consultation.up()
        other = await phone.next_call()
        await consultation.media.hear(other.media.mark)
        await scene.put_together(consultation, AGENT)
        await scene.hear(other)
        await asyncio.sleep(0.3)
        assert {one for one in _shown(other) if scene.team.first.name not in one}
        known = (scene.team.first.name, scene.number)
        assert [one for one in _shown(other) if not any(number in one for number in known)] == []
        await scene.client.hang_up()
        await other.over()
        await records(scene, 2)


@pytest.mark.case("T72")
@pytest.mark.parametrize("origin", [Origin.PHONE, Origin.CREATED])
def test_a_colleague_is_shown_the_client(office: Office, origin: Origin) -> None:
    assert problems_of(office, [played(office, origin, _asks)]) == []
