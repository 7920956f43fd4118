"""The way to an agent whose phone is registered at another PBX (``peer_dial``)."""

import asyncio
from typing import NamedTuple

from click2dial_agi.app.pbxs import LivePBX, PBXs
from click2dial_agi.domain import variables
from click2dial_agi.domain.calls import Decision
from click2dial_agi.domain.carried import read_carried
from click2dial_agi.domain.config import Config
from click2dial_agi.io.ari import Endpoint

__all__ = ["Asking", "from_channel", "from_pbx", "goes_to_a_peer", "place_of"]

# A caller waits for it.  PBXs answer in a few milliseconds; without an answer the callee is dialled
# where the caller is, as if there were one PBX.
_PATIENCE = 0.5


def goes_to_a_peer(decision: Decision, config: Config) -> bool:
    """Tell whether a call may have to go to another PBX."""
    return decision.to_agent and _may_be_elsewhere(decision.dial, config)


def _may_be_elsewhere(dial: str, config: Config) -> bool:
    if config.peer_dial is None or len(config.pbxs) < 2:
        return False
    return dial.startswith("PJSIP/") and not set(dial[6:]) & set("@/")


class Asking(NamedTuple):
    """Whose session it is: a channel, by its name and id, and the call that it carries."""

    channel: str
    uniqueid: str
    call_ref: str


async def from_channel(decision: Decision, config: Config, pbxs: PBXs, asking: Asking) -> Decision:
    """Return a decision with the way from a channel to the callee's phone."""
    endpoint = decision.dial.removeprefix("PJSIP/")

    async def look(one: LivePBX) -> tuple[bool, Endpoint | None]:
        caller, callee = await asyncio.gather(
            one.ari.channel(asking.uniqueid), one.ari.endpoint("PJSIP", endpoint)
        )
        return caller is not None and caller.get("name") == asking.channel, callee

    answers, _ = await pbxs.ask(look, patience=_PATIENCE)
    homes = [one for one, (is_here, _) in answers.items() if is_here]
    if len(homes) > 1:
        homes = await _with_its_call(homes, pbxs, asking)
    if len(homes) != 1:
        return decision
    there = _elsewhere(homes[0], {one: at for one, (_, at) in answers.items()})
    if there is None:
        return decision
    dial = _dial(decision.call.number, decision.dial, config, there)
    return decision._replace(dial=dial, at_peer=True)


async def _with_its_call(homes: list[LivePBX], pbxs: PBXs, asking: Asking) -> list[LivePBX]:
    """Return where a channel of this name and id carries this call.

    PBXs that were started alike, in one second too, count their channels alike.
    """
    name = variables.CARRIES.format(uniqueid=asking.uniqueid)
    told, _ = await pbxs.ask(
        lambda one: one.ari.variable(asking.uniqueid, name), homes, patience=_PATIENCE
    )
    carried = {one: read_carried(text) for one, text in told.items()}
    return [one for one in homes if (at := carried.get(one)) and at.call_ref == asking.call_ref]


async def from_pbx(decision: Decision, config: Config, pbxs: PBXs, home: LivePBX) -> Decision:
    """Return a decision with the way from a PBX to the callee's phone."""
    if not decision.to_agent:
        return decision
    there, dial = await place_of(decision.call.number, decision.dial, config, pbxs, home)
    return decision if there is home else decision._replace(dial=dial, at_peer=True)


async def place_of(
    extension: str, dial: str, config: Config, pbxs: PBXs, home: LivePBX
) -> tuple[LivePBX, str]:
    """Return the PBX of an extension's phone, and what a PBX (``home``) dials to ring it there.

    ``dial`` rings it at ``home``, which is also where it counts as being if no PBX knows of it.
    """
    if not _may_be_elsewhere(dial, config):
        return home, dial
    endpoint = dial.removeprefix("PJSIP/")
    answers, _ = await pbxs.ask(lambda one: one.ari.endpoint("PJSIP", endpoint), patience=_PATIENCE)
    there = _elsewhere(home, answers)
    return (there, _dial(extension, dial, config, there)) if there else (home, dial)


def _elsewhere(home: LivePBX, at: dict[LivePBX, Endpoint | None]) -> LivePBX | None:
    """Return which other PBX has a phone, None where home has it, or none."""
    here = at.get(home)
    if here is not None and here.state != "offline":
        return None
    there = [one for one, found in at.items() if found is not None and found.state == "online"]
    return there[0] if there else None


def _dial(extension: str, dial: str, config: Config, there: LivePBX) -> str:
    way = (config.peer_dial or "").replace("{pbx}", there.name)
    way = way.replace("{extension}", extension)
    return way.replace("{endpoint}", dial.removeprefix("PJSIP/"))
