"""The record of a call that ended, and the notification that tells of it (CONTRACT section 4)."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from click2dial_agi.domain.calls import Call, CallDirection, CallRequest, decide
from click2dial_agi.domain.config import Config, Integrator
from click2dial_agi.domain.dispositions import (
    Q850,
    Disposition,
    EndedBy,
    EndReason,
    dispose,
)
from click2dial_agi.domain.headers import read_headers
from click2dial_agi.domain.numbers import is_call_ref, is_contact_ref, is_extension, is_number
from click2dial_agi.exceptions import MalformedFacts

__all__ = ["CallRecord", "Notification", "read_request"]

_DIGITS = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Notification:
    """One JSON text for one Redis list.

    ``call_ref`` is what makes pushing it twice harmless: a list takes one notification for each.
    """

    list_name: str
    call_ref: str
    body: str


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A call that ended: times in Unix seconds, ``call_time`` in whole seconds."""

    call: Call
    dialed_at: int
    call_time: int
    disposition: Disposition

    @classmethod
    def from_facts(cls, facts: Mapping[str, str], config: Config) -> "CallRecord":
        """Build the record from what the channel, or a spool line, says at the end of a call.

        A call that no server decided on (all were away) still carries its request; it is judged
        now, so that its record says whose it was, and is ``failed``.

        Raises :exc:`MalformedFacts` when the facts do not make a record.
        """
        if not is_call_ref(facts.get("call_ref", "")):
            raise MalformedFacts("call_ref", "a lower-case UUID")
        integrator = config.integrator(facts.get("integrator", ""))
        detailed = integrator is not None and integrator.detailed_end_reasons
        if "call_dir" in facts:
            call = _decided_call(facts)
            disposition = _disposition(facts, detailed)
        else:
            request = read_request(facts)
            call = decide(request, config.owner_of(request.agent)).call
            disposition = Disposition(EndReason.FAILED, Q850.SWITCHING_CONGESTION)
        dialed_at = _whole_number(facts, "dialed_at")
        # A clock that was set back during the call must not give a negative length.
        call_time = max(_whole_number(facts, "ended_at") - dialed_at, 0)
        return cls(call, dialed_at, call_time, disposition)

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
            "hold_time": 0,
            "call_dir": call.call_dir.value,
            "recording_url": "",
            "ref": "click-dial",
        }
        if integrator.payload_version == 2:
            payload["ref"] = payload.pop("number")
        body = json.dumps({"type": "cdr", "payload": payload})
        return Notification(integrator.cdr_list, call.call_ref, body)


def read_request(facts: Mapping[str, str]) -> CallRequest:
    """Return what a phone asked for, from the facts that the dialplan collected.

    The agent is what the operator set on the endpoint (C2D_EXTENSION), else the endpoint's name,
    which chan_pjsip.c writes into the channel's: ``PJSIP/<endpoint>-<8 hex digits>``.  The From
    header has no say: a phone can forge it.
    """
    headers = read_headers(facts)
    endpoint = facts.get("channel", "").removeprefix("PJSIP/").rpartition("-")[0]
    return CallRequest(
        call_ref=facts.get("call_ref", ""),
        agent=facts.get("agent", "") or endpoint,
        callee=facts.get("callee", ""),
        outbound_id=headers.outbound_id,
        contact_ref=headers.contact_ref,
    )


def _disposition(facts: Mapping[str, str], detailed: bool) -> Disposition:
    if facts.get("refused"):
        return Disposition(EndReason.ERROR, Q850.INVALID_NUMBER_FORMAT)
    # By its option g, Dial() goes on in the dialplan only if the callee hung up first.
    ended_by = EndedBy.CALLEE if facts.get("ended_by") == EndedBy.CALLEE else EndedBy.AGENT
    return dispose(
        facts.get("dialstatus", ""),
        _whole_number(facts, "hangup_cause"),
        ended_by=ended_by if detailed else None,
    )


def _decided_call(facts: Mapping[str, str]) -> Call:
    """Return the call that ``decide`` wrote into the facts, each value held to its rule again."""
    try:
        call_dir = CallDirection(facts["call_dir"])
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


def _whole_number(facts: Mapping[str, str], name: str) -> int:
    value = facts.get(name, "")
    if not _DIGITS.fullmatch(value):
        raise MalformedFacts(name, "a whole number")
    return int(value)
