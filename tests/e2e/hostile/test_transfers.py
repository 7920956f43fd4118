"""A phone transfers the client to anything: nothing undecided is dialled, no client is lost."""

from __future__ import annotations

from functools import partial

import pytest

from sandbox.office import Office
from tests.e2e.hostile.play import Play, play_all
from tests.e2e.hostile.targets import USERS, fill
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.scene import Scene

pytestmark = [pytest.mark.case("T5"), pytest.mark.case("T15"), pytest.mark.timeout(300)]


def _addresses() -> dict[str, str]:
    """Return Refer-To values by name; P is a number outside, H the PBX."""
    addresses = {name: f"<sip:{user}@{{H}}>" for name, user in USERS.items()}
    return addresses | {
        "telephone": "<tel:+44{P}>",
        "other scheme": "<http://{P}@{H}/>",
        "empty": "<>",
        "no user": "<sip:{H}>",
        "headers": "<sip:0044{P}@{H}?X-Teleforge-Outbound-ID=27820009999>",
        "replaces nothing": "<sip:{C}@{H}?Replaces=no-such-call%3Bto-tag%3D1%3Bfrom-tag%3D2>",
        "replaces garbage": "<sip:{C}@{H}?Replaces=%3B%3B>",
        "hang-up extension": "<sip:h@{H}>",
        "start extension": "<sip:s@{H}>",
        "invalid extension": "<sip:i@{H}>",
    }


async def _transfer(address: str, scene: Scene) -> None:
    await scene.begin()
    host = f"127.0.0.1:{scene.office.pbx.sip_port}"
    calls = len(scene.team.first.incoming)
    response = await scene.agent.refer(fill(address, scene).replace("{H}", host))
    if response.status >= 300 or not await scene.agent.leave():
        await scene.hear(scene.agent)  # the agent keeps the client
        return
    back = await scene.team.first.next_call(after=calls)
    await back.up()
    await scene.hear(back)


@pytest.mark.parametrize("origin", [Origin.PHONE, Origin.DID])
def test_refer(office: Office, origin: Origin) -> None:
    plays: dict[str, Play] = {
        name: partial(_transfer, address) for name, address in _addresses().items()
    }
    problems = office.loop.run(play_all(office, origin, "acme", plays))
    assert not problems, "\n".join(problems[:40])
    assert office.loop.run(office.trapped()) == ""
