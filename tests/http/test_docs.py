"""/docs and /openapi.json: what they show, and that they need no Internet."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from sandbox.redis import RedisServer
from tests.http.fake_ari import FakeARI
from tests.http.rig import CALLS, serve
from tests.http.test_control import ACTIONS
from tests.io.running import run

DOCS = Path(__file__).parents[2] / "docs"


async def openapi(redis: RedisServer) -> dict[str, Any]:
    async with FakeARI() as ari, serve(redis, ari) as api:
        document: dict[str, Any] = (await api.client.get("/openapi.json")).json()
        return document


def test_the_page_loads_nothing_from_elsewhere(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            page = await api.client.get("/docs")
            assert page.headers["content-type"] == "text/html; charset=utf-8"
            assert "'self'" in page.headers["content-security-policy"]
            assert "://" not in page.text
            assert '"validatorUrl": null' in page.text
            loaded = re.findall(r'(?:src|href)="([^"]*)"', page.text)
            assert [one for one in loaded if not one.startswith("data:")]
            for address in loaded:
                if not address.startswith("data:"):
                    assert (await api.client.get(f"/{address}")).status_code == 200
            script = await api.client.get("/docs/swagger-ui-bundle.js")
            # OpenAPI 3.1 is what Swagger UI 5 reads and 4 does not.
            assert re.search(r'version:"5\.|"5\.\d+\.\d+"', script.text)

    run(test())


@pytest.mark.case("A60")
def test_no_page_of_others_frames_it(redis: RedisServer) -> None:
    """A click at "Execute" is a call, where a network needs no key."""

    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            policy = (await api.client.get("/docs")).headers["content-security-policy"]
            for lets_nothing in ("frame-ancestors", "base-uri", "form-action"):
                assert f"{lets_nothing} 'none'" in policy

    run(test())


def test_the_documents_tell_of_every_path(redis: RedisServer) -> None:
    texts = [one.read_text("utf-8") for one in DOCS.glob("*.md") if one.name != "cases.md"]
    told = re.sub(r"<\w+>|\{\w+\}", "{}", "".join(texts))
    for path in run(openapi(redis))["paths"]:
        _, below, action = path.partition("{call_ref}/")
        assert (f"`{action}`" if below else re.sub(r"\{\w+\}", "{}", path)) in told, path


def test_every_operation_says_what_it_answers(redis: RedisServer) -> None:
    paths = run(openapi(redis))["paths"]
    statuses = {
        (method, path): sorted(operation["responses"])
        for path, operations in paths.items()
        for method, operation in operations.items()
    }
    one = CALLS + "/{call_ref}"
    refused, said_wrong = ["401", "403"], ["421", "422", "503"]
    assert {key: value for key, value in statuses.items() if "click2dial/calls" in key[1]} == {
        ("post", CALLS): sorted(
            ["201", "400", *refused, "408", "409", "413", "415", "429", *said_wrong]
        ),
        ("get", CALLS): ["200", *refused, *said_wrong],
        ("get", one): ["200", *refused, "404", *said_wrong],
        ("delete", one): ["204", *refused, "404", *said_wrong],
    } | {
        ("post", f"{one}/{action}"): sorted(
            ["202", "400", *refused, "404", "408", "409", "413", "415", "429", "501", *said_wrong]
        )
        for action in ACTIONS
    }


def test_fastapis_own_errors_are_not_shown(redis: RedisServer) -> None:
    text = json.dumps(run(openapi(redis)))
    assert "HTTPValidationError" not in text
    assert "ValidationError" not in text


@pytest.mark.parametrize("changes", [{}, {"agent": 1000}, {"outbound_id": 27820001234}])
def test_the_example_is_accepted(redis: RedisServer, changes: dict[str, Any]) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            document = (await api.client.get("/openapi.json")).json()
            operation = document["paths"][CALLS]["post"]
            example = operation["requestBody"]["content"]["application/json"]["example"]
            [header] = operation["parameters"]
            response = await api.post({**example, **changes}, key=header["example"])
            assert response.status_code == 201, response.text

    run(test())


@pytest.mark.parametrize(
    ("keys", "callee", "told"),
    [
        ({}, "0820000100", "3-4 digits, 10 digits starting 0"),
        ({"numbering": {"accept": "formatted"}}, "082 000 0100", "3-4 digits, 10 digits"),
        (
            {"numbering": {"country": "GB"}, "extensions": ["10000-10999"], "caller_ids": {}},
            "0121 234 5678",
            "3-5 digits, a number as written in GB",
        ),
        ({"numbering": {"country": "ZA", "accept": "digits"}}, "0820000100", "written in ZA"),
    ],
)
def test_what_a_number_is_depends_on_the_plan(
    redis: RedisServer, keys: dict[str, Any], callee: str, told: str
) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari, **keys) as api:
            document = (await api.client.get("/openapi.json")).json()
            body = document["paths"][CALLS]["post"]["requestBody"]["content"]["application/json"]
            properties = body["schema"]["properties"]
            assert told in properties["callee"]["description"]
            checked = Draft202012Validator(body["schema"])
            example = {**body["example"], "callee": callee}
            assert checked.is_valid(body["example"])
            assert checked.is_valid(example)
            if not keys.get("numbering"):
                assert not checked.is_valid({**example, "callee": "082 000 0100"})

    run(test())
