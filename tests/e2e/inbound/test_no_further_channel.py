"""An Asterisk that begins no further channel, or ends the one that tells a server.

It is about to stop, has all calls that it may, or its operator hangs up all.

Where the agent's side hangs up, a channel of its own tells the server, if there is one.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from sandbox.asterisk import Asterisk
from sandbox.calls import AwaitBye, place_call
from sandbox.phone import Phone
from sandbox.process import until
from sandbox.redis import RedisServer
from sandbox.server import Server
from sandbox.trunk import Trunk
from tests.e2e.calls.conftest import DIALPLAN
from tests.e2e.calls.standins import black_hole
from tests.e2e.inbound.conftest import CALLER, EXTENSIONS, ONE_AGENT, PJSIP
from tests.e2e.inbound.test_inbound import expect, pop_answer
from tests.e2e.records import CRM


@contextmanager
def _pbx(tree: Path, trunk: Trunk, redis: RedisServer, max_calls: int = 0) -> Iterator[Asterisk]:
    """Run a PBX, and a server that looks after its spool."""
    pbx = Asterisk(
        tree,
        include=DIALPLAN,
        trunk_port=trunk.port,
        extra_extensions=EXTENSIONS,
        extra_pjsip=PJSIP,
        max_calls=max_calls,
    )
    keys = {"dids": [ONE_AGENT]}
    with pbx, Server(redis.url, integrator=keys, spool_dir=str(pbx.spool)) as server:
        _ask(pbx, server.agi_url)
        yield pbx


def _ask(pbx: Asterisk, servers: str) -> None:
    pbx.cli(f'dialplan set global C2D_AGI "{servers}"')


def _ari(pbx: Asterisk) -> httpx.Client:
    return httpx.Client(base_url=pbx.ari_url, auth=(pbx.ari_username, pbx.ari_password))


def _channels(ari: httpx.Client, name: str) -> list[str]:
    """Return the ids of the channels whose name begins so."""
    return [one["id"] for one in ari.get("/channels").json() if one["name"].startswith(name)]


def _agent_who_talks(ari: httpx.Client) -> str:
    """Return the channel of the agent's phone when it talks, a moment after its answer."""
    until(lambda: len(ari.get("/bridges").json()) == 1, 5, "the two together")
    until(lambda: len(ari.get("/bridges").json()[0]["channels"]) == 2, 5, "the two together")
    (agent,) = _channels(ari, "PJSIP/1001")
    return agent


def _stop_gracefully(pbx: Asterisk, ari: httpx.Client) -> None:
    """Let it stop with the end of its last call; who asks for that waits until then."""
    threading.Thread(target=pbx.cli, args=("core stop gracefully", 60), daemon=True).start()

    def refuses() -> bool:
        wanted = {"endpoint": "Local/s@click2dial-nowhere", "app": "nothing"}
        return ari.post("/channels", params=wanted).status_code >= 500

    until(refuses, 5, "a PBX that is about to stop")


@pytest.mark.case("T30")
@pytest.mark.parametrize("why", ["stops", "stops now", "full"])
def test_the_end_of_a_call_is_recorded(
    tree: Path, trunk: Trunk, redis: RedisServer, records: CRM, answers: CRM, why: str
) -> None:
    with (
        _pbx(tree, trunk, redis, max_calls=1 if why == "full" else 0) as pbx,
        Phone(pbx, "1001"),
        place_call(pbx, agent=CALLER, callee=ONE_AGENT, then=AwaitBye()) as call,
        _ari(pbx) as ari,
    ):
        pop_answer(answers)
        agent = _agent_who_talks(ari)
        if why == "stops":
            _stop_gracefully(pbx, ari)
        if why == "stops now":
            pbx.signal(signal.SIGTERM)
        else:
            ari.delete(f"/channels/{agent}")  # as the agent's BYE does
        result = call.result()
        assert (result.status, result.ended_by) == (200, "peer")
        expect(records.pop(), result)


@pytest.mark.case("T33")
@pytest.mark.parametrize("why", ["hung up", "stops now"])
def test_the_channel_that_tells_goes_while_a_server_is_awaited(
    tree: Path, trunk: Trunk, redis: RedisServer, records: CRM, answers: CRM, why: str
) -> None:
    with (
        _pbx(tree, trunk, redis) as pbx,
        Phone(pbx, "1001"),
        place_call(pbx, agent=CALLER, callee=ONE_AGENT, then=AwaitBye()) as call,
        _ari(pbx) as ari,
        black_hole() as away,
    ):
        pop_answer(answers)
        agent = _agent_who_talks(ari)
        _ask(pbx, away)
        ari.delete(f"/channels/{agent}")  # as the agent's BYE does
        result = call.result()
        until(lambda: _channels(ari, "Local/over@click2dial-later"), 2, "a channel that tells")
        if why == "hung up":
            pbx.cli("channel request hangup all")
        else:
            pbx.signal(signal.SIGTERM)
        expect(records.pop(), result)
