"""No phone opens more calls than its integrator's limits, by whatever way (docs/contract.md)."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import pytest

from sandbox.office import Office
from sandbox.office_conf import AT_A_TIME
from sandbox.phone_call import PhoneCall
from sandbox.ua import forward
from sandbox.waiting import patience
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.scene import Scene
from tests.e2e.telephony.stage import Play, played, problems_of, records

pytestmark = pytest.mark.case("A5")

BURST = 60
REFUSED = 403  # of Hangup(21)
LIMITED = ("error", 29)


def hold(office: Office, play: Play) -> None:
    work = [played(office, Origin.PHONE, play, integrator="tight")]
    assert problems_of(office, work) == []


def test_many_calls_at_once(office: Office) -> None:
    """So many are up as may be; each of the others is refused, and recorded as an error."""

    async def play(scene: Scene) -> None:
        calls = await burst(scene, *spellings(scene.number))
        finals = await asyncio.gather(*(call.final() for call in calls))
        up = [call for call in calls if call.answered.is_set()]
        assert len(up) == AT_A_TIME, [final.status for final in finals]
        heard = {final.status for final in finals if final.status != 200}
        assert heard == {REFUSED}
        for call in up:
            await call.hang_up()
        told = await records(scene, BURST)
        ends = [(one["end_reason"], one["end_code"]) for one in told]
        assert len(ends) == BURST
        assert ends.count(LIMITED) == BURST - AT_A_TIME

    hold(office, play)


def test_the_limit_frees_itself(office: Office) -> None:
    async def play(scene: Scene) -> None:
        for _ in range(3):
            calls = await burst(scene, scene.number, count=AT_A_TIME)
            await asyncio.gather(*(call.up() for call in calls))
            await asyncio.gather(*(call.hang_up() for call in calls))
            await records(scene, AT_A_TIME)

    hold(office, play)


def test_many_forwards_at_once(office: Office) -> None:
    """A forward to outside counts as a call of the agent whose phone forwards."""

    async def play(scene: Scene) -> None:
        second, third = scene.team.second, scene.team.third
        second.rule = forward(f"<{second.uri(scene.partner)}>")
        callers = (scene.team.first, third)
        calls = [
            await caller.call(second.name, scene.headers(f"{scene.ref}-{number}"))
            for caller in callers
            for number in range(AT_A_TIME)
        ]
        await asyncio.gather(*(call.final() for call in calls))
        asked = [call for call in scene.office.trunk.incoming if call.number == scene.partner]
        assert len(asked) <= AT_A_TIME, len(asked)
        for call in calls:
            if call.answered.is_set():
                await call.hang_up()
        await records(scene, len(calls) + len(asked))

    hold(office, play)


def test_a_created_call_is_one_of_them(office: Office) -> None:
    async def play(scene: Scene) -> None:
        response = await office.create(scene.team, scene.number, scene.ref)
        assert response.status_code == 201, response.text
        created = await scene.team.first.next_call()
        await created.up()
        calls = await burst(scene, scene.partner, count=AT_A_TIME)
        finals = await asyncio.gather(*(call.final() for call in calls))
        assert [final.status for final in finals].count(REFUSED) == 1
        await created.hang_up()
        await records(scene, 2)  # and the one that was refused
        (freed,) = await burst(scene, scene.partner, count=1)
        await freed.up()

    hold(office, play)


def test_transfers_count_as_calls_of_the_agent(office: Office) -> None:
    """Each leg to outside is his, and the client of one too many comes back."""

    async def play(scene: Scene) -> None:
        agent = scene.team.first
        for number in range(AT_A_TIME):
            _, call = await _inbound(scene, number)
            before = len(office.trunk.incoming)
            await call.send_to(scene.partner)
            await (await office.trunk.next_call(before, scene.partner)).up()
        (refused,) = await burst(scene, scene.partner, count=1)
        assert (await refused.final()).status == REFUSED
        client, call = await _inbound(scene, AT_A_TIME)
        rung = len(agent.incoming)
        await call.refer(f"<{agent.uri(scene.partner)}>")
        await (await agent.next_call(rung)).up()
        legs = [one for one in office.trunk.incoming if one.number == scene.partner]
        assert len(legs) == AT_A_TIME
        await client.hang_up()

    hold(office, play)


def test_a_call_that_was_handed_over_is_the_agents_no_longer(office: Office) -> None:
    """Nobody tells of an attended transfer; the PBX is asked before a call is refused."""

    async def play(scene: Scene) -> None:
        first, second = scene.team.first, scene.team.second
        for number in range(AT_A_TIME // 2):
            headers = scene.headers(f"{scene.ref}-{number}")
            await (client := await first.call(scene.number, headers)).up()
            await (consultation := await first.call(second.name, headers)).up()
            await talk(consultation, await second.next_call(number))
            replaces = quote(consultation.replaces(), safe="")
            async with office.masquerade:
                await client.refer(f"<{first.uri(second.name)}?Replaces={replaces}>")
                await client.leave()
                await consultation.over()
        (own,) = await burst(scene, scene.partner, count=1)
        await own.up()

    hold(office, play)


def test_calls_for_help_have_no_limit(office: Office) -> None:
    async def play(scene: Scene) -> None:
        calls = await burst(scene, scene.number, count=AT_A_TIME)
        await asyncio.gather(*(call.up() for call in calls))
        for number in ("112", "10111"):
            help_ = await scene.team.first.call(number)
            await help_.up()
            await help_.hang_up()

    hold(office, play)


async def _inbound(scene: Scene, number: int) -> tuple[PhoneCall, PhoneCall]:
    """Let another client call the agent, and both talk; return the two ends."""
    agent, ref = scene.team.first, f"{scene.ref}-{number}"
    rung = len(agent.incoming)
    client = await scene.office.dial_in(scene.team.did(), scene.number, ref)
    call = await agent.next_call(rung)
    await call.up()
    await client.up()
    await talk(call, client)
    return client, call


async def talk(one: PhoneCall, two: PhoneCall) -> None:
    await asyncio.gather(one.media.hear(two.media.mark), two.media.hear(one.media.mark))


def test_a_server_that_was_killed_counts_the_calls_that_go_on(office: Office) -> None:
    async def play(scene: Scene) -> None:
        calls = await burst(scene, scene.number, count=AT_A_TIME)
        await asyncio.gather(*(call.up() for call in calls))
        await asyncio.to_thread(office.servers[0].kill)
        await asyncio.to_thread(office.servers[0].start)
        heard = 0
        async with asyncio.timeout(patience(10)):
            while heard != REFUSED:  # it begins to serve and to look in the same moment
                (more,) = await burst(scene, scene.partner, count=1)
                heard = (await more.final()).status
                if heard == 200:
                    await more.hang_up()
        await asyncio.gather(*(call.hang_up() for call in calls))
        async with asyncio.timeout(patience(10)):
            while heard != 200:
                (more,) = await burst(scene, scene.partner, count=1)
                heard = (await more.final()).status

    hold(office, play)


def spellings(number: str) -> tuple[str, ...]:
    """Return a number in all ways in which a phone may dial it."""
    return number, f"0{number[2:]}", f"00{number}"


async def burst(scene: Scene, *numbers: str, count: int = BURST) -> list[PhoneCall]:
    """Place so many calls at once from the team's first phone, to each number in turn."""
    return [
        await scene.team.first.call(
            numbers[index % len(numbers)], scene.headers(f"{scene.ref}-{index}")
        )
        for index in range(count)
    ]
