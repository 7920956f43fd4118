"""What is told of a call, when it is joined and when it ends (CONTRACT section 4)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from click2dial_agi.domain.calls import Call, CallDirection, CallRequest, decide
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.dispositions import (
    Q850,
    Disposition,
    EndedBy,
    EndReason,
    dispose,
)
from click2dial_agi.domain.facts import current_agent, endpoint_of, whole_number
from click2dial_agi.domain.headers import read_headers
from click2dial_agi.domain.inbound import hold_time, read_inbound
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.numbers import is_call_ref, is_contact_ref, is_extension, is_number
from click2dial_agi.exceptions import MalformedFacts

__all__ = ["CallRecord", "JoinedCall", "Notification", "read_call", "read_event", "read_request"]


@dataclass(frozen=True, slots=True)
class Notification:
    """One JSON text for one Redis list.

    ``call_ref`` is what makes pushing it twice harmless: a list takes one notification for each.
    """

    list_name: str
    call_ref: str
    body: str

    def for_all_lists(self, integrator: Integrator) -> "tuple[Notification, ...]":
        """Return itself and a copy for each of the integrator's further prefixes."""
        name = self.list_name.removeprefix(integrator.key_prefix)
        copies = [replace(self, list_name=f"{prefix}{name}") for prefix in integrator.copies]
        return (self, *copies)


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A call that ended: ``dialed_at`` in Unix seconds, the others in whole seconds."""

    call: Call
    dialed_at: int
    call_time: int
    disposition: Disposition
    hold_time: int = 0
    recording_url: str = ""

    @classmethod
    def from_facts(cls, facts: Mapping[str, str], config: Config) -> "CallRecord":
        """Build the record from what the channel, or a spool line, says at the end of a call.

        A call that no server decided on (all were away) still carries its request; it is judged
        now, so that its record says whose it was, and is ``failed``.

        Raises :exc:`MalformedFacts` when the facts do not make a record.
        """
        if not is_call_ref(facts.get("call_ref", "")):
            raise MalformedFacts("call_ref", "a lower-case UUID")
        held = 0
        if "call_dir" in facts:
            call, held = read_call(facts, config), hold_time(facts)
            disposition = _disposition(facts, config.integrator(call.integrator))
        else:
            request = read_request(facts)
            call = decide(request, config.owner_of(request.agent)).call
            disposition = Disposition(EndReason.FAILED, Q850.SWITCHING_CONGESTION)
        dialed_at = whole_number(facts, "dialed_at")
        # A clock that was set back during the call must not give a negative length.
        call_time = max(whole_number(facts, "ended_at") - dialed_at, 0)
        return cls(call, dialed_at, call_time, disposition, held, _recording_url(facts))

    def notification(self, integrator: Integrator) -> Notification:
        """Return the cdr notification for the integrator that the call belongs to."""
        call = self.call
        payload: dict[str, object] = {
            "extension": call.extension,
            "number": call.number,
            "dial_number": call.dial_number,
            "call_ref": call.call_ref,
            "contact_ref": call.contact_ref,
            "dialed_at": self.dialed_at,
            "end_reason": self.disposition.reason.value,
            "end_code": int(self.disposition.code),
            "call_time": self.call_time,
            "hold_time": self.hold_time,
            "call_dir": call.call_dir.value,
            "recording_url": self.recording_url,
            "ref": "click-dial",
        }
        if integrator.payload_version == 2:
            payload["ref"] = payload.pop("number")
        body = json.dumps({"type": "cdr", "payload": payload})
        return Notification(integrator.cdr_list, call.call_ref, body)


@dataclass(frozen=True, slots=True)
class JoinedCall:
    """A call whose two sides are being joined; ``hold_time`` in whole seconds."""

    call: Call
    hold_time: int

    @classmethod
    def from_facts(cls, facts: Mapping[str, str], config: Config) -> "JoinedCall":
        """Build it from what the channel that answered says.

        Raises :exc:`MalformedFacts` when the facts do not make a call.
        """
        if not is_call_ref(facts.get("call_ref", "")):
            raise MalformedFacts("call_ref", "a lower-case UUID")
        whole_number(facts, "joined_at")  # without it nobody answered
        return cls(read_call(facts, config), hold_time(facts))

    def notification(self, integrator: Integrator) -> Notification:
        """Return the call notification for the integrator that the call belongs to."""
        call = self.call
        payload: dict[str, object] = {
            "number": call.number,
            "dial_number": call.dial_number,
            "hold_time": self.hold_time,
            "call_ref": call.call_ref,
            "contact_ref": call.contact_ref,
        }
        if integrator.payload_version == 2:
            payload["campaign_ref"] = call.call_dir.value
        else:
            payload["call_dir"] = call.call_dir.value
        payload["ref"] = call.extension
        body = json.dumps({"type": "call", "payload": payload})
        inbound = call.call_dir is CallDirection.INBOUND
        list_name = integrator.inbound_list if inbound else integrator.joined_list
        return Notification(list_name, call.call_ref, body)


def read_event(facts: Mapping[str, str], config: Config) -> CallRecord | JoinedCall:
    """Return what facts tell of: a call that ended, or one that is joined and goes on.

    Raises :exc:`MalformedFacts` when they make neither.
    """
    event = CallRecord if "ended_at" in facts else JoinedCall
    return event.from_facts(facts, config)


def read_call(facts: Mapping[str, str], config: Config) -> Call:
    """Return the call that facts tell of, with the agent whom the client talked to last.

    Raises :exc:`MalformedFacts` when they make none.
    """
    if facts.get("call_dir") == CallDirection.INBOUND:
        return read_inbound(facts, config)
    call = _decided_call(facts)
    integrator = config.integrator(call.integrator)
    agent = current_agent(facts)
    if integrator is not None and is_extension(agent) and integrator.owns(agent):
        call = call._replace(extension=agent)
    return call


def read_request(facts: Mapping[str, str]) -> CallRequest:
    """Return what a phone asked for, from the facts that the dialplan collected.

    The agent is what the operator set on the endpoint (C2D_EXTENSION), else the endpoint's name.
    The From header has no say: a phone can forge it.
    """
    headers = read_headers(facts)
    return CallRequest(
        call_ref=facts.get("call_ref", ""),
        agent=facts.get("agent", "") or endpoint_of(facts.get("channel", "")),
        callee=facts.get("callee", ""),
        outbound_id=headers.outbound_id,
        contact_ref=headers.contact_ref,
    )


def _disposition(facts: Mapping[str, str], integrator: Integrator | None) -> Disposition:
    if facts.get("refused"):
        return Disposition(EndReason.ERROR, Q850.INVALID_NUMBER_FORMAT)
    # The dialplan goes on only if the side that was called hung up first, and then says who it is.
    if facts.get("call_dir") == CallDirection.INBOUND:
        ended_by = EndedBy.AGENT if facts.get("ended_by") == EndedBy.AGENT else EndedBy.CALLEE
    else:
        ended_by = EndedBy.CALLEE if facts.get("ended_by") == EndedBy.CALLEE else EndedBy.AGENT
    return dispose(
        "ANSWER" if facts.get("joined_at") else facts.get("dialstatus", ""),
        whole_number(facts, "hangup_cause"),
        ended_by=ended_by if integrator and integrator.detailed_end_reasons else None,
    )


def _recording_url(facts: Mapping[str, str]) -> str:
    """Return the reference of a call's recording, which begins when the call is answered."""
    answered = "joined_at" in facts or facts.get("dialstatus") == "ANSWER"
    recorded = "1" in (facts.get("record"), facts.get("recorded"))
    return facts["call_ref"] if recorded and answered else ""


def _decided_call(facts: Mapping[str, str]) -> Call:
    """Return the call that ``decide`` wrote into the facts, each value held to its rule again."""
    try:
        call_dir = CallDirection(facts.get("call_dir", ""))
    except ValueError:
        raise MalformedFacts("call_dir", "one of the call directions") from None
    call = Call(
        call_ref=facts.get("call_ref", ""),
        integrator=facts.get("integrator", ""),
        extension=facts.get("extension", ""),
        number=facts.get("number", ""),
        dial_number=facts.get("dial_number", ""),
        contact_ref=facts.get("contact_ref", ""),
        call_dir=call_dir,
    )
    for name in ("extension", "number", "dial_number"):
        value = getattr(call, name)
        if value and not is_extension(value) and not is_number(value):
            raise MalformedFacts(name, "an extension, a number or nothing")
    if call.contact_ref and not is_contact_ref(call.contact_ref):
        raise MalformedFacts("contact_ref", "letters, digits and . - _ ~ only")
    return call
