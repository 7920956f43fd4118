"""The channel variables that the server and ``dialplan/click2dial.conf`` share."""

from collections.abc import Mapping

from click2dial_agi.domain import facts
from click2dial_agi.domain.calls import Decision
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.numbers import is_extension

__all__ = [
    "CALL_REF",
    "CONTACT_REF",
    "DIAL",
    "DIAL_NUMBER",
    "FACTS",
    "JOINED",
    "RECEIPT",
    "RECORD",
    "RING_TIMEOUT",
    "SIP_DIALOG",
    "STEREO",
    "TO_AGENT",
    "TRANSFERS",
    "VERDICT",
    "VERDICT_DIAL",
    "VERDICT_REFUSE",
    "describe_call",
    "describe_transfer",
]

# Set by /outbound, or with the channel that the REST API creates.  For a call from a phone the
# dialplan made it, in FACTS, before it asked a server: asking a second one is the same call.
CALL_REF = "C2D_CALL_REF"

# What is known of the call (click2dial_agi.domain.facts): at first what the phone asked for, as the
# dialplan collected it; then, from the server, what was decided.
FACTS = "C2D_FACTS"

# Read by /outbound when it refuses a call that may have come through the edge.  It costs a round
# trip, and is exact: no other way to pass a phone's bytes through the dialplan leaves them whole.
# A text for GET FULL VARIABLE: the response's To tag, which is Asterisk's own, and the Call-ID.
SIP_DIALOG = "${CHANNEL(pjsip,local_tag)};${CHANNEL(pjsip,call-id)}"

# Set by /outbound, or with the channel that the REST API creates: what to dial, which number to
# show, and for how many seconds to ring.
CONTACT_REF = "C2D_CONTACT_REF"
DIAL = "C2D_DIAL"
DIAL_NUMBER = "C2D_DIAL_NUMBER"
RING_TIMEOUT = "C2D_RING_TIMEOUT"

# Set likewise, to 1: where the integrator wants to hear of the answer, and where a client is
# followed through transfers.
JOINED = "C2D_JOINED"
TRANSFERS = "C2D_TRANSFERS"

# Set like JOINED, to the integrator's name, where its calls are recorded.
RECORD = "C2D_RECORD"
STEREO = "C2D_STEREO"

# Set by /transfer: 1 if it is a colleague who is rung.
TO_AGENT = "C2D_TO_AGENT"

# Set by /outbound, after all others: without it the server did not finish its work.
VERDICT = "C2D_VERDICT"
VERDICT_DIAL = "dial"
VERDICT_REFUSE = "refuse"

# Set by /ended once the notification is stored; without it the dialplan asks the next server.
RECEIPT = "C2D_RECEIPT"


def describe_call(
    decision: Decision, known: Mapping[str, str], integrator: Integrator
) -> dict[str, str]:
    """Return the variables that tell the dialplan of a call to be dialled.

    ``known`` is what FACTS is to say.
    """
    if integrator.record:
        # Not `record`, which the dialplan before 0.1.1 adds by itself: no name may come twice.
        known = {**known, "recorded": "1"}
    described = {
        CALL_REF: decision.call.call_ref,
        CONTACT_REF: decision.call.contact_ref,
        FACTS: facts.encode(known),
        DIAL: decision.dial,
        DIAL_NUMBER: decision.call.dial_number,
        RING_TIMEOUT: str(integrator.ring_timeout),
    }
    if integrator.joined_notifications:
        described[JOINED] = "1"
    if integrator.transfers:
        described[TRANSFERS] = "1"
    if integrator.record:
        described[RECORD] = integrator.name
        described[STEREO] = "1" if integrator.record_stereo else ""
    return described


def describe_transfer(decision: Decision, integrator: Integrator) -> dict[str, str]:
    """Return the variables that say where to send a client; the verdict comes last."""
    return {
        DIAL: decision.dial,
        DIAL_NUMBER: decision.call.dial_number,
        RING_TIMEOUT: str(integrator.ring_timeout),
        TO_AGENT: "1" if is_extension(decision.call.number) else "",
        VERDICT: VERDICT_DIAL,
    }
