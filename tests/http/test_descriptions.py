"""/asyncapi.json, the webhooks of /openapi.json and /click2dial.http say what is really done."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator

from click2dial_agi.app.http.asyncapi import document
from click2dial_agi.app.http.collection import collection
from click2dial_agi.app.http.schemas import query
from click2dial_agi.domain.live.states import AgentState, CallState
from click2dial_agi.domain.live.views import AgentView, CallView
from click2dial_agi.domain.names import NotificationKind
from click2dial_agi.domain.notifications import Notification
from click2dial_agi.domain.payloads import (
    PAYLOADS,
    EmergencyCall,
    JoinedCall,
    listen_notification,
    state_notification,
)
from click2dial_agi.domain.steering import Listening, ListenMode
from sandbox.redis import RedisServer
from tests.domain.examples import config
from tests.domain.test_records import ANSWERED, ENDED, INBOUND, INBOUND_KEYS, UNDECIDED, record
from tests.http.fake_ari import FakeARI
from tests.http.live_rig import EVENTS, Rig, agent, call, live_api, push
from tests.http.live_rig import record as pushed
from tests.http.rig import serve
from tests.io.running import run

VERSIONS = (2, 3, 4)
_REQUEST = re.compile(
    r"### (.*)\n# @name (\w+)\n(?:# .*\n)?([A-Z]+) \{\{server\}\}(\S+)\n(.*)", re.DOTALL
)


def of(name: str, version: int = 0) -> Draft202012Validator:
    """Return what checks a list's envelope; with a version, of that payload alone."""
    described = document()
    schema = described["components"]["messages"][name]["payload"]
    if version:
        model = PAYLOADS[NotificationKind(name)][1][version - 2].__name__
        schema["properties"]["payload"] = {"$ref": f"#/components/schemas/{model}"}
    return Draft202012Validator({**schema, "components": described["components"]})


def check(name: str, notification: Notification, version: int = 0) -> None:
    assert notification.list_name.endswith(f":{name}")
    of(name, version).validate(json.loads(notification.body))


@given(
    facts=st.sampled_from([ENDED, INBOUND, UNDECIDED, ENDED | {"refused": "1"}]),
    more=st.fixed_dictionaries(
        {},
        optional={
            "recorded": st.just("1"),
            "created": st.just("1"),
            "dialstatus": st.sampled_from(["ANSWER", "BUSY", "NOANSWER", "CONGESTION", "", "x"]),
            "hangup_cause": st.integers(0, 130).map(str),
            "call_type": st.sampled_from(["transfer-blind", "transfer-attended", "forward"]),
            "pauses": st.sampled_from(["p1000r2500", "p5", "x"]),
        },
    ),
    version=st.sampled_from(VERSIONS),
)
def test_each_record_is_as_described(
    facts: dict[str, str], more: dict[str, str], version: int
) -> None:
    acme = config(**INBOUND_KEYS, payload_version=version, record=True)
    check("cdr", record(facts | more, acme).notification(acme.integrators[0]), version)


@pytest.mark.parametrize("version", VERSIONS)
def test_each_answer_is_as_described(version: int) -> None:
    acme = config(**INBOUND_KEYS, payload_version=version)
    answered = JoinedCall.from_facts(ANSWERED, acme)
    check("inbound", answered.notification(acme.integrators[0]), min(version, 3))
    joined = JoinedCall.from_facts(ENDED | {"joined_at": "1700000009"}, acme)
    check("c2d", joined.notification(acme.integrators[0]), min(version, 3))


def test_what_else_is_told_is_as_described() -> None:
    acme = config()
    (integrator,) = acme.integrators
    facts = {**UNDECIDED, "emergency": "1", "callee": "112", "agent": "1000"}
    check("emergency", EmergencyCall.from_facts(facts, acme).notification(integrator))
    listening = Listening("1009", ListenMode.WHISPER)
    ended = record(ENDED, acme).call
    check("listen", listen_notification(ended, "1000", listening, integrator, 1, "5d0e"))
    views: list[AgentView | CallView] = [
        *(agent("1000", state) for state in AgentState),
        *map(call, CallState),
    ]
    for view in views:
        check("state", state_notification(view, integrator))


def test_every_list_is_described() -> None:
    assert set(PAYLOADS) == {kind.value for kind in NotificationKind}


def test_events_are_as_described(redis: RedisServer) -> None:
    async def test() -> None:
        async with live_api(redis) as rig:
            assert (await rig.get("/asyncapi.json")).json() == document()
            await rig.begin(agent("1000"), calls=[call()])
            async with rig.listen() as events:
                await rig.say(agent("1000", AgentState.TALKING), call(CallState.HELD))
                await push(redis, pushed(1))
                await events.until(lambda: len({one["event"] for one in events.told}) == 4)
            for one in events.told:
                of(f"event-{one['event']}").validate(json.loads(one["data"]))

    run(test())


def refs(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (text for key, text in value.items() if key == "$ref")
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list):
            yield from refs(inner)


def test_what_they_point_at_is_there(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            openapi = (await api.client.get("/openapi.json")).json()
            assert set(openapi["webhooks"]) == set(PAYLOADS)
            stream = openapi["paths"][EVENTS]["get"]["responses"]["200"]["content"]
            assert set(stream["text/event-stream"]["x-event-data"]) > {"snapshot", "agent"}
            for described in (openapi, document()):
                for pointer in set(refs(described)):
                    found: Any = described
                    for part in pointer.removeprefix("#/").split("/"):
                        found = found[part]

    run(test())


async def requests(rig: Rig) -> list[tuple[str, ...]]:
    """Return the requests of the file: title, name, method, path, and what follows."""
    text = (await rig.get("/click2dial.http")).text
    head, *parts = re.split(r"\n(?=### )", text)
    assert f"@server = {rig.api.base_url}\n" in head
    found = []
    for part in parts:
        match = _REQUEST.fullmatch(part)
        assert match, part
        found.append(match.groups())
    return found


def test_the_http_file_has_each_request_and_all_are_understood(redis: RedisServer) -> None:
    async def test() -> None:
        origins = {"cors_origins": ["https://crm.example.com"]}
        async with live_api(redis, **origins) as rig:
            paths = (await rig.get("/openapi.json")).json()["paths"]
            found = await requests(rig)
            assert sorted(name for _, name, *_ in found) == sorted(
                operation["operationId"]
                for methods in paths.values()
                for operation in methods.values()
            )
            for _, name, method, path, rest in found:
                if name == "listEvents":  # it does not end
                    continue
                head, _, body = rest.partition("\n\n")
                assert ("Authorization: Bearer {{key}}" in head) == (
                    name not in ("isAlive", "isReady")
                )
                request: dict[str, Any] = {
                    "content": body,
                    "headers": {"Content-Type": "application/json"},
                }
                answer = await rig.api.client.request(method, path, **(request if body else {}))
                assert answer.status_code not in (400, 405, 415, 422), (name, answer.text)

    run(test())


def test_a_query_parameter_that_must_be_there_is_in_the_request() -> None:
    def parameter(name: str, required: bool) -> dict[str, Any]:
        return query(name, "…", {"type": "string"}, f"some {name}", required=required)

    operation: dict[str, Any] = {"summary": "Find", "operationId": "find", "parameters": []}
    for name, required in (("number", True), ("state", False)):
        operation["parameters"].append(parameter(name, required))
    text = collection({"paths": {"/found": {"get": operation}}})
    assert (
        "\n# may be asked with &state=some+state\nGET {{server}}/found?number=some+number\n" in text
    )
    operation["parameters"].pop(0)
    text = collection({"paths": {"/found": {"get": operation}}})
    assert "# may be asked with ?state=some+state\nGET {{server}}/found\n" in text


def test_the_http_file_names_no_host_of_others(redis: RedisServer) -> None:
    async def test() -> None:
        async with live_api(redis) as rig, httpx.AsyncClient(base_url=rig.api.base_url) as client:
            answer = await client.get("/click2dial.http", headers={"Host": "evil.example"})
            assert answer.status_code == 421
        async with live_api(redis, public_url="https://crm.example.com/pbx") as rig:
            text = (await rig.get("/click2dial.http")).text
            assert "@server = https://crm.example.com/pbx\n" in text

    run(test())
