"""Single calls by a SIPp phone: what was sent, what came back, when, and who ended it."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sandbox import uac
from sandbox.process import tail, until
from sandbox.result import CallResult
from sandbox.sip import Message
from sandbox.sipp import LOCAL, Sipp

Header = tuple[str, str | bytes]


class Pbx(Protocol):
    """What a phone needs to know of an Asterisk."""

    @property
    def sip_port(self) -> int: ...

    def cli(self, command: str) -> str: ...


@dataclass(frozen=True)
class HangUp:
    """The phone sends BYE so many seconds after the answer, unless the peer was first."""

    after: float = 0.2


@dataclass(frozen=True)
class AwaitBye:
    """The phone waits for the peer's BYE, or for `Call.hang_up()`."""


@dataclass(frozen=True)
class Cancel:
    """The phone sends CANCEL so many seconds after the first 180 or 183, BYE if it is answered."""

    after: float = 0.2


Then = HangUp | AwaitBye | Cancel


class Call:
    """A call in progress."""

    def __init__(self, sipp: Sipp, call_id: str, deadline: float, pbx: Pbx, agent: str) -> None:
        self._sipp = sipp
        self._pbx = pbx
        self._agent = agent
        self.call_id = call_id
        self._deadline = deadline

    def __enter__(self) -> Call:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def wait_status(self, status: int, timeout: float = 5.0) -> Message:
        """Return the response with this status to the INVITE, waiting for it."""
        return self._sipp.wait_message(
            lambda m: not m.sent and m.status == status and m.cseq_method == "INVITE",
            timeout,
            f"status {status} for call {self.call_id}",
        )

    def wait_transferred(self, status: int, timeout: float = 5.0) -> Message:
        """Return the NOTIFY that tells what became of a transfer, waiting for it."""
        fragment = f"\r\nSIP/2.0 {status} ".encode()
        return self._sipp.wait_message(
            lambda m: not m.sent and m.method == "NOTIFY" and fragment in m.raw,
            timeout,
            f"NOTIFY with {status} for call {self.call_id}",
        )

    def hang_up(self) -> None:
        """Send BYE now, or CANCEL while it rings."""
        self._sipp.control(self.call_id, "MESSAGE")

    def transfer(self, target: str) -> None:
        """Transfer the other side to a SIP URI, as soon as that can be done."""
        # The phone listens to its remote control once it has sent its ACK.
        cseq = (self.wait_status(200).header("CSeq") or "").replace("INVITE", "ACK")
        self._sipp.wait_message(
            lambda m: m.sent and m.header("CSeq") == cseq, 5.0, f"the ACK of call {self.call_id}"
        )
        # The PBX says 200 before it has joined the two, which it must have to transfer one of them.
        until(self._is_joined, 5.0, f"{self._agent} joined")
        self.refer(target)

    def refer(self, target: str) -> None:
        """Send REFER now, whether there is still somebody to transfer or not."""
        self._sipp.control(self.call_id, "REFER", f"Refer-To: <{target}>\r\n")

    def _is_joined(self) -> bool:
        """Say whether all channels of the agent are in a bridge."""
        lines = self._pbx.cli("core show channels concise").splitlines()
        bridges = [
            line.split("!")[12] for line in lines if line.startswith(f"PJSIP/{self._agent}-")
        ]
        return bool(bridges) and all(bridges)

    def result(self, timeout: float | None = None) -> CallResult:
        """Wait for the end of the call; TimeoutError shows the messages so far and ends it."""
        try:
            self._sipp.process.wait(self._deadline if timeout is None else timeout)
        except TimeoutError as error:
            seen = "\n".join(f"{m.at:.3f} {m.start_line}" for m in self._sipp.messages())
            error.add_note(f"call {self.call_id}:\n{seen}\n{self._sipp.errors()}")
            raise
        finally:
            complaints = f"{self._sipp.errors()}\n{tail(self._sipp.process.output)}"
            self.close()
        messages = self._sipp.messages()
        if not messages:
            raise RuntimeError(f"SIPp sent nothing: {complaints}")
        return CallResult(messages)

    def close(self) -> None:
        """Hang up if the call is still up, so that the PBX keeps nothing of it, and clean up."""
        if self._sipp.process.returncode is None:
            self.hang_up()
            with contextlib.suppress(TimeoutError):
                self._sipp.process.wait(1.0)
        self._sipp.close()

    def kill(self) -> None:
        """End the phone without a word to the PBX, as a power cut would."""
        self._sipp.close()


def place_call(
    pbx: Pbx,
    *,
    agent: str = "1000",
    callee: str = "0820000100",
    headers: Sequence[Header] = (),
    then: Then | None = None,
    password: str | None = None,
    display: str = "",
    digits: str = "",
    speaks: bool = False,
    timeout: float = 30.0,
) -> Call:
    """Start a call and return at once; `timeout` is the default deadline of `result()`.

    Use the Call as a context manager where the test may fail before `result()`.
    """
    then = HangUp() if then is None else then
    hang_up_after, cancel_after = None, None
    match then:
        case HangUp(after):
            hang_up_after = after
        case Cancel(after):
            hang_up_after, cancel_after = 0.0, after
    plan = uac.Plan(
        agent=uac.escape(agent),
        callee=uac.escape(callee),
        headers=[(name, uac.escape(value)) for name, value in headers],
        hang_up_after=hang_up_after,
        cancel_after=cancel_after,
        password=password,
        display=uac.escape(display),
        digits=digits,
        speaks=speaks,
    )
    call_id = f"c2d-{secrets.token_hex(8)}"
    target = f"{LOCAL}:{pbx.sip_port}"
    files = {uac.SPEECH: uac.SPEECH_TEXT} if speaks else None
    sipp = Sipp(uac.scenario(plan), [target, "-m", "1", "-cid_str", call_id], files=files)
    return Call(sipp, call_id, timeout, pbx, agent)


def call(
    pbx: Pbx,
    *,
    agent: str = "1000",
    callee: str = "0820000100",
    headers: Sequence[Header] = (),
    then: Then | None = None,
    password: str | None = None,
    display: str = "",
    digits: str = "",
    speaks: bool = False,
    timeout: float = 30.0,
) -> CallResult:
    """Place one call and wait for its end. A refusal is a result; no end in time is an error."""
    return place_call(
        pbx,
        agent=agent,
        callee=callee,
        headers=headers,
        then=then,
        password=password,
        display=display,
        digits=digits,
        speaks=speaks,
        timeout=timeout,
    ).result()
