"""docs/contract.md: every example is what the product emits."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any, cast

import pytest

from click2dial_agi.domain.calls import decide
from click2dial_agi.domain.config import Config, parse_config
from click2dial_agi.domain.counts import Counted, Counts
from click2dial_agi.domain.integrators import Limits
from click2dial_agi.domain.payloads import read_told
from click2dial_agi.domain.told import event_of
from sandbox.redis import RedisServer
from tests.domain.examples import ACME, request
from tests.http.fake_ari import FakeARI
from tests.http.rig import CALLS, serve
from tests.io.running import run

DOCS = Path(__file__).parents[1] / "docs" / "contract.md"
EXAMPLES = dict(re.findall(r"<!-- (.+?) -->\n```\w+\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL))
CALL_REF = "bde674e2-eeaf-4355-b32c-664a82256e11"

ASKED = request(call_ref=CALL_REF, contact_ref="client-4711")
TIMES = {"dialed_at": "1795444038", "ended_at": "1795444103"}
DECIDED = decide(ASKED, parse_config({"integrators": [ACME]}).integrators[0]).call.facts()
REFUSED = decide(
    ASKED._replace(callee="12345"), parse_config({"integrators": [ACME]}).integrators[0]
).call.facts()
ANSWERED = {"dialstatus": "ANSWER", "hangup_cause": "16", "ended_by": ""}
INBOUND = {
    **{"call_ref": CALL_REF, "call_dir": "inbound", "number": "+27820007777"},
    **{"dial_number": "27215550101", "contact_ref": "", "dialed_at": "1795444038"},
    **{"queued_at": "1795444038", "agent": "", "agent_channel": "PJSIP/1002-0000000b"},
    "joined_at": "1795444045",
}

# What Asterisk's channels say at the moment that each example is of.
FACTS: dict[str, dict[str, str]] = {
    "cdr": {**DECIDED, **TIMES, **ANSWERED, "record": "1"},
    "refused cdr": {
        **{**REFUSED, "refused": "1", "dialed_at": "1795444038", "ended_at": "1795444038"},
        **{"dialstatus": "", "hangup_cause": "28"},
    },
    "inbound cdr": {**INBOUND, **TIMES, **ANSWERED},
    "inbound call": INBOUND,
    "joined call": {**DECIDED, "dialed_at": "1795444038", "joined_at": "1795444045"},
}
FACTS["cdr before version 3"] = FACTS["cdr"]
FACTS["inbound call before version 3"] = INBOUND


def config(**keys: Any) -> Config:
    return parse_config({"integrators": [{**ACME, "dids": ["2721555*"], **keys}]})


@pytest.mark.parametrize("name", FACTS)
def test_a_notification(name: str) -> None:
    acme = config(payload_version=2 if "before version 3" in name else 3)
    notification = read_told(event_of(FACTS[name]), FACTS[name], acme).notification(
        acme.integrators[0]
    )
    shown = json.loads(EXAMPLES[name])
    emitted = json.loads(notification.body)
    assert emitted == shown
    assert list(emitted["payload"]) == list(shown["payload"])
    assert f"`{notification.list_name}`" in DOCS.read_text("utf-8")


def test_the_errors() -> None:
    asked = request(agent="2000", callee="!", outbound_id="!", contact_ref="!")
    emitted = [error.message for error in decide(asked, None).errors]
    shown = EXAMPLES["errors"].splitlines()
    # Nobody owns the agent: whether extensions may be called is its integrator's affair.
    assert [line.replace("3-4 digits, ", "") for line in shown] == emitted
    owner = config().integrators[0]
    emitted = [error.message for error in decide(asked._replace(agent="1000"), owner).errors]
    assert emitted == shown[1:]


def test_more_errors() -> None:
    keys = {
        "caller_ids": {"owned": ["27820001234"]},
        "destinations": {"international": ["27"]},
    }
    owner = config(**keys).integrators[0]
    emitted = [
        decide(request(**changed), owner).errors[0].message
        for changed in (
            {"callee": "2000"},
            {"callee": "1000"},
            {"callee": "0049123456700"},
            {"outbound_id": "random"},
            {"outbound_id": "tvc_unknown"},
            {"outbound_id": "27119999999"},
        )
    ]
    assert emitted == EXAMPLES["more errors"].splitlines()


def test_headers_that_are_too_long() -> None:
    asked = request(outbound_id="", contact_ref="")._replace(unread=True)
    emitted = [error.message for error in decide(asked, config().integrators[0]).errors]
    assert emitted == EXAMPLES["long headers"].splitlines()


def test_the_limits() -> None:
    shown = EXAMPLES["limits"].splitlines()
    free = {"concurrent_calls": None, "calls_per_minute": None}
    limits = [
        {"agent": {"concurrent_calls": 4}},
        {"agent": {**free, "calls_per_minute": 20}},
        {"agent": free, "phones": {"concurrent_calls": 100}},
        {"agent": free, "phones": {"calls_per_minute": 300}},
    ]
    for line, wanted in zip(shown, limits, strict=True):
        counts, allowed = Counts(lambda: 0.0), Limits.model_validate(wanted)
        said = (counts.admit(str(n), Counted("acme", "1000", ""), allowed) for n in range(301))
        assert next(error.message for error in said if error) == line


def test_the_api(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            body = json.loads(EXAMPLES["POST /click2dial/calls"])
            answer = await api.client.post(CALLS, json=body)
            assert answer.status_code == 201
            call_ref = answer.json()["call_ref"]
            assert answer.headers["location"] == f"{CALLS}/{call_ref}"
            assert same(answer.text, call_ref) == json.loads(EXAMPLES["201"])
            state = await api.client.get(f"{CALLS}/{call_ref}")
            shown = json.loads(EXAMPLES["GET /click2dial/calls/<call_ref>"])
            dialed_at = state.json()["dialed_at"]
            assert abs(dialed_at - time.time()) < 60
            assert same(state.text, call_ref) == {**shown, "dialed_at": dialed_at}
            wrong = {**body, "callee": "12345", "contact_ref": "a b"}
            refused = await api.client.post(CALLS, json=wrong)
            assert refused.status_code == 422
            assert refused.json() == json.loads(EXAMPLES["422"])

    run(test())


def same(text: str, call_ref: str) -> dict[str, Any]:
    """Return an answer as if its call had the call_ref of the examples."""
    return cast("dict[str, Any]", json.loads(text.replace(call_ref, CALL_REF)))


def test_no_example_is_left_out() -> None:
    others = {
        "errors",
        "more errors",
        "long headers",
        "limits",
        "POST /click2dial/calls",
        "201",
        "422",
    }
    assert set(EXAMPLES) == {*FACTS, *others, "GET /click2dial/calls/<call_ref>"}
