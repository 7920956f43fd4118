"""``click2dial-agi spool`` and ``drain``, and the server that drains by itself."""

from __future__ import annotations

import asyncio
import configparser
import contextlib
import logging
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from redis import Redis
from typer.testing import CliRunner

from click2dial_agi.app.cli import app
from click2dial_agi.app.list_queue import ListQueue
from click2dial_agi.io.journal import Journal
from click2dial_agi.io.redis_lists import RedisLists
from sandbox.process import until
from sandbox.redis import RedisServer
from sandbox.server import UNSEALED, Server
from tests.app.test_drain import line, ref, refs
from tests.domain.examples import ACME
from tests.io.running import run
from tests.io.test_journal import LIST, note

pytestmark = pytest.mark.slow

ETC = Path(__file__).parents[2] / "etc"
AWAY = "redis://127.0.0.1:1/0"


@pytest.fixture
def spool_dir(tmp_path: Path) -> Path:
    (tmp_path / "spool").mkdir()
    return tmp_path / "spool"


def configure(spool_dir: Path, url: str, **keys: Any) -> str:
    path = spool_dir.parent / "click2dial.yaml"
    document: dict[str, Any] = {
        "spool_dir": str(spool_dir),
        "integrators": [{**ACME, "redis": url, **keys}],
    }
    path.write_text(yaml.safe_dump(document))
    return str(path)


@contextlib.contextmanager
def receiver() -> Iterator[tuple[str, list[str]]]:
    """Run a webhook in a thread; yield its URL and what it was sent."""
    bodies: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["content-length"])).decode())
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/calls", bodies
        finally:
            server.shutdown()
            thread.join()


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
            delivery = ListQueue(name, RedisLists(AWAY, "left"), journal)
            await delivery.push(note(number))
            await delivery.close()
        await journal.close()

    run(scenario())


def test_nothing_waits(spool_dir: Path) -> None:
    assert command("spool", "--config", configure(spool_dir, AWAY)) == (0, "nothing waits\n")


@pytest.mark.case("O26")
@pytest.mark.parametrize("asked", [["spool"], ["spool", "--flush"], ["drain"]])
@pytest.mark.parametrize("wrong", ["missing", "file"])
def test_where_there_is_no_directory_nothing_is_said_to_wait(
    spool_dir: Path, asked: list[str], wrong: str
) -> None:
    place = spool_dir / wrong
    if wrong == "file":
        place.write_text("")
    code, said = command(*asked, "--config", configure(place, AWAY))
    assert code == 1
    assert f"click2dial-agi: {place}: " in said
    assert "nothing waits" not in said


@pytest.mark.case("O26")
def test_who_may_not_look_is_told_so() -> None:
    """In a process of its own, which is nobody's: root may look anywhere."""
    if os.geteuid() != 0:
        pytest.skip("takes root, which nobody else can become")
    program = (
        "import os; import click2dial_agi.app.spool_commands; "
        "import click2dial_agi.app.doctor.command, encodings.ascii, encodings.idna; "
        "from click2dial_agi.app import cli, logs; "
        "os.setgroups([]); os.setgid(65534); os.setuid(65534); cli.main()"
    )
    with tempfile.TemporaryDirectory() as place:  # pytest keeps its own for itself
        directory = Path(place)
        directory.chmod(0o755)
        (directory / "spool").mkdir(mode=0o750)
        path = configure(directory / "spool", AWAY)
        (directory / "closed/spool").mkdir(parents=True)
        hidden = Path(configure(directory / "closed/spool", AWAY))
        hidden = hidden.rename(directory / "hidden.yaml")
        (directory / "closed").chmod(0o700)
        argv = [sys.executable, "-c", program, "doctor", "--asterisk", "", "--config", str(hidden)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert "closed/spool cannot be reached: Permission denied" in done.stdout, done.stderr
        for asked in (["spool"], ["spool", "--flush"], ["drain"]):
            argv = [sys.executable, "-c", program, *asked, "--config", path]
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
            assert done.returncode == 1, done.stderr
            (said,) = done.stderr.splitlines()
            assert said.endswith("spool: Permission denied (as root, or as the service's user)")


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


@pytest.mark.case("C17")
@pytest.mark.parametrize("name", ["spool", "drain"])
def test_a_webhook_gets_what_the_commands_hand_over(
    spool_dir: Path, redis: RedisServer, client: Redis, name: str
) -> None:
    """A line of the spool and a record of the journal: the list has it, the webhook too."""
    journaled(spool_dir, "acme", "acme/crm")
    (spool_dir / "calls.spool").write_text(line(7))
    with receiver() as (url, bodies):
        hook = {"url": url, "secret": "s" * 16, "name": "crm"}
        config = configure(spool_dir, redis.url, webhooks=[hook])
        flush = ["--flush"] if name == "spool" else []
        code, text = command(name, *flush, "--config", config)
        assert code == 0, text
        assert sorted(client.lrange(LIST, 0, -1)) == sorted([note(0).body, bodies[-1]])
        assert len(bodies) == 2
        assert bodies[0] == note(1).body
        assert ref(7) in bodies[1]


@pytest.mark.case("C17")
def test_a_webhook_that_does_not_answer_is_told_and_keeps_its_queue(
    spool_dir: Path, redis: RedisServer, client: Redis
) -> None:
    (spool_dir / "calls.spool").write_text(line(7))
    hook = {"url": "http://127.0.0.1:1/s3cret", "secret": "s" * 16, "name": "crm"}
    config = configure(spool_dir, redis.url, webhooks=[hook])
    for _ in range(2):
        code, text = command("drain", "--config", config)
        assert code == 1
        assert "webhook acme/crm (http://127.0.0.1:1): " in text
        assert "s3cret" not in text
    assert client.llen(LIST) == 1
    assert "acme/crm" in command("spool", "--config", config)[1]


@pytest.mark.case("O4")
def test_the_commands_need_no_secret_of_other_doors(spool_dir: Path, redis: RedisServer) -> None:
    config = Path(configure(spool_dir, redis.url))
    config.write_text(config.read_text() + "asterisk: {ari_password: '${C2D_UNSET_FOR_THIS}'}\n")
    assert command("drain", "--config", str(config))[0] == 0
    assert command("spool", "--flush", "--config", str(config))[0] == 0


@pytest.mark.case("O4")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_as_root_it_leaves_nothing_that_the_server_cannot_write(redis: RedisServer) -> None:
    with tempfile.TemporaryDirectory() as name:  # not below pytest's, which nobody else may enter
        spool_dir = Path(name) / "spool"
        spool_dir.mkdir()
        Path(name).chmod(0o755)
        (spool_dir / "calls.spool").write_text("torn\n" + line(1))
        hook = {"url": "http://127.0.0.1:1/", "secret": "s" * 16}
        config = configure(spool_dir, redis.url, webhooks=[hook])
        for path in (spool_dir, spool_dir / "calls.spool"):
            os.chown(path, 65534, 65534)
        done = subprocess.run(
            [sys.executable, "-m", "click2dial_agi", "spool", "--flush", "--config", config],
            capture_output=True,
            text=True,
            check=False,
        )
        assert "webhook acme/webhook-1" in done.stderr
        owners = {path.name: path.stat().st_uid for path in spool_dir.iterdir()}
        assert {"calls.spool.rejected", "journal.db"} <= set(owners)
        assert set(owners.values()) == {65534}


@pytest.mark.case("O13")
def test_what_it_writes_is_for_its_user_and_group_alone(spool_dir: Path) -> None:
    before = os.umask(0)
    try:
        command("spool", "--config", configure(spool_dir, AWAY))
    finally:
        set_by_it = os.umask(before)
    assert set_by_it == 0o027


def test_the_path_unit_watches_what_the_dialplan_writes() -> None:
    units = configparser.ConfigParser(strict=False, interpolation=None)
    units.optionxform = str  # type: ignore[assignment,method-assign]
    units.read([ETC / "click2dial-drain.path", ETC / "click2dial-drain.service"])
    dialplan = (ETC.parent / "dialplan/click2dial.conf").read_text()
    assert f'"{units["Path"]["PathExists"]}"' in dialplan
    directory = str(Path(units["Path"]["PathExists"]).parent)
    assert f"drain --dir {directory} --config" in units["Service"]["ExecStart"]
    # Given up, it would be started by the path unit again and again, without a pause.
    assert "RestartPreventExitStatus" not in units["Service"]
    assert int(units["Service"]["RestartSec"]) >= 5


def test_a_server_drains_at_its_start_and_while_it_runs(
    redis: RedisServer, client: Redis, spool_dir: Path
) -> None:
    spool = spool_dir / "calls.spool"
    (spool_dir / "calls.spool.00000000000000000001.draining").write_text(line(1))
    with Server(redis.url, spool_dir=str(spool_dir), agi=UNSEALED) as server:
        until(lambda: client.llen(LIST) == 1, 10, "the line that an earlier server took over")
        spool.write_text(line(2))
        until(lambda: client.llen(LIST) == 2, 10, "a line written while it runs")
        until(lambda: not list(spool_dir.iterdir()), 10, "an empty directory")
        said = "1 records that the dialplan had kept are stored"
        until(lambda: said in server.log(), 10, "the line that says so")


def test_a_server_pushes_what_an_earlier_one_journaled(
    redis: RedisServer, client: Redis, spool_dir: Path
) -> None:
    journaled(spool_dir, "acme", "acme", "gone")
    with Server(redis.url, spool_dir=str(spool_dir), agi=UNSEALED) as server:
        until(lambda: client.llen(LIST) == 2, 10, "both records")
        said = "1 records for enigma:notifications:cdr are kept until gone"
        until(lambda: said in server.log(), 10, "the line that says so")

    async def left() -> list[Any]:
        journal = Journal(spool_dir / "journal.db")
        try:
            return list(await journal.waiting())
        finally:
            await journal.close()

    assert [one.queue for one in asyncio.run(left())] == ["gone"]
