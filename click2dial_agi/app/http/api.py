"""The Create Call API as the service runs it: listeners, clients and stores of all integrators."""

import asyncio
import logging
from collections.abc import Mapping
from functools import partial

from click2dial_agi.app.created_calls import CreatedCalls, Refused
from click2dial_agi.app.http.application import create_application
from click2dial_agi.app.http.health import Checks
from click2dial_agi.app.http.server import HTTPServer
from click2dial_agi.app.http.softphone import SOFTPHONE_PATH, Softphone, add_softphone
from click2dial_agi.app.lost_calls import reap_forever
from click2dial_agi.app.notify import Notifier
from click2dial_agi.app.times import Times
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.config_types import Address
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.numbers import FieldError
from click2dial_agi.exceptions import StartupError
from click2dial_agi.io.agi_server import AGIServer
from click2dial_agi.io.ari import ARI
from click2dial_agi.io.call_store import CallStore
from click2dial_agi.io.cdr_feed import CDRFeed
from click2dial_agi.io.listeners import Listeners
from click2dial_agi.io.spool import Spool

__all__ = ["CreateCallAPI"]

log = logging.getLogger(__name__)

# What a reload replaced is closed after the longest request that may still use it.
_GRACE = 30.0

_NOBODY = Refused(401, (FieldError("authorization", "none: this integrator was taken out"),))


class CreateCallAPI:
    """One HTTP listener for each integrator that has ``http``, and what they share.

    A reload changes keys, limits and rules at once; listeners come and go with a restart only.
    """

    def __init__(self, agi: AGIServer, times: Times = Times()) -> None:  # noqa: B008 (frozen)
        self.stores: dict[str, CallStore] = {}
        self._agi = agi
        self._times = times
        self._ari: ARI | None = None
        self._calls: dict[str, CreatedCalls] = {}
        self._feeds: dict[str, CDRFeed] = {}
        self._servers: dict[str, HTTPServer] = {}
        self._config: Config
        self._reaper: asyncio.Task[None] | None = None
        self._reaped_enough = asyncio.Event()
        self._stopping = asyncio.Event()
        self._closing: set[asyncio.Task[None]] = set()

    def use(self, config: Config, notifiers: Mapping[str, Notifier]) -> None:
        """Take a configuration; requests under way finish with the one they began with."""
        self._close_later(self._ari, *self.stores.values())
        self._config = config
        self._ari = ARI(config.asterisk, self._times.ari) if config.asterisk else None
        self.stores = {
            integrator.name: CallStore(integrator.redis, integrator.key_prefix, integrator.cdr_list)
            for integrator in config.integrators
        }
        for feed in self._feeds.values():
            feed.close()  # the softphones come back, under the new keys and networks
        self._feeds = {
            integrator.name: CDRFeed(integrator.redis, integrator.cdr_list)
            for integrator in config.integrators
        }
        for integrator in config.integrators:
            if integrator.name in self._servers:
                self._servers[integrator.name].use(integrator.tls)
        self._calls = {
            integrator.name: CreatedCalls(
                config,
                integrator,
                self._ari,
                self.stores[integrator.name],
                notifiers[integrator.name],
                self._times,
            )
            for integrator in config.integrators
            if self._ari is not None and integrator.http is not None
        }

    async def start(self, listeners: Listeners | None = None) -> None:
        """Listen.  Raises :exc:`StartupError` when an address cannot be had.

        The others are served all the same; call it again for those that are left.
        """
        failures: list[StartupError] = []
        for integrator in self._config.integrators:
            if integrator.http is not None and integrator.name not in self._servers:
                try:
                    await self._listen(integrator, integrator.http, listeners)
                except StartupError as error:
                    failures.append(error)
        if self._servers and self._reaper is None:
            self._reaper = asyncio.create_task(
                reap_forever(
                    lambda: list(self._calls.values()),
                    self._spool_waits,
                    self._times.reap_every,
                    self._reaped_enough,
                )
            )
        if failures:
            raise StartupError("; ".join(str(error) for error in failures))

    async def stop(self) -> None:
        """Finish the requests under way and close everything."""
        self._reaped_enough.set()
        if self._reaper is not None:
            await self._reaper
        for feed in self._feeds.values():
            feed.close()
        await asyncio.gather(*(server.stop() for server in self._servers.values()))
        self._stopping.set()
        self._close_later(self._ari, *self.stores.values())
        await asyncio.gather(*self._closing)

    def _spool_waits(self) -> bool:
        try:
            return bool(Spool(self._config.spool_path).waiting())
        except OSError:  # the drain tells of it
            return False

    async def _listen(
        self, integrator: Integrator, address: Address, listeners: Listeners | None
    ) -> None:
        name, where = integrator.name, f"integrators.{integrator.name}"
        app = create_application(partial(self._calls_of, name), partial(self._checks, name))
        add_softphone(app, partial(self._softphone, name))
        server = HTTPServer(app, address, where, integrator.tls)
        await server.start(listeners)
        self._servers[name] = server
        root = f"{'http' if integrator.tls is None else 'https'}://{address}"
        log.info("Create Call API of %s on %s", name, root)
        if integrator.softphone:
            log.info("softphone of %s on %s%s", name, root, SOFTPHONE_PATH)

    def _softphone(self, name: str) -> Softphone:
        integrator = self._config.integrator(name)
        if integrator is None:
            raise _NOBODY
        return Softphone(integrator, self._config.edge, self._feeds[name])

    def _calls_of(self, name: str) -> CreatedCalls:
        try:
            return self._calls[name]
        except KeyError:
            raise _NOBODY from None

    def _checks(self, name: str) -> Checks:
        async def agi() -> None:
            if not self._agi.is_listening:
                raise RuntimeError("not listening")

        async def gone() -> None:
            raise RuntimeError("taken out of the configuration")

        if name not in self._calls or self._ari is None:
            return {"redis": gone, "ari": gone, "agi": agi}
        return {"redis": self.stores[name].ping, "ari": self._ari.ping, "agi": agi}

    def _close_later(self, *clients: ARI | CallStore | None) -> None:
        async def close(client: ARI | CallStore) -> None:
            try:
                async with asyncio.timeout(_GRACE):
                    await self._stopping.wait()
            except TimeoutError:
                pass
            await client.close()

        for client in clients:
            if client is not None:
                closing = asyncio.create_task(close(client))
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)
