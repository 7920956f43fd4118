"""Letting an agent ask at a number outside while the client waits.

It is a call of the agent's own, on the client's trail: decided on and counted before anybody is
rung.  The dialplan makes its record, and it goes on with the client if he goes there.
"""

from click2dial_agi.app.admission import admit, admit_after_look
from click2dial_agi.app.agent_places import RETRY_SOON
from click2dial_agi.app.control import consulting
from click2dial_agi.app.control.found import SteeredCall
from click2dial_agi.app.snapshot import Snapshot
from click2dial_agi.domain import variables
from click2dial_agi.domain.call_refused import CallRefused, Why
from click2dial_agi.domain.calls import Decision
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.transfers import HandOverDecision
from click2dial_agi.exceptions import PBXUnanswered, PBXUnreachable

__all__ = ["begin"]


async def begin(
    call: SteeredCall,
    callee: str,
    decided: HandOverDecision,
    integrator: Integrator,
    current: Snapshot,
) -> None:
    """Call a number, unless it is asked already; the client hears music from now on.

    Raises :exc:`CallRefused` over a limit, and if another is asked.
    """
    if await consulting.is_asked(call, callee):
        return
    leg = decided.decision.call.call_ref
    await _count_in(call, decided.decision, integrator, current)
    try:
        await consulting.play(call, callee)
    except BaseException:
        current.counts.leave(leg)
        raise
    told = {
        **variables.describe_asked(decided, integrator),
        variables.WAITS: call.client_leg.uniqueid,
    }
    try:
        if not await consulting.ring(call, "outside", told, integrator.ring_timeout):
            raise PBXUnreachable("nobody is called: is the PBX's dialplan as new as this server?")
    except PBXUnanswered:  # then it may be: the dialplan will tell of its end
        raise
    except PBXUnreachable:
        current.counts.leave(leg)
        raise


async def _count_in(
    call: SteeredCall, decision: Decision, integrator: Integrator, current: Snapshot
) -> None:
    channel = call.agent_leg.name
    if admit(current, integrator, decision, channel) is None:
        return
    excess = await admit_after_look(current, integrator, decision, channel)
    if excess is not None:
        raise CallRefused(Why.LIMIT, (excess,), RETRY_SOON)
