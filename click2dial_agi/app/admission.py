"""Whether an agent may have one more call, and who counts it in (docs/contract.md, "Limits")."""

from click2dial_agi.app.snapshot import Snapshot
from click2dial_agi.domain.calls import Decision
from click2dial_agi.domain.counts import Counted
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.numbers import FieldError

__all__ = ["admit", "admit_after_look"]


def admit(
    current: Snapshot, integrator: Integrator, decision: Decision, channel: str
) -> FieldError | None:
    """Count a call in that a phone places, or return which limit forbids it.

    ``channel`` is the name of the channel that dials.  Nothing forbids a call for help, and it
    takes nobody's place.
    """
    if decision.emergency:
        return None
    counts, call_ref = current.counts, decision.call.call_ref
    if not counts and current.census is not None:
        current.census.look_soon()  # others may have decided on calls until now
    again = call_ref in counts
    call = Counted(integrator.name, decision.agent_key, channel)
    excess = counts.admit(call_ref, call, integrator.limits)
    if excess is None and decision.caller_id and not again:
        counts.shown.count(integrator.name, decision.caller_id)
    return excess


async def admit_after_look(
    current: Snapshot, integrator: Integrator, decision: Decision, channel: str
) -> FieldError | None:
    """Do the same once it is certain which calls there are: the PBX says so."""
    if current.census is not None:
        await current.census.refresh()
    return admit(current, integrator, decision, channel)
