"""Both ends of the promise: what the callers saw on the wire, and what came out of Redis."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

from redis import Redis

from click2dial_agi.io.journal import read_waiting
from click2dial_agi.io.spool import Spool
from sandbox.asterisk import Asterisk
from sandbox.consumer import Consumer, connect
from sandbox.load import LoadCall, LoadResult, load
from sandbox.process import until
from sandbox.trunk import Trunk
from tests.e2e.calls.desk import OUTBOUND_ID
from tests.e2e.records import Payload, read_cdr

__all__ = ["Chaos", "connect"]

CALLS = int(os.environ.get("C2D_CHAOS_CALLS", "100"))
RATE = 20
AGENTS = [f"100{n}" for n in range(10)]
REFUSED = "12345"
OUTCOMES = ("answer", "busy", "decline", "unavailable", "unknown", "ring", "answer", "hang-up")

#: What a caller saw, and what the record may say of it.  503 is the trunk's, or ours where no
#: server could be asked.
ENDINGS = {
    200: {("hungup", 16)},
    403: {("reject", 21)},
    404: {("error", 1)},
    480: {("timeout", 19)},
    484: {("error", 28)},
    486: {("busy", 17)},
    503: {("error", 34), ("failed", 42)},
}

#: For so many seconds after its last message a call may still be in its hangup handler.
HANDLER = 0.5

#: How long after the last call and the last repair a record may take: seconds.
PATIENCE = 30.0


@dataclass
class Chaos:
    """A PBX under load, with a consumer."""

    pbx: Asterisk
    trunk: Trunk
    connect: Callable[[], Redis]
    spool_dirs: Sequence[Path]
    #: When Asterisk itself was killed, and when it was back: Unix times.
    deaths: list[tuple[float, float]] = field(default_factory=list)

    def run(self, disturb: Callable[[Future[LoadResult]], None]) -> None:
        """Place the calls, disturb until they are placed, and compare both ends.

        ``disturb`` is called again and again; it returns with everything in order.
        """
        numbers = [*(self.trunk.number(outcome) for outcome in OUTCOMES), REFUSED]
        with Consumer(self.connect) as consumer, ThreadPoolExecutor(1) as pool:
            placing = pool.submit(self._place, numbers)
            while not placing.done():
                disturb(placing)
            result = placing.result()
            until(self._all_ended, PATIENCE, "the end of all calls")
            most = CALLS - len(died_with_asterisk(result, self.deaths))
            until(lambda: len(consumer.texts) >= most, PATIENCE, f"{most} records")
            # Whatever could still come twice has come then.
            until(self._nothing_waits, PATIENCE, "empty journals and spools")
        records = [read_cdr(text) for text in consumer.texts]
        compare(result, numbers, records, died_with_asterisk(result, self.deaths))

    def _place(self, numbers: Sequence[str]) -> LoadResult:
        return load(
            self.pbx,
            calls=CALLS,
            rate=RATE,
            callees=numbers,
            agents=AGENTS,
            headers=[OUTBOUND_ID, ("X-Teleforge-Contact-Ref", "{contact_ref}")],
            contact_ref="person-{n}",
            hang_up_after=0.3,
            give_up=20,
        )

    def _nothing_waits(self) -> bool:
        return not any(map(anything_waits, self.spool_dirs))

    def _all_ended(self) -> bool:
        return "0 active channels" in self.pbx.cli("core show channels count")


def died_with_asterisk(
    result: LoadResult, deaths: Sequence[tuple[float, float]]
) -> dict[str, LoadCall]:
    """Return the calls that were up when Asterisk was killed, or were placed while it was away.

    A call whose last message came just before may have died in its hangup handler.
    """
    return {
        call.contact_ref: call
        for call in result.calls
        if any(
            call.began <= back + HANDLER and call.ended >= killed - HANDLER
            for killed, back in deaths
        )
    }


def compare(
    result: LoadResult,
    numbers: Sequence[str],
    records: Sequence[Payload],
    died: Mapping[str, LoadCall],
) -> None:
    """Hold each record against what its caller saw: 0 lost, 0 doubled, 0 wrong.

    Of a call that ``died`` with Asterisk there is a record or not, but not two.
    """
    by_ref = {record["contact_ref"]: record for record in records}
    placed = [call.contact_ref for call in result.calls]
    counted = Counter(record["contact_ref"] for record in records)
    lost = [ref for ref in placed if ref not in counted and ref not in died]
    doubled = [ref for ref, count in counted.items() if count > 1]
    strange = [ref for ref in counted if ref not in set(placed)]
    wrong = []
    for call, number in zip(result.calls, cycle(numbers), strict=False):
        record = by_ref.get(call.contact_ref)
        expected = ENDINGS.get(call.status, set())
        if (
            record is not None
            and call.contact_ref not in died
            and not (
                (record["end_reason"], record["end_code"]) in expected
                and record["number"] == ("" if number == REFUSED else number)
                and (record["extension"], record["dial_number"]) == (call.agent, "27820001234")
            )
        ):
            wrong.append((call, record))
    errors = f"{len(lost)} lost, {len(doubled)} doubled, {len(wrong)} wrong"
    print(f"{len(placed)} calls {dict(result.statuses)}: {errors}")
    for call in died.values():
        seen = "recorded" if call.contact_ref in counted else "no record"
        print(f"died with Asterisk: {call.contact_ref}, status {call.status}: {seen}")
    assert (lost, doubled, strange, wrong) == ([], [], [], [])
    assert len(records) >= len(placed) - len(died)


def anything_waits(directory: Path) -> bool:
    """Say whether anything is left in a spool directory, what was put aside included."""
    spool = Spool(directory / "calls.spool")
    return bool(
        read_waiting(directory / "journal.db") or spool.waiting() or spool.rejected.exists()
    )


def pause(placing: Future[LoadResult], seconds: float) -> None:
    """Wait, but not beyond the last call."""
    wait([placing], seconds)
