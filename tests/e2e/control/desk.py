"""What the tests of steering share: asking for it, and where calls are."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from sandbox.office import CALLS, Office
from sandbox.waiting import patience
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import play_strictly, played, problems_of

RECORDED = "inside"  # the integrator whose calls are recorded
SUPERVISOR = "key-of-a-supervisor"
KEYS = "27831119999"  # a number that listens to keys
EXTENSIONS = f"""
[outside]
exten => {KEYS},1,Answer(,i)
 same => n,Read(PRESSED,,6,,1,8)
 same => n,Set(GLOBAL(PRESSED)=${{PRESSED}})
 same => n,Wait(10)

[inbound]
exten => _27214.,1,MSet(C2D_CONTACT_REF=${{PJSIP_HEADER(read,X-Account)}},C2D_RECORD={RECORDED})
 same => n,Goto(click2dial-inbound,${{EXTEN}},1)
"""

_OURS = re.compile("click2dial-(hold|consult)")

Play = Callable[[Scene], Awaitable[None]]


def play(
    office: Office,
    *plays: Play,
    origins: tuple[Origin, ...] = (Origin.PHONE,),
    integrator: str = "acme",
    strictly: bool = True,
) -> None:
    """Play scenes of all these origins, at the same time; strictly, with their records."""
    how = play_strictly if strictly else played
    work = [how(office, origin, one, integrator=integrator) for origin in origins for one in plays]
    problems = problems_of(office, work)
    assert not problems, "\n".join(problems)


async def none_left(office: Office, timeout: float = 3) -> None:
    """Wait until nothing of a hold or a consultation is on the PBX."""
    async with asyncio.timeout(patience(timeout)):
        while any(_OURS.search(one["name"]) for one in await office.channels()):
            await asyncio.sleep(0.05)


async def ref_of(scene: Scene) -> str:
    """Return the reference of the scene's only call, once it is up."""
    url = f"http://{scene.office.http[scene.team.plan.name]}{CALLS}"
    async with asyncio.timeout(patience(5)):
        while True:
            listed = (await scene.office.api.get(url)).json()["calls"]
            mine = [one for one in listed if one["contact_ref"] == scene.ref]
            if [one["state"] for one in mine] == ["up"]:
                return str(mine[0]["call_ref"])
            await asyncio.sleep(0.05)


async def ask(scene: Scene, ref: str, action: str, **body: Any) -> httpx.Response:
    """Ask for an action."""
    headers = {"Authorization": f"Bearer {SUPERVISOR}"} if action == "listen" else {}
    path = f"/{ref}/{action}"
    return await scene.office.ask("POST", scene.team, path, json=body or None, headers=headers)


async def steer(scene: Scene, ref: str, action: str, **body: Any) -> dict[str, Any]:
    """Have an action done; return how the call stands."""
    response = await ask(scene, ref, action, **body)
    assert response.status_code == 202, f"{action}: {response.status_code} {response.text}"
    told: dict[str, Any] = response.json()
    assert told.pop("call_ref") == ref
    return told
