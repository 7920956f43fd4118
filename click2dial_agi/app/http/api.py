"""The Create Call API as the service runs it: listeners, clients and stores of all integrators."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType

from click2dial_agi.app.census import Census
from click2dial_agi.app.control.keeper import keep_forever
from click2dial_agi.app.control.steering import Steering
from click2dial_agi.app.created_calls import CreatedCalls
from click2dial_agi.app.ending import end
from click2dial_agi.app.http.access import Access
from click2dial_agi.app.http.application import create_application
from click2dial_agi.app.http.console import CONSOLE_PATH, Console, add_console
from click2dial_agi.app.http.doors import Door, DoorChange, HTTPDoors
from click2dial_agi.app.http.errors import Problem
from click2dial_agi.app.http.front import Front
from click2dial_agi.app.http.health import Check, Checks, checks_of
from click2dial_agi.app.http.softphone import SOFTPHONE_PATH, Softphone, add_softphone
from click2dial_agi.app.live.service import LiveOf
from click2dial_agi.app.lost_calls import look_forever, reap_forever
from click2dial_agi.app.notify import Notifier
from click2dial_agi.app.pbxs import PBXs
from click2dial_agi.app.snapshot import Snapshot
from click2dial_agi.app.times import Times
from click2dial_agi.app.watch import check_directory, check_redis
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.counts import Counts
from click2dial_agi.domain.networks import is_inside
from click2dial_agi.domain.numbers import FieldError
from click2dial_agi.io.agi_server import AGIServer
from click2dial_agi.io.call_store import CallStore
from click2dial_agi.io.cdr_feed import CDRFeed
from click2dial_agi.io.listeners import Listeners
from click2dial_agi.io.spool import Spool
from click2dial_agi.io.steering_store import SteeringStore

__all__ = ["CreateCallAPI"]

log = logging.getLogger(__name__)

# What a reload replaced is closed after the longest request that may still use it.
_GRACE = 30.0

_NOBODY = Problem(401, (FieldError("authorization", "none: this integrator was taken out"),))


@dataclass(frozen=True)
class _State:
    """What a configuration makes of the API; replaced whole."""

    config: Config
    pbxs: PBXs
    census: Census | None = None
    notifiers: Mapping[str, Notifier] = field(default_factory=dict)
    stores: Mapping[str, CallStore] = field(default_factory=dict)
    feeds: Mapping[str, CDRFeed] = field(default_factory=dict)
    calls: Mapping[str, CreatedCalls] = field(default_factory=dict)
    steers: Mapping[str, SteeringStore] = field(default_factory=dict)
    steering: Mapping[str, Steering] = field(default_factory=dict)


class CreateCallAPI:
    """One HTTP listener for each integrator that has ``http``, and what they share.

    ``checks`` are further parts that ``/readyz`` looks at.
    """

    def __init__(
        self,
        agi: AGIServer,
        times: Times = Times(),  # noqa: B008 (frozen)
        listeners: Listeners | None = None,
        checks: Checks = MappingProxyType({}),
        counts: Counts | None = None,
        live: Callable[[str], LiveOf | None] = lambda _: None,
    ) -> None:
        self._live = live
        self._agi = agi
        self._further = checks
        self._counts = Counts() if counts is None else counts
        self._times = times
        self._doors = HTTPDoors(listeners)
        self._state: _State | None = None
        self._access: dict[str, Access] = {}  # an integrator's that was taken out stays
        self._reaper: asyncio.Task[None] | None = None
        self._looker: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._reaped_enough = asyncio.Event()
        self._stopping = asyncio.Event()
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def _now(self) -> _State:
        assert self._state is not None, "use() comes first"
        return self._state

    @property
    def stores(self) -> Mapping[str, CallStore]:
        """The live calls of each integrator, by its name."""
        return self._now.stores

    def build(self, config: Config, notifiers: Mapping[str, Notifier]) -> _State:
        """Return what a configuration makes of the API; nothing of it is in force."""
        pbxs = PBXs(config.pbxs, self._times, config.kamailio)
        stores = {
            one.name: CallStore(one.redis, one.key_prefix, one.cdr_list)
            for one in config.integrators
        }
        steers = {one.name: SteeringStore(one.redis, one.key_prefix) for one in config.integrators}
        census = Census(config, pbxs, self._counts) if pbxs else None
        current = Snapshot(config, notifiers, stores, self._counts, census, pbxs)
        return _State(
            config,
            pbxs,
            census,
            notifiers,
            stores,
            {one.name: CDRFeed(one.redis, one.cdr_list) for one in config.integrators},
            {
                one.name: CreatedCalls(
                    config,
                    one,
                    pbxs,
                    stores[one.name],
                    notifiers[one.name],
                    self._times,
                    self._counts,
                )
                for one in config.integrators
                if pbxs and one.http is not None
            },
            steers,
            {
                one.name: Steering(current, one, pbxs, steers[one.name])
                for one in config.integrators
            },
        )

    def use(self, state: _State) -> None:
        """Put it in force; requests under way finish with the one they began with."""
        before, self._state = self._state, state
        state.pbxs.connect()
        self._access |= {
            one.name: Access.to(one, one.http)
            for one in state.config.integrators
            if one.http is not None
        }
        if before is not None:
            self._close_later(before.pbxs, *before.stores.values(), *before.steers.values())
            for feed in before.feeds.values():
                feed.close()  # the softphones come back, under the new keys and networks
            self._let_listeners_go(before)

    def prepare(self, config: Config) -> DoorChange:
        """Take the addresses of a new configuration.  Raises :exc:`StartupError`."""
        return self._doors.prepare(self._wanted(config))

    async def start(self) -> None:
        """Listen.  Raises :exc:`StartupError` when an address cannot be had.

        The others are served all the same; call it again for those that are left.
        """
        self._reaper = self._reaper or asyncio.create_task(
            reap_forever(
                lambda: list(self._now.calls.values()),
                self._spool_waits,
                self._times.reap_every,
                self._reaped_enough,
            )
        )
        self._looker = self._looker or asyncio.create_task(
            look_forever(
                lambda: self._now.pbxs,
                lambda: {name: one.store for name, one in self._now.calls.items()},
                self._times,
            )
        )
        self._keeper = self._keeper or asyncio.create_task(
            keep_forever(lambda: self._now.steering.values())
        )
        await self._doors.start(self._wanted(self._now.config))

    async def stop(self) -> None:
        """Finish the requests under way and close everything."""
        self._reaped_enough.set()
        if self._reaper is not None:
            await self._reaper
        await end(*(task for task in (self._looker, self._keeper) if task is not None))
        for feed in self._now.feeds.values():
            feed.close()
        self._let_listeners_go(self._now)
        await self._doors.stop()
        self._stopping.set()
        now = self._now
        self._close_later(now.pbxs, *now.stores.values(), *now.steers.values())
        await asyncio.gather(*self._closing)

    def _let_listeners_go(self, state: _State) -> None:
        for name in state.calls:
            live = self._live(name)
            if live is not None:
                live.hub.let_go()

    def announce(self) -> None:
        """Log where each integrator is served."""
        for one in self._now.config.integrators:
            if one.http is not None:
                root = f"{'http' if one.tls is None else 'https'}://{one.http}"
                log.info("Create Call API of %s on %s", one.name, root)
                if one.softphone:
                    log.info("softphone of %s on %s%s", one.name, root, SOFTPHONE_PATH)
                if one.console:
                    log.info("console of %s on %s%s", one.name, root, CONSOLE_PATH)

    def _wanted(self, config: Config) -> dict[str, Door]:
        return {
            one.name: Door(
                f"integrators.{one.name}",
                "http",
                one.http,
                partial(self._make, one.name),
                one.tls,
                partial(self._is_proxy, one.name),
            )
            for one in config.integrators
            if one.http is not None
        }

    def _make(self, name: str) -> Front:
        app = create_application(
            partial(self._calls_of, name),
            partial(self._steering_of, name),
            partial(self._checks, name),
            partial(self._live, name),
        )
        add_softphone(app, partial(self._softphone, name))
        add_console(app, partial(self._console, name))
        return Front(app, lambda: self._access[name])

    def _is_proxy(self, name: str, peer: str) -> bool:
        return is_inside(peer, self._access[name].proxies)

    def _spool_waits(self) -> bool:
        try:
            return bool(Spool(self._now.config.spool_path).waiting())
        except OSError:  # the drain tells of it
            return False

    def _softphone(self, name: str) -> Softphone:
        integrator = self._now.config.integrator(name)
        if integrator is None:
            raise _NOBODY
        return Softphone(integrator, self._now.config.edge, self._now.feeds[name])

    def _console(self, name: str) -> Console:
        now = self._now
        if now.config.integrator(name) is None:
            raise _NOBODY
        return Console(now.notifiers[name], self._checks(name), now.config.journal_path)

    def _calls_of(self, name: str) -> CreatedCalls:
        try:
            return self._now.calls[name]
        except KeyError:
            raise _NOBODY from None

    def _steering_of(self, name: str) -> Steering:
        try:
            return self._now.steering[name]
        except KeyError:
            raise _NOBODY from None

    def _checks(self, name: str) -> Checks:
        async def agi() -> None:
            if not self._agi.is_listening:
                raise RuntimeError("not listening")

        async def gone() -> None:
            raise RuntimeError("taken out of the configuration")

        state = self._now
        spool = partial(check_directory, state.config.spool_dir)
        shared: dict[str, Check] = {"agi": agi, "spool": spool, **self._further}
        integrator = state.config.integrator(name)
        if name not in state.calls or integrator is None:
            return {"redis": gone, "ari": gone, **shared}
        if integrator.record:
            shared["recordings"] = partial(check_directory, state.config.recordings_dir)
        redis = partial(check_redis, state.notifiers[name])
        return {"redis": redis, **checks_of(state.pbxs), **shared}

    def _close_later(self, *clients: PBXs | CallStore | SteeringStore) -> None:
        async def close(client: PBXs | CallStore | SteeringStore) -> None:
            try:
                async with asyncio.timeout(_GRACE):
                    await self._stopping.wait()
            except TimeoutError:
                pass
            await client.close()

        for client in clients:
            closing = asyncio.create_task(close(client))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
