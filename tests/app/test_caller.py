"""`click2dial-agi call`: a call is created once, and followed through whatever its server does."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from typer.testing import CliRunner

from click2dial_agi.app import caller
from click2dial_agi.app.cli import app

REF = "bde674e2-eeaf-4355-b32c-664a82256e11"
CREATED: tuple[int, dict[str, Any]] = (
    201,
    {"call_ref": REF, "contact_ref": "c", "agent": "1000", "callee": "0820000100"},
)
CREATED[1]["dial_number"] = "27820001234"
UP = (200, {"state": "up", "record": None})
ENDED = (
    200,
    {"state": "ended", "record": {"end_reason": "hungup", "end_code": 16, "call_time": 9}},
)
BUSY = (503, {"errors": [{"field": "pbx", "message": "pbx: reachable; try again later"}]})
UNKNOWN = (
    404,
    {"errors": [{"field": "call_ref", "message": "call_ref: a call of this integrator"}]},
)
GONE: tuple[int, dict[str, Any]] = (
    0,
    {},
)  # it hangs up without an answer, as one does that is killed


@contextlib.contextmanager
def serving(*answers: tuple[int, dict[str, Any]]) -> Iterator[tuple[str, list[str]]]:
    """Answer one request after the other, the last one again and again."""
    left = list(answers)
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.command)
            status, body = left.pop(0) if len(left) > 1 else left[0]
            if status:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()


def call(url: str) -> tuple[int, str]:
    words = ["call", "--agent", "1000", "--callee", "0820000100", "--url", url]
    result = CliRunner().invoke(app, words)
    return result.exit_code, result.output


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caller, "_POLL", 0.01)


@pytest.mark.case("O37")
def test_a_call_is_followed_while_its_server_is_restarted() -> None:
    with serving(CREATED, UP, BUSY, GONE, GONE, UP, ENDED) as (url, asked):
        code, told = call(url)
    assert code == 0
    assert asked.count("POST") == 1
    lines = told.splitlines()
    assert lines[1] == "1000 calls 0820000100 as 27820001234"
    states = [line[10:] for line in lines[2:-1]]
    away = "the server does not answer; the call goes on"
    assert states == ["they talk", away, "they talk", "ended"]
    assert lines[-1] == "hungup (16) after 9 s"


@pytest.mark.case("O37")
def test_a_server_that_stays_away_is_not_awaited_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caller, "_PATIENCE", 0.1)
    with serving(CREATED, UP, GONE) as (url, _):
        code, told = call(url)
    assert code == 3
    assert f"{REF}: " in told
    assert "the call may go on" in told


@pytest.mark.case("O37")
def test_a_call_of_which_the_server_knows_nothing_any_more() -> None:
    with serving(CREATED, UP, UNKNOWN) as (url, _):
        assert call(url)[0] == 3


@pytest.mark.parametrize("answer", [BUSY, UNKNOWN, GONE])
def test_what_is_not_created_is_not_followed(answer: tuple[int, dict[str, Any]]) -> None:
    with serving(answer) as (url, asked):
        assert call(url)[0] == 2
    assert asked == ["POST"]


@pytest.mark.parametrize("url", ["127.0.0.1:8300", "http://", "http://[", "pbx"])
def test_what_is_no_address_is_told(url: str) -> None:
    code, told = call(url)
    assert code == 2
    assert "Traceback" not in told
