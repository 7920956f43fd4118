"""The record of a call that ended, from what the dialplan told of it (docs/contract.md)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from click2dial_agi.domain.calls import Call, CallDirection
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.dispositions import (
    Q850,
    Disposition,
    EndedBy,
    EndReason,
    dispose,
)
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.names import NotificationKind
from click2dial_agi.domain.notifications import Notification
from click2dial_agi.domain.told import Ending, KnownCall, read_ending, read_known

__all__ = ["CallRecord", "client_of", "extensions_of"]

_REF = "click-dial"


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A call that ended; all lengths are in whole seconds."""

    known: KnownCall
    ending: Ending

    @classmethod
    def from_facts(cls, facts: Mapping[str, str], config: Config) -> "CallRecord":
        """Build the record from what the channel, or a spool line, says at the end of a call.

        Raises :exc:`MalformedFacts` when the facts do not make a record.
        """
        return cls(read_known(facts, config), read_ending(facts))

    @property
    def call(self) -> Call:
        """Who called whom for whom."""
        return self.known.call

    @property
    def answered(self) -> bool:
        """Whether the two sides were joined."""
        return bool(self.known.joined_at) or self.ending.dialstatus == "ANSWER"

    @property
    def answered_at(self) -> int:
        """When they were joined, in Unix seconds; 0 if they were not, or nobody noted it."""
        return (self.known.joined_at or self.known.answered_at) if self.answered else 0

    @property
    def call_time(self) -> int:
        """From the dialling to the end; a clock that was set back makes no length negative."""
        return max(self.ending.ended_at - self.known.dialed_at, 0)

    @property
    def hold_time(self) -> int:
        """How long the caller waited in a queue; 0 without one."""
        if not self.known.queued_at:
            return 0
        return max(self._waited_until - self.known.queued_at, 0)

    @property
    def _waited_until(self) -> int:
        """Until when a caller waited for an agent, in a queue or while phones rang."""
        known = self.known
        return known.joined_at or known.unanswered_at or self.ending.ended_at

    @property
    def held_time(self) -> int:
        """How long the API kept the client on hold."""
        begin = self.answered_at or self.known.dialed_at
        return self.ending.holds.seconds(begin, self.ending.ended_at)

    @property
    def recording_url(self) -> str:
        """The reference of the recording, which begins when the call is answered."""
        return self.call.call_ref if self.known.recorded and self.answered else ""

    def disposition(self, integrator: Integrator | None) -> Disposition:
        """Return how the call ended, in as much detail as the integrator wants."""
        known, ending = self.known, self.ending
        if known.refused:
            limited, wrong = Q850.FACILITY_REJECTED, Q850.INVALID_NUMBER_FORMAT
            return Disposition(EndReason.ERROR, limited if known.limited else wrong)
        if not known.decided and ending.dialstatus != "CANCEL":  # a caller may give up before that
            return Disposition(EndReason.FAILED, Q850.SWITCHING_CONGESTION)
        ended_by = None
        if integrator is not None and integrator.detailed_end_reasons:
            inbound = self.call.call_dir is CallDirection.INBOUND
            ended_by = ending.ended_by or (EndedBy.CALLEE if inbound else EndedBy.AGENT)
        return dispose(
            "ANSWER" if known.joined_at else ending.dialstatus,
            ending.hangup_cause,
            sip_status=ending.sip_status if self._went_to_provider else 0,
            ended_by=ended_by,
        )

    @property
    def _went_to_provider(self) -> bool:
        """Whether it was the provider who answered, and not an agent's phone."""
        if self.call.call_dir is CallDirection.OUTBOUND:
            return not self.known.created or bool(self.known.agent_answered_at)
        return self.call.call_dir is CallDirection.EXTERNAL

    def notification(self, integrator: Integrator) -> Notification:
        """Return the cdr notification for the integrator that the call belongs to."""
        kind = NotificationKind.CDR
        payload = self._payload(integrator)
        return Notification.of(kind, integrator.list_of(kind), self.call.call_ref, payload)

    def _payload(self, integrator: Integrator) -> dict[str, object]:
        call, disposition = self.call, self.disposition(integrator)
        payload: dict[str, object] = {
            "extension": call.extension,
            "number": call.number,
            "dial_number": call.dial_number,
            "call_ref": call.call_ref,
            "contact_ref": call.contact_ref,
            "dialed_at": self.known.dialed_at,
            "end_reason": disposition.reason.value,
            "end_code": int(disposition.code),
            "call_time": self.call_time,
            "hold_time": self.hold_time,
            "call_dir": call.call_dir.value,
            "recording_url": self.recording_url,
            "ref": _REF,
        }
        if integrator.payload_version == 2:
            payload["ref"] = payload.pop("number")
        if integrator.payload_version >= 4:
            payload |= self._times_and_trail()
        return payload

    def _times_and_trail(self) -> dict[str, object]:
        """Return what version 4 has beyond version 3."""
        known, answered_at = self.known, self.answered_at
        inbound = self.call.call_dir is CallDirection.INBOUND
        # Until when somebody rang: the answer, or the end.
        until = answered_at or self.ending.ended_at
        if inbound:
            rang, number_rang = self._waited_until - known.dialed_at - self.hold_time, 0
        elif known.created:
            agent_answered_at = known.agent_answered_at or self.ending.ended_at
            rang, number_rang = agent_answered_at - known.dialed_at, until - agent_answered_at
        else:
            rang, number_rang = 0, until - known.dialed_at
        return {
            "answered_at": answered_at,
            "talk_time": max(self.ending.ended_at - answered_at, 0) if answered_at else 0,
            "ring_time_extension": max(rang, 0),
            "ring_time_number": max(number_rang, 0),
            "hold_time_number": self.hold_time + self.held_time,
            "call_type": (self.call.call_type or self.call.call_dir).value,
            "call_trail_ref": self.call.trail_ref or self.call.call_ref,
            "call_trail_number": self.call.trail_number or 1,
            "recording_pauses": self._pauses(answered_at),
        }

    def _pauses(self, answered_at: int) -> list[list[float]]:
        """Return when the recording was paused, in seconds of it."""
        if not self.recording_url:
            return []
        length = max(self.ending.ended_at - answered_at, 0) if answered_at else 0
        return self.ending.pauses.seconds(length * 1000)


def client_of(payload: Mapping[str, Any]) -> str:
    """Return the client's number in a cdr payload; before version 3 it is in ``ref``."""
    number = payload.get("number", payload["ref"])
    return number if isinstance(number, str) else ""


def extensions_of(payload: Mapping[str, Any]) -> frozenset[str]:
    """Return whose call a cdr payload tells of: the agent's, and that of whom he called.

    Who calls from outside may say any number, an extension, too: it is nobody's here.
    """
    extension, is_inbound = str(payload["extension"]), payload.get("call_dir") == "inbound"
    return frozenset((extension,) if is_inbound else (extension, client_of(payload)))
