"""What the softphone's routes answer, and to whom."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

import click2dial_agi
from sandbox.redis import RedisServer
from tests.browser.office import API_KEY, HOST, Office

KEY = {"Authorization": f"Bearer {API_KEY}"}


@pytest.fixture
def desk(whole_office: Office) -> Office:
    """As it is: nobody calls here."""
    return whole_office


@pytest.fixture
def http(desk: Office) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://{HOST}:{desk.http_port}", timeout=10) as client:
        yield client


@contextmanager
def events(http: httpx.Client, extension: str = "1200") -> Iterator[Iterator[tuple[str, str]]]:
    """Listen, and yield (event, data) as they come."""
    query = {"extension": extension}
    with http.stream("GET", "/softphone/events", params=query, headers=KEY) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        text = response.iter_lines()
        yield (
            (line.removeprefix("event: "), next(text).removeprefix("data: "))
            for line in text
            if line.startswith("event: ")
        )


def publish(store: RedisServer, **payload: Any) -> str:
    body = json.dumps({"type": "cdr", "payload": {"number": "", "ref": "click-dial", **payload}})
    with Redis.from_url(store.url) as redis:
        redis.publish("enigma:notifications:cdr", body)
    return body


def test_the_page_lets_nothing_in(http: httpx.Client, desk: Office) -> None:
    page = http.get("/softphone")
    assert page.headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "manifest-src 'self'; "
        f"connect-src 'self' ws://{HOST}:{desk.edge_port}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert page.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"https?://", page.text)
    for name in re.findall(r'(?:href|src)="(softphone/[^"#]+)', page.text):
        assert http.get(f"/{name}").status_code == 200


def test_files_are_sent_once(http: httpx.Client) -> None:
    script = http.get("/softphone/softphone.js")
    again = http.get("/softphone/softphone.js", headers={"If-None-Match": script.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_page_that_was_not_built(http: httpx.Client) -> None:
    script = Path(click2dial_agi.__file__).parent / "softphone/dist/softphone.js"
    aside = script.rename(script.with_suffix(".aside"))
    try:
        answer = http.get("/softphone")
    finally:
        aside.rename(script)
    assert answer.status_code == 503
    assert answer.text == (
        "The softphone is not built: run `make softphone` in click2dial_agi's source tree.\n"
    )


@pytest.mark.parametrize("host", [HOST, "localhost", "pbx.example.com", "[::1]"])
def test_the_websocket_is_where_the_page_is(http: httpx.Client, desk: Office, host: str) -> None:
    answer = http.get("/softphone/config", headers={"Host": f"{host}:{desk.http_port}"})
    told = answer.json()
    rules = [["^\\+270(\\d{9})$", "27$1"], ["^\\+27", "27"], ["^\\+", "00"]]
    assert told.pop("numbers")["dialled"] == rules
    assert told.pop("examples") == {"callee": "0820000100", "outbound_id": "27110001234"}
    websocket = f"ws://{host}:{desk.edge_port}/ws"
    assert told == {"ws": websocket, "domain": host, "pop_url": None}


@pytest.mark.case("A1")
@pytest.mark.parametrize("path", ["/softphone", "/softphone/config"])
def test_a_host_that_is_not_ours(http: httpx.Client, path: str) -> None:
    assert http.get(path, headers={"Host": "evil.example"}).status_code == 421


@pytest.mark.parametrize("host", ["a;script-src *", "a b", "user@host", "[::1", ""])
def test_a_host_that_is_none(http: httpx.Client, host: str) -> None:
    assert http.get("/softphone", headers={"Host": host}).status_code == 400


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
def test_records_are_authorised_like_the_api(http: httpx.Client, headers: dict[str, str]) -> None:
    answer = http.get("/softphone/events?extension=1200", headers=headers)
    assert answer.status_code == 401


@pytest.mark.parametrize("extension", ["", "1300", "*", "12000"])
def test_records_of_nobody_here(http: httpx.Client, extension: str) -> None:
    answer = http.get("/softphone/events", params={"extension": extension}, headers=KEY)
    assert answer.status_code == 422


@pytest.mark.case("L3")
def test_an_extension_sees_its_own_calls(http: httpx.Client, store: RedisServer) -> None:
    with events(http) as stream:
        assert next(event for event in stream if event[0] == "state" and event[1] == "live")
        publish(store, extension="1201", number="0820000100")
        publish(store, extension="1201", number="1200", call_dir="inbound")  # so he said
        made = publish(store, extension="1200", number="0820000100")
        taken = publish(store, extension="1201", number="1200")
        assert [next(stream), next(stream)] == [("cdr", made), ("cdr", taken)]


def test_what_others_publish_does_no_harm(http: httpx.Client, store: RedisServer) -> None:
    with events(http) as stream, Redis.from_url(store.url) as redis:
        assert next(event for event in stream if event == ("state", "live"))
        for text in ("", "no json", "[]", '{"payload": 7}', '{"payload": {}}', b"\xff"):
            redis.publish("enigma:notifications:cdr", text)
        good = publish(store, extension="1200")
        assert next(stream) == ("cdr", good)


def test_a_reload_switches_it_off_and_lets_the_pages_go(http: httpx.Client, desk: Office) -> None:
    config = desk.server.config
    with events(http) as stream:
        assert next(stream)[0] == "state"
        (integrator,) = config["integrators"]
        desk.server.write(config | {"integrators": [integrator | {"softphone": False}]})
        desk.server.reload()
        assert [event for event in stream if event[0] == "cdr"] == []  # the stream ends
    try:
        for path in ("", "/config", "/softphone.js", "/events?extension=1200"):
            assert http.get(f"/softphone{path}", headers=KEY).status_code == 404
    finally:
        desk.server.write(config)
        desk.server.reload()
