"""Agents behind Local channels that Asterisk takes out when somebody answers: without /n."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.office import Office
from sandbox.server import Server
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

    def configure(self, server: Server) -> None:
        for section in server.config["integrators"]:
            section["agent_dial"] = "Local/{extension}@desk"
        super().configure(server)


@pytest.fixture(scope="module")
def office(tree: Path) -> Iterator[Office]:
    with LocalOffice(tree, member="Local/{extension}@from-queue") as office:
        yield office


def test_the_record_names_who_talked_last(office: Office) -> None:
    problems = wrong(office, WAYS)
    assert not problems, "\n".join(problems)
