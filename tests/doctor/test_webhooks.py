"""Webhooks and what waits, as doctor sees them."""

from __future__ import annotations

import asyncio
import ssl
import time
from pathlib import Path
from typing import Any

import pytest

from click2dial_agi.app.doctor import Finding, Level
from click2dial_agi.app.doctor.waiting import check_waiting
from click2dial_agi.app.doctor.webhooks import check_webhooks
from click2dial_agi.domain.config import Config, parse_config
from click2dial_agi.io.journal import Journal
from sandbox import ports
from tests.certificates import certificate
from tests.domain.examples import ACME
from tests.io.test_journal import note

HOOK = {"name": "crm", "secret": "a-secret-of-the-crm"}


def config(directory: Path, url: str, **keys: Any) -> Config:
    acme = {**ACME, "webhooks": [{**HOOK, "url": url, **keys}]}
    return parse_config({"spool_dir": str(directory), "integrators": [acme]})


def found(directory: Path, scheme: str, tls: dict[str, str] | None, **keys: Any) -> list[Finding]:
    """Look at a webhook behind which a server listens, with a certificate or without one."""

    async def scenario() -> list[Finding]:
        context = None
        if tls is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(tls["cert"], tls["key"])
        server = await asyncio.start_server(_answer, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        try:
            return await check_webhooks(config(directory, f"{scheme}://127.0.0.1:{port}/x", **keys))
        finally:
            server.close()

    return asyncio.run(scenario())


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer whatever comes as an HTTP server does that did not expect it."""
    if await reader.read(1000):
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    writer.close()


def test_one_that_is_there(tmp_path: Path) -> None:
    assert found(tmp_path, "http", None) == []
    files = certificate(tmp_path / "tls", "crm")
    assert found(tmp_path, "https", files, ca=files["cert"]) == []


@pytest.mark.case("O18")
def test_one_that_nobody_answers_for(tmp_path: Path) -> None:
    url = f"http://user:hush@127.0.0.1:{ports.free_port()}/hush"
    (one,) = asyncio.run(check_webhooks(config(tmp_path, url)))
    assert (one.check, one.level) == ("webhook-away", Level.WARNING)
    assert "webhook acme/crm (http://127.0.0.1:" in one.what
    assert "Refused" in one.what
    assert "hush" not in one.line()


@pytest.mark.case("O71")
def test_a_name_that_leads_nowhere(tmp_path: Path) -> None:
    """It is not the receiver that is to be looked at."""
    configured = config(tmp_path, "http://no-such-host.invalid/x")
    (one,) = asyncio.run(check_webhooks(configured))
    assert "not known" in one.what or "name resolution" in one.what
    assert "getent hosts" in one.cure


@pytest.mark.case("O18")
def test_certificates_that_nobody_trusts(tmp_path: Path) -> None:
    files = certificate(tmp_path / "tls", "crm")
    (one,) = found(tmp_path, "https", files)
    assert "self-signed certificate" in one.what
    assert "the webhook's ca" in one.cure
    other = certificate(tmp_path / "other", "localhost", san="DNS:crm.example")
    (one,) = found(tmp_path, "https", other, ca=other["cert"])
    assert "not valid for '127.0.0.1'" in one.what
    assert "in the webhook's url" in one.cure
    (one,) = found(tmp_path, "https", None)
    assert "http://" in one.cure


@pytest.mark.case("O18")
def test_what_waits_is_told_of_after_a_minute(tmp_path: Path) -> None:
    configured = config(tmp_path, "http://127.0.0.1:1/x")

    async def keep() -> None:
        journal = Journal(configured.journal_path)
        for queue in ("acme", "acme/crm", "gone"):
            await journal.append(queue, note(1))
        await journal.close()

    asyncio.run(keep())
    assert list(check_waiting(configured)) == []
    before = time.time
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: before() + 61)
        kinds = {one.check: one for one in check_waiting(configured)}
    assert set(kinds) == {"journal-waits", "webhook-waits", "journal-stranger"}
    assert kinds["journal-waits"].level is Level.DANGER
    assert "1 notifications of enigma:notifications:cdr wait for acme/crm since" in (
        kinds["webhook-waits"].what
    )


@pytest.mark.case("O18")
def test_lines_that_were_put_aside_are_told_of(tmp_path: Path) -> None:
    configured = config(tmp_path, "http://127.0.0.1:1/x")
    (tmp_path / "calls.spool.rejected").write_text("no record\n")
    (one,) = check_waiting(configured)
    assert one.check == "spool-rejected"
    assert str(tmp_path / "calls.spool.rejected") in one.what


@pytest.mark.case("O18")
def test_a_journal_that_cannot_be_read(tmp_path: Path) -> None:
    configured = config(tmp_path, "http://127.0.0.1:1/x")
    configured.journal_path.write_text("no journal")
    (one,) = check_waiting(configured)
    assert one.check == "journal-unread"
