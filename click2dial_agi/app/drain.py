"""From the PBX's spool to the integrators: what calls left behind that no server recorded."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from click2dial_agi.app.logs import of_nobody
from click2dial_agi.app.metrics import CALLS
from click2dial_agi.app.snapshot import Snapshot
from click2dial_agi.domain.numbers import is_call_ref
from click2dial_agi.domain.payloads import read_line
from click2dial_agi.domain.records import CallRecord
from click2dial_agi.exceptions import MalformedFacts, NotificationError
from click2dial_agi.io.spool import Piece, Spool

__all__ = ["DRAIN_EVERY", "Drain", "drain_forever"]

log = logging.getLogger(__name__)

# A look costs a few system calls; an integrator waits for such a record up to twice this.
DRAIN_EVERY = 1.0

# Lines that are offered at once: one round trip to Redis, or one commit of the journal.
_GROUP = 200

Numbered = tuple[int, Piece]


class Drain:
    """Turns the lines of a spool into records and stores them.

    A line is done when its record is in Redis or in the journal, and when it is none and was put
    aside.  What cannot be stored now stays, alone: no line, no file and no integrator waits for
    another.  Stopped anywhere, it begins a file anew: what was pushed is known by its call_ref.
    """

    def __init__(self, path: Path) -> None:
        self._spool = Spool(path)
        self._current: Snapshot
        self._failing = ""
        # Of files that could not be cut down to what is left of them (the disk is full).
        self._done: dict[Path, set[int]] = defaultdict(set)

    async def look(self, current: Snapshot) -> int:
        """Take over what is there and store what was taken over before; return how many records.

        Never raises: what cannot be done now is left for the next look, and the log says so once.
        """
        self._current = current
        done, failures = 0, list[str]()
        try:
            if self._spool.waiting():
                with self._spool.locked() as mine:
                    for path in self._spool.take() if mine else ():
                        done += await self._drain(path, failures)
        except OSError as error:
            failures.append(str(error))
        failing = failures[0] if failures else ""
        if failing and not self._failing:
            log.error("spool: lines wait in %s: %s", self._spool.path.parent, failing)
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

    async def _drain(self, path: Path, failures: list[str]) -> int:
        """Store what a file holds; return how many records.  Failures are added to the list."""
        done, stored = self._done[path], 0
        left: list[Piece] = []
        away: dict[str, str] = {}
        try:
            size = path.stat().st_size
            read = (one for one in enumerate(self._spool.read(path)) if one[0] not in done)
            while group := list(islice(read, _GROUP)):
                results = await asyncio.gather(
                    *(self._store(piece, away) for _, piece in group), return_exceptions=True
                )
                rejected = self._put_aside(group, results, failures)
                for (number, piece), result in zip(group, results, strict=True):
                    stored += result is None
                    if result is None or number in rejected:
                        done.add(number)
                    else:
                        left.append(piece)
            failures += away.values()
            # The file as it is serves as well, while nothing of it is done.
            if (done or not left) and self._spool.keep(path, size, (one.data for one in left)):
                del self._done[path]
        except OSError as error:
            failures.append(f"{path.name}: {error.strerror or error}")
        if stored:
            log.warning("spool: %d records that the dialplan had kept are stored", stored)
        return stored

    def _put_aside(
        self, group: list[Numbered], results: list[BaseException | None], failures: list[str]
    ) -> set[int]:
        """Put what is no record where the operator finds it; return the numbers that were."""
        lines: dict[int, bytes] = {}
        for (number, piece), result in zip(group, results, strict=True):
            if isinstance(result, MalformedFacts):
                lines[number] = piece.data
                # Not the line: it holds numbers and names.  The file has it.
                log.error("spool: no record: %s%s", result, _of_call(piece))
            elif result is not None and not isinstance(result, NotificationError):
                raise result
        if not lines:
            return set()
        try:
            path = self._spool.reject(lines.values())
        except OSError as error:
            failures.append(f"{self._spool.rejected.name}: {error.strerror or error}")
            return set()
        log.error(
            "spool: %d lines put aside in %s; once their reason is gone, back with them: "
            "cat %s >> %s && rm %s",
            len(lines),
            *(path, path, self._spool.path, path),
        )
        return set(lines)

    async def _store(self, piece: Piece, away: dict[str, str]) -> None:
        """Store what a line tells.  ``away``: of which integrators lines cannot be stored now."""
        if not piece.whole:
            raise MalformedFacts("line", "a whole one, not a torn one")
        event = read_line(piece.data.decode("ascii"), self._current.config)
        if isinstance(event, CallRecord):
            self._current.counts.leave(event.call.call_ref)
        name = event.call.integrator or self._current.formers.owner(event.known)
        if not name:
            log.warning("%s", of_nobody(event.call))
            return
        notifier = self._current.notifiers.get(name)
        if notifier is None:
            if not self._current.formers.is_awaited(name):
                raise MalformedFacts("integrator", f"a configured one, not {name}")
            away[name] = f"{name}: it is not configured any more"
            raise NotificationError(away[name])
        if name in away:  # it would take as long, for each of what may be a million lines
            raise NotificationError(away[name])
        try:
            new = await notifier.notify(event.notification(notifier.integrator))
        except NotificationError as error:
            away[name] = f"{name}: {error}"
            raise
        if new and isinstance(event, CallRecord):
            CALLS.labels(name, event.disposition(notifier.integrator).reason.value).inc()


def _of_call(piece: Piece) -> str:
    call_ref = piece.data.decode("ascii", "replace").partition("&")[0].removeprefix("call_ref=")
    return f" (call_ref {call_ref})" if is_call_ref(call_ref) else ""


async def drain_forever(path: Path, current: Callable[[], Snapshot]) -> None:
    """Drain a spool, now and every second, until cancelled."""
    drain = Drain(path)
    while True:
        try:
            await drain.look(current())
        except Exception:  # a defect of ours must not stop it for all the lines to come
            log.exception("spool: %s", path)
        await asyncio.sleep(DRAIN_EVERY)
