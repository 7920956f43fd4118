"""What Asterisk is asked for when a call is created: the agent's channel."""

from collections.abc import Mapping
from typing import Any

from click2dial_agi.agi import check_variables
from click2dial_agi.domain import variables
from click2dial_agi.domain.calls import CallDirection, Decision
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.numbers import is_extension

__all__ = ["agent_channel", "agent_endpoint"]


def agent_endpoint(agent: str, integrator: Integrator) -> str:
    """Return what Asterisk dials to ring the agent."""
    if is_extension(agent):
        return integrator.agent_dial.replace("{extension}", agent)
    return integrator.trunk_dial.replace("{number}", agent)


def agent_channel(
    decision: Decision, known: Mapping[str, str], integrator: Integrator
) -> dict[str, Any]:
    """Return the body of ``POST /ari/channels/<call_ref>``.

    Raises :exc:`UnsafeCommand` for a value that the dialplan could read as more than a value.
    """
    call = decision.call
    channel_variables = variables.describe_call(decision, known, integrator)
    check_variables(channel_variables)
    # An extension's phone shows whom it is about to talk to.  A phone behind the trunk must be
    # shown a number that the trunk lets through.
    external = call.call_dir is CallDirection.EXTERNAL
    return {
        "endpoint": agent_endpoint(call.extension, integrator),
        "callerId": call.dial_number if external else call.number,
        "context": "click2dial-create",
        "extension": "answered",
        "priority": 1,
        "timeout": integrator.ring_timeout,
        "variables": {
            **channel_variables,
            # Set like a variable, so that it is there before the phone rings: a call that nobody
            # answers never enters the dialplan.
            "CHANNEL(hangup_handler_push)": "click2dial-end,s,1",
        },
    }
