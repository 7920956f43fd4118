"""What a phone hears that has too many calls, and when it may have the next one."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from click2dial_agi.app.census import Census
from click2dial_agi.app.drain import Drain
from click2dial_agi.domain import facts
from click2dial_agi.domain.counts import Counts
from click2dial_agi.domain.records import CallRecord
from click2dial_agi.exceptions import NotificationError
from tests.app.serving import ENDED, RECEIPT, Calls, config, mset, serving
from tests.app.test_drain import Taking
from tests.app.test_ended import FakeLists
from tests.io.running import run

pytestmark = pytest.mark.case("A5")

ONE = {"agent": {"concurrent_calls": 1}}
ONE_A_MINUTE = {"agent": {"calls_per_minute": 1}}


def ref(number: int) -> str:
    return f"0b4e6a3c-1f2d-4c5b-8a79-{number:012d}"


async def place(calls: Calls, number: int, **changed: str) -> dict[str, str]:
    channel = f"PJSIP/{changed.pop('agent', '1000')}-{number:08x}"
    return await calls.outbound(call_ref=ref(number), channel=channel, **changed)


@pytest.mark.parametrize(
    ("limits", "wrong"),
    [
        (ONE, "limits: at most 1 calls of an agent at once"),
        (ONE_A_MINUTE, "limits: at most 1 calls of an agent a minute"),
        ({"phones": {"concurrent_calls": 1}}, "limits: at most 1 calls from phones at once"),
        ({"phones": {"calls_per_minute": 1}}, "limits: at most 1 calls from phones a minute"),
    ],
)
def test_one_call_too_many(
    caplog: pytest.LogCaptureFixture, limits: dict[str, Any], wrong: str
) -> None:
    caplog.set_level("INFO", "click2dial_agi")

    async def scenario() -> None:
        async with serving(config(limits=limits)) as calls:
            assert (await place(calls, 1))["C2D_VERDICT"] == "dial"
            # However it writes what it dials.
            told = await place(calls, 2, callee="0027820000100", teleforge_contact_ref="other")
            assert (told["C2D_CAUSE"], told["C2D_VERDICT"]) == ("21", "refuse")
            assert list(told)[-1] == "C2D_VERDICT"
            known = told["C2D_FACTS"]
            record = CallRecord.from_facts(facts.decode(f"{known}&ended_at=1700000000"), config())
            assert tuple(record.disposition(None)) == ("error", 29)
            assert (record.call.contact_ref, record.call.extension) == ("other", "1000")
            assert (await place(calls, 3, callee="12"))["C2D_CAUSE"] == "28"

    run(scenario())
    assert f"refused: {wrong}" in caplog.text


def test_the_place_is_free_when_the_end_is_told() -> None:
    """Before the record is anywhere, and also if it cannot be stored."""

    async def scenario() -> None:
        lists = FakeLists(NotificationError("away"))
        async with serving(config(limits=ONE), lists) as calls:
            for number in range(3):
                known = (await place(calls, number))["C2D_FACTS"]
                assert await calls.ended(known) == []
            assert len(calls.handlers.current.counts) == 0
        slow = FakeLists()
        async with serving(config(limits=ONE), slow) as calls:
            known = (await place(calls, 1))["C2D_FACTS"]
            task = asyncio.create_task(calls.ended(known))
            await slow.begun.wait()
            assert (await place(calls, 2))["C2D_VERDICT"] == "dial"
            slow.may_store.set()
            assert await task == [RECEIPT]

    run(scenario())


def test_the_place_is_free_when_the_end_is_found_in_the_spool(tmp_path: Path) -> None:
    async def scenario() -> None:
        lists = Taking()
        async with serving(config(limits=ONE), lists) as calls:
            known = (await place(calls, 1))["C2D_FACTS"]
            spool = tmp_path / "calls.spool"
            spool.write_text(f"{known}&{facts.encode(ENDED)}\n")
            drain = Drain(spool)
            await drain.look(calls.handlers.current)
            await drain.look(calls.handlers.current)
            assert lists.taken == [ref(1)]
            assert (await place(calls, 2))["C2D_VERDICT"] == "dial"

    run(scenario())


def test_calls_for_help_are_not_counted() -> None:
    async def scenario() -> None:
        async with serving(config(limits=ONE)) as calls:
            for number in range(3):
                told = await place(calls, number, callee="112")
                assert (told["C2D_VERDICT"], told["C2D_KIND"]) == ("dial", "emergency")
            assert (await place(calls, 4))["C2D_VERDICT"] == "dial"
            assert (await place(calls, 5, callee="112"))["C2D_VERDICT"] == "dial"

    run(scenario())


@pytest.mark.parametrize("kind", ["blind", "forward"])
def test_legs_of_transfers_and_forwards(kind: str) -> None:
    async def scenario() -> None:
        async with serving(config(limits=ONE, forwarding="allowed")) as calls:
            known = (await place(calls, 1, agent="1001"))["C2D_FACTS"]

            async def send(target: str) -> dict[str, str]:
                by = {"agent_channel": "PJSIP/1000-00000009", "kind": kind, "target": target}
                (command,) = await calls.session("transfer", f"{known}&{facts.encode(by)}")
                return mset(command)

            leg = await send("0820000100")
            assert leg["C2D_VERDICT"] == "dial"
            assert (await send("0820000200"))["C2D_VERDICT"] == "refuse"
            assert (await send("1002"))["C2D_VERDICT"] == "dial"  # a colleague is no call
            assert (await place(calls, 2))["C2D_CAUSE"] == "21"
            calls.handlers.current.counts.leave(facts.decode(leg["C2D_FACTS"])["call_ref"])
            assert (await send("0820000200"))["C2D_VERDICT"] == "dial"

    run(scenario())


@pytest.mark.case("T45")
@pytest.mark.parametrize(("callee", "sender"), [("0820000100", "1000"), ("1001", "1001")])
def test_who_sends_a_client_on_has_a_leg_in_place_of_the_call(callee: str, sender: str) -> None:
    """Who is sent on himself, by a colleague, has that call still."""

    async def scenario() -> None:
        shown = "27820001234"
        async with serving(config(limits=ONE, default_outbound_id=shown)) as calls:
            known = (await place(calls, 1, callee=callee))["C2D_FACTS"]
            by = {"agent_channel": f"PJSIP/{sender}-00000009", "kind": "blind"}
            to = facts.encode(by | {"target": "0820000200"})
            (command,) = await calls.session("transfer", f"{known}&{to}")
            assert mset(command)["C2D_VERDICT"] == "dial"
            for agent in {"1000", sender}:
                assert (await place(calls, 2, agent=agent))["C2D_CAUSE"] == "21"

    run(scenario())


class Knows:
    """A census that finds that calls are over."""

    def __init__(self, counts: Counts, over: str) -> None:
        self._counts, self._over = counts, over

    def look_soon(self) -> None:
        pass

    async def refresh(self) -> None:
        self._counts.leave(self._over)


def test_the_pbx_is_asked_before_a_call_is_refused() -> None:
    async def scenario() -> None:
        async with serving(config(limits=ONE)) as calls:
            current = calls.handlers.current
            census = cast(Census, Knows(current.counts, ref(1)))
            calls.handlers.current = replace(current, census=census)
            assert (await place(calls, 1))["C2D_VERDICT"] == "dial"
            assert (await place(calls, 2))["C2D_VERDICT"] == "dial"
            assert (await place(calls, 3))["C2D_VERDICT"] == "refuse"

    run(scenario())
