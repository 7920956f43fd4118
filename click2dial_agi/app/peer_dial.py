"""The way to an agent whose phone is registered at another PBX (``peer_dial``)."""

import asyncio

from click2dial_agi.app.pbxs import LivePBX, PBXs
from click2dial_agi.domain.calls import Decision
from click2dial_agi.domain.config import Config
from click2dial_agi.io.ari import Endpoint

__all__ = ["from_channel", "from_pbx", "goes_to_a_peer"]

# A caller waits for it.  PBXs answer in a few milliseconds; without an answer the callee is dialled
# where the caller is, as if there were one PBX.
_PATIENCE = 0.5


def goes_to_a_peer(decision: Decision, config: Config) -> bool:
    """Tell whether a call may have to go to another PBX."""
    if config.peer_dial is None or len(config.pbxs) < 2 or not decision.to_agent:
        return False
    return decision.dial.startswith("PJSIP/") and not set(decision.dial[6:]) & set("@/")


async def from_channel(
    decision: Decision, config: Config, pbxs: PBXs, channel: str, uniqueid: str
) -> Decision:
    """Return a decision with the way from a channel, by its name and id, to the callee's phone."""
    endpoint = decision.dial.removeprefix("PJSIP/")

    async def look(one: LivePBX) -> tuple[bool, Endpoint | None]:
        caller, callee = await asyncio.gather(
            one.ari.channel(uniqueid), one.ari.endpoint("PJSIP", endpoint)
        )
        return caller is not None and caller.get("name") == channel, callee

    answers, _ = await pbxs.ask(look, patience=_PATIENCE)
    homes = [one for one, (is_here, _) in answers.items() if is_here]
    if len(homes) != 1:  # two PBXs may count their channels alike
        return decision
    return _way(decision, config, homes[0], {one: at for one, (_, at) in answers.items()})


async def from_pbx(decision: Decision, config: Config, pbxs: PBXs, home: LivePBX) -> Decision:
    """Return a decision with the way from a PBX to the callee's phone."""
    endpoint = decision.dial.removeprefix("PJSIP/")
    answers, _ = await pbxs.ask(lambda one: one.ari.endpoint("PJSIP", endpoint), patience=_PATIENCE)
    return _way(decision, config, home, answers)


def _way(
    decision: Decision, config: Config, home: LivePBX, at: dict[LivePBX, Endpoint | None]
) -> Decision:
    here = at.get(home)
    if config.peer_dial is None or (here is not None and here.state != "offline"):
        return decision
    there = [one for one, found in at.items() if found is not None and found.state == "online"]
    if not there:
        return decision
    dial = config.peer_dial.replace("{pbx}", there[0].name)
    dial = dial.replace("{extension}", decision.call.number)
    dial = dial.replace("{endpoint}", decision.dial.removeprefix("PJSIP/"))
    return decision._replace(dial=dial, at_peer=True)
