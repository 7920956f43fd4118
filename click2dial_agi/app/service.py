"""The service: everything that ``serve`` runs, from start to stop."""

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from typing import Any

from click2dial_agi import __version__
from click2dial_agi.app.census import count_forever
from click2dial_agi.app.drain import drain_forever
from click2dial_agi.app.edge_service import EDGE_GRACE, raise_file_limit
from click2dial_agi.app.ending import end
from click2dial_agi.app.formers import Formers
from click2dial_agi.app.handlers import CallHandlers
from click2dial_agi.app.http.api import CreateCallAPI
from click2dial_agi.app.http.doors import Door, HTTPDoors
from click2dial_agi.app.http.metrics import create_metrics
from click2dial_agi.app.live.service import Live
from click2dial_agi.app.named_agents import NamedAgents
from click2dial_agi.app.notifiers import Notifiers
from click2dial_agi.app.reloads import reload_when_asked
from click2dial_agi.app.retention import sweep_forever
from click2dial_agi.app.shown_sharing import share_forever
from click2dial_agi.app.snapshot import Snapshot
from click2dial_agi.app.starting import Starting
from click2dial_agi.app.unheard import tell_forever
from click2dial_agi.app.watch import Watch
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.config_changes import needing_restart
from click2dial_agi.domain.counts import Counts
from click2dial_agi.exceptions import ConfigError, StartupError
from click2dial_agi.io.agi_server import AGIServer
from click2dial_agi.io.edge import Edge
from click2dial_agi.io.listeners import Listeners
from click2dial_agi.io.moved_calls import MovedCalls
from click2dial_agi.io.refusals import Refusals
from click2dial_agi.io.systemd import Systemd
from click2dial_agi.io.tls import tls_context

__all__ = ["Examine", "Service"]

log = logging.getLogger(__name__)

# Seconds that a start waits to know the PBX's agents: a call for one of them would fail before.
_FIRST_LOOK = 0.5

# Longer than a session may take by default, shorter than systemd waits (90 s) before SIGKILL.
_GRACE = 15.0

Examine = Callable[[Callable[[], Config]], Coroutine[Any, Any, None]]


class Service:
    """The AGI server, its handlers, the way of their records to Redis, and the WebSocket edge.

    ``reload`` returns the configuration anew; it is called on SIGHUP and may raise
    :exc:`ConfigError`, which leaves everything as it was.  ``with_edge`` False leaves the edge to
    another process, which finds the errors of refused calls in ``edge.redis``.  ``systemd`` is who
    started us, ``examine`` what looks after our surroundings meanwhile.

    Raises :exc:`StartupError` for a configuration that does not fit them.
    """

    def __init__(
        self,
        config: Config,
        reload: Callable[[], Config],
        *,
        with_edge: bool = True,
        systemd: Systemd | None = None,
        examine: Examine | None = None,
    ) -> None:
        if config.edge and not with_edge and not config.edge.redis:
            raise StartupError("edge.redis: without it no edge elsewhere can add the errors")
        self._systemd = systemd or Systemd({})
        self._listeners = Listeners(self._systemd)
        self._starting = Starting()
        self._started_with = config
        self._examine = examine
        self._reload = reload
        self._warned: list[str] = []
        self._written = config  # as the file has it, before the PBX's agents are added
        self._agents = NamedAgents(lambda: self._written, self._adopt)
        self._notifiers = Notifiers(config)
        told = config.edge is not None or config.errors_redis is not None
        self._refusals = Refusals(config.refusals_redis) if told else None
        self._moved = MovedCalls(config.errors_redis) if config.errors_redis is not None else None
        self._edge: Edge | None = None
        if config.edge is not None and self._refusals is not None and with_edge:
            self._edge = Edge(config.edge, self._refusals)
        self._counts = Counts()
        self._formers = Formers()
        self._handlers = CallHandlers(Snapshot(config, {}), self._refusals, self._moved)
        self._agi = AGIServer(self._handlers, config.agi)
        edge = {} if self._edge is None else {"edge": self._edge.check_upstream}
        self._live = Live(lambda name: self.current.notifiers.get(name))
        self._api = CreateCallAPI(
            self._agi,
            listeners=self._listeners,
            checks=edge,
            counts=self._counts,
            live=self._live.of,
        )
        self._metrics = HTTPDoors(self._listeners)
        self._serves_calls = self._announced = False
        self._reload_asked = asyncio.Event()
        self._stopping: asyncio.Event

    @property
    def current(self) -> Snapshot:
        """What is in force."""
        return self._handlers.current

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then finish the sessions in flight.

        What cannot start now, an address that is taken or not there yet, is tried again while the
        rest serves.  Raises :exc:`StartupError` for what is written wrong.
        """
        self._stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signal_number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload_asked.set)
        async with AsyncExitStack() as ladder:
            await self._climb(ladder, await self._agents.first(_FIRST_LOOK))
            self._listeners.close_rest()
            self._systemd.ready()  # first, so that who reads the log knows it as said
            self._announce()
            await self._stopping.wait()
            self._systemd.stopping()
            log.info("stopping: %d AGI sessions to finish", self._agi.sessions)
        log.info("stopped")

    async def _climb(self, ladder: AsyncExitStack, config: Config) -> None:
        """Start part by part.  The ladder stops them, the last one first, whichever fails."""
        if config.edge is not None and config.edge.tls is not None:
            tls_context(config.edge.tls, "edge.tls")
        notifiers = self._notifiers.build(config)
        self._notifiers.use(config, notifiers)
        ladder.push_async_callback(self._notifiers.close)
        self._live.use(config)
        ladder.push_async_callback(self._live.close)
        state = self._api.build(config, notifiers)
        self._api.use(state)
        self._handlers.current = Snapshot(
            config, notifiers, state.stores, self._counts, state.census, state.pbxs, self._formers
        )
        _beside(ladder, drain_forever(config.spool_path, lambda: self.current))
        _beside(ladder, sweep_forever(lambda: self.current.config))
        _beside(ladder, count_forever(self._counts, lambda: self.current.census))
        _beside(ladder, tell_forever(lambda: self.current))
        _beside(ladder, share_forever(lambda: self.current))
        _beside(ladder, self._systemd.live())
        _beside(ladder, Watch(lambda: self.current).run())
        if self._examine is not None:
            _beside(ladder, self._examine(lambda: self.current.config))
        if self._refusals is not None:
            ladder.push_async_callback(self._refusals.close)
        if self._moved is not None:
            ladder.push_async_callback(self._moved.close)
        if self._edge is not None and config.edge is not None:
            raise_file_limit(config.edge)
            ladder.push_async_callback(self._edge.stop, EDGE_GRACE)
            await self._starting.start(partial(self._edge.start, self._listeners))
        await self._starting.start(partial(self._start_agi, ladder))
        ladder.push_async_callback(self._metrics.stop)
        await self._starting.start(lambda: self._metrics.start(self._metrics_door(self.current)))
        ladder.push_async_callback(self._api.stop)
        await self._starting.start(self._api.start)
        _beside(ladder, self._agents.run())
        _beside(ladder, reload_when_asked(self._reload_asked, self._systemd, self.reload))
        ladder.push_async_callback(self._starting.stop)

    async def _start_agi(self, ladder: AsyncExitStack) -> None:
        await self._agi.start(self._listeners)
        self._serves_calls = True
        ladder.push_async_callback(self._agi.stop, _GRACE)
        if self._announced:
            self._announce_agi()

    async def reload(self) -> None:
        """Take a new configuration without dropping a session: all of it, or nothing.

        It is read beside the event loop, as that of some hundred integrators takes seconds.  To put
        it in force is one step of the loop, so whatever begins after it finds all parts of the new
        one, and what is under way keeps what it began with.
        """
        try:
            config, warnings = await asyncio.to_thread(self._read_anew)
            commit = self._prepared(self._agents.merge(config))
        except (ConfigError, StartupError, OSError) as error:
            log.error("configuration not reloaded: %s", error)
        except Exception:
            log.exception("configuration not reloaded: our fault")
        else:
            commit()
            self._formers.note(self._written, config)
            self._written = config
            self._agents.look_soon()
            for key in needing_restart(self._started_with, config):
                log.warning("%s changed; that takes a restart", key)
            self._warn(warnings)
            log.info("configuration reloaded")

    def _read_anew(self) -> tuple[Config, list[str]]:
        config = self._reload()
        return config, config.warnings()

    def _warn(self, warnings: list[str]) -> None:
        """Say what a configuration is warned of, and the one before was not."""
        for warning in warnings:
            if warning not in self._warned:
                log.warning("%s", warning)
        self._warned = warnings

    def _adopt(self, config: Config) -> None:
        """Put the same configuration with other agents in force, or tell why not."""
        try:
            commit = self._prepared(config)
        except (StartupError, OSError) as error:
            log.error("the PBX's agents are not in force: %s (mend it and reload)", error)
        else:
            commit()

    def _prepared(self, config: Config) -> Callable[[], None]:
        with ExitStack() as undo:
            commit = self._prepare(config, undo)
            undo.pop_all()
        return commit

    def _prepare(self, config: Config, undo: ExitStack) -> Callable[[], None]:
        """Make everything that a configuration takes; return what puts it in force, unfailingly."""
        if config.edge is not None and config.edge.tls is not None:
            tls_context(config.edge.tls, "edge.tls")
        notifiers = self._notifiers.build(config)
        state = self._api.build(config, notifiers)
        snapshot = Snapshot(
            config, notifiers, state.stores, self._counts, state.census, state.pbxs, self._formers
        )
        api_doors = self._api.prepare(config)
        undo.callback(api_doors.undo)
        metrics_doors = self._metrics.prepare(self._metrics_door(snapshot))
        undo.callback(metrics_doors.undo)

        def commit() -> None:
            self._notifiers.use(config, notifiers)
            self._live.use(config)
            self._api.use(state)
            self._handlers.current = snapshot
            self._agi.use(config.agi)
            if self._edge is not None and config.edge is not None:
                self._edge.use(config.edge)
            api_doors.commit()
            metrics_doors.commit()

        return commit

    def _metrics_door(self, snapshot: Snapshot) -> dict[str, Door]:
        if snapshot.config.metrics is None:
            return {}

        def in_flight() -> tuple[int, int]:
            return self._agi.sessions, self._edge.connections if self._edge is not None else 0

        make = partial(create_metrics, lambda: self.current, in_flight)
        return {"metrics": Door("metrics", "listen", snapshot.config.metrics.listen, make)}

    def _announce_agi(self) -> None:
        log.info("FastAGI on %s:%d", self._started_with.agi.listen.host, self._agi.port)

    def _announce(self) -> None:
        config = self.current.config
        log.info("click2dial-agi %s", __version__)
        self._announced = True
        if self._serves_calls:
            self._announce_agi()
        if self._edge is not None:
            self._edge.announce()
        if config.metrics is not None:
            log.info("metrics on http://%s/metrics", config.metrics.listen)
        self._api.announce()
        for integrator in config.integrators:
            log.info(
                "integrator %s: extensions %s, notifications on %s",
                integrator.name,
                ", ".join(str(extensions) for extensions in integrator.extensions),
                integrator.cdr_list,
            )
        self._warn(config.warnings())


def _beside(ladder: AsyncExitStack, work: Coroutine[Any, Any, None]) -> None:
    """Run something beside the rest; the ladder ends it."""
    ladder.push_async_callback(end, asyncio.create_task(work))
