"""Whether an agent may hand a client over, and to whom (``click2dial-transfer``)."""

from collections.abc import Mapping

from click2dial_agi.domain.calls import Call, CallDirection, CallRequest, Decision, decide
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.facts import current_agent, endpoint_of
from click2dial_agi.domain.numbers import is_extension, is_outbound_number

__all__ = ["decide_transfer"]


def decide_transfer(call: Call, facts: Mapping[str, str], config: Config) -> Decision:
    """Check a transfer by the rules of an agent's own call.

    Who transfers is the agent of the call, or another one of the same integrator.  A colleague sees
    the client's number; a number outside sees what the client saw, or the default of the
    integrator.
    """
    integrator = config.integrator(call.integrator)
    by_channel = facts.get("by_channel", "")
    agent = endpoint_of(by_channel)
    if by_channel == facts.get("agent_channel"):
        agent = current_agent(facts)
    shown = call.dial_number if call.call_dir is not CallDirection.INBOUND else ""
    request = CallRequest(
        call_ref=call.call_ref,
        # An outside number, of which an external call's agent is one, has no transfers.
        agent=agent if is_extension(agent) else "",
        callee=facts.get("target", ""),
        outbound_id=shown if is_outbound_number(shown) else "",
        contact_ref=call.contact_ref,
    )
    decision = decide(request, integrator)
    if decision.call.call_dir is CallDirection.INTERNAL and call.number:
        decision = decision._replace(call=decision.call._replace(dial_number=call.number))
    return decision
