"""All that is live of one configuration: a reader for each PBX, a hub for each integrator."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from click2dial_agi.app.ending import end
from click2dial_agi.app.live.hub import Hub, seen_by_all
from click2dial_agi.app.live.phones import PhoneWatch
from click2dial_agi.app.live.reader import Reader
from click2dial_agi.app.notify import Notifier
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.live.board import Change
from click2dial_agi.domain.live.views import AgentView
from click2dial_agi.domain.payloads import state_notification
from click2dial_agi.domain.pbxs import PBX
from click2dial_agi.exceptions import NotificationError
from click2dial_agi.io.ami import AMI
from click2dial_agi.io.ari_facts import ARIFacts
from click2dial_agi.io.history import History
from click2dial_agi.io.kamailio_door import KamailioDoors
from click2dial_agi.io.live_store import LiveStore

__all__ = ["Live", "LiveOf", "tell_agent", "tell_states"]

log = logging.getLogger(__name__)

# What a reload replaced is closed after the longest request that may still use it.
_GRACE = 30.0

# After a reader has failed by our own fault.
_PAUSE = 1.0


@dataclass(frozen=True, slots=True)
class LiveOf:
    """What is live of one integrator; ``place`` is what it was made of."""

    store: LiveStore
    hub: Hub
    history: History
    place: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class _Reading:
    reader: Reader
    task: "asyncio.Task[None]"
    facts: ARIFacts
    phones: PhoneWatch | None
    place: tuple[object, ...]


class Live:
    """Reads and tells what happens on the PBXs that have ``ami``; without any it does nothing.

    ``notifier_of`` returns an integrator's, for ``state_notifications``.
    """

    def __init__(self, notifier_of: Callable[[str], Notifier | None]) -> None:
        self._notifier_of = notifier_of
        self._integrators: Mapping[str, LiveOf] = {}
        self._readings: Mapping[str, _Reading] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._stopped = asyncio.Event()

    def of(self, integrator: str) -> LiveOf | None:
        """Return what is live of an integrator, None where no PBX has ``ami``."""
        return self._integrators.get(integrator)

    def use(self, config: Config) -> None:
        """Put a configuration in force; what it does not change goes on."""
        pbxs = {name_of(pbx): pbx for pbx in config.pbxs if pbx.ami is not None}
        before, self._integrators = (
            self._integrators,
            {one.name: self._keep(one, tuple(pbxs)) for one in config.integrators if pbxs},
        )
        for live in before.values():
            if live not in self._integrators.values():
                self._later(self._close(live))
        reading, self._readings = (
            self._readings,
            {name: self._read(name, pbx, config) for name, pbx in pbxs.items()},
        )
        for one in reading.values():
            if one not in self._readings.values():
                self._later(_end(one))

    async def close(self) -> None:
        """Give up all leases and let all listeners go."""
        self._stopped.set()
        await asyncio.gather(*map(_end, self._readings.values()))
        await asyncio.gather(*(self._close(live) for live in self._integrators.values()))
        await asyncio.gather(*self._closing)

    def _keep(self, integrator: Integrator, pbxs: tuple[str, ...]) -> LiveOf:
        channel = integrator.agents_channel
        place = (integrator.name, integrator.redis, integrator.cdr_list, pbxs, channel)
        known = self._integrators.get(integrator.name)
        if known is not None and known.place == place:
            return known
        store = LiveStore(integrator.redis, integrator.cdr_list, integrator.name, pbxs, channel)
        history = History(integrator.redis, integrator.cdr_list)
        return LiveOf(store, Hub(store), history, place)

    def _read(self, name: str, pbx: PBX, config: Config) -> _Reading:
        stores = {integrator: live.store for integrator, live in self._integrators.items()}
        kamailio = config.kamailio
        place = (pbx, tuple(live.place for live in self._integrators.values()), kamailio)
        known = self._readings.get(name)
        if known is not None and known.place == place:
            known.reader.use(config)
            return known
        assert pbx.ami is not None, "who has none is not read"
        facts = ARIFacts(pbx)
        ami = AMI(
            pbx.ami.host,
            pbx.ami.port,
            pbx.ami_username or "",
            pbx.ami_password or "",
            pbx.name or "",
        )
        phones = PhoneWatch(KamailioDoors(kamailio)) if kamailio is not None else None
        reader = Reader(name, ami, facts.endpoint_states, stores, config, self._notify, phones)
        return _Reading(reader, asyncio.create_task(_run(reader)), facts, phones, place)

    async def _notify(self, integrator: str, changes: Sequence[Change]) -> None:
        """Tell list, webhooks and channels of changes, where they are to have them."""
        notifier, live = self._notifier_of(integrator), self._integrators.get(integrator)
        if live is None or len(live.store.pbxs) == 1:
            await tell_states(notifier, changes)
            return
        for change in changes:
            if isinstance(change.view, AgentView):
                await tell_agent(notifier, live.store, change)
            else:
                await tell_states(notifier, [change])

    async def _close(self, live: LiveOf) -> None:
        await live.hub.close()
        try:
            async with asyncio.timeout(_GRACE):
                await self._stopped.wait()
        except TimeoutError:
            pass
        await live.store.close()
        await live.history.close()

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def name_of(pbx: PBX) -> str:
    """Return what a PBX is called where it has no name, and stands alone."""
    return pbx.name or "asterisk"


async def tell_states(notifier: Notifier | None, changes: Sequence[Change]) -> None:
    """Tell an integrator's list and webhooks of changes, if they are to have them, while fresh."""
    if notifier is None or not notifier.integrator.state_notifications:
        return
    for change in changes:
        await notifier.tell(state_notification(change.view, notifier.integrator))


async def tell_agent(notifier: Notifier | None, store: LiveStore, change: Change) -> None:
    """Tell of an agent as all PBXs know him, and not as the one at which something has changed.

    Again if that is another by then: another server may read another of them, and what is told last
    is how he stands.
    """
    states = notifier is not None and notifier.integrator.state_notifications
    told: AgentView | None = None
    while states or store.announces:
        view = seen_by_all(change.key, await store.agent(change.key))
        if view is None or view == told:
            return
        told = view
        with contextlib.suppress(NotificationError):  # a user who may not publish
            await store.announce(view)
        await tell_states(notifier, [change._replace(view=view)])


async def _run(reader: Reader) -> None:
    while True:
        try:
            await reader.run()
        except Exception:
            log.exception("what happens on a PBX is not read: our fault")
        await asyncio.sleep(_PAUSE)


async def _end(reading: _Reading) -> None:
    await end(reading.task)
    await reading.facts.close()
    if reading.phones is not None:
        await reading.phones.close()
