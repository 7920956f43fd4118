"""Tokens: what a page may do that has one, and what it may not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from dataclasses import replace
from typing import Any, cast
from uuid import uuid4

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from click2dial_agi.app.live import hub as hub_module
from click2dial_agi.domain.agent_tokens import AgentToken, read_wanted
from click2dial_agi.domain.api_keys import hash_key
from click2dial_agi.domain.config import parse_config
from sandbox.events import listening
from sandbox.redis import RedisServer
from sandbox.server import ACME
from sandbox.waiting import patience
from tests.http.fake_ari import FakeARI
from tests.http.live_rig import EVENTS, agent, live_api
from tests.http.manager import served
from tests.http.rig import API, BODY, CALLS, KEY, errors, serve
from tests.http.test_phone_calls import OUTBOUND, REF
from tests.io.running import eventually, run

TOKENS = "/click2dial/tokens"
ORIGIN = "https://crm.example.com"
EXTENSION = "chrome-extension://abcdefghijklmnopabcdefghijklmnop"
PAGES: dict[str, Any] = {"cors_origins": [ORIGIN, "https://other.example.com"]}


#: What a page may ask with its agent's token, by operationId.  Each shows its agent's calls alone;
#: a further one needs a test of that, beside those below.
ASKED_BY_PAGES = {
    *("createCall", "listCalls", "getCall", "hangUpCall", "listHistory"),
    *("listAgents", "getAgent", "listEvents"),
    *("muteCall", "unmuteCall", "holdCall", "unholdCall", "pressKeys"),
    *("pauseRecording", "resumeRecording", "transferCall", "completeTransfer", "cancelTransfer"),
}


async def token(api: API, agent: str = "1000", **wanted: Any) -> str:
    """Ask for a token as the CRM's server does."""
    response = await api.client.post(TOKENS, json={"agent": agent, "origin": ORIGIN, **wanted})
    assert response.status_code == 201, response.text
    assert response.headers["cache-control"] == "no-store"
    return str(response.json()["token"])


def page(api: API, bearer: str, origin: str | None = ORIGIN) -> httpx.AsyncClient:
    """Return what sends the requests of a page that has a token."""
    headers = {"Authorization": f"Bearer {bearer}"} | ({} if origin is None else {"Origin": origin})
    return httpx.AsyncClient(base_url=api.base_url, headers=headers, verify=False)


def test_a_page_places_follows_and_ends_its_agents_calls(redis: RedisServer) -> None:
    async def test() -> None:
        async with (
            FakeARI() as ari,
            serve(redis, ari, **PAGES) as api,
            page(api, await token(api)) as crm,
        ):
            placed = await crm.post(CALLS, json=BODY)
            assert placed.status_code == 201
            where = placed.headers["location"]
            listed = (await crm.get(CALLS)).json()["calls"]
            assert [call["agent"] for call in listed] == ["1000"]
            assert (await crm.get(where)).json()["callee"] == BODY["callee"]
            assert (await crm.delete(where)).status_code == 204

    run(test())


def test_a_page_may_ask_these_and_nothing_else(redis: RedisServer) -> None:
    """Whatever the API describes: what is not named here takes a key."""

    async def test() -> None:
        async with (
            served(redis, **PAGES) as (api, _, _),
            page(api, await token(api)) as crm,
        ):
            paths = (await crm.get("/openapi.json")).json()["paths"]
            let_in = set()
            for path, operations in paths.items():
                where = re.sub(r"\{\w+\}", str(uuid4()), path)
                for method, operation in operations.items():
                    if "security" in operation:
                        answer = await crm.request(method.upper(), where, json=BODY)
                        if answer.status_code not in (401, 403):
                            let_in.add(operation["operationId"])
            assert let_in == ASKED_BY_PAGES

    run(test())


def test_other_agents_calls_are_not_its_affair(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari, **PAGES) as api:
            others = (await api.post(agent="1001")).headers["location"]
            ari.requests.clear()
            async with page(api, await token(api)) as crm:
                refused = await crm.post(CALLS, json={**BODY, "agent": "1001"})
                assert refused.status_code == 403
                assert errors(refused) == ["agent: the one that the token was given for"]
                assert (await crm.get(CALLS)).json()["calls"] == []
                assert (await crm.get(others)).status_code == 404
                assert (await crm.delete(others)).status_code == 404
                assert (await crm.post(TOKENS, json={"agent": "1000"})).status_code == 401
                ref = others.rpartition("/")[2]
                assert (await crm.get(f"/click2dial/recordings/{ref}")).status_code == 401
            assert not [one for one in ari.requests if "DELETE" in str(one)]
            assert (await api.client.get(others)).status_code == 200

    run(test())


@pytest.mark.case("O34")
def test_an_origin_may_name_the_port_that_goes_without_saying(redis: RedisServer) -> None:
    async def test() -> None:
        async with (
            FakeARI() as ari,
            serve(redis, ari, cors_origins=[f"{ORIGIN}:443"]) as api,
            page(api, await token(api, origin=f"{ORIGIN}:443")) as crm,
        ):
            placed = await crm.post(CALLS, json=BODY)
            assert placed.status_code == 201
            assert placed.headers["access-control-allow-origin"] == ORIGIN

    run(test())


@pytest.mark.case("C31")
def test_an_idempotency_key_is_a_pages_own(redis: RedisServer) -> None:
    """Whoever else uses it hears nothing of that call, and takes no key of the CRM's away."""

    async def test() -> None:
        async with (
            FakeARI() as ari,
            serve(redis, ari, **PAGES) as api,
            page(api, await token(api)) as one,
            page(api, await token(api, "1001")) as other,
        ):
            headers = {"Idempotency-Key": "order-4711"}
            placed = await one.post(CALLS, json=BODY, headers=headers)
            assert placed.status_code == 201
            assert (await one.post(CALLS, json=BODY, headers=headers)).json() == placed.json()
            refused = await other.post(CALLS, json=BODY, headers=headers)
            assert errors(refused) == ["agent: the one that the token was given for"]
            await one.delete(placed.headers["location"])
            assert (await api.post(contact_ref="another", key="order-4711")).status_code == 201

    run(test())


def test_who_has_handed_the_client_over_has_the_call_no_more(redis: RedisServer) -> None:
    async def test() -> None:
        async with (
            FakeARI() as ari,
            serve(redis, ari, **PAGES) as api,
            page(api, await token(api)) as first,
            page(api, await token(api, "1001")) as colleague,
        ):
            where = (await first.post(CALLS, json=BODY)).headers["location"]
            ref = where.rpartition("/")[2]
            ari.channels = {"c1": "Up"}
            ari.variables["c1", "C2D_c1"] = f"c{OUTBOUND.replace(REF, ref)}&created=1"
            assert (await first.get(where)).status_code == 200  # the colleague's phone rings
            assert (await colleague.delete(where)).status_code == 404
            ari.variables["c1", "BRIDGEPEER"] = "PJSIP/1001-00000002"
            assert (await first.get(CALLS)).json()["calls"] == []
            assert (await first.get(where)).status_code == 404
            assert (await first.delete(where)).status_code == 404
            assert list(ari.channels) == ["c1"]
            assert (await colleague.get(where)).json()["agent"] == "1001"
            (listed,) = (await colleague.get(CALLS)).json()["calls"]
            assert (listed["agent"], listed["state"]) == ("1001", "up")
            assert (await colleague.delete(where)).status_code == 204
            assert not ari.channels

    run(test())


def kept_token(redis: Redis) -> tuple[str, AgentToken]:
    """Return the key in Redis of the only token, and what it says."""
    [key] = cast("list[str]", redis.keys("*:token:*"))
    right = AgentToken.parse(str(redis.get(key)))
    assert right is not None
    return key, right


def test_a_stream_of_events_ends_with_its_token(redis: RedisServer) -> None:
    async def test() -> None:
        async with live_api(redis, **PAGES) as rig:
            await rig.begin()
            bearer = await token(rig.api)
            kept, right = kept_token(rig.api.redis)
            assert 3500 < right.expires_at - time.time() <= 3600
            async with page(rig.api, bearer) as crm:
                rig.api.redis.pexpire(kept, 500)
                async with asyncio.timeout(patience(5)):
                    ended = await crm.get(EVENTS, timeout=None)
                assert ended.status_code == 200
                await eventually(lambda: not rig.api.redis.exists(kept))
                assert (await crm.get(EVENTS)).status_code == 401
                older = json.dumps({"agent": "1000", "origin": ORIGIN})
                rig.api.redis.set(kept, older)  # it does not run out
                async with listening(crm, EVENTS) as events:
                    assert events.named("snapshot")
                    await rig.say(agent("1000"))
                    await events.until(lambda: len(events.told) == 2)

    run(test())


@pytest.mark.case("L91")
def test_a_stream_lasts_as_long_as_its_token_by_whatever_clock(redis: RedisServer) -> None:
    """Another server gave it, or the clock has been set since; Redis knows when it runs out."""

    async def test() -> None:
        async with live_api(redis, **PAGES) as rig:
            await rig.begin()
            bearer = await token(rig.api)
            kept, right = kept_token(rig.api.redis)
            told = replace(right, expires_at=right.expires_at - 3700).text()
            rig.api.redis.set(kept, told, ex=3600)
            async with page(rig.api, bearer) as crm, listening(crm, EVENTS) as events:
                assert events.named("snapshot")
                await rig.say(agent("1000"))
                await events.until(lambda: len(events.told) == 2)

    run(test())


def test_the_tokens_of_one_agent_take_a_few_listeners_places(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "MAX_BY_TOKEN", 2)

    async def test() -> None:
        async with live_api(redis, **PAGES) as rig, contextlib.AsyncExitStack() as held:
            await rig.begin()
            pages = [
                await held.enter_async_context(page(rig.api, await token(rig.api, one)))
                for one in ("1000", "1000", "1001")
            ]
            for one in pages[:2]:
                await held.enter_async_context(listening(one, EVENTS))
            for one in pages[:2]:
                refused = await one.get(EVENTS)
                assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
                assert errors(refused) == [
                    "events: at most 2 listeners at once with tokens of one agent"
                ]
            for other in (listening(pages[2], EVENTS), rig.listen(agent="1000"), rig.listen()):
                heard = await held.enter_async_context(other)
                await heard.until(lambda: bool(heard.named("snapshot")))  # noqa: B023

    run(test())


@pytest.mark.parametrize("origin", [None, "https://other.example.com", "null", f"{ORIGIN}.evil"])
def test_it_is_of_use_to_its_own_page_alone(redis: RedisServer, origin: str | None) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari, **PAGES) as api:
            async with page(api, await token(api), origin) as other:
                assert (await other.get(CALLS)).status_code == 403
                assert (await other.post(CALLS, json=BODY)).status_code == 403
            assert ari.asked("originate") == []

    run(test())


def test_an_extension_has_one_of_its_own(redis: RedisServer) -> None:
    """It may read without naming itself: where it may reach this host, its browser does not."""

    async def test() -> None:
        both: dict[str, Any] = {"cors_origins": [ORIGIN, EXTENSION.upper()]}
        async with FakeARI() as ari, serve(redis, ari, **both) as api:
            bearer = await token(api, origin=EXTENSION)
            async with page(api, bearer, EXTENSION) as its:
                placed = await its.post(CALLS, json=BODY)
                assert placed.status_code == 201
                assert placed.headers["access-control-allow-origin"] == EXTENSION
            where = placed.headers["location"]
            async with page(api, bearer, None) as its:
                assert (await its.get(where)).status_code == 200
                assert (await its.head(where)).status_code == 200
                assert (await its.delete(where)).status_code == 403
                assert (await its.post(CALLS, json=BODY)).status_code == 403
            for other in (ORIGIN, "null", f"{EXTENSION}a", EXTENSION.replace("abc", "bca"), ""):
                async with page(api, bearer, other) as page_:
                    assert (await page_.get(where)).status_code == 403, other
            async with page(api, await token(api), EXTENSION) as its:
                assert (await its.get(where)).status_code == 403
            api.reload(cors_origins=[ORIGIN])
            for named in (EXTENSION, None):
                async with page(api, bearer, named) as its:
                    assert (await its.get(where)).status_code == 403

    run(test())


def test_an_extension_that_nobody_named_gets_none(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari, **PAGES) as api:
            wanted = {"agent": "1000", "origin": EXTENSION}
            refused = await api.client.post(TOKENS, json=wanted)
            assert refused.status_code == 422
            assert errors(refused) == ["origin: one of this integrator's cors_origins"]

    run(test())


def test_one_that_has_run_out_or_never_was_is_none(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari, **PAGES) as api:
            good = await token(api)
            for wrong in (good[:-1] + "#", "agent-" + 43 * "a", good.upper()):
                async with page(api, wrong) as crm:
                    assert (await crm.get(CALLS)).status_code == 401
            [kept] = api.redis.keys("*:token:*")
            assert good not in kept
            assert 3500 < api.redis.ttl(kept) <= 3600
            api.redis.delete(kept)
            async with page(api, good) as crm:
                refused = await crm.get(CALLS)
            assert refused.status_code == 401
            assert errors(refused) == ["authorization: a token that has not run out"]

    run(test())


def test_a_reload_that_takes_the_page_or_the_agent_away_takes_the_token(redis: RedisServer) -> None:
    async def test() -> None:
        async with (
            FakeARI() as ari,
            serve(redis, ari, **PAGES) as api,
            page(api, await token(api, "1199")) as crm,
        ):
            assert (await crm.get(CALLS)).status_code == 200
            api.reload(cors_origins=["https://other.example.com"])
            assert (await crm.get(CALLS)).status_code == 403
            api.reload(extensions=["1000-1100"])
            assert (await crm.get(CALLS)).status_code == 401

    run(test())


@pytest.mark.case("A31")
def test_a_reload_that_takes_the_key_away_takes_its_tokens(redis: RedisServer) -> None:
    """Whoever had stolen the key could go on for a day: programs name any origin."""

    async def test() -> None:
        other = "another-key-of-acme"
        keys: dict[str, Any] = {"api_keys": [KEY, other], "allow_from": ["127.0.0.0/8"]}
        async with FakeARI() as ari, serve(redis, ari, **PAGES, **keys) as api:
            stolen = await token(api)
            api.client.headers["Authorization"] = f"Bearer {other}"
            kept = await token(api)
            del api.client.headers["Authorization"]
            of_the_network = await token(api)
            api.reload(api_keys=[other, hash_key(KEY)])
            for bearer in (stolen, kept, of_the_network):
                async with page(api, bearer) as crm:
                    assert (await crm.get(CALLS)).status_code == 200
            api.reload(api_keys=[hash_key(other)])
            for bearer, status in ((stolen, 401), (kept, 200), (of_the_network, 200)):
                async with page(api, bearer) as crm:
                    assert (await crm.get(CALLS)).status_code == status
                    assert (await crm.post(CALLS, json=BODY)).status_code in (status, 201, 429)
            assert hash_key(KEY).partition(":")[2] not in "".join(
                str(api.redis.get(one)) for one in api.redis.keys("*:token:*")
            )

    run(test())


WRONG: dict[str, Any] = {
    "agent": ["", "2000", None, True, 1.5, ["1000"], "1000\n", "\uff11\uff10\uff10\uff10"],
    "origin": ["", None, "*", "https://evil.example.com", f"{ORIGIN}/", 7],
    "ttl": [0, 59, 86_401, -1, 1.5, "3600", True],
}


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, values in WRONG.items() for value in values]
)
def test_what_is_wrong_is_named(redis: RedisServer, field: str, value: object) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari, **PAGES) as api:
            body = {"agent": "1000", "origin": ORIGIN, "ttl": 60, field: value}
            refused = await api.client.post(TOKENS, json=body)
            assert refused.status_code == 422
            assert [error.partition(":")[0] for error in errors(refused)] == [field]
            assert api.redis.keys("*:token:*") == []

    run(test())


def test_without_pages_there_are_no_tokens(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            refused = await api.client.post(TOKENS, json={"agent": "1000", "origin": ORIGIN})
            assert refused.status_code == 422
            api.client.headers["Authorization"] = f"Bearer {KEY}x"
            assert (await api.client.post(TOKENS, json={})).status_code == 401

    run(test())


_acme = parse_config({"integrators": [{**ACME, **PAGES}]}).integrators[0]
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
_keys = st.sampled_from(["agent", "origin", "ttl", "other"])


@given(_json | st.dictionaries(_keys, _json | st.sampled_from(["1000", ORIGIN, 60])))
def test_no_body_gives_a_right_that_is_not_the_integrators(body: object) -> None:
    right, ttl, wrong = read_wanted(body, _acme)
    if not wrong:
        assert _acme.owns(right.agent)
        assert right.origin in _acme.cors_origins
        assert 60 <= ttl <= 86_400
    else:
        assert (right, ttl) == (AgentToken("", ""), 0)


@given(st.text() | st.builds(AgentToken, st.text(), st.text(), st.integers()).map(AgentToken.text))
def test_what_stands_in_redis_is_read_or_nothing(text: str) -> None:
    right = AgentToken.parse(text)
    assert right is None or AgentToken.parse(right.text()) == right
