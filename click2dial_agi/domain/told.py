"""What the dialplan tells, as types: parsed once, at the door.

A phone's wish (:func:`read_request`), what is known of a call (:class:`KnownCall`), how it ended
(:class:`Ending`), and where an agent sends a client (:class:`HandOver`).  The same text comes from
a channel, from the spool and from a live call's entry; every value is held to its rule again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from click2dial_agi.domain.calls import Call, CallDirection, CallRequest, CallType, decide
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.dispositions import EndedBy
from click2dial_agi.domain.facts import decode, moment, whole_number
from click2dial_agi.domain.headers import read_headers
from click2dial_agi.domain.holds import NO_HOLDS, Holds
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.names import Event, Fact
from click2dial_agi.domain.numbering import (
    ANY_EXTENSION,
    TELEFORGE,
    NumberPlan,
    is_recorded,
)
from click2dial_agi.domain.numbers import CONTACT_REF_LENGTH, is_call_ref, is_contact_ref
from click2dial_agi.domain.pauses import NO_PAUSES, Pauses
from click2dial_agi.domain.peers import Peer
from click2dial_agi.exceptions import MalformedFacts

__all__ = [
    "Ending",
    "HandOver",
    "HandOverKind",
    "KnownCall",
    "event_of",
    "is_anothers",
    "last_agent",
    "read_ending",
    "read_hand_over",
    "read_known",
    "read_request",
]


# So many who are no agents may stand before the last one: whom the client's channel dialled, and
# before that who was put together with him.
_NOBODYS = 2


class HandOverKind(StrEnum):
    """Who wants the client elsewhere: an agent by REFER, or an agent's phone by 302.

    Or an agent who asks there first, by the API.
    """

    BLIND = "blind"
    FORWARD = "forward"
    CONSULT = "consult"


@dataclass(frozen=True, slots=True)
class KnownCall:
    """What is known of a call; times in Unix seconds of the PBX's clock, 0 for what was not.

    ``call.extension`` is who talked to the client last, of an integrator who knows him.
    """

    call: Call
    dialed_at: int
    # The number that was called from outside, as the trunk named it.
    did: str = ""
    # The channel of the agent who placed it.
    channel: str = ""
    # A server has decided on it, or the dialplan as it may on a call from outside.
    decided: bool = True
    refused: bool = False
    limited: bool = False
    emergency: bool = False
    created: bool = False
    recorded: bool = False
    queued_at: int = 0
    agent_answered_at: int = 0
    joined_at: int = 0
    answered_at: int = 0
    # Nobody rang any more for a client who called in, and he waited in no queue.
    unanswered_at: int = 0


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call ended, in Asterisk's words; ``ended_by`` is None where nobody says.

    ``pauses`` are those of its recording, ``holds`` those of the API.
    """

    ended_at: int
    dialstatus: str = ""
    hangup_cause: int = 0
    sip_status: int = 0
    ended_by: EndedBy | None = None
    pauses: Pauses = NO_PAUSES
    holds: Holds = NO_HOLDS


@dataclass(frozen=True, slots=True)
class HandOver:
    """An agent, or his phone, sends the client of a call to ``target``, as it came.

    ``agent`` is his extension; ``placed`` how many legs were placed for this client before.
    ``is_anothers`` says that the target is an extension of another integrator.
    """

    known: KnownCall
    agent: str
    target: str
    kind: HandOverKind
    placed: int = 0
    is_anothers: bool = False

    @property
    def leaves(self) -> bool:
        """Whether the agent has no part in the client's call any more.

        Who has called a colleague, and is sent on by him, goes on with his call.
        """
        internal = self.known.call.call_dir is CallDirection.INTERNAL
        return self.kind is HandOverKind.BLIND and not internal


def read_request(facts: Mapping[str, str], endpoints: Mapping[str, str]) -> CallRequest:
    """Return what a phone asked for.

    The agent is what the operator set on the endpoint (C2D_EXTENSION), else the endpoint's name.
    The From header has no say: a phone can forge it.
    """
    headers = read_headers(facts)
    agent = Peer(facts.get(Fact.AGENT, ""), facts.get(Fact.CHANNEL, ""))
    return CallRequest(
        call_ref=facts.get(Fact.CALL_REF, ""),
        agent=agent.extension(endpoints),
        callee=facts.get(Fact.CALLEE, ""),
        outbound_id=headers.outbound_id,
        contact_ref=headers.contact_ref,
        unread=facts.get(Fact.UNREAD) == "1",
    )


def read_known(facts: Mapping[str, str], config: Config) -> KnownCall:
    """Return what facts tell of a call.  Raises :exc:`MalformedFacts` when they make none."""
    if not is_call_ref(facts.get(Fact.CALL_REF, "")):
        raise MalformedFacts(Fact.CALL_REF, "a lower-case UUID")
    emergency = facts.get(Fact.EMERGENCY) == "1"
    decided = Fact.CALL_DIR in facts
    if facts.get(Fact.CALL_DIR) == CallDirection.INBOUND:
        call = _inbound_call(facts, config)
    elif decided:
        call = _decided_call(facts, config)
    elif emergency:
        call = _emergency_call(facts, config)
    else:
        # All servers were away when it was placed.  It is judged now, so that its record says
        # whose it was.
        request = read_request(facts, config.extensions_by_endpoint)
        call = decide(request, config.owner_of(request.agent)).call
    return KnownCall(
        call,
        dialed_at=whole_number(facts, Fact.DIALED_AT),
        did=facts.get(Fact.DIAL_NUMBER, "") if call.call_dir is CallDirection.INBOUND else "",
        channel=facts.get(Fact.CHANNEL, ""),
        decided=decided or emergency,
        refused=facts.get(Fact.REFUSED) == "1",
        limited=facts.get(Fact.LIMITED) == "1",
        emergency=emergency,
        created=facts.get(Fact.CREATED) == "1",
        # The dialplan records no emergency call, whatever was decided of it.
        recorded=not emergency and "1" in (facts.get(Fact.RECORD), facts.get(Fact.RECORDED)),
        queued_at=moment(facts, Fact.QUEUED_AT),
        agent_answered_at=moment(facts, Fact.AGENT_ANSWERED_AT),
        joined_at=moment(facts, Fact.JOINED_AT),
        answered_at=moment(facts, Fact.ANSWERED_AT),
        unanswered_at=moment(facts, Fact.UNANSWERED_AT),
    )


def read_ending(facts: Mapping[str, str]) -> Ending:
    """Return how facts say that a call ended.  Raises :exc:`MalformedFacts` if they do not."""
    ended_by = facts.get(Fact.ENDED_BY, "")
    sip_status = facts.get(Fact.SIP_STATUS, "")
    return Ending(
        ended_at=whole_number(facts, Fact.ENDED_AT),
        dialstatus=facts.get(Fact.DIALSTATUS, ""),
        # Empty in what a refused call leaves whose channel never had one.
        hangup_cause=0 if facts.get(Fact.REFUSED) else whole_number(facts, Fact.HANGUP_CAUSE),
        sip_status=whole_number(facts, Fact.SIP_STATUS) if sip_status else 0,
        ended_by=EndedBy(ended_by) if ended_by in tuple(EndedBy) else None,
        pauses=Pauses.parse(facts.get(Fact.PAUSES, "")),
        holds=Holds.parse(facts.get(Fact.HOLDS, "")),
    )


def event_of(facts: Mapping[str, str]) -> Event:
    """Return what facts tell of; before version 0.2 they did not say it by name.

    Raises :exc:`MalformedFacts` for an event that nobody knows.
    """
    told = facts.get(Fact.EVENT)
    if told is None:
        return Event.ENDED if Fact.ENDED_AT in facts else Event.JOINED
    try:
        return Event(told)
    except ValueError:
        raise MalformedFacts(Fact.EVENT, "one of " + ", ".join(Event)) from None


def read_hand_over(facts: Mapping[str, str], config: Config) -> HandOver:
    """Return where an agent sends a client.  Raises :exc:`MalformedFacts` when facts do not say."""
    known = read_known(facts, config)
    try:
        kind = HandOverKind(facts.get(Fact.KIND, HandOverKind.BLIND))
    except ValueError:
        raise MalformedFacts(Fact.KIND, "one of " + ", ".join(HandOverKind)) from None
    target = facts.get(Fact.TARGET, "")
    return HandOver(
        known,
        agent=_sender(facts, known, config),
        target=target,
        kind=kind,
        placed=moment(facts, Fact.PLACED),
        is_anothers=is_anothers(target, known.call.integrator, config),
    )


def is_anothers(extension: str, integrator: str, config: Config) -> bool:
    """Tell whether an extension belongs to another integrator than the one of this name."""
    owner = config.owner_of(extension)
    return owner is not None and owner.name != integrator


def _sender(facts: Mapping[str, str], known: KnownCall, config: Config) -> str:
    """Return the extension of who hands the client over."""
    channel = facts.get(Fact.AGENT_CHANNEL, "")
    by_channel = facts.get(Fact.BY_CHANNEL, channel)
    told = facts.get(Fact.AGENT, "") if by_channel == channel else ""
    if not told and by_channel and by_channel == known.channel:
        # The one who placed the call; his channel may be gone, and its variables with it.
        integrator = config.integrator(known.call.integrator)
        return _answered_by(facts, integrator, config) or facts.get(Fact.EXTENSION, "")
    return Peer(told, by_channel).extension(config.extensions_by_endpoint)


def last_agent(
    facts: Mapping[str, str], integrator: Integrator | None, config: Config, answered: str = ""
) -> str:
    """Return the extension that talked to the client last, of those that an integrator owns.

    It is empty where facts name none of them.

    Whom the client's channel dialled last may be a number outside, and nobody's agent: then it is
    who talked to him before.  ``answered`` was an agent of the integrator when he answered.
    """
    told: Mapping[str, str] = facts
    for _ in range(_NOBODYS + 1):
        peer = Peer(told.get(Fact.AGENT, ""), told.get(Fact.AGENT_CHANNEL, ""))
        agent = peer.called(config.extensions_by_endpoint)
        if integrator is not None and agent and (agent == answered or integrator.owns(agent)):
            return agent
        told = decode(told.get(Fact.BEFORE, ""))
    return ""


def _decided_call(facts: Mapping[str, str], config: Config) -> Call:
    """Return the call that ``decide`` wrote into the facts, each value held to its rule again."""
    try:
        call_dir = CallDirection(facts.get(Fact.CALL_DIR, ""))
    except ValueError:
        raise MalformedFacts(Fact.CALL_DIR, "one of the call directions") from None
    try:
        call_type = CallType(facts[Fact.CALL_TYPE]) if facts.get(Fact.CALL_TYPE) else None
    except ValueError:
        raise MalformedFacts(Fact.CALL_TYPE, "one of the call types") from None
    call = Call(
        call_ref=facts.get(Fact.CALL_REF, ""),
        integrator=facts.get(Fact.INTEGRATOR, ""),
        extension=facts.get(Fact.EXTENSION, ""),
        number=facts.get(Fact.NUMBER, ""),
        dial_number=facts.get(Fact.DIAL_NUMBER, ""),
        contact_ref=facts.get(Fact.CONTACT_REF, ""),
        call_dir=call_dir,
        call_type=call_type,
        trail_ref=facts.get(Fact.TRAIL_REF, ""),
        trail_number=moment(facts, Fact.TRAIL_NUMBER),
    )
    for name in (Fact.EXTENSION, Fact.NUMBER, Fact.DIAL_NUMBER):
        value = facts.get(name, "")
        if value and not is_recorded(value) and value not in config.emergency_numbers:
            raise MalformedFacts(name, "an extension, a number or nothing")
    if call.contact_ref and not is_contact_ref(call.contact_ref):
        raise MalformedFacts(Fact.CONTACT_REF, "letters, digits and . - _ ~ only")
    if call.trail_ref and not is_call_ref(call.trail_ref):
        raise MalformedFacts(Fact.TRAIL_REF, "a lower-case UUID")
    integrator = config.integrator(call.integrator)
    agent = last_agent(facts, integrator, config) or _answered_by(facts, integrator, config)
    return call._replace(extension=agent) if agent else call


def _answered_by(facts: Mapping[str, str], integrator: Integrator | None, config: Config) -> str:
    """Return who answered a created call: the agent whom it rang, or a colleague by a pickup.

    It is empty where his channel does not say so.
    """
    channel = facts.get(Fact.CHANNEL, "")
    if facts.get(Fact.CREATED) != "1" or not channel.startswith("PJSIP/"):
        return ""
    agent = Peer(channel=channel).extension(config.extensions_by_endpoint)
    return agent if integrator is not None and integrator.owns(agent) else ""


def _inbound_call(facts: Mapping[str, str], config: Config) -> Call:
    """Return a call from outside; ``extension`` is empty as long as no agent has answered.

    No server decided on it, so all that is known comes as it was: the DID tells whose call it is,
    until a server has said so at the answer.  An agent of another integrator is not named.
    """
    did, said = facts.get(Fact.DIAL_NUMBER, ""), facts.get(Fact.INTEGRATOR, "")
    integrator = config.integrator(said) if said else config.owner_of_did(did)
    answered = facts.get(Fact.EXTENSION, "")
    if answered and not ANY_EXTENSION.matches(answered):
        raise MalformedFacts(Fact.EXTENSION, "an extension or nothing")
    plan = TELEFORGE if integrator is None else integrator.plan
    contact_ref = facts.get(Fact.CONTACT_REF, "")
    return Call(
        call_ref=facts.get(Fact.CALL_REF, ""),
        integrator=integrator.name if integrator else said,
        extension=last_agent(facts, integrator, config, answered),
        number=_read_trunk(facts.get(Fact.NUMBER, ""), plan),
        dial_number=_read_trunk(did, plan),
        contact_ref=contact_ref[:CONTACT_REF_LENGTH] if is_contact_ref(contact_ref) else "",
        call_dir=CallDirection.INBOUND,
    )


def _emergency_call(facts: Mapping[str, str], config: Config) -> Call:
    """Return a call to an emergency number, which no server was asked about."""
    # Before 0.3 the agent was whoever called; a leg that is handed on has another one.
    caller = facts.get(Fact.CALLER, facts.get(Fact.AGENT, ""))
    request = read_request({**facts, Fact.AGENT: caller}, config.extensions_by_endpoint)
    callee = request.callee
    if callee not in config.emergency_numbers and not ANY_EXTENSION.matches(callee):
        raise MalformedFacts(Fact.CALLEE, "an emergency number")
    integrator = config.owner_of(request.agent)
    # A colleague may have taken it over.
    agent = last_agent(facts, integrator, config) or request.agent
    call = Call(
        call_ref=request.call_ref,
        integrator=integrator.name if integrator else "",
        extension=agent if integrator else "",
        number=request.callee,
        dial_number="",
        contact_ref=request.call_ref,
        call_dir=CallDirection.OUTBOUND,
    )
    return _of_client(call, facts, config)


def _of_client(call: Call, facts: Mapping[str, str], config: Config) -> Call:
    """Return a call for help as the leg that it is where a client was sent there."""
    if Fact.CLIENT not in facts:
        return call
    try:
        first = read_known(decode(facts[Fact.CLIENT]), config).call
        placed = moment(facts, Fact.PLACED)
    except MalformedFacts:  # it is recorded all the same
        return call
    if first.integrator != call.integrator:
        return call
    return call.leg_of(first, CallType.TRANSFER_BLIND, placed)


def _read_trunk(text: str, plan: NumberPlan) -> str:
    """Return what a record says of a number that the trunk named; empty for what is none."""
    number = plan.read_trunk(text)
    return number.recorded if number else ""
