"""An office with two servers, whose way to the PBX's manager can be cut."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.office import Office
from sandbox.proxy import Network, Proxy
from sandbox.server import Server


class LiveOffice(Office):
    """Its servers reach the PBX's manager through `manager`."""

    manager: Proxy

    def configure(self, server: Server) -> None:
        if not hasattr(self, "manager"):
            self.manager = Proxy(self.pbx.ami_port)
        server.config["asterisk"]["ami"] = f"127.0.0.1:{self.manager.port}"
        for integrator in server.config["integrators"]:
            integrator |= {"state_notifications": True, "agents_pubsub": True}
        super().configure(server)

    def cut(self) -> None:
        """Let no server reach the manager."""
        self.manager.network = Network.REFUSES
        self.manager.reset()


@pytest.fixture(scope="package")
def live_office(tree: Path) -> Iterator[LiveOffice]:
    with LiveOffice(tree, servers=2) as office:
        yield office
        office.manager.close()
