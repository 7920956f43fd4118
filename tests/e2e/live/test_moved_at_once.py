"""A panel moves a call's client away as soon as it is answered."""

from __future__ import annotations

import asyncio

import pytest

from sandbox.office import Office
from sandbox.ua import answer
from sandbox.waiting import patience
from tests.e2e.live.conftest import LiveOffice
from tests.e2e.live.follow import Follow, play
from tests.e2e.live.test_states import ended, states


async def _park_once_joined(office: Office, client: str, agent: str) -> None:
    """Do so before anybody else has heard that they are joined."""
    host, _, port = office.pbx.ami.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    login = {"Username": office.pbx.ari_username, "Secret": office.pbx.ari_password}
    try:
        for action, fields in (
            ("Login", login),
            ("Park", {"Channel": client, "TimeoutChannel": agent}),
        ):
            lines = {"Action": action, **fields}
            writer.write("".join(f"{key}: {value}\r\n" for key, value in lines.items()).encode())
            writer.write(b"\r\n")
            if action == "Login":
                async with asyncio.timeout(patience(10)):
                    while True:
                        event = (await reader.readuntil(b"\r\n\r\n")).decode()
                        joined = "Event: BridgeEnter" in event and "BridgeNumChannels: 2" in event
                        if joined and (client in event or agent in event):
                            break
        async with asyncio.timeout(patience(10)):
            while "BridgeType: parking" not in (await reader.readuntil(b"\r\n\r\n")).decode():
                pass
    finally:
        writer.close()


@pytest.mark.case("L86")
@pytest.mark.parametrize(("kind", "begins"), [(1, "ringing-agent"), (2, "queued")])
def test_a_client_who_is_parked_at_once(live_office: LiveOffice, kind: int, begins: str) -> None:
    """What events tell is what `GET` does, however short the two were joined."""

    async def test(follow: Follow) -> None:
        office, first = follow.office, follow.team.first
        async with follow.listen() as events:
            first.rule = answer(1)
            client = await office.dial_in(follow.team.did(kind), office.number(), "live")
            agent = await first.next_call()
            await events.until_newest("call", begins)
            names = [await office.channel_of(one) for one in (client, agent)]
            await _park_once_joined(office, *names)
            await client.media.hear_music()
            await events.until_newest("call", "up")
            assert [one["state"] for one in await follow.calls()] == ["up"]
            await client.hang_up()
            last = await ended(events)
            assert states(events, "call", last["call_ref"]) == [begins, "up", "ended"]
            assert last["answered_at"]

    play(live_office, test)
