"""The Redis of errors and logins, as doctor sees it."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from redis import Redis

from click2dial_agi.app.doctor import Finding, Level
from click2dial_agi.app.doctor.beside import check_redis_beside
from click2dial_agi.domain.config import parse_config
from sandbox.redis import RedisServer
from tests.domain.examples import ACME

NOWHERE = "redis://127.0.0.1:1/0"
KAMAILIO = {
    "nodes": [{"name": "k1", "phones": "127.0.0.1:5060", "inner": "127.0.0.2:5060"}],
    "asterisks": ["127.0.0.1:5070"],
    "secret": "what-all-kamailios-have-in-common",
}


def found(**keys: Any) -> list[Finding]:
    integrators = [{**ACME, "extensions": ["1000-1099"]}]
    return asyncio.run(check_redis_beside(parse_config({"integrators": integrators, **keys})))


def test_there_is_none() -> None:
    assert found() == []
    assert found(edge={}) == []


@pytest.mark.parametrize(
    ("keys", "name", "loss"),
    [
        ({"errors_redis": NOWHERE}, "errors_redis", "the header that says why"),
        ({"edge": {"redis": NOWHERE}}, "edge.redis", "the header that says why"),
        ({"errors_redis": NOWHERE, "kamailio": KAMAILIO}, "errors_redis", "and nobody else"),
    ],
)
def test_one_that_is_away(keys: dict[str, Any], name: str, loss: str) -> None:
    (one,) = found(**keys)
    assert (one.check, one.level) == ("errors-refused", Level.WARNING)
    assert one.what.startswith(f"{name}: redis://127.0.0.1:1/0 does not take errors: ")
    assert loss in one.why
    assert "redis-cli PING" in one.cure


@pytest.mark.case("P9")
def test_no_phone_could_log_in_after_a_restart_of_kamailio(
    redis: RedisServer, client: Redis
) -> None:
    (one,) = found(errors_redis=redis.url, kamailio=KAMAILIO)
    assert (one.check, one.level) == ("logins-missing", Level.DANGER)
    assert "kamailio-credentials" in one.cure
    client.hset("c2d:phones", "1000", "0" * 32)
    assert found(errors_redis=redis.url, kamailio=KAMAILIO) == []
    assert found(errors_redis=redis.url) == []


def test_a_user_for_errors_alone(redis: RedisServer, client: Redis) -> None:
    rights = ("resetkeys", "~c2d:errors:*", "+set", "+exists", "+client", "+hello", "+select")
    command = cast(Any, client).execute_command
    command("ACL", "SETUSER", "edge", "reset", "on", ">hush", *rights)
    try:
        url = redis.url.replace("redis://", "redis://edge:hush@")
        assert found(edge={"redis": url}) == []
        command("ACL", "SETUSER", "edge", "-set")
        (one,) = found(edge={"redis": url})
        assert "ACL" in one.cure
    finally:
        client.acl_deluser("edge")
