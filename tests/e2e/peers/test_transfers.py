"""A client is sent on to a colleague whose phone is registered at another PBX."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import quote

import pytest

from sandbox.phone_call import PhoneCall
from sandbox.ua import UA, Rule, refuse, ring
from sandbox.waiting import patience
from tests.e2e.peers.conftest import CONTACT_REF, NUMBER, RING_TIMEOUT, Site

pytestmark = pytest.mark.case("S9")


class Origin(StrEnum):
    """How the client and his first agent came together."""

    DID = "did"
    PHONE = "phone"
    CREATED = "created"


@dataclass
class Scene:
    """A client talks to 1000 at east; the phone of 1001 is at west."""

    site: Site
    agent: UA
    colleague: UA
    client: PhoneCall
    first: PhoneCall  # of the agent

    async def hear(self, other: PhoneCall) -> None:
        """Return when the client and somebody hear each other."""
        await other.up()
        await asyncio.gather(
            other.media.hear(self.client.media.mark), self.client.media.hear(other.media.mark)
        )

    async def live(self) -> dict[str, Any]:
        """Return the client's call as the API shows it, once it is up."""
        async with asyncio.timeout(patience(5)):
            while [one["state"] for one in await self.site.live()] != ["up"]:
                await asyncio.sleep(0.05)
        [call] = await self.site.live()
        return call

    async def send_by_api(self, callee: str) -> None:
        call_ref = (await self.live())["call_ref"]
        answer = await self.site.steer(call_ref, "transfer", callee=callee)
        assert answer.status_code == 202, answer.text


@asynccontextmanager
async def talking(site: Site, origin: Origin) -> AsyncIterator[Scene]:
    async with site.phone(site.east, "1000") as agent, site.phone(site.west, "1001") as colleague:
        before = len(site.network.incoming)
        match origin:
            case Origin.DID:
                client = await site.dial_in()
                first = await agent.next_call()
            case Origin.PHONE:
                first = await site.dial_out(agent)
                client = await site.network.next_call(before)
            case Origin.CREATED:
                await site.create("1000")
                first = await agent.next_call()
                client = await site.network.next_call(before)
        scene = Scene(site, agent, colleague, client, first)
        await scene.hear(first)
        yield scene
        await site.silence()


def play(
    site: Site, origin: Origin, act: Callable[[Scene], Awaitable[None]], records: int = 1
) -> dict[str, Any]:
    """Play a scene and return the client's record; there are so many in all."""

    async def played() -> dict[str, Any]:
        async with talking(site, origin) as scene:
            await act(scene)
        made = await site.records(records)
        [record] = [one for one in made if one["contact_ref"] == CONTACT_REF]
        return record

    record = site.loop.run(played())
    direction = "inbound" if origin is Origin.DID else "outbound"
    assert (record["number"], record["call_dir"]) == (NUMBER, direction)
    return record


async def put_together(first: PhoneCall, consultation: PhoneCall, user: str) -> None:
    """A phone with two calls makes one of them, and is out of it."""
    replaces = quote(consultation.replaces(), safe="")
    await first.refer(f"<{first.ua.uri(user)}?Replaces={replaces}>")
    assert await first.leave()
    await consultation.over()


def ended(record: dict[str, Any]) -> tuple[str, str, int]:
    return record["extension"], record["end_reason"], record["end_code"]


origins = pytest.mark.parametrize("origin", list(Origin))


@origins
@pytest.mark.parametrize("who", ["client", "colleague"])
def test_a_colleague_at_another_pbx_takes_the_client(site: Site, origin: Origin, who: str) -> None:
    """Holds him, too, and either of them hangs up."""

    async def act(scene: Scene) -> None:
        await scene.first.send_to("1001")
        other = await scene.colleague.next_call()
        assert other.invite is not None
        assert other.invite.from_user == NUMBER
        await scene.hear(other)
        assert (await scene.live())["agent"] == "1001"
        await other.hold()
        await scene.client.media.hear_music()
        await (scene.client if who == "client" else other).hang_up()
        await other.over()
        await scene.client.over()

    record = play(site, origin, act)
    assert ended(record) == (
        "1001",
        "callee_hungup" if who == "client" else "agent_hungup",
        16,
    )


@origins
@pytest.mark.parametrize("rule", [refuse(486), refuse(603), ring()], ids=["busy", "no", "silent"])
def test_a_client_whom_the_colleague_does_not_take_is_with_the_agent_again(
    site: Site, origin: Origin, rule: Rule
) -> None:
    async def act(scene: Scene) -> None:
        scene.colleague.rule = rule
        before = len(scene.agent.incoming)
        await scene.first.send_to("1001")
        rung = await scene.colleague.next_call()
        again = await scene.agent.next_call(before, timeout=RING_TIMEOUT + 5)
        await rung.over()
        await scene.hear(again)
        assert len(scene.colleague.incoming) == 1
        await again.hang_up()

    assert ended(play(site, origin, act)) == ("1000", "agent_hungup", 16)


@origins
def test_a_client_hangs_up_while_the_colleague_rings(site: Site, origin: Origin) -> None:
    async def act(scene: Scene) -> None:
        scene.colleague.rule = ring()
        await scene.first.send_to("1001")
        rung = await scene.colleague.next_call()
        await scene.client.hang_up()
        await rung.over()

    assert ended(play(site, origin, act)) == ("1000", "callee_hungup", 16)


@origins
@pytest.mark.parametrize("early", [False, True], ids=["answered", "early"])
def test_an_agent_asks_the_colleague_and_puts_both_together(
    site: Site, origin: Origin, early: bool
) -> None:
    """Also while the colleague's phone still rings."""

    async def act(scene: Scene) -> None:
        if early:
            scene.colleague.rule = ring()
        await scene.first.hold()
        consultation = await scene.agent.call("1001")
        other = await scene.colleague.next_call()
        if early:
            await consultation.wait_status(180)
        else:
            await consultation.media.hear("1001")
        await put_together(scene.first, consultation, "1001")
        if early:
            other.answer()
        await scene.hear(other)
        await other.hang_up()

    assert ended(play(site, origin, act, records=2)) == ("1001", "agent_hungup", 16)


@origins
def test_the_api_sends_a_client_there_and_on(site: Site, origin: Origin) -> None:
    """Whom the next one does not take is with the colleague at the other PBX again."""

    async def act(scene: Scene) -> None:
        await scene.send_by_api("1001")
        other = await scene.colleague.next_call()
        await scene.hear(other)
        before = len(scene.agent.incoming)
        scene.agent.rule = refuse(486)
        await scene.send_by_api("1000")
        await scene.agent.next_call(before)
        again = await scene.colleague.next_call(1)
        await scene.hear(again)
        await again.hang_up()

    assert ended(play(site, origin, act)) == ("1001", "agent_hungup", 16)


@origins
def test_the_colleague_sends_nobody_on_unasked(site: Site, origin: Origin) -> None:
    async def act(scene: Scene) -> None:
        await scene.first.send_to("1001")
        other = await scene.colleague.next_call()
        await scene.hear(other)
        before = len(scene.agent.incoming)
        await other.refer(f"<{scene.colleague.uri('1000')}>")
        assert not await other.leave()  # the PBX says that it failed
        await scene.hear(other)
        assert len(scene.agent.incoming) == before
        await other.hang_up()

    assert ended(play(site, origin, act)) == ("1001", "agent_hungup", 16)


@origins
def test_the_colleague_asks_another_and_puts_both_together(site: Site, origin: Origin) -> None:
    """His own call was decided by a server; the client's PBX hears nothing of the other."""

    async def act(scene: Scene) -> None:
        await scene.first.send_to("1001")
        other = await scene.colleague.next_call()
        await scene.hear(other)
        before = len(scene.agent.incoming)
        await other.hold()
        consultation = await scene.colleague.call("1000")
        third = await scene.agent.next_call(before)
        await consultation.up()
        await consultation.media.hear("1000")
        await put_together(other, consultation, "1000")
        await scene.hear(third)
        await third.hang_up()

    assert ended(play(site, origin, act, records=2)) == ("1001", "agent_hungup", 16)
