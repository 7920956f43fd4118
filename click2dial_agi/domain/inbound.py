"""Calls that come in from outside, as the dialplan tells of them (``click2dial-inbound``).

No server decides on them, so all that is known comes as it was: the DID tells whose call it is, and
each value is held to its rule here.
"""

from collections.abc import Mapping

from click2dial_agi.domain.calls import Call, CallDirection
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.facts import current_agent, whole_number
from click2dial_agi.domain.numbers import (
    CONTACT_REF_LENGTH,
    is_contact_ref,
    is_extension,
    read_trunk_number,
)

__all__ = ["hold_time", "read_inbound"]


def read_inbound(facts: Mapping[str, str], config: Config) -> Call:
    """Return the call; ``extension`` is the agent who answered, empty as long as nobody has.

    An agent of another integrator than the DID's is not named.
    """
    did = read_trunk_number(facts.get("dial_number", ""))
    integrator = config.owner_of_did(did)
    agent = current_agent(facts)
    known = integrator is not None and is_extension(agent) and integrator.owns(agent)
    contact_ref = facts.get("contact_ref", "")
    return Call(
        call_ref=facts.get("call_ref", ""),
        integrator=integrator.name if integrator else "",
        extension=agent if known else "",
        number=read_trunk_number(facts.get("number", "")),
        dial_number=did,
        contact_ref=contact_ref[:CONTACT_REF_LENGTH] if is_contact_ref(contact_ref) else "",
        call_dir=CallDirection.INBOUND,
    )


def hold_time(facts: Mapping[str, str]) -> int:
    """Return for how many seconds the caller waited in a queue; 0 without one.

    app_queue counts likewise: from where Queue() began, in whole seconds.

    Raises :exc:`MalformedFacts` for a time that is no number.
    """
    if not facts.get("queued_at"):
        return 0
    until = "joined_at" if facts.get("joined_at") else "ended_at"
    return max(whole_number(facts, until) - whole_number(facts, "queued_at"), 0)
