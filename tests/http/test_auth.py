"""Keys and networks: who may use an integrator's API."""

from __future__ import annotations

import pytest

from click2dial_agi.domain.api_keys import hash_key
from sandbox import ports
from sandbox.redis import RedisServer
from tests.http.fake_ari import FakeARI
from tests.http.rig import API, CALLS, KEY, errors, exchange, serve, wire
from tests.io.running import run

ANY_CALL = f"{CALLS}/bde674e2-eeaf-4355-b32c-664a82256e11"
WRONG = [
    None,
    "",
    "Bearer",
    "Bearer wrong",
    f"Bearer {KEY}x",
    f"Bearer {KEY[:-1]}",
    f"Bearer {KEY.upper()}",
    f"Bearer x {KEY}",
    f"Bearer {KEY} x",
    f"Bearer {hash_key(KEY)}",  # who has read the configuration has not got the key
    f"Basic {KEY}",
    f"Bearer{KEY}",
    KEY,
    "Bearer \udcff",
    "Bearer schl\u00fcssel",
]


async def status(api: API, authorization: str | bytes | None, **headers: str) -> int:
    """Return the status of a request without side effects."""
    api.client.headers.pop("Authorization", None)
    if isinstance(authorization, str):
        authorization = authorization.encode("utf-8", "surrogateescape")
    named = [(name.encode(), value.encode()) for name, value in headers.items()]
    if authorization is not None:
        named.append((b"Authorization", authorization))
    response = await api.client.get(CALLS, headers=named)
    if response.status_code == 401:
        assert response.headers["www-authenticate"] == "Bearer"
        assert errors(response) == ["authorization: Bearer and one of this integrator's keys"]
    return response.status_code


@pytest.mark.parametrize("keys", [[KEY], [hash_key(KEY)], ["another", hash_key(KEY)]])
def test_a_key_opens_and_nothing_else_does(redis: RedisServer, keys: list[str]) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari, api_keys=keys) as api:
            for good in (f"Bearer {KEY}", f"bearer {KEY}", f"BEARER  {KEY}"):
                assert await status(api, good) == 200
            ari.requests.clear()
            for wrong in WRONG:
                assert await status(api, wrong) == 401, wrong
            assert ari.requests == []

    run(test())


def test_every_route_asks_for_a_key(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            api.client.headers.pop("Authorization")
            for method, path in (("POST", CALLS), ("GET", CALLS), ("GET", ANY_CALL)):
                assert (await api.client.request(method, path)).status_code == 401
            assert (await api.client.delete(ANY_CALL)).status_code == 401
            assert ari.requests == []

    run(test())


def test_without_keys_and_networks_nobody_gets_in(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari, api_keys=[]) as api:
            for wrong in WRONG:
                assert await status(api, wrong) == 401

    run(test())


@pytest.mark.parametrize("key", ["schl\u00fcssel-\u4e2d", hash_key("schl\u00fcssel-\u4e2d")])
def test_a_key_may_be_any_text(redis: RedisServer, key: str) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari, api_keys=[key]) as api:
            assert await status(api, "Bearer schl\u00fcssel-\u4e2d") == 200
            assert await status(api, "Bearer schl\u00fcssel".encode("latin-1")) == 401

    run(test())


def test_bytes_that_no_client_library_sends_open_nothing(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari, api_keys=["x"]) as api:
            for value in ("Bearer ", "Bearer \t", " Bearer", "Bearer \xff", "\xff"):
                lines = [f"GET {CALLS} HTTP/1.1", "Host: x", f"Authorization: {value}"]
                request = "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1")
                assert (await exchange(api.port, request)).startswith(b"HTTP/1.1 401 "), value

    run(test())


def test_two_authorizations_are_none(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            second = "Authorization: Bearer other"
            answer = await exchange(api.port, wire(b"", second, "Connection: close", method="GET"))
            assert answer.startswith(b"HTTP/1.1 401 ")

    run(test())


def test_a_network_may_call_without_a_key(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari, allow_from=["127.0.0.0/8"]) as api:
            assert await status(api, None) == 200
            assert await status(api, "Bearer wrong") == 200

    run(test())


def test_the_address_is_that_of_the_connection(redis: RedisServer) -> None:
    """What a client writes about itself opens nothing."""

    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari, allow_from=["10.0.0.0/8"]) as api:
            claims = {"X-Forwarded-For": "10.0.0.1", "Forwarded": "for=10.0.0.1"}
            assert await status(api, None, **claims) == 401
            assert await status(api, None, **{"X-Forwarded-For": "nonsense"}) == 401

    run(test())


def test_a_page_from_elsewhere_cannot_use_the_network(redis: RedisServer) -> None:
    """A browser on an agent's desk posts for any page, and says whose page it was."""

    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari, allow_from=["127.0.0.0/8"]) as api:
            here = f"http://127.0.0.1:{api.port}"
            assert await status(api, None, Origin=here) == 200
            for elsewhere in ("https://evil.example", "null", here + "0"):
                assert await status(api, None, Origin=elsewhere) == 403
            assert await status(api, f"Bearer {KEY}", Origin="https://crm.example") == 200

    run(test())


def test_each_integrator_has_its_own_keys_and_calls(redis: RedisServer) -> None:
    async def test() -> None:
        port = ports.free_port()
        other = {
            "name": "other",
            "http": f"127.0.0.1:{port}",
            "api_keys": ["key-of-other"],
            "extensions": ["3000-3999"],
            "key_prefix": "other",
        }
        async with FakeARI() as ari, serve(redis, ari, other) as api:
            base = f"http://127.0.0.1:{port}"
            call = (await api.post()).headers["location"]
            theirs = {"Authorization": "Bearer key-of-other"}
            assert (await api.client.get(base + call)).status_code == 401
            assert (await api.client.get(call, headers=theirs)).status_code == 401
            response = await api.client.get(base + call, headers=theirs)
            assert response.status_code == 404
            assert errors(response) == ["call_ref: a call of this integrator"]
            assert (await api.client.delete(base + call, headers=theirs)).status_code == 404
            assert (await api.client.get(base + CALLS, headers=theirs)).json()["calls"] == []
            assert len(ari.channels) == 1
            # Nor their agents.
            response = await api.post(agent="3000")
            assert response.status_code in (403, 422)

    run(test())


def test_every_key_is_compared_to_its_end(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the first match nor the first difference ends the comparison."""
    compared: list[tuple[str, str]] = []

    def compare(one: str, other: str) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr("click2dial_agi.app.http.auth.hmac.compare_digest", compare)

    async def test() -> None:
        keys = [KEY, "second", hash_key("third")]
        async with FakeARI() as ari, serve(redis, ari, api_keys=keys) as api:
            assert await status(api, f"Bearer {KEY}") == 200
            assert await status(api, "Bearer x") == 401
            assert [len(text) for pair in compared for text in pair] == [len(hash_key(""))] * 12

    run(test())
