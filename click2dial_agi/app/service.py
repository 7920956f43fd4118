"""The service: everything that ``serve`` runs, from start to stop."""

import asyncio
import logging
import signal
from collections.abc import Callable
from functools import partial

from click2dial_agi import __version__
from click2dial_agi.app.drain import drain_forever
from click2dial_agi.app.edge_service import EDGE_GRACE, raise_file_limit
from click2dial_agi.app.handlers import CallHandlers
from click2dial_agi.app.http.api import CreateCallAPI
from click2dial_agi.app.http.metrics import create_metrics
from click2dial_agi.app.http.server import HTTPServer
from click2dial_agi.app.notifiers import Notifiers
from click2dial_agi.app.retention import sweep_forever
from click2dial_agi.app.snapshot import Snapshot
from click2dial_agi.app.starting import Starting
from click2dial_agi.domain.config import Config
from click2dial_agi.exceptions import ConfigError, StartupError
from click2dial_agi.io.agi_server import AGIServer
from click2dial_agi.io.edge import Edge
from click2dial_agi.io.listeners import Listeners
from click2dial_agi.io.refusals import Refusals
from click2dial_agi.io.systemd import Systemd

__all__ = ["Service"]

log = logging.getLogger(__name__)

# Longer than a session may take by default, shorter than systemd waits (90 s) before SIGKILL.
_GRACE = 15.0


class Service:
    """The AGI server, its handlers, the way of their records to Redis, and the WebSocket edge.

    ``reload`` returns the configuration anew; it is called on SIGHUP and may raise
    :exc:`ConfigError`, which leaves everything as it was.  ``with_edge`` False leaves the edge to
    another process, which finds the errors of refused calls in ``edge.redis``.  ``systemd`` is who
    started us.  Raises :exc:`StartupError` for a configuration that does not fit them.
    """

    def __init__(
        self,
        config: Config,
        reload: Callable[[], Config],
        *,
        with_edge: bool = True,
        systemd: Systemd | None = None,
    ) -> None:
        if config.edge and not with_edge and not config.edge.redis:
            raise StartupError("edge.redis: without it no edge elsewhere can add the errors")
        self._systemd = systemd or Systemd({})
        self._listeners = Listeners(self._systemd)
        self._starting = Starting()
        self._config = config
        self._reload = reload
        self._notifiers = Notifiers(config)
        self._refusals = Refusals(config.edge.redis) if config.edge else None
        self._edge: Edge | None = None
        if config.edge is not None and self._refusals is not None and with_edge:
            self._edge = Edge(config.edge, self._refusals)
        self._handlers = CallHandlers(Snapshot(config, {}), self._refusals)
        self._agi = AGIServer(self._handlers, config.agi)
        self._api = CreateCallAPI(self._agi)
        self._metrics: HTTPServer | None = None
        self._stopping: asyncio.Event

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then finish the sessions in flight.

        Raises :exc:`StartupError` when FastAGI's address cannot be had.  What cannot start beside
        it is tried again while calls are served.
        """
        self._stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signal_number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._systemd.reloading, self.reload)
        self._use(self._config)
        await self._agi.start(self._listeners)
        living = asyncio.create_task(self._systemd.live())
        draining = asyncio.create_task(
            drain_forever(self._config.spool_path, lambda: self._handlers.current)
        )
        sweeping = asyncio.create_task(sweep_forever(lambda: self._config))
        try:
            if self._edge is not None and self._config.edge is not None:
                raise_file_limit(self._config.edge)
                await self._starting.start(partial(self._edge.start, self._listeners))
            await self._starting.start(partial(self._api.start, self._listeners))
            await self._starting.start(self._start_metrics)
            self._listeners.close_rest()
            self._announce()
            self._systemd.ready()
            await self._stopping.wait()
            self._systemd.stopping()
            log.info("stopping: %d AGI sessions to finish", self._agi.sessions)
        finally:
            await self._starting.stop()
            await self._api.stop()
            if self._metrics is not None:
                await self._metrics.stop()
            await self._agi.stop(_GRACE)
            if self._edge is not None:
                await self._edge.stop(EDGE_GRACE)
            if self._refusals is not None:
                await self._refusals.close()
            tasks = (draining, sweeping, living)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await self._notifiers.close()
        log.info("stopped")

    def reload(self) -> None:
        """Take a new configuration without dropping a session."""
        try:
            config = self._reload()
        except ConfigError as error:
            log.error("configuration not reloaded: %s", error)
            return
        if config.agi.listen != self._config.agi.listen:
            log.warning("agi.listen changed; that takes a restart")
        if config.spool_dir != self._config.spool_dir:
            log.warning("spool_dir changed; that takes a restart")
        if (config.edge is None) != (self._refusals is None):
            log.warning("edge: was added or taken out; that takes a restart")
        elif self._edge is not None and config.edge is not None:
            self._edge.use(config.edge)
        self._use(config)
        log.info("configuration reloaded")

    def _use(self, config: Config) -> None:
        built = self._notifiers.build(config)
        self._config = config
        self._agi.use(config.agi)
        self._notifiers.use(config, built)
        self._api.use(config, built)
        self._handlers.current = Snapshot(config, built, self._api.stores)

    async def _start_metrics(self) -> None:
        if self._config.metrics is None:
            return

        def in_flight() -> tuple[int, int]:
            return self._agi.sessions, self._edge.connections if self._edge is not None else 0

        app = create_metrics(lambda: self._config, lambda: self._notifiers.by_name, in_flight)
        server = HTTPServer(app, self._config.metrics.listen, "metrics", key="listen")
        await server.start(self._listeners)
        self._metrics = server
        log.info("metrics on http://%s/metrics", self._config.metrics.listen)

    def _announce(self) -> None:
        log.info("click2dial-agi %s", __version__)
        log.info("FastAGI on %s:%d", self._config.agi.listen.host, self._agi.port)
        if self._edge is not None:
            self._edge.announce()
        for integrator in self._config.integrators:
            log.info(
                "integrator %s: extensions %s, notifications on %s",
                integrator.name,
                ", ".join(str(extensions) for extensions in integrator.extensions),
                integrator.cdr_list,
            )
        for warning in self._config.warnings():
            log.warning(warning)
