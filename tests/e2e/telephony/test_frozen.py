"""The server freezes while calls are up: whoever hangs up, the other side hears of it at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Iterator
from functools import partial

import pytest

from sandbox.office import Office
from sandbox.phone_call import PhoneCall
from sandbox.waiting import patience
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import played, records

#: Seconds until the other side's BYE.
AT_ONCE = 1.0
WHO = ("client", "agent", "both")


@contextlib.contextmanager
def frozen(office: Office) -> Iterator[None]:
    """Freeze the server, as a blocked event loop would."""
    os.kill(office.server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(office.server.pid, signal.SIGCONT)


async def hang_up(scene: Scene, agent: PhoneCall, who: str) -> None:
    """End the call while the server is frozen, and see its one record afterwards."""
    ends = {"client": [scene.client], "agent": [agent], "both": [scene.client, agent]}[who]
    with frozen(scene.office):
        began = time.monotonic()
        for call in ends:
            call.bye()
        for call in (scene.client, agent):
            await call.over(patience(AT_ONCE))
        print(f"{scene.cell.origin}, {who}: {time.monotonic() - began:.3f} s")
        # It holds no channel but of those who hung up.
        names = {scene.number, scene.team.first.name, agent.ua.name}
        while len(left := await held(scene, names)) > len(ends):
            assert time.monotonic() < began + AT_ONCE, left
    (record,) = await records(scene)
    assert record["end_reason"] in ("callee_hungup", "agent_hungup"), record


async def held(scene: Scene, names: set[str]) -> set[str]:
    """Return the channels of phones that are left; Asterisk says BYE before it clears one away."""
    left = await scene.office.channels_of(names)
    return {name for name in left if name.startswith("PJSIP/")}


async def two(who: str, scene: Scene) -> None:
    await scene.begin()
    await asyncio.sleep(0.2)
    await hang_up(scene, scene.agent, who)


async def sent_on(who: str, scene: Scene) -> None:
    """The client is with a colleague, to whom an agent sent him."""
    await scene.begin()
    await scene.agent.send_to(scene.team.second.name)
    colleague = await scene.team.second.next_call()
    await colleague.up()
    await scene.hear(colleague)
    await hang_up(scene, colleague, who)


@pytest.mark.case("O3")
@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("origin", Origin)
def test_the_other_side_hears_of_the_end_at_once(office: Office, origin: Origin, who: str) -> None:
    scene = office.loop.run(played(office, origin, partial(two, who)))
    assert scene.remarks == []


@pytest.mark.case("O3")
@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("origin", [Origin.PHONE, Origin.DID])
def test_also_after_a_transfer(office: Office, origin: Origin, who: str) -> None:
    scene = office.loop.run(played(office, origin, partial(sent_on, who)))
    assert scene.remarks == []
