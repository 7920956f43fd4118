"""A PBX with a manager, and calls on it, for the tests of steering."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Any

from click2dial_agi.domain.variables import NOW
from sandbox.redis import RedisServer
from sandbox.waiting import patience
from tests.http.fake_ari import FakeARI
from tests.http.rig import API, serve
from tests.http.test_phone_calls import INBOUND, OUTBOUND, REF, channel
from tests.io.fake_ami import FakeAMI, message

__all__ = ["AGENT", "CLIENT", "REF", "SUPERVISOR", "Manager", "put_up", "served"]

SUPERVISOR = "key-of-a-supervisor"
AGENT, CLIENT = "PJSIP/1000-00000001", "PJSIP/trunk-00000002"


RIGHTS = {"record": True, "supervisor_keys": [SUPERVISOR]}


class Manager(FakeAMI):
    """Does what steering asks for; `variables` are the channels' by name, `gone` have ended.

    Of a variable that is not set, `told` may say what it is.
    """

    def __init__(self) -> None:
        super().__init__()
        self.variables: dict[tuple[str, str], str] = {}
        self.told: dict[str, str] = {}
        self.gone: set[str] = set()
        self.clock = 1_700_000_000_000  # ms
        self.told["C2D_FROM_c1"] = str(self.clock)
        for name in ("Events", "Setvar", "PlayDTMF", "MixMonitorMute", "BlindTransfer"):
            self.answers[name] = self._do
        self.answers["Getvar"] = self._get

    def asked(self, name: str) -> list[dict[str, str]]:
        """Return what came of an action, without its name and id."""
        return [
            {key: value for key, value in action.items() if key not in ("Action", "ActionID")}
            for action in self.actions
            if action["Action"] == name
        ]

    def _do(self, action: Mapping[str, str]) -> bytes:
        if action.get("Channel") in self.gone:
            return _answer(action, "Error", Message="No such channel")
        if action["Action"] == "Setvar":
            self.variables[action["Channel"], action["Variable"]] = action["Value"]
        return _answer(action, "Success")

    def _get(self, action: Mapping[str, str]) -> bytes:
        if action["Channel"] in self.gone:
            return _answer(action, "Error", Message="No such channel")
        name = action["Variable"]
        self.told[NOW] = str(self.clock)
        value = self.variables.get((action["Channel"], name), self.told.get(name, ""))
        return _answer(action, "Success", Variable=name, Value=value)


def refuse(action: Mapping[str, str]) -> bytes:
    """An answer to an action that the PBX does not do."""
    return _answer(action, "Error", Message="no")


def _answer(action: Mapping[str, str], response: str, **fields: str) -> bytes:
    return message(Response=response, ActionID=action["ActionID"], **fields)


def _begin(ari: FakeARI, channel_id: str) -> None:
    """Let what was originated run its application at once."""
    if channel_id.startswith(("hold-", "consult-")):
        ari.about[channel_id] = {"dialplan": {"app_name": "ChanSpy"}}


def put_up(ari: FakeARI, *, inbound: bool = False) -> None:
    """Put a call up, of agent 1000, whose two sides are joined."""
    ids = {AGENT: "a1", CLIENT: "c1"}
    facts = f"{INBOUND}&record=1" if inbound else f"{OUTBOUND}&recorded=1"
    channel(ari, "a1", "x" if inbound else "a", "" if inbound else facts)
    channel(ari, "c1", "i" if inbound else "c", facts)
    for name, uniqueid in ids.items():
        ari.about[uniqueid] = {"name": name}
    ari.variables["a1", "BRIDGEPEER"] = CLIENT
    ari.variables["c1", "BRIDGEPEER"] = AGENT


@contextlib.asynccontextmanager
async def served(
    redis: RedisServer, *others: Mapping[str, Any], **integrator: Any
) -> AsyncIterator[tuple[API, FakeARI, Manager]]:
    """Serve an integrator whose call is up, on a PBX with a manager."""
    async with (
        FakeARI() as ari,
        Manager() as ami,
        serve(redis, ari, *others, ami=ami, **{**RIGHTS, **integrator}) as api,
    ):
        async with asyncio.timeout(patience(5)):
            while not ami.asked("Events"):
                await asyncio.sleep(0.01)
        put_up(ari)
        ari.on_originate = partial(_begin, ari)
        api.redis.flushall()
        yield api, ari, ami
