"""schemathesis against a server process: it is as /openapi.json says, whatever it is sent."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox import ports
from sandbox.redis import RedisServer
from sandbox.server import Server
from sandbox.waiting import patience
from tests.http.fake_ari import FakeARI
from tests.http.manager import Manager
from tests.http.rig import KEY
from tests.http.schemathesis_hooks import ORIGIN

# All data that the schema allows must be accepted, unless an agent has a call or the PBX says no.
CONFIG = f"""
[auth.openapi.bearer]
bearer = "{KEY}"

[checks]
positive_data_acceptance.expected-statuses = ["2xx", 401, 404, 409, 429]
"""
EXAMPLES = 100
SECONDS = patience(100)

# An integrator whose rules are no narrower than the schema.
EVERYTHING = {
    "extensions": ["000-999", "0000-9999"],
    "default_outbound_id": "random",
    "caller_ids": {"random": ["27820001234"], "verified": {"spring": "27110001234"}},
    "cors_origins": [ORIGIN],
    "limits": {"calls_per_minute": 1_000_000, "concurrent_calls": 100_000},
}


@pytest.mark.slow
@pytest.mark.timeout(600)  # a minute of the CPU, which others use, too
def test_schemathesis_finds_nothing(redis: RedisServer, tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(CONFIG, "utf-8")
    port = ports.free_port()

    async def test() -> None:
        async with FakeARI() as ari, Manager() as ami:
            ari.on_originate = lambda _: ari.channels.clear()
            acme = {"http": f"127.0.0.1:{port}", "supervisor_keys": [KEY], **EVERYTHING}
            login = {"ari_url": ari.url, "ari_username": "u", "ari_password": "ari-secret"}
            login |= ami.login()
            # It starts and stops without asking the loop's FakeARI, so it may hold the loop up.
            with Server(redis.url, integrator=acme, asterisk=login, emergency=[]) as server:
                output = await schemathesis(port, tmp_path)
                log = server.log()
            print(output)
            assert "Traceback" not in log
            assert ari.asked("originate")

    asyncio.run(test())


async def schemathesis(port: int, directory: Path) -> str:
    """Run it and return what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "run"),
        f"http://127.0.0.1:{port}/openapi.json",
        *("--checks", "all", "--seed", "1", "--wait-for-schema", "10"),
        *("--max-examples", str(EXAMPLES), "--phases", "examples,coverage,fuzzing,stateful"),
        # DELETE hangs up: the call has ended then, and is still there to be asked about.
        *("--exclude-checks", "use_after_free"),
        # A stream that does not end: test_live.py reads it.
        *("--exclude-path", "/click2dial/events"),
        *("--no-color", "--continue-on-failure", "--workers", "1"),
        cwd=directory,
        env={
            **os.environ,
            "PYTHONPATH": str(Path.cwd()),
            "SCHEMATHESIS_HOOKS": "tests.http.schemathesis_hooks",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    async with asyncio.timeout(SECONDS):
        output, _ = await process.communicate()
    text = output.decode()
    assert process.returncode == 0, text
    return text
