"""The call handlers behind a real AGI server, and the sessions that a dialplan holds with them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from click2dial_agi.app.handlers import CallHandlers
from click2dial_agi.app.notify import Notifier
from click2dial_agi.app.snapshot import Snapshot
from click2dial_agi.domain import facts
from click2dial_agi.domain.config import AGI, Config, parse_config
from click2dial_agi.io.agi_server import AGIServer
from click2dial_agi.io.redis_lists import RedisLists
from tests.agi.wire import parse_args
from tests.domain.examples import ACME, CALL_REF
from tests.io.fake_asterisk import FakeAsterisk

ASKED = {
    "call_ref": CALL_REF,
    "dialed_at": "1700000000",
    "channel": "PJSIP/1000-00000001",
    "callee": "0820000100",
    "teleforge_outbound_id": "27820001234",
    "teleforge_contact_ref": "ticket-7",
}
ENDED = {
    "dialstatus": "ANSWER",
    "hangup_cause": "16",
    "ended_at": "1700000065",
    "ended_by": "callee",
}
RECEIPT = 'EXEC MSet "C2D_RECEIPT=1"'


def config(redis_url: str = "redis://127.0.0.1:1/0", **keys: Any) -> Config:
    """Return a configuration with ACME, whose Redis is at ``redis_url``."""
    agi = {"listen": "127.0.0.1:0"}
    return parse_config({"agi": agi, "integrators": [{**ACME, "redis": redis_url, **keys}]})


class Calls:
    """Sessions with the handlers; what they answer is returned, not judged."""

    def __init__(self, handlers: CallHandlers, server: AGIServer) -> None:
        self.handlers = handlers
        self.port = server.port

    async def session(self, script: str, query: str = "") -> list[str]:
        """Hold a session, saying yes to every command; return the commands."""
        commands = []
        async with FakeAsterisk(self.port) as asterisk:
            await asterisk.ask(script, query)
            while command := await asterisk.command():
                commands.append(command)
                await asterisk.reply()
        return commands

    async def outbound(self, **changed: str) -> dict[str, str]:
        """Place a call; return the variables that the answer sets."""
        # Before the answer a reference that was cut is read, of which there is no more here.
        *_, command = await self.session("outbound", facts.encode({**ASKED, **changed}))
        return mset(command)

    async def ended(self, known: str, **changed: str) -> list[str]:
        """End a call of which ``known`` is known; return the commands."""
        return await self.session("ended", f"{known}&{facts.encode({**ENDED, **changed})}")


def mset(command: str) -> dict[str, str]:
    """Return what an ``EXEC MSet`` sets."""
    _, _, variables = parse_args(command)
    return dict(pair.split("=", 1) for pair in variables.split(","))


@contextlib.asynccontextmanager
async def serving(config: Config, lists: RedisLists | None = None) -> AsyncIterator[Calls]:
    """Serve calls; ``lists`` takes the place of the integrators' own, which have no journal."""
    current = snapshot(config, lists)
    handlers = CallHandlers(current)
    server = AGIServer(handlers, AGI(listen=config.agi.listen))
    await server.start()
    try:
        yield Calls(handlers, server)
    finally:
        await server.stop(5)
        for notifier in current.notifiers.values():
            assert isinstance(notifier.lists, RedisLists)
            await notifier.lists.close()


def snapshot(config: Config, lists: RedisLists | None = None, timeout: float = 0.5) -> Snapshot:
    """Return a snapshot whose notifiers push straight to Redis, or to ``lists``."""
    notifiers = {
        one.name: Notifier(one, lists or RedisLists(one.redis, one.push, timeout, whose=one.name))
        for one in config.integrators
    }
    return Snapshot(config, notifiers)
