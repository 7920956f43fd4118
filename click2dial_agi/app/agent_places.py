"""At which PBXs an agent's phone can be rung for a created call."""

import asyncio

from click2dial_agi.app.origination import agent_endpoint
from click2dial_agi.app.pbxs import LivePBX, PBXs
from click2dial_agi.domain.call_refused import CallRefused, Why
from click2dial_agi.domain.calls import Decision
from click2dial_agi.domain.counts import Counts
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.numbers import FieldError
from click2dial_agi.exceptions import PBXUnreachable
from click2dial_agi.io.ari import Endpoint

__all__ = ["NOT_REACHABLE", "RETRY_SOON", "endpoint_if_free", "places_of"]

RETRY_SOON = 5

# How often an agent who has a channel is looked at again, and the seconds between.
_BUSY_LOOKS = 4
_BUSY_PAUSE = 0.05

_TALKS = FieldError("agent", "an agent who has no call already (call_waiting)")
_NOT_REGISTERED = FieldError("agent", "an agent whose phone is registered")
NOT_REACHABLE = FieldError("agent", "an agent whose phone is reachable")


async def places_of(
    decision: Decision, integrator: Integrator, pbxs: PBXs, counts: Counts, patience: float
) -> list[LivePBX]:
    """Return where to ring an agent, the PBX whose turn it is first.

    Raises :exc:`CallRefused` for one who is not to be rung, as far as the PBXs can tell, and
    :exc:`PBXUnreachable` if one that might know more does not answer, within ``patience`` seconds
    where there are several.
    """
    in_turn = pbxs.in_turn()
    if decision.agent_number is not None:
        return in_turn
    waiting = integrator.call_waiting or decision.emergency
    technology, _, resource = agent_endpoint(decision, integrator).partition("/")
    if technology != "PJSIP":
        if not waiting and counts.has(integrator.name, decision.agent_key):
            raise CallRefused(Why.BUSY, (_TALKS,), RETRY_SOON)
        return in_turn
    _, behind, name = resource.rpartition("@")

    async def endpoint(one: LivePBX) -> Endpoint | None:
        if behind or waiting:
            return await one.ari.endpoint(technology, name)
        return await endpoint_if_free(one, technology, name)

    known, missing = await pbxs.ask(endpoint, patience=patience)
    if not behind and not waiting and any(one and one.channel_ids for one in known.values()):
        raise CallRefused(Why.BUSY, (_TALKS,), RETRY_SOON)
    if pbxs.doors is not None and not behind and await pbxs.doors.has_phone(name) is False:
        raise CallRefused(Why.NOT_THERE, (_NOT_REGISTERED,))
    # Behind a way to another PBX nothing is known of the phone.
    there = [one for one in in_turn if _may_ring(known.get(one), behind=bool(behind))]
    if there:
        # Who asks phones whether they are there knows more than who does not.
        return sorted(there, key=lambda one: _state(known[one]) != "online")
    if missing is not None:  # but nothing was asked for that could ring anybody
        raise PBXUnreachable(str(missing)) from missing
    raise CallRefused(Why.NOT_THERE, (NOT_REACHABLE if behind else _NOT_REGISTERED,))


async def endpoint_if_free(pbx: LivePBX, technology: str, name: str) -> Endpoint | None:
    """Return an endpoint as a PBX knows it; one that has a call is given a moment to be free.

    Its last call may be over, and told, and its channel not gone yet.
    """
    found = await pbx.ari.endpoint(technology, name)
    for _ in range(_BUSY_LOOKS):
        if found is None or not found.channel_ids:
            break
        await asyncio.sleep(_BUSY_PAUSE)
        found = await pbx.ari.endpoint(technology, name)
    return found


def _may_ring(endpoint: Endpoint | None, *, behind: bool) -> bool:
    return endpoint is not None and (behind or endpoint.state != "offline")


def _state(endpoint: Endpoint | None) -> str:
    return endpoint.state if endpoint is not None else ""
