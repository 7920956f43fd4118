"""From one PBX to Kamailio, team by team (docs/scale.md): nobody is without calls meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from sandbox.asterisk import Asterisk
from sandbox.cluster import CARRIER_PJSIP
from sandbox.kamailio import Kamailio, command
from sandbox.phone_call import PhoneCall
from sandbox.process import until
from sandbox.ua import UA
from sandbox.waiting import patience
from tests.e2e.pbxs.conftest import peer
from tests.kamailio.rig import OUTBOUND, PHONES, Rig, password

pytestmark = pytest.mark.case("S10")

FIRST_TEAM, SECOND_TEAM = PHONES[5:], PHONES[:5]
STAYS, BUSY, MOVED = SECOND_TEAM[0], SECOND_TEAM[1], FIRST_TEAM[0]
_OWN = "".join(f"[{n}](agent)\naors = {n}\n[{n}](aor)\n" for n in PHONES)


class Moving(Rig):
    """Agents are at the first PBX; the second alone is behind Kamailio, for those who have moved.

    What is written for Kamailio comes from a YAML of its own, `plan`; the server's has no section.
    """

    def change(self, moved: range, pbxs: list[Asterisk]) -> str:
        """Write Kamailio's files for those who have moved; return the Asterisks' part."""
        self.behind = pbxs
        plan = copy.deepcopy(self.plan)
        plan["kamailio"]["asterisks"] = [f"127.0.0.1:{one.sip_port}" for one in pbxs]
        plan["integrators"][0]["extensions"] = [f"{moved[0]}-{moved[-1]}"]
        self._moved = moved
        self._planned = self.kamailio.directory / "plan.yaml"
        self._planned.write_text(yaml.safe_dump(plan))
        self.kamailio.configure(self._planned)
        return (self.kamailio.directory / "pjsip-kamailio.conf").read_text()

    def load_logins(self) -> None:
        file = self.kamailio.directory / "logins"
        file.write_text("".join(f"{name}:{password(name)}\n" for name in self._moved))
        command("kamailio-credentials", str(file), "--config", str(self._planned))

    def alive(self, kamailio: Kamailio) -> list[bool]:
        return kamailio.serves(*(pbx.sip_port for pbx in self.behind))

    def finish(self) -> None:
        """Give the server the section, as all have moved."""
        asterisks = [f"127.0.0.1:{one.sip_port}" for one in self.pbxs]
        kamailio = {**self.plan["kamailio"], "asterisks": asterisks}
        self.server.write({**self.plan, "kamailio": kamailio})
        os.kill(self.server.pid, signal.SIGHUP)
        until(lambda: "configuration reloaded" in self.server.log(), 10, "the reload")

    @contextlib.asynccontextmanager
    async def at_first(self, name: int) -> AsyncIterator[UA]:
        """Lend a phone that has not moved."""
        phone = UA(str(name), self.pbxs[0].sip_port)
        await phone.open()
        try:
            assert (await phone.register()).status == 200
            there = self.pbxs[0].is_registered
            await asyncio.to_thread(until, lambda: there(str(name)), 10, f"{name} there")
            yield phone
        finally:
            await phone.register(expires=0)
            await phone.close()

    def _pjsip(self, pbx: Asterisk, part: str) -> str:
        first = pbx is self.pbxs[0]
        own, other = ("pbx1", "pbx2") if first else ("pbx2", "pbx1")
        way = peer(own, other, self.pbxs[1 if first else 0].sip_port)
        return f"{_OWN if first else part}\n{CARRIER_PJSIP}\n{way}"

    def _configure(self) -> None:
        super()._configure()
        self.server.config["peer_dial"] = "PJSIP/{extension}@{pbx}"
        self.plan = copy.deepcopy(self.server.config)
        self.plan["kamailio"].pop("browser_agents")
        del self.server.config["kamailio"]
        self.server.write(self.server.config)
        self.change(FIRST_TEAM, self.pbxs[1:])


@pytest.fixture
def moving(tree: Path, kamailio_installed: None) -> Iterator[Moving]:
    with Moving(tree) as moving:
        yield moving


async def created(moving: Moving, agent: UA) -> int:
    """A CRM's call rings an agent and goes through; return at which PBX."""
    number, before = moving.number(), len(agent.incoming)
    body = {"agent": agent.name, "callee": number, "outbound_id": OUTBOUND[1]}
    url = f"http://127.0.0.1:{moving.api_port}/click2dial/calls"
    async with httpx.AsyncClient(trust_env=False, timeout=patience(10)) as client:
        answer = await client.post(url, json=body)
    assert answer.status_code == 201, answer.text
    call = await agent.next_call(before)
    pbx, callee = await moving.at_trunk(number)
    await through(call, callee)
    await moving.record(number)  # he is free for the next one
    return pbx


async def dials(moving: Moving, agent: UA) -> int:
    """An agent calls a number; return through which PBX."""
    number = moving.number()
    call = await agent.call(number, [OUTBOUND])
    pbx, callee = await moving.at_trunk(number)
    await through(call, callee)
    return pbx


async def calls(caller: UA, callee: UA) -> None:
    """One agent calls another."""
    before = len(callee.incoming)
    call = await caller.call(callee.name)
    await through(call, await callee.next_call(before))


async def is_called(moving: Moving, pbx: int, agent: UA) -> None:
    """A client calls an agent, at a PBX."""
    client, before = moving.number(), len(agent.incoming)
    identity = [("P-Asserted-Identity", f"<sip:{client}@127.0.0.1>")]
    call = await moving.trunks[pbx].call(f"2721555{agent.name}", identity, mark=client)
    await through(call, await agent.next_call(before))


async def through(one: PhoneCall, other: PhoneCall) -> None:
    """Return when two have heard each other, and it is over."""
    await asyncio.gather(one.up(), other.up())
    await asyncio.gather(one.media.hear(other.media.mark), other.media.hear(one.media.mark))
    await one.hang_up()
    await other.over()


def include(pbx: Asterisk, old: str, part: str) -> None:
    """Put the part in the place of what was there, as an operator does."""
    conf = pbx.etc / "pjsip.conf"
    text = conf.read_text()
    assert text.count(old) == 1
    conf.write_text(text.replace(old, part))
    pbx.cli("module reload res_pjsip.so")


def test_phones_move_to_kamailio_team_by_team(moving: Moving) -> None:
    first, second = moving.pbxs

    async def some_have_moved(stays: UA, moved: UA) -> None:
        assert [await created(moving, stays) for _ in range(3)] == [0, 0, 0]
        assert [await created(moving, moved) for _ in range(3)] == [1, 1, 1]
        assert (await dials(moving, stays), await dials(moving, moved)) == (0, 1)
        await calls(stays, moved)
        await calls(moved, stays)
        await is_called(moving, 0, stays)
        await is_called(moving, 1, moved)

    async def one_at_each(agent: UA) -> None:
        assert {await created(moving, agent) for _ in range(2)} == {0, 1}

    async def all_move(busy: UA, moved: UA) -> None:
        """The others, while a call of each is up, and then the first PBX."""
        talks = {moving.number(): agent for agent in (busy, moved)}
        sides = {
            number: (await agent.call(number, [OUTBOUND]), (await moving.at_trunk(number))[1])
            for number, agent in talks.items()
        }
        old = (moving.kamailio.directory / "pjsip-kamailio.conf").read_text()
        part = await asyncio.to_thread(moving.change, PHONES, [second])
        await asyncio.to_thread(include, second, old, part)
        await asyncio.to_thread(moving.load_logins)
        async with moving.phone(STAYS) as now:
            assert await created(moving, now) == 1
            await calls(now, moved)
            await is_called(moving, 1, now)
            await asyncio.to_thread(moving.change, PHONES, moving.pbxs)
            await asyncio.to_thread(include, first, _OWN, part)
            assert "reloaded" in await asyncio.to_thread(moving.kamailio.rpc, "dispatcher.reload")
            await asyncio.to_thread(moving.until_all_serve)
            await one_at_each(now)
            await asyncio.to_thread(moving.finish)
            await one_at_each(now)
            assert {await dials(moving, now) for _ in range(2)} == {0, 1}
            await is_called(moving, 0, now)
            await is_called(moving, 0, moved)
        for number, (agent, client) in sides.items():
            await through(agent, client)
            assert (await moving.record(number))["end_reason"] == "hungup"

    async def moves() -> None:
        async with moving.phone(MOVED) as moved:
            async with moving.at_first(STAYS) as stays:
                await some_have_moved(stays, moved)
            async with moving.at_first(BUSY) as busy:
                await all_move(busy, moved)

    moving.run(moves())
