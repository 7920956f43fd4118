"""What a phone says of itself in a transfer stays in the house."""

from __future__ import annotations

import asyncio

import pytest

from sandbox.office import Office


async def _sends_outside(office: Office, by: str) -> None:
    async with office.team("acme") as team:
        number, other = office.number(), office.number()
        before = len(team.first.incoming)
        client = await office.dial_in(team.did(), number)
        agent = await team.first.next_call(after=before)
        await asyncio.gather(client.up(), agent.up())
        await asyncio.gather(client.media.hear(agent.media.mark), agent.media.hear(number))
        lines = [("Refer-To", f"<{team.first.uri(other)}>"), ("Referred-By", by)]
        assert (await agent.request("REFER", lines)).status == 202
        leg = await office.trunk.next_call(number=other)
        await leg.up()
        await client.hang_up()
        await leg.over()
        assert leg.invite is not None
        assert leg.invite.header("Referred-By") is None
        mine = {number, other}
        assert await office.notifications.wait(
            lambda one: one.list_name == team.plan.cdr_list and one.payload["number"] in mine, 2
        )
        office.notifications.take(lambda one: one.payload.get("number") in mine)


@pytest.mark.case("A50")
@pytest.mark.parametrize("by", ["<sip:2001@127.0.0.1>", "<sip:27820009999%0AEvil:%201@127.0.0.1>"])
def test_the_network_is_not_told_who_sent_a_client_on(office: Office, by: str) -> None:
    office.loop.run(_sends_outside(office, by))
