"""What a single call came to, read from the messages that its phone sent and received."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from sandbox.sip import Message


@dataclass(frozen=True)
class CallResult:
    """A call that is over. Times are Unix times of the phone's side, None for what never was."""

    messages: list[Message]

    @cached_property
    def responses(self) -> list[Message]:
        """All responses to the INVITE, provisional ones too, each once."""
        seen = {
            m.raw: m for m in self.messages if not m.sent and m.status and m.cseq_method == "INVITE"
        }
        return list(seen.values())

    @cached_property
    def final(self) -> Message | None:
        """The last final response to the INVITE; after a challenge, that to the second INVITE."""
        return next((m for m in reversed(self.responses) if m.status >= 200), None)

    @property
    def status(self) -> int:
        """Final status, 0 if there was none."""
        return self.final.status if self.final else 0

    @property
    def phrase(self) -> str:
        """Reason phrase of the final response."""
        return self.final.phrase if self.final else ""

    @property
    def reason(self) -> str | None:
        """Reason header of the final response."""
        return self.final.header("Reason") if self.final else None

    def header_all(self, name: str) -> list[str]:
        """Return every value of a header of the final response."""
        return self.final.header_all(name) if self.final else []

    @property
    def invite(self) -> Message:
        """The INVITE as it was sent, the last one after a challenge."""
        return [m for m in self.messages if m.sent and m.method == "INVITE"][-1]

    @property
    def call_id(self) -> str:
        return self.invite.call_id

    @property
    def invited_at(self) -> float:
        return next(m.at for m in self.messages if m.sent and m.method == "INVITE")

    @property
    def ringing_at(self) -> float | None:
        return next((m.at for m in self.responses if m.status in (180, 183)), None)

    @property
    def answered_at(self) -> float | None:
        return next((m.at for m in self.responses if m.status == 200), None)

    @property
    def _bye(self) -> Message | None:
        return next((m for m in self.messages if m.method == "BYE"), None)

    @property
    def ended_at(self) -> float | None:
        """When BYE was sent or received, or the call was refused."""
        last = self._bye or self.final
        return last.at if last else None

    @property
    def ended_by(self) -> Literal["us", "peer"] | None:
        """Which side sent BYE first; None if the call was never answered."""
        return None if self._bye is None else "us" if self._bye.sent else "peer"
