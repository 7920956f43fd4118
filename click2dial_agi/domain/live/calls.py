"""Where a call stands, and who has it, from the channels that carry it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from click2dial_agi.domain.calls import CallDirection
from click2dial_agi.domain.live.channels import Channel, Channels
from click2dial_agi.domain.live.states import CallState
from click2dial_agi.domain.live.views import CallView
from click2dial_agi.domain.told import KnownCall

__all__ = ["BoardCall", "view_call"]

#: Whose a device is: the extension of an agent of this call's integrator, empty for anybody else.
AgentOf = Callable[[str], str]


@dataclass(slots=True)
class BoardCall:
    """A call on the board: what is known of it, from which facts, and how it is shown."""

    known: KnownCall
    facts: str
    answered_at: int = 0
    view: CallView | None = None


def view_call(
    call: BoardCall, carriers: list[Channel], channels: Channels, agent_of: AgentOf, now: int
) -> CallView:
    """Return how a call is shown; it notes the answer, which is never taken back.

    A client between two agents has been answered.
    """
    before, told = call.view, call.known.call
    state = _unanswered(call.known, carriers, channels)
    if state is None and not call.answered_at:
        call.answered_at = now
    if call.answered_at or state is None:
        state = _answered(before, carriers, channels)
    return CallView(
        call_ref=told.call_ref,
        integrator=told.integrator,
        state=state,
        since=before.since if before is not None and before.state is state else now,
        agent=_agent(call, carriers, channels, agent_of),
        callee=told.number,
        contact_ref=told.contact_ref,
        dial_number=told.dial_number,
        direction=told.call_dir.value,
        dialed_at=call.known.dialed_at,
        answered_at=call.answered_at,
        recorded=call.known.recorded,
    )


def _unanswered(known: KnownCall, carriers: list[Channel], channels: Channels) -> CallState | None:
    """Return where a call stands that nobody has answered; None if somebody has.

    Who was joined may have been moved away before it is looked.
    """
    agents = [one for one in carriers if one.is_agents]
    if agents:
        if any(map(channels.met, agents)):
            return None
        answered = not known.created or any(one.up for one in agents)
        return CallState.RINGING_CALLEE if answered else CallState.RINGING_AGENT
    if any(map(channels.met, carriers)):
        return None
    if known.call.call_dir is not CallDirection.INBOUND:
        return None if any(one.up for one in carriers) else CallState.RINGING_CALLEE
    return CallState.QUEUED if known.queued_at else CallState.RINGING_AGENT


def _answered(before: CallView | None, carriers: list[Channel], channels: Channels) -> CallState:
    """Return ``held`` or ``up``.

    Who rings somebody is between two agents, and nobody holds him.  Who is else with nobody at this
    moment stays what he was.
    """
    around = [one for carrier in carriers for one in channels.around(carrier)]
    if not any(channels.joined(one) for one in carriers):
        if any(one.ringing for one in around):
            return CallState.UP
        if before is not None and before.state in (CallState.UP, CallState.HELD):
            return before.state
    held = any(map(channels.holds, around))
    return CallState.HELD if held else CallState.UP


def _agent(call: BoardCall, carriers: list[Channel], channels: Channels, agent_of: AgentOf) -> str:
    """Return who has a call, or is the only one whom it rings."""
    told = call.known.call.extension
    if any(one.is_agents for one in carriers):
        return told
    talking, ringing = set[str](), set[str]()
    for channel in _with(carriers, channels):
        extension = agent_of(channel.device)
        if extension:
            (talking if channel.up else ringing).add(extension)
    if len(talking) == 1:
        return talking.pop()
    if not call.answered_at and ringing:
        return ringing.pop() if len(ringing) == 1 else told
    # Between two agents, and at its end, it is the last one's.
    return (call.view.agent if call.view is not None else "") or told


def _with(carriers: Iterable[Channel], channels: Channels) -> Iterable[Channel]:
    """Return the channels that are connected with those that carry a call, without these."""
    return (one for carrier in carriers for one in channels.around(carrier) if one.carries is None)
