"""What cannot start does not stop the calls, and starts when it can."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

import pytest

from click2dial_agi.app.service import Service
from click2dial_agi.app.starting import Starting
from click2dial_agi.domain.config import Config, parse_config
from click2dial_agi.exceptions import StartupError
from sandbox import ports
from tests.app.test_service import listens, verdict
from tests.domain.examples import ACME
from tests.io.running import eventually, run


def config(agi: int, **sections: object) -> Config:
    return parse_config(
        {
            "agi": {"listen": f"127.0.0.1:{agi}"},
            "integrators": [{**ACME, "redis": "redis://127.0.0.1:1/0"}],
            **sections,
        }
    )


@pytest.mark.case("O2")
@pytest.mark.parametrize("section", ["metrics", "edge", "http"])
def test_calls_are_served_while_a_port_is_taken(
    section: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("click2dial_agi.app.starting._EVERY", 0.05)
    caplog.set_level("INFO", "click2dial_agi")
    port, taken = ports.free_port(), ports.free_port()
    where: dict[str, Any] = {section: {"listen": f"127.0.0.1:{taken}"}}
    if section == "http":
        acme = {**ACME, "redis": "redis://127.0.0.1:1/0", "http": f"127.0.0.1:{taken}"}
        where = {"integrators": [acme], "asterisk": {"ari_password": "s3cret"}}
    made = config(port, **where)

    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", taken)):
            task = asyncio.create_task(Service(made, lambda: made).run())
            await eventually(lambda: "FastAGI on" in caplog.text)
            assert await verdict(port) == "dial"
        await eventually(lambda: "what could not start is up" in caplog.text)
        assert listens(taken)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    run(scenario())
    key = "integrators.acme.http" if section == "http" else f"{section}.listen"
    assert f"{key}: cannot listen on 127.0.0.1:{taken}" in caplog.text


@pytest.mark.case("O2")
@pytest.mark.case("O16")
def test_fastagis_own_port_is_waited_for(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("click2dial_agi.app.starting._EVERY", 0.05)
    caplog.set_level("INFO", "click2dial_agi")
    taken = ports.free_port()

    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", taken)):
            task = asyncio.create_task(Service(config(taken), lambda: config(taken)).run())
            await eventually(lambda: "agi.listen: cannot listen" in caplog.text)
            await eventually(lambda: "click2dial-agi " in caplog.text)
            assert "FastAGI on" not in caplog.text
        await eventually(lambda: f"FastAGI on 127.0.0.1:{taken}" in caplog.text)
        assert await verdict(taken) == "dial"
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    run(scenario())


def test_it_goes_on_trying_and_says_so_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    tries = 0

    async def fail() -> None:
        nonlocal tries
        tries += 1
        raise StartupError("metrics.listen: cannot listen")

    async def scenario() -> None:
        starting = Starting(0.001)
        await starting.start(fail)
        await eventually(lambda: tries > 60)
        await starting.stop()

    run(scenario())
    assert "metrics.listen: cannot listen; tried again every 0.001 s" in caplog.text
    assert "metrics.listen: cannot listen; still tried again" in caplog.text
