"""The command line: its exit codes, and one line for whatever an operator can mend."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from redis import Redis
from typer.testing import CliRunner

from click2dial_agi import __version__
from click2dial_agi.app.cli import app
from sandbox.process import Process, until
from sandbox.redis import RedisServer
from tests.app.test_tail import LIST, body, push, subscribers
from tests.io.running import run

pytestmark = pytest.mark.slow

GOOD = "integrators: [{name: acme, extensions: [1000-1999], redis: '%s'}]\n"
TIMEOUT = 20


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "click2dial.yaml"


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "click2dial_agi", *words]


def failure(*words: str, status: int = 2) -> str:
    """Run a command that must fail; return the one line that it says."""
    done = subprocess.run(
        command(*words), capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_a_secret_that_is_not_there_yet_does_not_end_the_unit(path: Path, tmp_path: Path) -> None:
    """Only 2 does (RestartPreventExitStatus): a directory may be mounted after the start."""
    path.write_text(GOOD % f"file:{tmp_path}/later")
    assert "a readable file at" in failure("serve", "--config", str(path), status=1)


def test_version() -> None:
    result = CliRunner().invoke(app, ["version"])
    assert (result.exit_code, result.stdout) == (0, f"{__version__}\n")


def test_without_a_command_it_shows_its_commands() -> None:
    result = CliRunner().invoke(app, [])
    for name in ("serve", "check-config", "tail", "version"):
        assert name in result.output


def test_a_good_file_is_good_and_warned_of(path: Path) -> None:
    path.write_text(GOOD % "redis://127.0.0.1:1/0")
    result = CliRunner().invoke(app, ["check-config", "--config", str(path)])
    assert result.exit_code == 0
    *warnings, last = result.stdout.splitlines()
    assert last == f"{path}: good, 1 integrators"
    assert len(warnings) == 3
    assert all(line.startswith("warning: ") for line in warnings)


@pytest.mark.case("O28")
@pytest.mark.parametrize(
    ("keys", "status", "told"),
    [
        ("{webhook}, ca: {there}}}]", 2, "integrators.acme/webhook-1.ca: {there}: "),
        (
            "{webhook}, ca: {missing}}}]",
            2,
            "integrators.acme/webhook-1.ca: {missing}: No such file",
        ),
        (
            "redis: 'rediss://h/0?ssl_ca_certs={missing}'",
            0,
            "redis: ssl_ca_certs: {missing}: No such",
        ),
        ("redis: 'rediss://h/0?ssl_ca_certs={there}&ssl_cert_reqs=none'", 0, ""),
        ("{webhook}}}]", 0, ""),
    ],
)
def test_what_is_trusted_is_looked_at(
    path: Path, tmp_path: Path, keys: str, status: int, told: str
) -> None:
    """A webhook's authorities as at the start, which ends with those that are none."""
    (tmp_path / "there.pem").write_text("no certificate")
    webhook = "webhooks: [{url: 'https://h/x', secret: 0123456789-abcdef"
    places = {"there": str(tmp_path / "there.pem"), "missing": str(tmp_path / "missing.pem")}
    filled = keys.format(webhook=webhook, **places)
    path.write_text(f"integrators: [{{name: acme, extensions: [1000-1999], {filled}}}]")
    result = CliRunner().invoke(app, ["check-config", "--config", str(path)])
    assert result.exit_code == status
    assert told.format(**places) in result.stderr
    assert bool(result.stderr) is bool(told)


def test_the_file_may_be_named_by_a_variable(path: Path) -> None:
    path.write_text(GOOD % "redis://127.0.0.1:1/0")
    result = CliRunner().invoke(app, ["check-config"], env={"C2D_CONFIG": str(path)})
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("number", "status", "line"),
    [
        ("082 000 1234", 1, "allowed:     no: callee: 3-4 digits, 10 digits starting 0"),
        ("0820001234", 0, "dialled:     PJSIP/0820001234@trunk"),
        ("1001", 0, "is:          an extension of acme"),
    ],
)
def test_a_number_is_explained(path: Path, number: str, status: int, line: str) -> None:
    path.write_text(GOOD % "redis://127.0.0.1:1/0")
    for options in ([], ["--integrator", "acme"]):
        result = CliRunner().invoke(app, ["explain", number, "--config", str(path), *options])
        assert result.exit_code == status
        assert line in result.stdout
    result = CliRunner().invoke(app, ["explain", number, "-c", str(path), "--integrator", "x"])
    assert (result.exit_code, result.stdout) == (2, "")


def test_a_bad_file_is_told_with_all_its_problems(path: Path) -> None:
    path.write_text("integrators: [{name: acme, extensions: [1-2], push: up}]\n")
    result = CliRunner().invoke(app, ["check-config", "--config", str(path)])
    assert (result.exit_code, result.stdout) == (2, "")
    assert sorted(line.split(":")[0] for line in result.stderr.splitlines()) == [
        "integrators[0].extensions[0]",
        "integrators[0].push",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("nonsense: 1\n" + GOOD % "redis://h", "nonsense: unknown key"),
        ("a: [", "YAML: "),
        ("a: 1\nb: 2\n", " (and 2 more: see click2dial-agi check-config)"),
        (GOOD % "${MISSING}", "integrators[0].redis: the environment variable MISSING, which is"),
    ],
)
def test_serve_with_a_bad_file_is_one_line(path: Path, text: str, line: str) -> None:
    path.write_text(text)
    told = failure("serve", "--config", str(path))
    assert told.startswith("click2dial-agi: ")
    assert line in told


def test_serve_without_a_file_is_one_line(path: Path) -> None:
    assert failure("serve", "--config", str(path)) == (
        f"click2dial-agi: {path}: No such file or directory\n"
    )


def test_an_unknown_log_level_is_one_line(path: Path) -> None:
    told = failure("serve", "--config", str(path), "--log-level", "loud")
    assert told == "click2dial-agi: --log-level: DEBUG, INFO, WARNING or ERROR\n"


def test_an_unknown_log_format_is_one_line(path: Path) -> None:
    path.write_text(GOOD % "redis://127.0.0.1:1/0")
    told = failure("serve", "--config", str(path), "--log-format", "xml")
    assert told == "click2dial-agi: --log-format: text or json\n"


@pytest.mark.case("O14")
def test_a_file_with_certificates_that_are_not_there_is_not_good(path: Path) -> None:
    path.write_text(
        "edge: {tls: {cert: /nowhere/cert.pem, key: /nowhere/key.pem}}\n"
        + GOOD % "redis://127.0.0.1:1/0"
    )
    result = CliRunner().invoke(app, ["check-config", "--config", str(path)])
    assert result.exit_code == 2
    assert "edge.tls: /nowhere/cert.pem and /nowhere/key.pem: No such file" in result.stderr


def test_tail_of_an_unknown_integrator_is_one_line(path: Path) -> None:
    path.write_text(GOOD % "redis://127.0.0.1:1/0")
    told = failure("tail", "--config", str(path), "--integrator", "x")
    assert told == "click2dial-agi: --integrator: one of acme\n"


def test_tail_without_redis_is_one_line(path: Path) -> None:
    path.write_text(GOOD % "redis://127.0.0.1:1/0")
    told = failure("tail", "--config", str(path))
    assert told.startswith("click2dial-agi: Redis of acme: ")


def test_tail_shows_a_record_and_pops_nothing(
    path: Path, tmp_path: Path, redis: RedisServer, client: Redis
) -> None:
    path.write_text(GOOD % redis.url)
    output = tmp_path / "output"
    tail = Process(command("tail", "--json", "--config", str(path)), output=output)
    try:
        until(lambda: subscribers(client) == 1, TIMEOUT, "the subscription")
        run(push(redis))
        until(lambda: output.read_text().endswith("\n"), TIMEOUT, "the record")
    finally:
        tail.send(signal.SIGINT)
        status = tail.wait(TIMEOUT)
    assert status == 0
    assert output.read_text() == body() + "\n"
    assert client.lrange(LIST, 0, -1) == [body()]


@pytest.mark.case("O31")
@pytest.mark.parametrize("key", [" ", "key ", "\tkey"])
def test_a_key_that_no_request_could_bring_is_not_hashed(key: str) -> None:
    result = CliRunner().invoke(app, ["hash-key", key])
    assert result.exit_code == 2
    assert "sha256" not in result.output
