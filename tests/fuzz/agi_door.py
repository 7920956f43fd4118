"""Hostile bytes at the AGI door, and hostile facts behind it."""

from __future__ import annotations

import asyncio
import random
import time

from click2dial_agi.domain import facts
from sandbox.waiting import patience
from tests.agi.wire import environment
from tests.app.serving import ASKED, ENDED, RECEIPT, Calls, config, serving
from tests.app.test_drain import Taking
from tests.domain.examples import CALL_REF
from tests.fuzz.mutate import mutate
from tests.fuzz.watch import watched

__all__ = ["fuzz_agi"]

_BATCH = 16

_DECIDED = {
    **{"call_ref": CALL_REF, "integrator": "acme", "extension": "1000", "number": "0820000100"},
    **{"dial_number": "27820001234", "contact_ref": "ticket-7", "call_dir": "outbound"},
    **{"dialed_at": "1700000000", "channel": "PJSIP/1000-00000001"},
}
_INBOUND = {
    **{"call_ref": CALL_REF, "call_dir": "inbound", "dialed_at": "1700000000"},
    **{"number": "27820007777", "dial_number": "27215550101", "queued_at": "1700000000"},
}
_BY = {"agent": "", "agent_channel": "PJSIP/1001-00000002"}
_SENT = {**_DECIDED, **_BY, "kind": "blind", "placed": "1", "target": "0820000200"}
_TOLD = {
    "outbound": ASKED,
    "outbound?": {**ASKED, "teleforge_contact_ref": "x" * 256, "unread": "1"},
    "transfer": _SENT,
    "transfer?": {**_SENT, "kind": "forward", "target": "1002"},
    "joined": {**_INBOUND, **_BY, "joined_at": "1700000003"},
    "ended": {**_DECIDED, **ENDED},
    "ended?": {**_INBOUND, **_BY, **ENDED, "before": "agent=&agent_channel=PJSIP/1002-00000003"},
    "emergency": {**ASKED, "callee": "112", "emergency": "1"},
}
_REPLIES = b"200 result=0\n" * 2
_SESSIONS = [
    environment(f"{script.strip('?')}?{facts.encode(told)}") + _REPLIES
    for script, told in _TOLD.items()
]
_SESSIONS += [_SESSIONS[0].replace(b"result=0", b"result=1 (a)"), b"HANGUP\n" + _SESSIONS[0]]


async def fuzz_agi(chance: random.Random, seconds: float) -> int:
    """Hold sessions that are almost good; return how many."""
    sent, until = 0, time.monotonic() + seconds
    acme = config(dids=["27215550*"], forwarding="allowed", payload_version=4)
    with watched() as errors:
        async with serving(acme, Taking()) as calls:
            while time.monotonic() < until:
                batch = [mutate(chance, _SESSIONS) for _ in range(_BATCH)]
                await asyncio.gather(*(_session(calls.port, data) for data in batch))
                sent += len(batch)
                assert errors == [], batch
                if sent % 1024 == 0:
                    await _check(calls)
    return sent


async def _session(port: int, data: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        writer.write_eof()
        async with asyncio.timeout(patience(10)):
            await reader.read()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def _check(calls: Calls) -> None:
    """A good call is served, and nobody holds a place that he should not."""
    counts = calls.handlers.current.counts
    for call_ref in list(counts._calls):
        counts.leave(call_ref)
    counts._placed.clear()
    answer = await calls.outbound()
    assert answer["C2D_VERDICT"] == "dial", answer
    assert await calls.ended(answer["C2D_FACTS"]) == [RECEIPT]
    assert len(counts) == 0
