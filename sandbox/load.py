"""Many calls at a rate, by one SIPp: what became of each, and how long the answers took."""

from __future__ import annotations

import math
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path

from sandbox import uac
from sandbox.calls import Pbx
from sandbox.sipp import LOCAL, Sipp


@dataclass
class LoadCall:
    """One call of a load; `status` is 0 when it got no final response."""

    agent: str
    callee: str
    contact_ref: str
    status: int = 0
    seconds: float | None = None  # INVITE to final response
    began: float = 0.0  # Unix time of the first message, and of the last
    ended: float = 0.0


@dataclass(frozen=True)
class LoadResult:
    """All calls in the order in which they were placed."""

    calls: list[LoadCall]
    retransmissions: int  # of INVITEs: more than a few say that the PBX could not keep up

    @property
    def statuses(self) -> Counter[int]:
        """Number of calls by final status."""
        return Counter(call.status for call in self.calls)

    def percentile(self, percent: float) -> float:
        """Return the time from INVITE to 200 that so many percent of the answered calls kept."""
        times = sorted(c.seconds for c in self.calls if c.status == 200 and c.seconds is not None)
        if not times:
            raise ValueError("no call was answered")
        return times[max(0, math.ceil(percent / 100 * len(times)) - 1)]

    @property
    def p50(self) -> float:
        return self.percentile(50)

    @property
    def p95(self) -> float:
        return self.percentile(95)

    @property
    def p99(self) -> float:
        return self.percentile(99)


def load(
    pbx: Pbx,
    *,
    calls: int,
    rate: float,
    callees: Sequence[str],
    agents: Sequence[str] = ("1000",),
    headers: Sequence[tuple[str, str]] = (),
    hang_up_after: float = 0.5,
    contact_ref: str = "load-{n}",
    give_up: float | None = None,
    timeout: float | None = None,
) -> LoadResult:
    """Place calls at a rate per second, agents and callees taken in turn, and wait for their ends.

    Header values may name `{contact_ref}`, `{callee}`, `{agent}` and `{n}`, the call's number
    from 0; `contact_ref` is such a template too. A value cannot hold `;` (SIPp's column separator).
    The default deadline leaves a minute after the last call was placed. A phone that hears nothing
    for `give_up` seconds ends its call.
    """
    placed = [
        LoadCall(agent=agent, callee=callee, contact_ref=contact_ref.format(n=n))
        for n, (agent, callee) in enumerate(islice(zip(cycle(agents), cycle(callees)), calls))
    ]
    plan = uac.Plan(
        agent="[field0]",
        callee="[field1]",
        headers=[(name, f"[field{n}]") for n, (name, _) in enumerate(headers, start=2)],
        hang_up_after=hang_up_after,
    )
    target = f"{LOCAL}:{pbx.sip_port}"
    token = secrets.token_hex(4)
    with Sipp(
        uac.scenario(plan),
        [
            *(target, "-m", str(calls), "-l", str(calls), *_rate(rate)),
            *(("-recv_timeout", str(round(give_up * 1000))) if give_up else ()),
            *("-inf", "calls.csv", "-cid_str", f"%u-{token}", "-buff_size", "4194304"),
            *("-trace_shortmsg", "-shortmessage_file", "short.log"),
        ],
        files={"calls.csv": _csv(placed, headers)},
        trace=False,
    ) as sipp:
        try:
            sipp.process.wait(calls / rate + 60 if timeout is None else timeout)
        except TimeoutError as error:
            error.add_note(sipp.errors())
            raise
        retransmissions = _read(sipp.directory / "short.log", placed)
        if not any(call.status for call in placed):
            raise RuntimeError(f"no call got an answer: {sipp.errors()}")
    return LoadResult(placed, retransmissions)


def _rate(rate: float) -> tuple[str, ...]:
    """Return SIPp's whole calls per so many milliseconds."""
    if rate >= 1:
        return ("-r", str(round(rate)))
    return ("-r", "1", "-rp", str(round(1000 / rate)))


def _csv(calls: Sequence[LoadCall], headers: Sequence[tuple[str, str]]) -> str:
    rows = ["SEQUENTIAL"]
    for n, call in enumerate(calls):
        values = [
            value.format(n=n, agent=call.agent, callee=call.callee, contact_ref=call.contact_ref)
            for _, value in headers
        ]
        if any(";" in value for value in values):
            raise ValueError(f"SIPp cannot take a ';' in {values}")
        rows.append(";".join([call.agent, call.callee, *values]))
    return "\n".join(rows) + "\n"


def _read(trace: Path, calls: list[LoadCall]) -> int:
    """Fill in what became of each call and return the number of INVITEs sent again.

    A line is: date, time, unix time, S or R, Call-ID, "CSeq:1 INVITE", start line; tabs between.
    """
    invited: dict[int, float] = {}
    again = 0
    for line in trace.read_text(encoding="utf-8", errors="replace").splitlines():
        columns = line.split("\t")
        at = datetime.fromisoformat(" ".join(columns[:2])[:26]).replace(tzinfo=UTC).timestamp()
        direction, call_id, cseq, start = columns[-4:]
        number = int(call_id.partition("-")[0]) - 1  # SIPp counts from 1
        call = calls[number]
        call.began, call.ended = call.began or at, at
        if not cseq.endswith("INVITE"):
            continue
        if direction == "S" and start.startswith("INVITE"):
            again += number in invited
            invited.setdefault(number, at)
        elif direction == "R" and not call.status and int(start.split(" ")[1]) >= 200:
            call.status = int(start.split(" ")[1])
            call.seconds = at - invited[number]
    return again
