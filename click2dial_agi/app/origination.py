"""What Asterisk is asked for when a call is created: the agent's channel."""

from collections.abc import Mapping
from typing import Any

from click2dial_agi.agi import check_variables
from click2dial_agi.domain import variables
from click2dial_agi.domain.calls import Decision
from click2dial_agi.domain.integrators import Integrator

__all__ = ["agent_channel", "agent_endpoint"]

# What every network speaks; a phone that speaks another one is joined all the same.
_FORMATS = "ulaw,alaw"


def agent_endpoint(decision: Decision, integrator: Integrator) -> str:
    """Return what Asterisk dials to ring the agent."""
    if decision.agent_number is None:
        return integrator.dial_agent(decision.call.extension)
    dial, _ = integrator.dial_number(decision.agent_number.dialled)
    return dial


def agent_channel(
    decision: Decision, known: Mapping[str, str], integrator: Integrator
) -> dict[str, Any]:
    """Return the body of ``POST /ari/channels/<call_ref>``.

    What is asked for is a Local channel whose dialplan rings the agent (``click2dial-create``):
    Dial() can be told not to follow a phone that answers 302, ARI cannot.  What says how the agent
    is rung stays there, the rest goes on to the agent's channel and from there, which the
    underscores say.

    Raises :exc:`UnsafeCommand` for a value that the dialplan could read as more than a value.
    """
    ringing = {
        variables.AGENT_DIAL: agent_endpoint(decision, integrator),
        variables.TO_SHOW: variables.shown_to_agent(decision),
    }
    going_on = variables.describe_call(decision, known, integrator)
    if decision.auto_answer:
        going_on[variables.AUTO_ANSWER] = "1"
    check_variables(ringing | going_on)
    inherited = {f"__{name.lstrip('_')}": value for name, value in going_on.items() if value}
    return {
        "endpoint": "Local/ring@click2dial-create/n",
        "context": "click2dial-create",
        "extension": "over",
        "priority": 1,
        # Without it the Local channel is of the highest rate there is, and what is dialled from it
        # takes that over where the agent's phone is behind another Local channel.
        "formats": _FORMATS,
        # The dialplan gives up first: its hangup handler makes the record.
        "timeout": integrator.ring_timeout + 5,
        "variables": ringing | inherited,
    }
