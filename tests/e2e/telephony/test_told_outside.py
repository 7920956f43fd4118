"""What somebody outside is told in mid-call of whom he talks to: what he was shown at first."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from sandbox.office import Office
from sandbox.office_conf import DEFAULT_OUTBOUND_ID, OUTBOUND_ID
from sandbox.phone_call import PhoneCall
from tests.e2e.matrix.cells import Origin, Target
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import played, problems_of, records

pytestmark = pytest.mark.case("T71")

SAID = ("P-Asserted-Identity", '"Somebody" <sip:27839999999@127.0.0.1>')
INTEGRATORS = pytest.mark.parametrize("integrator", ["acme", "through"])
ORIGINS = (Origin.PHONE, Origin.DID)


def _told(call: PhoneCall) -> set[str]:
    """Return what the PBX has said to a party of who talks to it."""
    names = ("P-Asserted-Identity", "Remote-Party-ID")
    values = [
        value
        for message in call.ladder.messages
        if not message.sent
        for name in names
        for value in message.header_all(name)
    ]
    return {value.partition(";")[0].replace("@127.0.0.1", "") for value in values}


def _once(number: str) -> set[str]:
    return {f'"{number}" <sip:{number}>'}


async def _names_another(call: PhoneCall) -> None:
    """His network, which is believed, says that he is somebody else now."""
    for method in ("UPDATE", "INVITE"):
        answer = await call.request(method, [SAID], body=call.describe())
        assert answer.status == 200, answer.start_line


async def _put_together(target: Target, scene: Scene) -> None:
    await scene.begin()
    user = scene.partner if target.outside else scene.team.second.name
    consultation = await scene.consult(user)
    await consultation.up()
    other = await (
        scene.office.trunk.next_call(number=user)
        if target.outside
        else scene.team.second.next_call()
    )
    await consultation.media.hear(other.media.mark)
    await scene.put_together(consultation, user)
    await scene.hear(other)
    if scene.cell.origin is Origin.DID:
        await _names_another(scene.client)
    await asyncio.sleep(0.3)  # an UPDATE comes a moment later
    inbound = scene.cell.origin.inbound
    assert _told(scene.client) <= _once(scene.team.did() if inbound else OUTBOUND_ID)
    if target.outside:
        assert _told(other) == _once(OUTBOUND_ID)
    await scene.client.hang_up()
    await other.over()
    await records(scene, 2)


@INTEGRATORS
@pytest.mark.parametrize("target", [Target.COLLEAGUE, Target.OUTSIDE])
def test_an_attended_transfer(office: Office, integrator: str, target: Target) -> None:
    play = partial(_put_together, target)
    work = [played(office, origin, play, integrator=integrator) for origin in ORIGINS]
    assert problems_of(office, work) == []


async def _sent(scene: Scene) -> None:
    await scene.begin()
    await scene.agent.send_to(scene.partner)
    leg = await scene.office.trunk.next_call(number=scene.partner)
    await leg.up()
    await scene.hear(leg)
    await _names_another(scene.client)
    await asyncio.sleep(0.3)
    assert _told(leg) == _once(DEFAULT_OUTBOUND_ID)
    await scene.client.hang_up()
    await leg.over()
    await records(scene, 2)


@INTEGRATORS
def test_a_client_who_called_in_is_sent_outside(office: Office, integrator: str) -> None:
    assert problems_of(office, [played(office, Origin.DID, _sent, integrator=integrator)]) == []
