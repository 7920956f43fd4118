"""The PBXs that a server reaches: which of them answer, and where a call is.

A call's entry in Redis says which run of which PBX has it (:class:`PBXRun`).  Where that PBX is one
of ours and answers, what it says of the call holds; else only a channel that carries the call tells
anything, wherever it is found.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from click2dial_agi.app.control.manager import Unhearing
from click2dial_agi.app.times import Times
from click2dial_agi.app.whereabouts import Channel, Whereabouts
from click2dial_agi.domain.kamailio import Kamailio
from click2dial_agi.domain.live_calls import LiveCall
from click2dial_agi.domain.pbx_runs import PBXRun
from click2dial_agi.domain.pbxs import PBX
from click2dial_agi.exceptions import PBXUnreachable
from click2dial_agi.io.ami import AMI
from click2dial_agi.io.ari import ARI
from click2dial_agi.io.kamailio_door import KamailioDoors

__all__ = ["Found", "LivePBX", "PBXs"]

log = logging.getLogger(__name__)

_T = TypeVar("_T")

# Of how many runs of a PBX a server knows that they were.
_RUNS = 8


class LivePBX:
    """One PBX: its interface, its channels, and whether it answered when it was asked last."""

    def __init__(self, config: PBX, timeout: float) -> None:
        self.name = config.name or ""
        self.url = config.ari_url
        self.ari = ARI(config, timeout)
        self.manager = _manager(config)
        self.where = Whereabouts(self.ari)
        #: Which run this is; unknown from when it does not answer until it was looked at again.
        self.run = PBXRun()
        self._runs: list[PBXRun] = []
        self.serves = True

    def __str__(self) -> str:
        return f"PBX {self.name}" if self.name else "the PBX"

    async def look(self) -> None:
        """Ask which run this is.  Raises :exc:`PBXUnreachable`."""
        run = await self.ari.run()
        if run.entity_id and run not in self._runs[-1:]:
            if self._runs:
                log.warning("%s was started anew", self)
            self._runs = [*self._runs[-_RUNS:], run]
        self.run = run

    def note(self, trouble: PBXUnreachable | None) -> None:
        """Keep whether it answered, and tell of a change."""
        if self.serves and trouble is not None:
            log.warning("%s at %s is away: %s", self, self.url, trouble)
            self.run = PBXRun()
        elif not self.serves and trouble is None:
            log.warning("%s at %s is back", self, self.url)
        self.serves = trouble is None

    def follows(self, call: LiveCall) -> bool:
        """Tell whether this is the PBX of a call, in a later run than the call says.

        Also if it was up already when the call began: it was not known yet that it had been down.
        """
        before = [run for run in self._runs if run != self.run]
        was = any(run.entity_id == self.run.entity_id and str(run) == call.run for run in before)
        return was or self.run.follows(self.name, call)


def _manager(config: PBX) -> AMI | None:
    if config.ami is None or config.ami_username is None or config.ami_password is None:
        return None
    host, port = config.ami.host, config.ami.port
    return AMI(host, port, config.ami_username, config.ami_password, config.name or "the PBX")


class Found(NamedTuple):
    """Where a call is: its PBX and channels there.

    Without channels ``gone`` tells whether it is certain that there are none.
    """

    pbx: LivePBX | None
    channels: Sequence[Channel]
    gone: bool


class PBXs:
    """All of a configuration's.  Those that are away are asked nothing while others serve."""

    def __init__(
        self, configs: Iterable[PBX], times: Times, kamailio: Kamailio | None = None
    ) -> None:
        self._all = tuple(LivePBX(one, times.ari) for one in configs)
        #: Who knows of the agents' phones where the PBXs do not.
        self.doors = KamailioDoors(kamailio) if kamailio is not None else None
        self._turn = 0
        self._connecting: list[asyncio.Task[None]] = []

    def __iter__(self) -> Iterator[LivePBX]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    async def close(self) -> None:
        """Close the connections."""
        for connecting in self._connecting:
            connecting.cancel()
        if self._connecting:
            await asyncio.wait(self._connecting)
        await asyncio.gather(*(one.ari.close() for one in self._all))
        if self.doors is not None:
            await self.doors.close()

    def connect(self) -> None:
        """Connect to the managers that there are, until all is closed."""
        managers = [one.manager for one in self._all if one.manager is not None]
        self._connecting = [asyncio.create_task(one.run(Unhearing())) for one in managers]

    def in_turn(self) -> list[LivePBX]:
        """Return those that serve, another one first each time; all where none does."""
        self._turn += 1
        start = self._turn % len(self._all)
        turned = self._all[start:] + self._all[:start]
        return [one for one in turned if one.serves] or list(turned)

    async def ask(
        self,
        question: Callable[[LivePBX], Awaitable[_T]],
        among: Iterable[LivePBX] | None = None,
        patience: float | None = None,
    ) -> tuple[dict[LivePBX, _T], PBXUnreachable | None]:
        """Ask several side by side, all by default; return the answers, and why one is missing.

        With ``patience`` one that has not answered after so many seconds is away, if there are
        others.
        """
        several = len(self._all) > 1
        asked = tuple(self._all if among is None else among)
        missing: PBXUnreachable | None = None
        answers: dict[LivePBX, _T] = {}

        async def ask(one: LivePBX) -> None:
            nonlocal missing
            try:
                if several and not one.serves:
                    raise PBXUnreachable(f"{one} is away")
                async with asyncio.timeout(patience if several else None):
                    if not one.serves:  # it may be another run that answers
                        await one.look()
                    answers[one] = await question(one)
            except TimeoutError:
                missing = PBXUnreachable(f"{one}: no answer in {patience:g} s")
                one.note(missing)
            except PBXUnreachable as error:
                missing = error
                one.note(error)
            else:
                one.note(None)

        await asyncio.gather(*map(ask, asked))
        # In the order of the configuration, whoever answered first.
        return {one: answers[one] for one in asked if one in answers}, missing

    async def look(self) -> None:
        """Ask all, those that are away too, which run they are."""

        async def look(one: LivePBX) -> None:
            try:
                await one.look()
            except PBXUnreachable as error:
                one.note(error)
            else:
                one.note(None)

        await asyncio.gather(*map(look, self._all))

    def home(self, call: LiveCall) -> LivePBX | None:
        """Return the one whose present run has a call, None if that is nobody's."""
        if not call.run:
            return None
        return next((one for one in self._all if str(one.run) == call.run), None)

    async def find(self, call_ref: str, call: LiveCall | None = None) -> Found:
        """Return where a call is; ``call`` is what Redis says of it.

        Raises :exc:`PBXUnreachable` for one of which Redis says nothing if it may be on a PBX that
        does not answer.
        """
        home = self.home(call) if call is not None else None
        answers: dict[LivePBX, list[Channel]] = {}
        missing = None
        for among in ([home] if home else []), [one for one in self._all if one is not home]:
            new, failed = await self.ask(lambda one: one.where.of(call_ref), among)
            answers |= new
            missing = failed or missing
            for one, channels in new.items():
                if channels:
                    return Found(one, channels, gone=False)
        if call is None and missing is not None:
            raise missing
        return Found(None, (), gone=call is None or self.is_gone(call, answers))

    async def find_all(self, calls: Mapping[str, LiveCall]) -> dict[str, Found]:
        """Return where several calls are."""
        if not calls:
            return {}
        answers, _ = await self.ask(lambda one: one.where.of_all(calls))
        found: dict[str, Found] = {}
        for one, channels in answers.items():
            for call_ref, carried in channels.items():
                found.setdefault(call_ref, Found(one, carried, gone=False))
        nowhere = {ref: call for ref, call in calls.items() if ref not in found}
        return found | {
            ref: Found(None, (), gone=self.is_gone(call, answers)) for ref, call in nowhere.items()
        }

    def is_gone(self, call: LiveCall, answered: Iterable[LivePBX]) -> bool:
        """Tell whether a call is over that was found on none of those that answered."""
        there = set(answered)
        if not call.run:  # of an older version, which knew one PBX; or not rung yet
            return there == set(self._all)
        home = self.home(call)
        return home in there if home is not None else self.is_over(call, there)

    def is_over(self, call: LiveCall, answered: Iterable[LivePBX]) -> bool:
        """Tell whether a PBX that answered is that of a call, and was started anew since."""
        return any(one.follows(call) for one in answered)
