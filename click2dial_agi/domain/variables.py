"""The channel variables of ``dialplan/click2dial.conf``, each once, by who sets it.

The dialplan's own are no business of the server's, but are listed so that a test can tell a name
that nobody sets from one that is meant.
"""

from collections.abc import Mapping

from click2dial_agi.domain import facts
from click2dial_agi.domain.calls import Call, CallDirection, Decision
from click2dial_agi.domain.dispositions import Q850
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.names import Fact
from click2dial_agi.domain.transfers import HandOverDecision

__all__ = [
    "AGENT_DIAL",
    "ASKED",
    "AUTO_ANSWER",
    "CARRIES",
    "CARRIES_LISTED",
    "COLLEAGUE",
    "DIAL",
    "DIALLED",
    "EXTENSION",
    "FACTS",
    "HELD_ON",
    "JOINED_WITH",
    "KEPT",
    "MUTED",
    "NOW",
    "OPERATORS",
    "PAUSES",
    "PEER",
    "PLACED",
    "RECEIPT",
    "RECORDED_FROM",
    "RING_TIMEOUT",
    "ROLES_OF_AGENTS",
    "SERVERS",
    "SIP_DIALOG",
    "SPIED",
    "SPYING",
    "TAKES",
    "TALKED",
    "TARGET",
    "TO_SHOW",
    "VERDICT",
    "VERDICT_DIAL",
    "VERDICT_FALLBACK",
    "VERDICT_HELP",
    "VERDICT_REFUSE",
    "WAITS",
    "describe_asked",
    "describe_call",
    "describe_hand_over",
    "describe_moved",
    "describe_refusal",
    "told_of_peer",
]

#: Set by the operator, on an endpoint, before Goto(click2dial-inbound) or in [globals].
OPERATORS = frozenset(
    (
        *(
            "C2D_EXTENSION",
            "C2D_KAMAILIO",
            "C2D_AGENTS",
            "C2D_QUEUE",
            "C2D_QUEUE_TIMEOUT",
            "C2D_NEXT",
        ),
        *("C2D_AGI", "C2D_SECRET", "C2D_SPOOL", "C2D_RECORDINGS"),
        *("C2D_EMERGENCY", "C2D_EMERGENCY_DIAL", "C2D_EMERGENCY_CALLERID"),
    )
)

# Set by /outbound and /transfer, after all others: without it the server did not finish its work.
# Each value but the empty one is a label of the dialplan.
VERDICT = "C2D_VERDICT"
VERDICT_DIAL = "dial"
VERDICT_REFUSE = "refuse"
VERDICT_FALLBACK = "fallback"  # /transfer alone: the operator's dialplan takes the client
VERDICT_HELP = "help"  # /transfer alone: the dialplan dials an emergency number, the target

# Set by /joined, /ended and /emergency once the notification is stored; without it the dialplan
# asks the next server.
RECEIPT = "C2D_RECEIPT"

# Set by /joined, before that, of a call from outside: whose it is and who answered, as facts.  The
# dialplan tells them with the call from then on, so that no later reload decides it anew.
OWNED = "C2D_OWNED"

# What was decided on the call, as facts, for its record.
FACTS = "C2D_FACTS"

# What to dial, which number to show, for how many seconds to ring, the context behind a Local
# channel, and whether it is an agent who is rung.
DIAL = "C2D_DIAL"
DIAL_NUMBER = "C2D_DIAL_NUMBER"
RING_TIMEOUT = "C2D_RING_TIMEOUT"
VIA = "__C2D_VIA"
TO_AGENT = "C2D_TO_AGENT"

# For the called channels, to which they are handed on (the underscores): the references, whether
# the integrator hears of the answer, whether its time is noted, and for whom it is recorded.
CALL_REF = "__C2D_CALL_REF"
CONTACT_REF = "__C2D_CONTACT_REF"
JOINED = "__C2D_JOINED"
TIMES = "__C2D_TIMES"
RECORD = "__C2D_RECORD"
STEREO = "__C2D_STEREO"

# The agent's extension, for FreePBX behind a Local channel.
EXT = "__C2D_EXT"

# What the phone hears of a refusal: a Q.850 cause.
CAUSE = "C2D_CAUSE"

# Set where the dialplan dials an emergency number itself.
KIND = "C2D_KIND"
KIND_EMERGENCY = "emergency"

# Set by /transfer: 0 if nobody takes a client back, where a fallback leads, and which emergency
# number the target is where it is written otherwise.
RECALL = "C2D_RECALL"
FALLBACK = "C2D_FALLBACK"
TARGET = "C2D_TARGET"

# Where a colleague's phone is at another PBX, joined by |: what DIAL is then, what the called
# channel's EXTENSION is to be (see :class:`Peer`), and what its name begins with.  Of any other
# DIAL it says nothing.
PEER = "C2D_PEER"

# Set with a created call: what to dial to ring the agent, and the number that its phone shows; by
# /transfer, the number that it shows of a client who comes back.
AGENT_DIAL = "C2D_AGENT_DIAL"
TO_SHOW = "C2D_TO_SHOW"
AUTO_ANSWER = "C2D_AUTO_ANSWER"  # 1: the phone is asked to answer by itself

# How a call stands that is steered: by the server, read and written through the manager.
MUTED = "C2D_MUTED_{uniqueid}"
PAUSES = "C2D_PAUSES_{uniqueid}"  # the dialplan reads this one, for the record

# When a recording began, in ms of the PBX's clock, and what that clock says.
RECORDED_FROM = "C2D_FROM_{uniqueid}"
NOW = "STRFTIME(,,%s%3q)"

# Set with a supervisor's call: the uniqueid of the channel that he hears, and how.
SPIED = "C2D_SPIED"
SPYING = "C2D_SPYING"

# Set with the music for a client on hold, whose agent's channel SPIED is: the channels, by uniqueid
# and joined by &, that may make the record.
HELD_ON = "C2D_HELD_ON"

# Set with the music for a client whose agent asks a colleague: the uniqueid of the client's
# channel, and the colleague's extension.  The dialplan leaves the colleague's channel there, "-"
# until he has answered.
WAITS = "C2D_WAITS"
COLLEAGUE = "C2D_COLLEAGUE"
ASKED = "C2D_ASKED"
# On the colleague's channel: 0 as he talks to the agent, 1 if he is to wait for the client, 2
# once he does.  On the client's: for which target that one waits, |, and the name of his channel.
KEPT = "C2D_KEPT"
TAKES = "C2D_TAKES_{uniqueid}"
# On a client's channel: how many legs transfers and forwards have placed for him.
PLACED = "C2D_PLACED_{uniqueid}"

#: Set by a server.
SERVERS = frozenset(
    name.lstrip("_")
    for name in (
        *(VERDICT, RECEIPT, OWNED, FACTS, DIAL, DIAL_NUMBER, RING_TIMEOUT, VIA, TO_AGENT),
        *(CALL_REF, CONTACT_REF, JOINED, TIMES, RECORD, STEREO, EXT, CAUSE, KIND),
        *(RECALL, FALLBACK, TARGET, PEER, AGENT_DIAL, TO_SHOW),
        *(SPIED, SPYING, HELD_ON, AUTO_ANSWER, WAITS, COLLEAGUE, KEPT),
        *(one.removesuffix("{uniqueid}") for one in (MUTED, PAUSES, TAKES)),
    )
)

# Read by the server.  C2D_<uniqueid of the channel>: which call the channel carries, behind the
# letter of its role in it.  A channel keeps its uniqueid, and so the name of this one, through
# every transfer, while other variables come from either side.
CARRIES = "C2D_{uniqueid}"
#: The same as ``channelvars`` in ari.conf may give it with each channel, and who was dialled.
CARRIES_LISTED = "EVAL(${C2D_${UNIQUEID}})"
DIALLED = "DIALEDPEERNAME"
# On a channel that is joined with another one, that one's name.
JOINED_WITH = "BRIDGEPEER"
# On a client's channel: when an agent first answered him (nothing if none has), |, and the mark of
# who talks to him, or did last (click2dial-mark in the dialplan).  One text for both.
TALKED = "EVAL(${C2D_JOINED_${UNIQUEID}}|${C2D_LAST_${UNIQUEID}})"
# What the operator may have set on the endpoint.
EXTENSION = "C2D_EXTENSION"

ROLES_OF_AGENTS = "ao"

# Read by /outbound when it refuses a call that may have come through the edge.  It costs a round
# trip, and is exact: no other way to pass a phone's bytes through the dialplan leaves them whole.
# A text for GET FULL VARIABLE: the response's To tag, which is Asterisk's own, and the Call-ID.
SIP_DIALOG = "${CHANNEL(pjsip,local_tag)};${CHANNEL(pjsip,call-id)}"


def describe_call(
    decision: Decision, known: Mapping[str, str], integrator: Integrator
) -> dict[str, str]:
    """Return the variables that tell the dialplan of a call to be dialled.

    ``known`` is what FACTS is to say.
    """
    if integrator.record:
        # Not `record`, which the dialplan before 0.1.1 adds by itself: no name may come twice.
        known = {**known, Fact.RECORDED: "1"}
    if decision.emergency:
        known = {**known, Fact.EMERGENCY: "1"}
    call = decision.call
    described = {
        CALL_REF: call.call_ref,
        CONTACT_REF: call.contact_ref,
        FACTS: facts.encode(known),
        **_dialled(decision, integrator),
    }
    if decision.emergency:
        described[KIND] = KIND_EMERGENCY
    if integrator.joined_notifications:
        described[JOINED] = "1"
    if integrator.payload_version >= 4:
        described[TIMES] = "1"
    if integrator.record:
        described[RECORD] = integrator.name
        described[STEREO] = "1" if integrator.record_stereo else ""
    return described


def describe_refusal(known: Mapping[str, str], cause: int) -> dict[str, str]:
    """Return the variables that refuse a call; the verdict comes last."""
    return {
        FACTS: facts.encode({**known, Fact.REFUSED: "1"}),
        CAUSE: str(cause),
        VERDICT: VERDICT_REFUSE,
    }


def describe_moved(asked: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that end a call which another Asterisk has, and its record."""
    kept = (Fact.CALL_REF, Fact.DIALED_AT, Fact.ATTEMPT)
    return {
        FACTS: facts.encode({name: asked.get(name, "") for name in kept}),
        CAUSE: str(Q850.SWITCHING_CONGESTION.value),
        VERDICT: VERDICT_REFUSE,
    }


def describe_hand_over(decided: HandOverDecision, integrator: Integrator | None) -> dict[str, str]:
    """Return the variables that say where to send a client; the verdict comes last.

    ``integrator`` is the one whose client he is, None if there is none any more.
    """
    if integrator is None:
        return {VERDICT: VERDICT_REFUSE}
    decision = decided.decision
    # Who is no agent has no phone: a number outside that sends an agent on.
    of_agent = not any(error.field == "agent" for error in decision.errors)
    recall = {RECALL: "0"}
    if integrator.transfer_recall and of_agent:
        recall = {RECALL: "1", TO_SHOW: decided.client}
    if decided.fallback:
        return {FALLBACK: decided.fallback, **recall, VERDICT: VERDICT_FALLBACK}
    if decision.errors:
        return {**recall, VERDICT: VERDICT_REFUSE}
    if decision.emergency:
        return {TARGET: decision.dial, **recall, VERDICT: VERDICT_HELP}
    # The facts of a client who goes to a colleague stay those that his channel holds.
    leg = {} if decision.to_agent else {FACTS: facts.encode(decision.call.facts())}
    return {**leg, **_dialled(decision, integrator), **recall, VERDICT: VERDICT_DIAL}


def describe_asked(decided: HandOverDecision, integrator: Integrator) -> dict[str, str]:
    """Return the variables of a call to a number that is asked before a client goes there."""
    known = {FACTS: facts.encode(decided.decision.call.facts())}
    return {**known, **_dialled(decided.decision, integrator)}


def describe_joined(call: Call) -> dict[str, str]:
    """Return the variables that say that an answer is stored, the receipt last."""
    if call.call_dir is not CallDirection.INBOUND or not call.integrator:
        return {RECEIPT: "1"}
    owned = facts.encode({Fact.INTEGRATOR: call.integrator, Fact.EXTENSION: call.extension})
    return {OWNED: owned, RECEIPT: "1"}


def told_of_peer(text: str) -> str:
    """Return what EXTENSION is on the channel that a PEER leads to, empty if it leads nowhere."""
    return "".join(text.split("|")[1:2])


def extension_at_peer(extension: str, dial: str) -> str:
    """Return what EXTENSION is on the channel that ``dial`` leads to, the way to another PBX."""
    technology, _, way = dial.partition("/")
    endpoint = way.partition("/")[0].rpartition("@")[2]
    return f"{extension}@{endpoint}" if technology == "PJSIP" else extension


def _describe_peer(decision: Decision) -> str:
    told = extension_at_peer(decision.call.number, decision.dial)
    endpoint = told.partition("@")[2]
    return f"{decision.dial}|{told}|{f'PJSIP/{endpoint}' if endpoint else ''}"


def _dialled(decision: Decision, integrator: Integrator) -> dict[str, str]:
    dialled = {
        DIAL: decision.dial,
        DIAL_NUMBER: decision.shown,
        RING_TIMEOUT: str(integrator.ring_timeout),
        TO_AGENT: "1" if decision.to_agent else "",
    }
    if decision.at_peer:
        dialled[PEER] = _describe_peer(decision)
    if decision.via:
        dialled |= {VIA: decision.via, EXT: decision.call.extension}
    return dialled


def shown_to_agent(decision: Decision) -> str:
    """Return the number that the phone of a created call's agent shows.

    An extension's phone shows whom it is about to talk to.  A phone behind the trunk must be shown
    a number that the trunk lets through.
    """
    call = decision.call
    return decision.shown if call.call_dir is CallDirection.EXTERNAL else call.number
