"""A phone registers anything for a contact: calls for it go to that phone or nowhere."""

from __future__ import annotations

from functools import partial

import pytest

from sandbox.office import Office
from tests.e2e.hostile.play import Play, play_all
from tests.e2e.hostile.targets import USERS, fill
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.scene import Scene

pytestmark = [pytest.mark.case("T5"), pytest.mark.timeout(300)]


def _contacts() -> dict[str, str]:
    """Return Contact values by name; H is where the phone listens.

    (Where else a contact may point to is the endpoint's contact_acl, case A6: on one loopback
    address the PBX could not tell the trunk from a phone.)
    """
    contacts = {name: f"<sip:{user}@{{H}}>" for name, user in USERS.items()}
    return contacts | {
        "telephone": "<tel:+44{P}>",
        "other scheme": "<http://{P}@{H}/>",
        "no user": "<sip:{H}>",
        "headers": "<sip:0044{P}@{H}?X-Teleforge-Outbound-ID=27820009999&Replaces=x>",
        "several": "<sip:PJSIP/{P}%40trunk@{H}>, <sip:Local/{P}%40trap@{H}>",
    }


async def _register(contact: str, scene: Scene) -> None:
    phone, caller = scene.team.second, scene.team.first
    host = f"127.0.0.1:{phone.wire.port}"
    await phone.register(fill(contact, scene).replace("{H}", host))
    try:
        call = await caller.call(phone.name, scene.headers(scene.ref))
        final = await call.final()
        if final.status == 200:
            assert phone.incoming, "somebody else answered"
            await call.hang_up()
    finally:
        # remove_existing: one contact, the last one
        assert (await phone.register()).status == 200


def test_register(office: Office) -> None:
    plays: dict[str, Play] = {
        name: partial(_register, contact) for name, contact in _contacts().items()
    }
    problems = office.loop.run(play_all(office, Origin.PHONE, "acme", plays))
    assert not problems, "\n".join(problems[:40])
    assert office.loop.run(office.trapped()) == ""
