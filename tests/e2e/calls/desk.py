"""Calls as an agent places them, and the record that each leaves."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sandbox.asterisk import Asterisk
from sandbox.calls import Call, HangUp, Header, Then, call, place_call
from sandbox.result import CallResult
from sandbox.trunk import Trunk
from tests.e2e.records import CRM, Payload

OUTBOUND_ID = ("X-Teleforge-Outbound-ID", "27820001234")

#: Long enough for a callee to hear it, short enough for many tests.
BRIEF = HangUp(0.05)

#: Seconds from a 100 to the CANCEL: at once, and within what the dialplan takes until it dials.
GIVEN_UP = (0.0, 0.0, 0.0005, 0.001, 0.0015, 0.002, 0.003, 0.004)


@dataclass(frozen=True)
class Desk:
    """An agent's phone and the CRM that gets the records."""

    pbx: Asterisk
    trunk: Trunk
    crm: CRM

    def call(
        self,
        callee: str,
        headers: Sequence[Header] = (OUTBOUND_ID,),
        *,
        agent: str = "1000",
        then: Then = BRIEF,
        display: str = "",
        timeout: float = 30.0,
    ) -> tuple[CallResult, Payload]:
        """Place a call and return what the wire saw and the record that was popped."""
        result = call(
            self.pbx,
            agent=agent,
            callee=callee,
            headers=headers,
            then=then,
            display=display,
            timeout=timeout,
        )
        return result, self.crm.pop()

    def place(
        self,
        callee: str,
        headers: Sequence[Header] = (OUTBOUND_ID,),
        *,
        agent: str = "1000",
        then: Then = BRIEF,
    ) -> Call:
        """Start a call."""
        return place_call(self.pbx, agent=agent, callee=callee, headers=headers, then=then)


@contextlib.contextmanager
def servers(pbx: Asterisk, *urls: str) -> Iterator[None]:
    """Let the dialplan ask these servers, as an operator would by changing C2D_AGI.

    A call reads the list at its start and at its end: both must lie within.  Who did not answer is
    forgotten at the end.
    """
    before = globals_of(pbx)["C2D_AGI"]
    pbx.cli(f'dialplan set global C2D_AGI "{" ".join(urls)}"')
    try:
        yield
    finally:
        pbx.cli(f'dialplan set global C2D_AGI "{before}"')
        for name, value in globals_of(pbx).items():
            if name.startswith("C2D_AWAY_") and value:
                pbx.cli(f'dialplan set global {name} ""')


def globals_of(pbx: Asterisk) -> dict[str, str]:
    """Return the dialplan's global variables."""
    pairs = (line.strip().partition("=") for line in pbx.cli("dialplan show globals").splitlines())
    return {name: value for name, equals, value in pairs if equals}
