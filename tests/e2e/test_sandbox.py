"""The sandbox proves itself: what it says about calls is what was on the wire."""

from __future__ import annotations

import base64
import contextlib
import subprocess
import sys
import urllib.request
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from sandbox import image
from sandbox.asterisk import Asterisk
from sandbox.calls import AwaitBye, Cancel, HangUp, call, place_call
from sandbox.load import load
from sandbox.phone import Phone
from sandbox.process import until
from sandbox.rawsip import raw_invite
from sandbox.redis import RedisServer, redis_server
from sandbox.trunk import OUTCOMES, Trunk

from .conftest import PLAIN_DIALPLAN


@dataclass(frozen=True)
class NoPbx:
    """The trunk in the PBX's place: what it receives is what the phone sent."""

    sip_port: int

    def cli(self, command: str) -> str:
        """Know of no channels."""
        return ""


@pytest.mark.parametrize(
    ("outcome", "status", "reason"),
    [
        ("busy", 486, "Q.850;cause=17"),
        ("decline", 403, "Q.850;cause=21"),
        ("unavailable", 503, "Q.850;cause=34"),
        ("unknown", 404, "Q.850;cause=1"),
        ("ring", 603, "Q.850;cause=16"),
    ],
)
def test_refused(asterisk: Asterisk, trunk: Trunk, outcome: str, status: int, reason: str) -> None:
    result = call(asterisk, callee=trunk.number(outcome))
    assert (result.status, result.reason, result.ended_by) == (status, reason, None)
    assert result.responses[0].status == 100
    assert result.answered_at is None


@pytest.mark.parametrize(
    ("outcome", "ring_time", "ended_by", "call_time"),
    [("answer", 0, "us", 0.3), ("answer-late", 1, "us", 0.3), ("hang-up", 0, "peer", 1)],
)
def test_answered(
    asterisk: Asterisk,
    trunk: Trunk,
    outcome: str,
    ring_time: float,
    ended_by: str,
    call_time: float,
) -> None:
    number = trunk.number(outcome)
    then = AwaitBye() if ended_by == "peer" else HangUp(0.3)
    result = call(asterisk, callee=number, then=then)
    assert [m.status for m in result.responses] == [100, 180, 200]
    assert result.ended_by == ended_by
    assert result.ringing_at is not None
    assert result.answered_at is not None
    assert result.ended_at is not None
    assert result.answered_at - result.ringing_at == pytest.approx(ring_time, abs=0.5)
    assert result.ended_at - result.answered_at == pytest.approx(call_time, abs=0.5)
    invite = trunk.wait_invite(number)
    assert (invite.from_user, invite.from_display) == ("1000", "Agent 1000")
    assert invite.header("P-Asserted-Identity") == '"Agent 1000" <sip:1000@127.0.0.1>'


HOSTILE = bytes(byte for byte in range(1, 256) if byte not in b"\r\n")


@pytest.mark.parametrize(
    "value",
    [
        b"27820001234",
        b"",
        b'say "hi" & <go>; ${EXTEN} %d [call_id] ]]> \\x41 $[1+1], a|b',
        "Ünïcode ☎".encode(),
        HOSTILE,
        b"x" * 4000,
    ],
)
def test_header_bytes(trunk: Trunk, value: bytes) -> None:
    number = trunk.number()
    headers = [("X-Teleforge-Contact-Ref", value), ("X-Second", b"2")]
    assert call(NoPbx(trunk.port), callee=number, headers=headers).status == 200
    received = trunk.wait_invite(number)
    assert b"\r\nX-Teleforge-Contact-Ref: %b\r\nX-Second: 2\r\n" % value in received.raw
    got = received.header("X-Teleforge-Contact-Ref")
    assert got is not None
    assert got.encode("utf-8", "surrogateescape") == value


def test_bytes_that_only_a_bare_socket_sends(asterisk: Asterisk, trunk: Trunk) -> None:
    with pytest.raises(ValueError, match="rawsip"):
        call(asterisk, headers=[("X-A", b"\0")])
    number = trunk.number()
    result = raw_invite(asterisk, callee=number.encode(), lines=b"X-A: \xff\xfe\r\n folded\r\n")
    assert (result.status, result.ended_by) == (200, "us")
    assert trunk.wait_invite(number).from_user == "1000"
    assert raw_invite(asterisk, callee=trunk.number("busy").encode()).status == 486


def test_cancel(asterisk: Asterisk, trunk: Trunk) -> None:
    number = trunk.number("ring")
    result = call(asterisk, callee=number, then=Cancel(0.2))
    assert (result.status, result.ended_by) == (487, None)
    assert trunk.wait_ended(trunk.wait_invite(number).call_id).method == "CANCEL"


def test_answer_before_the_cancel(asterisk: Asterisk, trunk: Trunk) -> None:
    result = call(asterisk, callee=trunk.number("answer-late"), then=Cancel(20))
    assert (result.status, result.ended_by) == (200, "us")


def test_acting_during_calls(asterisk: Asterisk, trunk: Trunk) -> None:
    with contextlib.ExitStack() as stack:
        calls = [
            stack.enter_context(
                place_call(asterisk, agent=agent, callee=trunk.number(outcome), then=AwaitBye())
            )
            for agent, outcome in (("1017", "answer"), ("1018", "answer"), ("1019", "ring"))
        ]
        for one in calls[:2]:
            one.wait_status(200)
        calls[2].wait_status(180)
        channels = asterisk.cli("core show channels concise")
        assert all(f"PJSIP/{agent}-" in channels for agent in (1017, 1018, 1019))
        for one in calls:
            one.hang_up()
        assert [one.result().status for one in calls] == [200, 200, 487]


def test_call_that_does_not_end(asterisk: Asterisk, trunk: Trunk) -> None:
    call_in_progress = place_call(asterisk, callee=trunk.number(), then=AwaitBye())
    with pytest.raises(TimeoutError) as caught:
        call_in_progress.result(timeout=0.5)
    assert any("SIP/2.0 200 OK" in note for note in caught.value.__notes__)


def test_digest(asterisk: Asterisk, trunk: Trunk) -> None:
    login = call(asterisk, agent="1100", password="secret-1100", callee=trunk.number())
    assert [m.status for m in login.responses] == [401, 100, 180, 200]
    assert call(asterisk, agent="1100", password="wrong", callee=trunk.number()).status == 401
    assert call(asterisk, agent="1100", callee=trunk.number()).status == 401
    assert call(asterisk, agent="999", callee=trunk.number()).status == 401


def test_load(asterisk: Asterisk, trunk: Trunk) -> None:
    numbers = [trunk.number(outcome) for outcome in OUTCOMES]
    result = load(
        asterisk,
        calls=200,
        rate=20,
        callees=numbers,
        agents=["1000", "1001", "1002"],
        headers=[("X-Teleforge-Contact-Ref", "{contact_ref}")],
        contact_ref="ref-{n}",
    )
    assert result.statuses == Counter({200: 75, 486: 25, 403: 25, 503: 25, 404: 25, 603: 25})
    assert result.retransmissions == 0
    assert {c.status for c in result.calls if c.callee == numbers[1]} == {486}
    assert len({c.contact_ref for c in result.calls}) == 200
    assert result.p50 <= result.p95 <= result.p99 < 3
    assert sum(len(trunk.invites(number)) for number in numbers) == 200


@pytest.mark.parametrize(("mode", "status"), [("answer", 200), ("busy", 486)])
def test_registered_phone(asterisk: Asterisk, mode: str, status: int) -> None:
    with Phone(asterisk, "1100", password="secret-1100", mode=mode) as phone:
        assert call(asterisk, callee="1100").status == status
        assert phone.wait_invite().from_display == "Agent 1000"
    assert "1100/" not in asterisk.cli("pjsip show contacts")


def test_phone_with_a_wrong_password(asterisk: Asterisk) -> None:
    with pytest.raises(RuntimeError, match=r"1100 was not registered.*401"):
        Phone(asterisk, "1100", password="wrong").__enter__()


def test_two_asterisks(tree: Path, asterisk: Asterisk, trunk: Trunk) -> None:
    with Asterisk(tree, trunk_port=trunk.port, extra_extensions=PLAIN_DIALPLAN) as other:
        with place_call(asterisk, callee=trunk.number()) as first:
            assert call(other, callee=trunk.number()).status == 200
            assert first.result().status == 200
        for end in (other.kill, other.stop):
            pid = other.pid
            end()
            other.start()
            assert other.pid != pid
            assert other.start_seconds < 20
            assert call(other, callee=trunk.number()).status == 200
            assert call(asterisk, callee=trunk.number()).status == 200
        directory = other.directory
    assert not directory.exists()


def test_spool_and_dead_trunk(tree: Path, tmp_path: Path) -> None:
    include = tmp_path / "included.conf"
    include.write_text(
        "[click2dial]\n"
        "exten => _X.,1,Dial(PJSIP/${EXTEN}@deadtrunk,1,g)\n"
        " same => n,Set(FILE(${C2D_SPOOL},,,al,u)=${C2D_AGI} ${DIALSTATUS})\n"
        " same => n,Hangup(42)\n"
    )
    with Asterisk(tree, include=include, c2d_agi="agi://127.0.0.1:1 agi://127.0.0.1:2") as pbx:
        assert call(pbx).status == 503
        assert pbx.spool_file.read_text() == "agi://127.0.0.1:1 agi://127.0.0.1:2 NOANSWER\n"
        assert pbx.spool_file.parent == pbx.spool


def test_ari(asterisk: Asterisk) -> None:
    request = urllib.request.Request(f"{asterisk.ari_url}/endpoints/PJSIP/1000")
    login = f"{asterisk.ari_username}:{asterisk.ari_password}".encode()
    request.add_header("Authorization", f"Basic {base64.b64encode(login).decode()}")
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert b'"offline"' in answer.read()


def test_clean_log(asterisk: Asterisk, tree: Path) -> None:
    with Asterisk(tree, verbose=True) as pbx:
        log = pbx.log()
    assert " ERROR[" not in log
    assert " WARNING[" not in log


_ORPHAN = """
import sys, time
from pathlib import Path
from sandbox.asterisk import Asterisk
pbx = Asterisk(Path(sys.argv[1])).__enter__()
print(pbx.pid, pbx.directory, flush=True)
time.sleep(60)
"""


def test_nothing_outlives_a_killed_test_run(tree: Path) -> None:
    argv = [sys.executable, "-c", _ORPHAN, str(tree)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        pid, directory = run.stdout.readline().split()
        assert Path(directory).is_dir()
        run.kill()
    until(lambda: not Path(f"/proc/{pid}").exists(), 5, "Asterisk's end")
    assert "srv/c2d" not in Path("/proc/mounts").read_text()
    with Asterisk(tree):  # the next start clears up
        assert not Path(directory).exists()


@pytest.mark.parametrize("kind", ["local", "container"])
def test_redis(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    if kind == "container" and not image.engine_answers():
        pytest.skip("no Docker engine")
    monkeypatch.setenv("C2D_TEST_REDIS", kind)
    with redis_server(appendonly=True) as server:
        with Redis.from_url(server.url, socket_timeout=0.3) as client:
            client.lpush("list", "kept")
            server.pause()
            with pytest.raises(RedisTimeoutError):
                client.ping()
            server.resume()
            assert client.ping()
        for end in (server.stop, server.kill):
            end()
            with (
                Redis.from_url(server.url) as client,
                pytest.raises(RedisConnectionError),
            ):
                client.ping()
            server.start()
            with Redis.from_url(server.url) as client:
                assert client.lrange("list", 0, -1) == [b"kept"]


def test_session_redis(redis: RedisServer) -> None:
    with Redis.from_url(redis.url) as client:
        assert client.ping()
