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
    if not current.counts and current.census is not None:
        current.census.look_soon()  # others may have decided on calls until now
    call = Counted(integrator.name, decision.agent_key, channel)
    return current.counts.admit(decision.call.call_ref, call, integrator.limits)


async def admit_after_look(
    current: Snapshot, integrator: Integrator, decision: Decision, channel: str
) -> FieldError | None:
    """Do the same once it is certain which calls there are: the PBX says so."""
    if current.census is not None:
        await current.census.refresh()
    return admit(current, integrator, decision, channel)
