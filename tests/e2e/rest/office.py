"""Calls as a CRM creates them: over HTTP, with a phone on the desk and the telephone network."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import httpx
from redis import Redis

from click2dial_agi.app import lost_calls
from click2dial_agi.app.created_calls import CreatedCalls
from click2dial_agi.app.notify import Notifier
from click2dial_agi.app.pbxs import PBXs
from click2dial_agi.app.times import Times
from click2dial_agi.domain.config import parse_config
from click2dial_agi.domain.counts import Counts
from click2dial_agi.io.call_store import CallStore
from click2dial_agi.io.redis_lists import RedisLists
from sandbox import ports
from sandbox.asterisk import Asterisk
from sandbox.phone import Phone
from sandbox.process import until
from sandbox.redis import RedisServer
from sandbox.server import Server
from sandbox.trunk import Trunk
from tests.e2e.records import CRM, Payload

CALLS = "/click2dial/calls"
KEY = "key-of-acme"
OUTBOUND_ID = "27820001234"
RING_TIMEOUT = 8


def product(redis: RedisServer, env: Mapping[str, str] | None = None, **integrator: Any) -> Server:
    """Return a server that creates calls; it cannot start before `connect`."""
    acme = {"http": f"127.0.0.1:{ports.free_port()}", "api_keys": [KEY]}
    limits = {"calls_per_minute": 10_000, "concurrent_calls": 1000}
    return Server(
        redis.url,
        env=env,
        integrator={**acme, "ring_timeout": RING_TIMEOUT, "limits": limits, **integrator},
    )


def connect(server: Server, pbx: Asterisk, **changes: str) -> Server:
    """Tell a server how to reach a PBX."""
    login = {"ari_username": pbx.ari_username, "ari_password": pbx.ari_password}
    server.config["asterisk"] = {"ari_url": pbx.ari_url, **login, **changes}
    server.write(server.config)
    return server


@dataclass(frozen=True)
class Office:
    """One server, its PBX and the CRM."""

    server: Server
    pbx: Asterisk
    trunk: Trunk
    crm: CRM
    redis: RedisServer

    @property
    def base_url(self) -> str:
        return f"http://{self.server.config['integrators'][0]['http']}"

    def client(self) -> httpx.Client:
        """Return a client that knows the key."""
        headers = {"Authorization": f"Bearer {KEY}"}
        # No TLS, so no certificates of authorities, which take 40 ms to read each time.
        return httpx.Client(
            base_url=self.base_url, headers=headers, trust_env=False, verify=False, timeout=30
        )

    def post(self, callee: str, agent: str | int = "1100", /, **more: str | int) -> httpx.Response:
        """Create a call, or try to."""
        body = {"agent": agent, "callee": callee, "outbound_id": OUTBOUND_ID, **more}
        with self.client() as client:
            return client.post(CALLS, json=body)

    def create(self, callee: str, agent: str | int = "1100", /, **more: str | int) -> str:
        """Create a call and return its call_ref."""
        response = self.post(callee, agent, **more)
        assert response.status_code == 201, response.text
        return str(response.json()["call_ref"])

    def get(self, call_ref: str) -> Mapping[str, Any]:
        """Return what the API says of a call."""
        with self.client() as client:
            return cast("Mapping[str, Any]", client.get(f"{CALLS}/{call_ref}").json())

    def wait_state(self, call_ref: str, state: str, timeout: float = 5.0) -> None:
        """Return as soon as a call stands so."""
        until(lambda: self.get(call_ref)["state"] == state, timeout, f"{call_ref} {state}")

    def listed(self) -> dict[str, str]:
        """Return the states of the calls in the list, by call_ref."""
        with self.client() as client:
            calls = client.get(CALLS).json()["calls"]
        return {call["call_ref"]: call["state"] for call in calls}

    def delete(self, call_ref: str) -> int:
        """Hang up and return the status."""
        with self.client() as client:
            return client.delete(f"{CALLS}/{call_ref}").status_code

    def channels(self) -> list[str]:
        """Return the names of all of Asterisk's channels."""
        lines = self.pbx.cli("core show channels concise").splitlines()
        return [line.partition("!")[0] for line in lines if "!" in line]

    def held(self) -> dict[str, str]:
        """Return which call holds each agent."""
        with Redis.from_url(self.redis.url, decode_responses=True) as redis:
            return cast("dict[str, str]", redis.hgetall("{enigma:notifications}:agents"))

    @contextlib.contextmanager
    def phone(self, mode: str = "answer", extension: str = "1100") -> Iterator[Phone]:
        """Put a registered phone on the desk."""
        with Phone(self.pbx, extension, password=f"secret-{extension}", mode=mode) as phone:
            # Asterisk answers the REGISTER a moment before the endpoint counts as there.
            until(lambda: self.pbx.is_registered(extension), 10, f"the registration of {extension}")
            yield phone

    def forget_presence(self) -> None:
        """Do as if no server had seen a PBX for a while."""
        with Redis.from_url(self.redis.url) as redis:
            for key in cast("list[bytes]", redis.keys("{enigma:notifications}:pbx:*")):
                redis.delete(key)

    def reap(self) -> None:
        """Look for lost calls at once, as the server does every few seconds."""

        async def reap() -> None:
            config = parse_config(self.server.config)
            [integrator] = config.integrators
            store = CallStore(integrator.redis, integrator.key_prefix, integrator.cdr_list)
            lists = RedisLists(integrator.redis, integrator.push)
            times = Times(lost_after=0.0)
            pbxs = PBXs(config.pbxs, times)
            notifier = Notifier(integrator, lists)
            calls = CreatedCalls(config, integrator, pbxs, store, notifier, times, Counts())
            await lost_calls.reap(calls)
            await pbxs.close()
            await store.close()
            await lists.close()

        asyncio.run(reap())


def ended(cdr: Payload) -> tuple[str, int]:
    """Return how a call ended."""
    return cdr["end_reason"], cdr["end_code"]
