"""The telephone network: a SIPp that takes every call and does what the dialled number asks for."""

from __future__ import annotations

import itertools
import secrets

from sandbox.sip import Message
from sandbox.sipp import SCENARIOS, Sipp

#: What the last two digits of a dialled number ask of the trunk and of a phone; scenarios/uas.xml.
OUTCOMES = {
    "answer": "00",  # rings, answers, waits for BYE; so do all endings that are not in this table
    "busy": "01",  # 486
    "decline": "02",  # 603
    "unavailable": "03",  # 503
    "ring": "04",  # rings and never answers
    "hang-up": "05",  # answers, sends BYE after 1 s
    "answer-late": "06",  # rings 1 s, then answers
    "unknown": "07",  # 404
}


class CalledParty:
    """A SIPp that is called: it keeps the INVITEs."""

    def __init__(self, port: int | None = None, *, trace: bool = True) -> None:
        # 65 kB would hold few calls of a burst; SIPp reads one message per loop.
        self._sipp = Sipp(SCENARIOS / "uas.xml", ["-buff_size", "4194304"], port=port, trace=trace)
        self.port = self._sipp.port
        try:
            self._sipp.wait_bound()
        except BaseException:
            self._sipp.close()
            raise

    def close(self) -> None:
        self._sipp.close()

    def messages(self) -> list[Message]:
        """Return everything sent and received so far."""
        return self._sipp.messages()

    def invites(self, dialled: str | None = None) -> list[Message]:
        """Return the INVITEs received, all or those for one number, without retransmissions."""
        found = {
            (m.call_id, m.header("CSeq")): m
            for m in reversed(self.messages())
            if not m.sent and m.method == "INVITE" and dialled in (None, m.uri_user)
        }
        return list(found.values())[::-1]

    def wait_invite(self, dialled: str | None = None, timeout: float = 5.0) -> Message:
        """Return the newest INVITE, for one number if given, waiting for it until the deadline."""
        return self._sipp.wait_message(
            lambda m: not m.sent and m.method == "INVITE" and dialled in (None, m.uri_user),
            timeout,
            f"an INVITE for {dialled or 'any number'}",
        )

    def wait_ended(self, call_id: str, timeout: float = 5.0) -> Message:
        """Return the BYE or CANCEL, from either side, that ended the call of an INVITE."""
        return self._sipp.wait_message(
            lambda m: m.call_id == call_id and m.method in ("BYE", "CANCEL"),
            timeout,
            f"the end of call {call_id}",
        )

    def transfer(self, call_id: str, target: str) -> None:
        """Send REFER in the call of an INVITE that was answered."""
        self._sipp.control(call_id, "REFER", f"Refer-To: <{target}>\r\n")


class Trunk(CalledParty):
    """The called party behind PJSIP/<number>@trunk; use it as a context manager."""

    _count = itertools.count(secrets.randbelow(900_000))

    def __enter__(self) -> Trunk:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def number(self, outcome: str = "answer") -> str:
        """Return a national number that no other test of this run dials, for an outcome."""
        return f"08{next(self._count) % 1_000_000:06d}{OUTCOMES[outcome]}"
