"""The Create Call API as the service runs it: listeners, clients and stores of all integrators."""

import asyncio
import logging
from collections.abc import Mapping
from functools import partial

from click2dial_agi.app.created_calls import CreatedCalls, reap_forever
from click2dial_agi.app.http.application import Checks, create_application
from click2dial_agi.app.http.server import HTTPServer
from click2dial_agi.domain.config import Config
from click2dial_agi.io.agi_server import AGIServer
from click2dial_agi.io.ari import ARI
from click2dial_agi.io.call_store import CallStore
from click2dial_agi.io.redis_writer import RedisWriter

__all__ = ["CreateCallAPI"]

log = logging.getLogger(__name__)


class CreateCallAPI:
    """One HTTP listener for each integrator that has ``http``, and what they share.

    A reload changes keys, limits and rules at once; listeners come and go with a restart only.
    """

    def __init__(self, agi: AGIServer) -> None:
        self.stores: dict[str, CallStore] = {}
        self._agi = agi
        self._ari: ARI | None = None
        self._calls: dict[str, CreatedCalls] = {}
        self._servers: list[HTTPServer] = []
        self._config: Config
        self._reaper: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    def use(self, config: Config, writers: Mapping[str, RedisWriter]) -> None:
        """Take a configuration; requests under way finish with the one they began with."""
        self._close_later(self._ari, *self.stores.values())
        self._config = config
        self._ari = ARI(config.asterisk) if config.asterisk else None
        self.stores = {
            integrator.name: CallStore(integrator.redis, integrator.key_prefix, integrator.cdr_list)
            for integrator in config.integrators
        }
        self._calls = {
            integrator.name: CreatedCalls(
                config,
                integrator,
                self._ari,
                self.stores[integrator.name],
                writers[integrator.name],
            )
            for integrator in config.integrators
            if self._ari is not None and integrator.http is not None
        }

    async def start(self) -> None:
        """Listen.  Raises :exc:`StartupError` when an address cannot be had."""
        for integrator in self._config.integrators:
            if integrator.http is not None:
                server = HTTPServer(
                    create_application(
                        partial(self._calls_of, integrator.name),
                        partial(self._checks, integrator.name),
                    ),
                    integrator.http,
                    f"integrators.{integrator.name}.http",
                )
                await server.start()
                self._servers.append(server)
                log.info("Create Call API of %s on http://%s", integrator.name, integrator.http)
        if self._servers:
            self._reaper = asyncio.create_task(reap_forever(lambda: list(self._calls.values())))

    async def stop(self) -> None:
        """Finish the requests under way and close everything."""
        if self._reaper is not None:
            self._reaper.cancel()
        await asyncio.gather(*(server.stop() for server in self._servers))
        self._close_later(self._ari, *self.stores.values())
        await asyncio.gather(*self._closing)

    def _calls_of(self, name: str) -> CreatedCalls:
        return self._calls[name]

    def _checks(self, name: str) -> Checks:
        async def agi() -> None:
            if not self._agi.is_listening:
                raise RuntimeError("not listening")

        assert self._ari is not None  # or the integrator would have no listener
        return {"redis": self.stores[name].ping, "ari": self._ari.ping, "agi": agi}

    def _close_later(self, *clients: ARI | CallStore | None) -> None:
        for client in clients:
            if client is not None:
                closing = asyncio.create_task(client.close())
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)
