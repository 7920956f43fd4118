"""A phone on an agent's desk: it registers, and when it is called it does what its mode says."""

from __future__ import annotations

import contextlib

from sandbox.calls import Pbx
from sandbox.sipp import LOCAL, Sipp
from sandbox.trunk import OUTCOMES, CalledParty

_REGISTER = """\
  <send retrans="500"><![CDATA[
REGISTER sip:[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:{extension}@[remote_ip]>;tag=[pid]
To: <sip:{extension}@[remote_ip]>
Call-ID: [call_id]
CSeq: {cseq} REGISTER
Contact: <{contact}>
Expires: {expires}
{credentials}Content-Length: 0

]]></send>
  <recv response="100" optional="true"/>
"""


class Phone(CalledParty):
    """A registered phone; `mode` is one of trunk.OUTCOMES. Use it as a context manager.

    Asterisk calls a phone by the contact it registered, so the mode travels as the last two digits
    of the contact's user, and the phone runs the trunk's scenario.
    """

    def __init__(
        self,
        pbx: Pbx,
        extension: str = "1100",
        *,
        password: str | None = None,
        mode: str = "answer",
        trace: bool = True,
    ) -> None:
        super().__init__(trace=trace)
        self.extension = extension
        self._target = f"{LOCAL}:{pbx.sip_port}"
        self._password = password
        self._contact = f"sip:phone-{OUTCOMES[mode]}@{LOCAL}:{self.port}"

    def __enter__(self) -> Phone:
        try:
            self._register(3600)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        # A PBX that is gone, or that the test froze, forgets us in its own way.
        with contextlib.suppress(TimeoutError, RuntimeError):
            self._register(0, timeout=2.0)
        self.close()

    def _register(self, expires: int, timeout: float = 5.0) -> None:
        """Send REGISTER and check that it was accepted; 0 seconds unregisters."""
        login = f"[authentication username={self.extension} password={self._password}]\n"
        rounds = ["", login] if self._password is not None else [""]
        parts = ['<?xml version="1.0" encoding="US-ASCII" ?>\n<scenario name="register">\n']
        for cseq, credentials in enumerate(rounds, start=1):
            parts.append(
                _REGISTER.format(
                    extension=self.extension,
                    cseq=cseq,
                    contact=self._contact,
                    expires=expires,
                    credentials=credentials,
                )
            )
            challenged = cseq < len(rounds)
            parts.append(f'  <recv response="{401 if challenged else 200}"')
            parts.append(' auth="true"/>\n' if challenged else "/>\n")
        with Sipp("".join([*parts, "</scenario>\n"]), [self._target, "-m", "1"]) as sipp:
            status = sipp.process.wait(timeout)
            if status:
                seen = [m.start_line for m in sipp.messages()]
                why = f"{seen} {sipp.errors()}"
                raise RuntimeError(f"{self.extension} was not registered: {why}")
