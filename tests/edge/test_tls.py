"""wss: a certificate that is there at the start, replaced while calls are up, and broken."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from click2dial_agi.domain.config import Edge as EdgeConfig
from click2dial_agi.exceptions import StartupError
from click2dial_agi.io.edge import Edge
from click2dial_agi.io.refusals import Refusals
from tests.certificates import certificate
from tests.edge.rig import SIP, FakeAsterisk, run, running_edge, soon


def _phone(edge: Edge, tls: dict[str, str]) -> connect:
    return connect(
        f"wss://127.0.0.1:{edge.port}/ws",
        subprotocols=[SIP],
        compression=None,
        proxy=None,
        ssl=ssl.create_default_context(cafile=tls["cert"]),
    )


async def _echoes(client: ClientConnection) -> None:
    await client.send("REGISTER")
    assert await soon(client.recv()) == "REGISTER"


def test_a_certificate_is_replaced_without_dropping_anybody(tmp_path: Path) -> None:
    async def test() -> None:
        tls = certificate(tmp_path / "now", "first")
        async with (
            FakeAsterisk(echo=True) as asterisk,
            running_edge(asterisk.url, tls=tls) as edge,
            _phone(edge, tls) as early,
        ):
            await _echoes(early)
            certificate(tmp_path / "now", "second")
            edge.use(_config(asterisk.url, tls))
            async with _phone(edge, tls) as late:
                await _echoes(late)
            await _echoes(early)

    run(test())


def test_a_broken_certificate_does_not_replace_a_good_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        tls = certificate(tmp_path / "now", "good")
        other = certificate(tmp_path / "other", "other")
        old = {"cert": str(tmp_path / "old.pem")}
        Path(old["cert"]).write_bytes(Path(tls["cert"]).read_bytes())
        async with FakeAsterisk(echo=True) as asterisk, running_edge(asterisk.url, tls=tls) as edge:
            Path(tls["cert"]).write_bytes(Path(other["cert"]).read_bytes())
            edge.use(_config(asterisk.url, tls))
            async with _phone(edge, old) as client:
                await _echoes(client)

    with caplog.at_level(logging.ERROR, "click2dial_agi"):
        run(test())
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "certificate not reloaded"
    ]


@pytest.mark.parametrize("content", [None, "not a certificate"])
def test_a_start_without_a_good_certificate_says_why(tmp_path: Path, content: str | None) -> None:
    async def test() -> None:
        tls = certificate(tmp_path, "x")
        if content is None:
            Path(tls["key"]).unlink()
        else:
            Path(tls["cert"]).write_text(content)
        edge = Edge(_config("ws://127.0.0.1:1/ws", tls), Refusals())
        with pytest.raises(StartupError, match=r"edge\.tls: "):
            await edge.start()
        await edge.stop(1.0)

    run(test())


def test_a_port_that_is_taken_is_named() -> None:
    async def test() -> None:
        async with FakeAsterisk() as other:
            edge = Edge(
                EdgeConfig.model_validate({"listen": f"127.0.0.1:{other.port}"}), Refusals()
            )
            with pytest.raises(StartupError, match=r"edge\.listen: cannot listen on 127\.0\.0\.1"):
                await edge.start()

    run(test())


def _config(upstream: str, tls: dict[str, str], **more: Any) -> EdgeConfig:
    section = {"listen": "127.0.0.1:0", "upstream": upstream, "tls": tls, **more}
    return EdgeConfig.model_validate(section)
