"""Each state of agents and calls, through ordinary calls on the real PBX."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from sandbox.events import Events
from sandbox.office_conf import OUTBOUND_ID
from sandbox.sdp import Direction
from sandbox.ua import answer
from tests.e2e.live.conftest import LiveOffice
from tests.e2e.live.follow import Follow, play

HEADERS = [("X-Teleforge-Outbound-ID", OUTBOUND_ID), ("X-Teleforge-Contact-Ref", "live")]


def states(events: Events, kind: str, key: str) -> list[str]:
    """Return the states of an agent or a call since the snapshot, each once in a row."""
    name = "extension" if kind == "agent" else "call_ref"
    found = [one["state"] for one in events.named(kind) if one[name] == key]
    return [state for place, state in enumerate(found) if found[place - 1 : place] != [state]]


async def ended(events: Events) -> dict[str, Any]:
    """Return the last state of the call that has ended, once its record was told too."""
    await events.until(lambda: bool(events.named("cdr")))
    await events.until(lambda: any(one["state"] == "ended" for one in events.named("call")))
    (record,) = events.named("cdr")
    last: dict[str, Any] = events.named("call")[-1]
    assert last["call_ref"] == record["call_ref"]
    assert (last["agent"], last["callee"]) == (record["extension"], record["number"])
    assert last["direction"] == record["call_dir"]
    assert last["dialed_at"] == record["dialed_at"]
    return last


@pytest.mark.case("C7")
@pytest.mark.parametrize("server", [0, 1])
@pytest.mark.parametrize("integrator", ["acme", "through"])
def test_a_phones_call_with_a_hold(live_office: LiveOffice, integrator: str, server: int) -> None:
    """Every server tells the same, also where all that is dialled goes through Local channels."""

    async def test(follow: Follow) -> None:
        office, first = follow.office, follow.team.first
        number = office.number()
        office.trunk.plan[number] = answer(0.5)
        async with follow.listen(agent=first.name) as events:
            call = await first.call(number, HEADERS)
            await events.until(lambda: len(events.named("call")) == 1)
            assert [one["state"] for one in await follow.calls(agent=first.name)] == [
                "ringing-callee"
            ]
            await call.up()
            await events.until_newest("call", "up")
            await call.hold()
            await follow.until("hold")
            (held,) = await follow.calls(agent=first.name, state="held")
            assert held["contact_ref"] == "live"
            assert (await follow.agent())["call_ref"] == held["call_ref"]
            await call.hold(Direction.BOTH)
            await follow.until("talking")
            await call.hang_up()
            last = await ended(events)
            await follow.until("idle")
            assert states(events, "call", last["call_ref"]) == [
                *("ringing-callee", "up", "held", "up", "ended"),
            ]
            said = states(events, "agent", first.name)
            assert said == ["talking", "hold", "talking", "idle"], events.told
            assert await follow.calls(agent=first.name) == []

    play(live_office, test, server=server, integrator=integrator)


@pytest.mark.case("T14")
def test_a_created_call(live_office: LiveOffice) -> None:
    async def test(follow: Follow) -> None:
        office, first = follow.office, follow.team.first
        number = office.number()
        office.trunk.plan[number] = answer(0.4)
        first.rule = answer(0.4)
        async with follow.listen(agent=first.name) as events:
            created = (await office.create(follow.team, number, "live")).json()
            agent = await first.next_call()
            await agent.up()
            refused = await office.create(follow.team, office.number(), "again")
            assert refused.status_code == 429
            await (await office.trunk.next_call(number=number)).up()
            await events.until_newest("call", "up")
            await agent.hang_up()
            last = await ended(events)
            await follow.until("idle")
            assert last["call_ref"] == created["call_ref"]
            assert states(events, "call", created["call_ref"]) == [
                *("ringing-agent", "ringing-callee", "up", "ended"),
            ]
            assert states(events, "agent", first.name) == ["ringing", "talking", "idle"]

    play(live_office, test)


@pytest.mark.parametrize(("kind", "begins"), [(1, "ringing-agent"), (2, "queued")])
def test_a_call_from_outside(live_office: LiveOffice, kind: int, begins: str) -> None:
    async def test(follow: Follow) -> None:
        office, first = follow.office, follow.team.first
        first.rule = answer(0.5)
        async with follow.listen() as events:
            client = await office.dial_in(follow.team.did(kind), office.number(), "live")
            agent = await first.next_call()
            await agent.up()
            await client.up()
            await events.until_newest("call", "up")
            await client.hang_up()
            last = await ended(events)
            await follow.until("idle")
            assert last["agent"] == first.name
            assert states(events, "call", last["call_ref"]) == [begins, "up", "ended"]
            assert states(events, "agent", first.name) == ["ringing", "talking", "idle"]

    play(live_office, test)


def test_a_client_who_is_sent_on(live_office: LiveOffice) -> None:
    """Blind: one call, which becomes the colleague's, and never stops being up."""

    async def test(follow: Follow) -> None:
        office, first, second = follow.office, follow.team.first, follow.team.second
        number = office.number()
        # Each state lasts longer than changes are gathered for.
        office.trunk.plan[number] = second.rule = answer(0.4)
        async with follow.listen() as events:
            call = await first.call(number, HEADERS)
            await call.up()
            client = await office.trunk.next_call(number=number)
            await follow.until("talking")
            await call.send_to(second.name)
            await follow.until("ringing", second.name)
            await follow.until("idle")
            colleague = await second.next_call()
            await colleague.up()
            await follow.until("talking", second.name)
            (found,) = await follow.calls(agent=second.name)
            assert (await follow.agent(second.name))["call_ref"] == found["call_ref"]
            await client.hang_up()
            last = await ended(events)
            await follow.until("idle", second.name)
            assert last["agent"] == second.name
            assert states(events, "call", last["call_ref"]) == ["ringing-callee", "up", "ended"]

    play(live_office, test)


def test_a_client_who_is_handed_over(live_office: LiveOffice) -> None:
    """Attended: the consult is a call of its own, and the client's goes on with the colleague."""

    async def test(follow: Follow) -> None:
        office, first, second = follow.office, follow.team.first, follow.team.second
        number = office.number()
        async with follow.listen() as events:
            call = await first.call(number, HEADERS)
            await call.up()
            client = await office.trunk.next_call(number=number)
            await call.hold()
            await follow.until("hold")
            consult = await first.call(second.name, [])
            await consult.up()
            await follow.until("talking")
            await follow.until("talking", second.name)
            held, talks = await follow.calls(state="held"), await follow.calls(state="up")
            assert [one["direction"] for one in held + talks] == ["outbound", "internal"]
            replaces = quote(consult.replaces(), safe="")
            target = f"<{first.uri(second.name)}?Replaces={replaces}>"
            assert (await call.refer(target)).status == 202
            await follow.until("idle")
            await follow.until("talking", second.name)
            await follow.until_calls(agent=second.name)
            (found,) = await follow.calls(agent=second.name)
            assert (found["call_ref"], found["state"]) == (held[0]["call_ref"], "up")
            await client.hang_up()
            await follow.until("idle", second.name)
            await events.until(
                lambda: {one["state"] for one in last_of(events).values()} == {"ended"}
            )
            assert set(last_of(events)) == {held[0]["call_ref"], talks[0]["call_ref"]}

    play(live_office, test)


def last_of(events: Events) -> dict[str, dict[str, Any]]:
    """Return each call as it was told of last."""
    return {one["call_ref"]: one for one in events.named("call")}
