"""Agents behind Local channels that Asterisk takes out when somebody answers: without /n."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.office import Office
from sandbox.waiting import patience
from tests.e2e.matrix.cells import Origin
from tests.e2e.telephony.test_walks import Way, wrong

pytestmark = [pytest.mark.case("T60"), pytest.mark.timeout(300)]

WAYS: list[Way] = [
    (origin, steps)
    for origin in Origin
    for steps in (
        ["attended", "client"],
        ["attended", "attended", "agent"],
        ["recalled", "attended to the other", "blind", "client"],
        ["consultation left", "client"],
    )
]


class LocalOffice(Office):
    """One whose agents are rung by the operator's own Dial()."""

    async def settled(self, user: str) -> None:
        """Return when Asterisk has taken out the Local channels to somebody.

        Who leaves in those milliseconds is followed by nobody (docs/transfers.md, Where it ends).
        """

        async def taken_out() -> bool:
            names = [channel["name"] for channel in await self.channels()]
            return not any(name.startswith(f"Local/{user}@") for name in names)

        async with asyncio.timeout(patience(5)):
            while not await taken_out():
                await asyncio.sleep(0.02)


@pytest.fixture(scope="module")
def office(tree: Path) -> Iterator[Office]:
    ways = {"agent_dial": "Local/{extension}@desk"}
    with LocalOffice(tree, member="Local/{extension}@from-queue", keys=ways) as office:
        yield office


def test_the_record_names_who_talked_last(office: Office) -> None:
    problems = wrong(office, WAYS)
    assert not problems, "\n".join(problems)
