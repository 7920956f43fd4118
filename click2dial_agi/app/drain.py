"""From the PBX's spool to the integrators: what calls left behind that no server recorded."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path

from click2dial_agi.app.notify import notify
from click2dial_agi.domain import facts
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.records import read_event
from click2dial_agi.exceptions import MalformedFacts, NotificationError
from click2dial_agi.io.redis_writer import Pusher
from click2dial_agi.io.spool import Piece, Spool

__all__ = ["DRAIN_EVERY", "Drain", "drain_forever"]

log = logging.getLogger(__name__)

# A look costs a few system calls; an integrator waits for such a record up to twice this.
DRAIN_EVERY = 1.0

# Lines that are offered at once: one round trip to Redis, or one commit of the journal.
_GROUP = 200


class Drain:
    """Turns the lines of a spool into records and pushes them.

    A line counts as done when its record is in Redis or in the journal, and a file is deleted when
    all of its lines are done.  Stopped anywhere in between, it begins that file anew: what was
    pushed is known by its call_ref.
    """

    def __init__(self, path: Path) -> None:
        self._spool = Spool(path)
        self._config: Config
        self._pushers: Mapping[str, Pusher]
        self._failing = ""

    async def look(self, config: Config, pushers: Mapping[str, Pusher]) -> int:
        """Take over what is there and push what was taken over before; return how many records.

        Never raises: what cannot be done now is left for the next look, and the log says so once.
        """
        self._config, self._pushers = config, pushers
        done, failing = 0, ""
        try:
            if not self._spool.waiting():
                self._failing = ""
                return 0
            with self._spool.locked() as mine:
                for path in self._spool.take() if mine else ():
                    done += await self._drain(path)
        except (OSError, NotificationError) as error:
            failing = str(error)
            if not self._failing:
                log.error("spool: lines wait in %s: %s", self._spool.path.parent, error)
        if self._failing and not failing:
            log.warning("spool: lines are taken again from %s", self._spool.path.parent)
        self._failing = failing
        return done

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits.  Raises :exc:`OSError` when the directory cannot be read."""
        return not self._spool.waiting()

    @property
    def failure(self) -> str:
        """Why the last look left something, empty if it had no reason to."""
        return self._failing

    async def _drain(self, path: Path) -> int:
        size, done = path.stat().st_size, 0
        rejected: list[bytes] = []
        read = self._spool.read(path)
        while group := list(islice(read, _GROUP)):
            results = await asyncio.gather(
                *(self._push(piece) for piece in group), return_exceptions=True
            )
            for piece, result in zip(group, results, strict=True):
                if isinstance(result, MalformedFacts):
                    log.error("spool: no record: %s: %.200r", result, piece.data)
                    rejected.append(piece.data)
                elif isinstance(result, BaseException):
                    raise result
                else:
                    done += 1
        if rejected:
            self._spool.reject(rejected)
            log.error("spool: %d lines put aside in %s", len(rejected), self._spool.rejected)
        self._spool.remove(path, size)
        log.warning("spool: %d records that the dialplan had kept are stored", done)
        return done

    async def _push(self, piece: Piece) -> None:
        if not piece.whole:
            raise MalformedFacts("line", "a whole one, not a torn one")
        known = facts.decode(piece.data.decode("ascii"))
        event = read_event(known, self._config)
        name = event.call.integrator
        if not name:
            log.warning("%s has no integrator, so no record is kept", event.call.call_ref)
            return
        integrator, pusher = self._config.integrator(name), self._pushers.get(name)
        if integrator is None or pusher is None:
            raise MalformedFacts("integrator", f"a configured one, not {name}")
        await notify(pusher, event.notification(integrator), integrator)


async def drain_forever(
    path: Path, current: Callable[[], tuple[Config, Mapping[str, Pusher]]]
) -> None:
    """Drain a spool, now and every second, until cancelled."""
    drain = Drain(path)
    while True:
        try:
            await drain.look(*current())
        except Exception:  # a defect of ours must not stop it for all the lines to come
            log.exception("spool: %s", path)
        await asyncio.sleep(DRAIN_EVERY)
