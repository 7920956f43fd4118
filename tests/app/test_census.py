"""Counts that are made true by what the PBX has, whatever was heard of it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from click2dial_agi.app import census as module
from click2dial_agi.app.census import Census, count_forever
from click2dial_agi.app.pbxs import PBXs
from click2dial_agi.app.times import Times
from click2dial_agi.domain import pbxs
from click2dial_agi.domain.counts import Counted, Counts
from click2dial_agi.domain.integrators import Limits
from click2dial_agi.exceptions import PBXUnreachable
from sandbox.waiting import patience
from tests.app.serving import config, serving
from tests.http.fake_ari import HANG, FakeARI
from tests.io.running import eventually, run

pytestmark = pytest.mark.case("A5")

REF = "0b4e6a3c-1f2d-4c5b-8a79-{:012d}"
FREE = Limits.model_validate({"agent": {"concurrent_calls": None, "calls_per_minute": None}})


class PBX(FakeARI):
    """Channels, each with the call that it carries."""

    async def __aenter__(self) -> PBX:
        await super().__aenter__()
        return self

    def carries(
        self, name: str, role: str, number: int, agent: str = "1000", more: str = ""
    ) -> None:
        self.channels[name] = "Up"
        called = {"dialplan": {"app_name": "AppDial"}} if role == "c" else {}
        self.about[name] = {"name": f"PJSIP/{name}", **called}
        facts = (
            f"call_ref={REF.format(number)}&integrator=acme&extension={agent}"
            f"&number=0820000100&dial_number=27820001234&contact_ref=r&call_dir=outbound"
            f"&dialed_at=1700000000{more}"
        )
        self.variables[name, f"C2D_{name}"] = f"{role}{facts}"


@contextlib.asynccontextmanager
async def pbx() -> AsyncIterator[tuple[PBX, Counts, Census]]:
    async with PBX() as ari:
        counts = Counts()
        asterisk = pbxs.PBX.model_validate({"ari_url": ari.url, "ari_password": "p-1"})
        there = PBXs([asterisk], Times(ari=patience(0.3)))
        yield ari, counts, Census(config(), there, counts)
        await there.close()


def place(counts: Counts, number: int, channel: str, agent: str = "1000") -> None:
    counted = Counted("acme", agent, f"PJSIP/{channel}")
    assert counts.admit(REF.format(number), counted, FREE) is None


def test_after_a_restart_the_calls_that_go_on_are_counted() -> None:
    async def scenario() -> None:
        async with pbx() as (ari, counts, census):
            ari.carries("a1", "a", 1)
            ari.carries("c1", "c", 1)
            ari.carries("o2", "o", 2, "1001")
            ari.carries("i3", "i", 3, "1002", "&call_dir=inbound")  # malformed: named twice
            ari.carries("c4", "c", 4, "1003")  # the agent is gone
            ari.carries("c5", "c", 5, "1004", "&call_type=transfer-blind")
            ari.carries("a6", "a", 6, "1005", "&refused=1")
            ari.carries("a7", "a", 7, "1006", "&created=1")
            ari.channels["other"] = "Up"
            await census.look()
            agents = [agent for agent in range(1000, 1010) if counts.has("acme", str(agent))]
            assert agents == [1000, 1001, 1004, 1006]
            assert len(counts) == 5

    run(scenario())


def test_while_nothing_is_missing_it_costs_one_request() -> None:
    async def scenario() -> None:
        async with pbx() as (ari, counts, census):
            for number in range(3):
                ari.carries(f"a{number}", "a", number)
                place(counts, number, f"a{number}")
            await census.look()  # the first is thorough
            for number in range(3):
                ari.carries(f"c{number}", "c", number)
            ari.requests.clear()
            for _ in range(3):
                await census.look()
            assert [request.operation for request in ari.requests] == ["channels"] * 3
            assert len(counts) == 3

    run(scenario())


def test_a_call_whose_end_nobody_told() -> None:
    async def scenario() -> None:
        async with pbx() as (_, counts, census):
            place(counts, 1, "a1")
            await census.look()
            assert len(counts) == 0

    run(scenario())


def test_a_call_that_was_handed_over() -> None:
    async def scenario() -> None:
        async with pbx() as (ari, counts, census):
            place(counts, 1, "a1")
            ari.carries("c1", "c", 1)
            await census.look()
            assert len(counts) == 1
            assert not counts.has("acme", "1000")

    run(scenario())


def test_many_refused_calls_ask_once() -> None:
    async def scenario() -> None:
        async with pbx() as (ari, counts, census):
            place(counts, 1, "a1")
            await asyncio.gather(*(census.refresh() for _ in range(60)))
            assert len(counts) == 0
            assert len(ari.asked("channels")) == 2  # one, and one since a call was missing

    run(scenario())


@pytest.mark.case("T45")
def test_what_has_changed_since_the_last_look_is_seen() -> None:
    """It waits for the next one, and asks no more often."""

    async def scenario() -> None:
        async with pbx() as (ari, counts, census):
            ari.carries("a1", "a", 1)
            place(counts, 1, "a1")
            await census.refresh()
            began = time.monotonic()
            ari.requests.clear()
            ari.channels.clear()
            ari.carries("c1", "c", 1)
            await asyncio.gather(*(census.refresh() for _ in range(60)))
            assert not counts.has("acme", "1000")
            assert len(ari.asked("channels")) == 2
            assert time.monotonic() - began > 0.9 * module._PAUSE

    run(scenario())


def test_the_first_call_after_others_have_decided() -> None:
    """The server before it went away; its calls go on."""

    async def scenario() -> None:
        async with pbx() as (ari, counts, census), serving(config()) as calls:
            await census.look()
            census._looked_at = float("-inf")
            ari.carries("a1", "a", 1, "1001")
            current = replace(calls.handlers.current, counts=counts, census=census)
            calls.handlers.current = current
            assert (await calls.outbound())["C2D_VERDICT"] == "dial"
            await eventually(lambda: counts.has("acme", "1001"))

    run(scenario())


def test_a_pbx_that_does_not_answer_changes_nothing() -> None:
    async def scenario() -> None:
        async with pbx() as (ari, counts, census):
            place(counts, 1, "a1")
            ari.trouble["channels"] = HANG
            await census.refresh()
            with pytest.raises(PBXUnreachable):
                await census.look()
            assert len(counts) == 1

    run(scenario())


def test_it_looks_again_until_the_pbx_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIRST", 0.01)

    async def scenario() -> None:
        async with pbx() as (ari, counts, census):
            ari.carries("a1", "a", 1)
            ari.trouble["channels"] = 500
            looking = asyncio.create_task(count_forever(counts, lambda: census))
            await eventually(lambda: len(ari.asked("channels")) > 3)
            assert len(counts) == 0
            del ari.trouble["channels"]
            await eventually(lambda: counts.has("acme", "1000"))
            looking.cancel()

    run(scenario())


def test_without_a_pbx_only_age_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_EVERY", 0.01)
    now = 0.0

    async def scenario() -> None:
        nonlocal now
        counts = Counts(lambda: now)
        place(counts, 1, "a1")
        looking = asyncio.create_task(count_forever(counts, lambda: None))
        await asyncio.sleep(0.03)
        assert len(counts) == 1
        now = 3601.0
        await eventually(lambda: len(counts) == 0)
        looking.cancel()

    run(scenario())


def test_the_end_of_a_call_that_is_over_is_expected() -> None:
    """Also that of one from outside, wherever it has gone; not that of a created one."""

    async def scenario() -> None:
        async with pbx() as (ari, counts, census):
            place(counts, 1, "a1")
            counts.enter(REF.format(2), Counted("acme", "1001", "PJSIP/a2", created=True))
            counts.watch(REF.format(3), Counted("acme", "1002", "PJSIP/agent"))
            ari.carries("i3", "i", 3, "1002")
            await census.look()
            assert [ref for ref, _ in counts.unheard(0)] == [REF.format(1)]
            ari.channels.clear()
            await census.look()
            assert [ref for ref, _ in counts.unheard(0)] == [REF.format(1), REF.format(3)]
            assert counts.unheard(60) == []
            counts.leave(REF.format(1))
            counts.leave(REF.format(3))
            assert counts.unheard(0) == []

    run(scenario())


def test_nothing_is_expected_of_what_a_pbx_that_is_away_may_have() -> None:
    async def scenario() -> None:
        async with pbx() as (ari, counts, _), PBX() as other:
            urls = {"east": ari.url, "west": other.url}
            configs = [
                pbxs.PBX.model_validate({"name": name, "ari_url": url, "ari_password": "p-1"})
                for name, url in urls.items()
            ]
            there = PBXs(configs, Times(ari=patience(0.3)))
            census = Census(config(), there, counts)
            place(counts, 1, "a1")
            other.trouble["channels"] = HANG
            await census.look()
            assert counts.unheard(0) == []
            await there.close()

    run(scenario())
