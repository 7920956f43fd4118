"""``click2dial-agi spool`` and ``drain``, and the server that drains by itself."""

from __future__ import annotations

import asyncio
import configparser
import logging
from pathlib import Path
from typing import Any

import pytest
import yaml
from redis import Redis
from typer.testing import CliRunner

from click2dial_agi.app.cli import app
from click2dial_agi.app.delivery import Delivery
from click2dial_agi.io.journal import Journal
from click2dial_agi.io.redis_writer import RedisWriter
from sandbox.process import until
from sandbox.redis import RedisServer
from sandbox.server import Server
from tests.app.test_drain import line, ref, refs
from tests.domain.examples import ACME
from tests.io.running import run
from tests.io.test_journal import LIST, note

ETC = Path(__file__).parents[2] / "etc"
AWAY = "redis://127.0.0.1:1/0"


@pytest.fixture
def spool_dir(tmp_path: Path) -> Path:
    (tmp_path / "spool").mkdir()
    return tmp_path / "spool"


def configure(spool_dir: Path, url: str) -> str:
    path = spool_dir.parent / "click2dial.yaml"
    document: dict[str, Any] = {
        "spool_dir": str(spool_dir),
        "integrators": [{**ACME, "redis": url}],
    }
    path.write_text(yaml.safe_dump(document))
    return str(path)


def command(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    # What it logs to is the runner's and closed by now.
    logger = logging.getLogger("click2dial_agi")
    logger.handlers, logger.propagate = [], True
    return result.exit_code, result.stdout if result.exit_code == 0 else result.output


def journaled(spool_dir: Path, *names: str) -> None:
    async def scenario() -> None:
        journal = Journal(spool_dir / "journal.db")
        for number, name in enumerate(names):
            delivery = Delivery(name, RedisWriter(AWAY, "left"), journal)
            await delivery.push(note(number))
            await delivery.close()
        await journal.close()

    run(scenario())


def test_nothing_waits(spool_dir: Path) -> None:
    assert command("spool", "--config", configure(spool_dir, AWAY)) == (0, "nothing waits\n")


def test_what_waits_for_whom_and_since_when(spool_dir: Path) -> None:
    journaled(spool_dir, "acme", "acme", "gone")
    (spool_dir / "calls.spool").write_text(line(1) + line(2))
    (spool_dir / "calls.spool.rejected").write_text("torn\n")
    code, text = command("spool", "--config", configure(spool_dir, AWAY))
    assert code == 0
    rows = [" ".join(row.split()[:-3]) for row in text.splitlines()]
    assert rows[1:] == [
        f"journal.db: {LIST} acme 2",
        f"journal.db: {LIST} gone (not configured) 1",
        "calls.spool the server to take over 2",
        "calls.spool.rejected you to look at 1",
    ]


def test_flush_pushes_all_or_says_what_is_left(
    spool_dir: Path, redis: RedisServer, client: Redis
) -> None:
    journaled(spool_dir, "acme")
    code, text = command("spool", "--flush", "--config", configure(spool_dir, AWAY))
    assert code == 1
    assert "acme: Redis: " in text
    (spool_dir / "calls.spool").write_text(line(1))
    code, text = command("spool", "--flush", "--config", configure(spool_dir, redis.url))
    assert (code, text) == (0, "2 records pushed\nnothing waits\n")
    assert client.llen(LIST) == 2


def test_drain_next_to_a_pbx(spool_dir: Path, redis: RedisServer, client: Redis) -> None:
    elsewhere = spool_dir / "pbx"
    elsewhere.mkdir()
    (elsewhere / "calls.spool").write_text(line(1) + line(2))
    for url, expected in ((AWAY, 1), (redis.url, 0), (redis.url, 0)):
        config = configure(spool_dir, url)
        code, text = command("drain", "--dir", str(elsewhere), "--config", config)
        assert code == expected, text
    assert refs(client) == [ref(1), ref(2)]
    assert list(elsewhere.iterdir()) == []


def test_drain_gives_up_on_a_file_that_somebody_holds(
    spool_dir: Path, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("click2dial_agi.app.spool_commands.DRAIN_EVERY", 0.01)
    with (spool_dir / "calls.spool").open("w") as asterisk:
        asterisk.write(line(1))
        asterisk.flush()
        code, text = command("drain", "--config", configure(spool_dir, redis.url))
    assert code == 1
    assert "somebody else is at work on it" in text


def test_the_path_unit_watches_what_the_dialplan_writes() -> None:
    units = configparser.ConfigParser(strict=False, interpolation=None)
    units.optionxform = str  # type: ignore[assignment,method-assign]
    units.read([ETC / "click2dial-drain.path", ETC / "click2dial-drain.service"])
    dialplan = (ETC.parent / "dialplan/click2dial.conf").read_text()
    assert f'"{units["Path"]["PathExists"]}"' in dialplan
    directory = str(Path(units["Path"]["PathExists"]).parent)
    assert f"drain --dir {directory} --config" in units["Service"]["ExecStart"]


def test_a_server_drains_at_its_start_and_while_it_runs(
    redis: RedisServer, client: Redis, spool_dir: Path
) -> None:
    spool = spool_dir / "calls.spool"
    (spool_dir / "calls.spool.00000000000000000001.draining").write_text(line(1))
    with Server(redis.url, spool_dir=str(spool_dir)) as server:
        until(lambda: client.llen(LIST) == 1, 10, "the line that an earlier server took over")
        spool.write_text(line(2))
        until(lambda: client.llen(LIST) == 2, 10, "a line written while it runs")
        until(lambda: not list(spool_dir.iterdir()), 10, "an empty directory")
        assert "1 records that the dialplan had kept are stored" in server.log()


def test_a_server_pushes_what_an_earlier_one_journaled(
    redis: RedisServer, client: Redis, spool_dir: Path
) -> None:
    journaled(spool_dir, "acme", "acme", "gone")
    with Server(redis.url, spool_dir=str(spool_dir)) as server:
        until(lambda: client.llen(LIST) == 2, 10, "both records")
        assert "1 records for enigma:notifications:cdr are kept until gone" in (server.log())

    async def left() -> list[Any]:
        journal = Journal(spool_dir / "journal.db")
        try:
            return list(await journal.waiting())
        finally:
            await journal.close()

    assert [one.integrator for one in asyncio.run(left())] == ["gone"]
