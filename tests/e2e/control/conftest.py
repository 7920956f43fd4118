"""An office whose servers may use the PBX's manager, and what its calls are steered with."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.office import Office
from sandbox.server import Server
from sandbox.waiting import patience
from tests.e2e.control.desk import EXTENSIONS, RECORDED, SUPERVISOR


class SteeredOffice(Office):
    """Its integrator `inside` has its calls recorded."""

    def configure(self, server: Server) -> None:
        server.config["asterisk"] |= {
            "ami": self.pbx.ami,
            "ami_username": self.pbx.ari_username,
            "ami_password": self.pbx.ari_password,
        }
        server.config["recordings_dir"] = str(self.pbx.spool / "recordings")
        for integrator in server.config["integrators"]:
            integrator["record"] = integrator["name"] == RECORDED
            integrator["supervisor_keys"] = [SUPERVISOR]
        super().configure(server)


@pytest.fixture(scope="session")
def office(tree: Path) -> Iterator[Office]:
    with SteeredOffice(tree, servers=2, extensions=EXTENSIONS) as office:
        until_connected(office)
        yield office


def until_connected(office: Office) -> None:
    """Wait for the servers' connections to the manager."""

    async def wait() -> None:
        async with asyncio.timeout(patience(10)):
            for server in office.servers:
                while "is there" not in server.log():
                    await asyncio.sleep(0.05)

    office.loop.run(wait())
