"""A reload takes an integrator out, or its numbers, while calls from outside are up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from click2dial_agi.app.drain import Drain
from click2dial_agi.app.formers import Formers
from click2dial_agi.app.snapshot import Snapshot
from click2dial_agi.domain import facts
from click2dial_agi.domain.config import Config, parse_config
from click2dial_agi.domain.told import KnownCall, read_known
from click2dial_agi.io.redis_lists import RedisLists
from sandbox import ports
from sandbox.redis import RedisServer
from tests.app.serving import ENDED, RECEIPT, serving, snapshot
from tests.app.test_joined import ANSWERED, DIDS, OWNED
from tests.app.test_service import hold, running
from tests.domain.examples import ACME, CALL_REF
from tests.io.running import run

pytestmark = pytest.mark.case("C19")

OPEN: dict[str, Any] = {"name": "open", "extensions": ["2000-2999"], "key_prefix": "open"}
RINGING = ANSWERED.rpartition("&agent_channel=")[0]
ENDING = facts.encode(ENDED)


def house(*sections: dict[str, Any], url: str = "redis://127.0.0.1:1/0", port: int = 0) -> Config:
    agi = {"listen": f"127.0.0.1:{port}"}
    return parse_config({"agi": agi, "integrators": [{"redis": url, **one} for one in sections]})


def moved(url: str) -> Config:
    """ACME's DIDs and extensions are the other's."""
    acme = {**ACME, "extensions": ["3000-3999"]}
    return house(acme, {**OPEN, **DIDS, "extensions": ["1000-2999"]}, url=url)


def records(client: Redis, prefix: str = "enigma:notifications") -> list[tuple[str, str]]:
    """Pop an integrator's records; return their agents and calls."""
    found = []
    while body := client.rpop(f"{prefix}:cdr"):
        payload = json.loads(cast(str, body))["payload"]
        found.append((payload["extension"], payload["call_ref"]))
    return found


@pytest.mark.parametrize(
    ("known", "owner"), [(f"{ANSWERED}&{OWNED}", "acme"), (ANSWERED, "open"), (RINGING, "open")]
)
def test_a_call_that_was_answered_stays_whose_it_was(
    redis: RedisServer, client: Redis, known: str, owner: str
) -> None:
    """Without an answer, or what an older dialplan does not tell, the DID decides at the end."""

    async def scenario() -> None:
        async with serving(moved(redis.url)) as calls:
            assert await calls.session("ended", f"{known}&{ENDING}") == [RECEIPT]

    run(scenario())
    agent = "1001" if "agent_channel" in known else ""
    expected = [(agent, CALL_REF)]
    assert records(client) == (expected if owner == "acme" else [])
    assert records(client, "open") == (expected if owner == "open" else [])


def test_an_agent_whom_the_owner_never_had_is_not_named(redis: RedisServer, client: Redis) -> None:
    other = ANSWERED.replace("1001-", "2001-")

    async def scenario() -> None:
        async with serving(house({**ACME, **DIDS}, OPEN, url=redis.url)) as calls:
            assert await calls.session("ended", f"{other}&{OWNED}&{ENDING}") == [RECEIPT]

    run(scenario())
    assert records(client) == [("", CALL_REF)]


@pytest.mark.parametrize("known", [ANSWERED, f"{ANSWERED}&{OWNED}", RINGING])
def test_the_record_waits_for_an_integrator_that_was_taken_out(
    redis: RedisServer, client: Redis, known: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Also of a call that nobody has answered: it began when the DID was its."""
    port = ports.free_port()
    there = house({**ACME, **DIDS}, OPEN, url=redis.url, port=port)
    upcoming = iter([house(OPEN, url=redis.url, port=port), there])

    async def scenario() -> None:
        async with running(there, lambda: next(upcoming)) as service:
            await service.reload()
            assert await hold(port, "ended", f"{known}&{ENDING}") == ""
            late = known.replace("dialed_at=1700000000", "dialed_at=99999999999")
            expected = "" if OWNED in known else RECEIPT
            assert await hold(port, "ended", f"{late}&{ENDING}") == expected
            await service.reload()
            assert await hold(port, "ended", f"{known}&{ENDING}") == RECEIPT

    run(scenario())
    assert records(client) == [("1001" if "agent_channel" in known else "", CALL_REF)]
    assert "integrator: a configured one, not acme" in caplog.text


def test_the_spool_waits_a_while_and_then_puts_it_aside(
    redis: RedisServer, client: Redis, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    now = 1_700_000_100.0
    formers = Formers(lambda: now)
    there, gone = house({**ACME, **DIDS}, OPEN, url=redis.url), house(OPEN, url=redis.url)
    spool = tmp_path / "calls.spool"
    drain = Drain(spool)

    def look(config: Config) -> int:
        async def looks() -> int:
            notifiers = snapshot(config).notifiers
            current = Snapshot(config, notifiers, formers=formers)
            done = sum([await drain.look(current) for _ in range(2)])
            for notifier in notifiers.values():
                await cast(RedisLists, notifier.lists).close()
            return done

        return run(looks())

    formers.note(there, gone)
    spool.write_text(f"{RINGING}&{ENDING}\n")
    assert look(gone) == 0
    assert "lines wait in" in caplog.text
    formers.note(gone, there)
    assert look(there) == 1
    assert records(client) == [("", CALL_REF)]
    formers.note(there, gone)
    now += 120
    spool.write_text(f"{RINGING}&{ENDING}\n")
    assert look(gone) == 0
    assert "integrator: a configured one, not acme" in caplog.text
    assert [path.name for path in tmp_path.iterdir()] == ["calls.spool.rejected"]


TIMES = st.integers(1_699_999_900, 1_700_000_100)


@given(TIMES, TIMES, st.sampled_from(["27215550100", "0215550100", "27215550101", ""]))
def test_only_calls_that_began_before_are_a_formers(dialed_at: int, went: int, did: str) -> None:
    there, gone = house({**ACME, **DIDS}, OPEN), house(OPEN)
    formers = Formers(lambda: float(went))
    formers.note(there, gone)
    formers.note(gone, gone)
    told = {**facts.decode(RINGING), "dialed_at": str(dialed_at), "dial_number": did}
    known: KnownCall = read_known(told, gone)
    owned = did.endswith("215550100") and dialed_at <= went + 5
    assert formers.owner(known) == ("acme" if owned else "")
    formers.note(gone, there)
    assert formers.owner(known) == ""
