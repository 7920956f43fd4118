"""Fuzz of what lies on disk: the spool, the journal, the configuration, Redis URLs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path

import pytest

from click2dial_agi.app.drain import Drain
from click2dial_agi.domain.redis_url import parse_redis_url
from click2dial_agi.exceptions import ConfigError, NotificationError
from click2dial_agi.io.config_file import load_config
from click2dial_agi.io.journal import Journal
from tests.app.serving import config, snapshot
from tests.app.test_drain import LINES, Taking
from tests.fuzz.mutation import fuzz
from tests.io.running import run
from tests.io.test_journal import note

SAMPLE = Path(__file__).parents[2] / "etc/click2dial.yaml"


@pytest.fixture(autouse=True)
def quiet() -> None:
    logging.getLogger("click2dial_agi").setLevel(logging.CRITICAL)


def test_the_spool(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each line is stored or put aside, nothing waits, and what is whole is stored."""
    path = tmp_path / "calls.spool"
    whole = b"\n".join(LINES) + b"\n"

    def target(data: bytes) -> None:
        for left in tmp_path.iterdir():
            left.unlink()
        path.write_bytes(data + b"\n" + LINES[0] + b"\n")
        lists = Taking()

        async def look() -> None:
            drain, current = Drain(path), snapshot(config(), lists)
            for _ in range(2):
                await drain.look(current)
            assert drain.is_empty
            assert not drain.failure

        run(look())
        assert LINES[0].split(b"&")[0].removeprefix(b"call_ref=").decode() in lists.taken

    done = fuzz([whole, LINES[0]], [b"call_ref=", b"&", b"=", b"%", b"\n", b"\0", b"%00"], target)
    report(capsys, "spool", done)


def test_the_journal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever the disk made of it, it is read or moved aside, and takes the next."""
    good = tmp_path / "good" / "journal.db"

    async def filled() -> None:
        journal = Journal(good)
        for number in range(20):
            await journal.append("acme", note(number))
        await journal.close()

    run(filled())
    path = tmp_path / "spool" / "journal.db"
    path.parent.mkdir()

    def target(data: bytes) -> None:
        for left in path.parent.iterdir():
            left.unlink()
        path.write_bytes(data)

        async def used() -> None:
            journal = Journal(path)
            try:
                await journal.waiting()
                # Twice: the first may be the one that finds the damage.
                with contextlib.suppress(NotificationError):
                    await journal.append("beta", note(1))
                await journal.append("beta", note(2))
                kept = [entry.notification for entry in await journal.oldest("beta", 10_000)]
                assert note(2) in kept
                await journal.oldest("acme", 10_000)
            finally:
                await journal.close()

        asyncio.run(used())

    report(
        capsys, "journal", fuzz([good.read_bytes()], [b"\0" * 64, b"\xff" * 16, b"acme"], target)
    )


def test_the_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A configuration or a ConfigError of one line, which does not show the secret."""
    path = tmp_path / "click2dial.yaml"
    sample = SAMPLE.read_bytes() + b"asterisk: {ari_password: hunter2hunter2}\n"

    def target(data: bytes) -> None:
        path.write_bytes(data)
        said = ""
        try:
            load_config(path, {})
        except ConfigError as error:
            said = str(error)
        assert "hunter2hunter2" not in said.replace(str(path), "")

    tokens = [
        b": ",
        b"- ",
        b"'",
        b'"',
        b"*",
        b"&a ",
        b"!!int ",
        b"{",
        b"[",
        b"|",
        b"%",
        b"\t",
        b"\n",
    ]
    report(capsys, "configuration", fuzz([sample, sample[-400:]], tokens, target))


def test_redis_urls(capsys: pytest.CaptureFixture[str]) -> None:
    """A place, or a ValueError that shows nothing of the password."""

    def target(data: bytes) -> None:
        said = ""
        try:
            parse_redis_url(data.decode("utf-8", "replace"))
        except ValueError as error:
            said = str(error)
        assert "hunter2" not in said

    corpus = [
        b"redis://user:hunter2@host:6379/0",
        b"rediss+sentinel://:hunter2@a:1,b/m/3?sentinel_password=hunter2",
        b"redis+cluster://[::1]:7,b",
    ]
    done = fuzz(corpus, [b"/", b"?", b"@", b":", b"[", b"]", b"%", b"#", b"&", b"=", b","], target)
    report(capsys, "Redis URLs", done)


def report(capsys: pytest.CaptureFixture[str], what: str, executions: int) -> None:
    """Say how often; a target that hardly ran has shown nothing."""
    with capsys.disabled():
        print(f"\nfuzz: {what}: {executions:,} executions, 0 findings")
    assert executions > 20
