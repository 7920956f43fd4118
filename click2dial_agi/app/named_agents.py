"""Learns from the PBXs which endpoints are agents of another name (C2D_EXTENSION), and goes on so.

Calls never wait for it: while a PBX does not answer, what was known is in force.  A server that
starts knows nothing, so it asks before it takes calls, for a moment.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from click2dial_agi.domain.config import Config
from click2dial_agi.domain.named_agents import Naming, name_agents
from click2dial_agi.domain.pbxs import PBX
from click2dial_agi.exceptions import PBXUnreachable
from click2dial_agi.io.ari_facts import ARIFacts

__all__ = ["NamedAgents"]

log = logging.getLogger(__name__)

# Asterisk may start after us; later, its operator adds agents without a word to us.
_EVERY = 60.0
_RETRY = 5.0

# Each endpoint that is called otherwise costs a question, 0.8 ms of the PBX.  New ones are asked
# about at once; of those that are known so many each time, or a tenth where that is more, so that
# what an operator changed is seen within ten minutes.
_MAX_ENDPOINTS = 5000
_ASKED_AGAIN = 25

_CURE = "name them in integrators.….endpoints, or mend it"


@dataclass(frozen=True, slots=True)
class _Known:
    """What a PBX said: C2D_EXTENSION by endpoint, and the names of all endpoints.

    ``answers`` are those of endpoints that are no extension, empty where there is none, the oldest
    answer first.
    """

    answers: dict[str, str] = field(default_factory=dict)
    names: frozenset[str] = frozenset()

    @property
    def extensions(self) -> dict[str, str]:
        return {name: extension for name, extension in self.answers.items() if extension}


class NamedAgents:
    """Asks the PBXs of the configuration that ``written`` returns; ``adopt`` takes the merged one.

    ``adopt`` is called where something is new, and must not raise.
    """

    def __init__(self, written: Callable[[], Config], adopt: Callable[[Config], None]) -> None:
        self._written = written
        self._adopt = adopt
        self._known: Mapping[str, _Known] = {}  # by the PBX's address
        self._asked_of: Config | None = None
        self._told: set[str] = set()
        self._now = asyncio.Event()

    def merge(self, written: Config) -> Config:
        """Return a configuration as it was written with the agents that are known."""
        return self._name(written, self._known).config

    async def first(self, patience: float) -> Config:
        """Return the configuration as far as it is known after so many seconds; never raises."""
        written = self._written()
        try:
            async with asyncio.timeout(patience):
                await self._look()
        except TimeoutError:
            log.debug("the PBX's agents are not known yet")
        except Exception:
            log.exception("the PBX's agents could not be read")
        return self.merge(written)

    def look_soon(self) -> None:
        """Ask anew: the configuration is another."""
        self._now.set()

    async def run(self) -> None:
        """Look, now and again, until cancelled."""
        while True:
            self._now.clear()
            pause = _EVERY
            try:
                known = self._known
                if not await self._look():
                    pause = _RETRY
                self._put_in_force(known)
            except Exception:  # whatever a PBX answers, calls go on
                log.exception("the PBX's agents could not be read")
            try:
                async with asyncio.timeout(pause):
                    await self._now.wait()
            except TimeoutError:
                pass

    async def _look(self) -> bool:
        """Ask all PBXs; False if one does not answer, of which what was known stays in force."""
        written = self._written()
        kept = self._known if self._asked_of is written else {}
        urls = {pbx.ari_url for pbx in written.pbxs}
        known = {url: one for url, one in self._known.items() if url in urls}
        problems = set[str]()
        answers = await asyncio.gather(
            *(_ask(pbx, written, kept.get(pbx.ari_url, _Known())) for pbx in written.pbxs),
            return_exceptions=True,
        )
        for pbx, answer in zip(written.pbxs, answers, strict=True):
            if isinstance(answer, PBXUnreachable):
                what = "agents whose endpoint is not called as their extension are not known"
                at = f" at PBX {pbx.name}" if pbx.name else ""
                problems.add(f"{what}{at}: {answer}; {_CURE}")
            elif isinstance(answer, BaseException):
                raise answer
            else:
                known[pbx.ari_url], wrong = answer
                problems |= wrong
        if self._written() is not written:
            self._now.set()  # reloaded meanwhile: those answers may be another PBX's
            return True
        self._asked_of = written
        naming, before = self._name(written, known), self._name(written, self._known)
        self._tell(problems | {f"{one}; {_CURE}" for one in naming.problems})
        self._known = known
        if naming.config != before.config:
            agents = {name for one in known.values() for name in one.extensions}
            log.info("the PBX has %d agents whose endpoint has another name", len(agents))
        return not any(isinstance(answer, PBXUnreachable) for answer in answers)

    def _put_in_force(self, before: Mapping[str, _Known]) -> None:
        """Adopt what is known, if it is another thing than before."""
        written = self._written()
        config = self.merge(written)
        if config != self._name(written, before).config:
            self._adopt(config)

    @staticmethod
    def _name(written: Config, known: Mapping[str, _Known]) -> Naming:
        extensions: dict[str, str] = {}
        for one in known.values():
            extensions |= one.extensions
        names = {name for one in known.values() for name in one.names}
        return name_agents(written, extensions, names)

    def _tell(self, problems: set[str]) -> None:
        for problem in sorted(problems - self._told):
            log.warning(problem)
        self._told = problems


async def _ask(pbx: PBX, written: Config, kept: _Known) -> tuple[_Known, set[str]]:
    """Return what a PBX says, and what is wrong with it; raises :exc:`PBXUnreachable`."""
    ari = ARIFacts(pbx)
    try:
        names = sorted(await ari.endpoint_states())
        others = [name for name in names if name and written.owner_of(name) is None]
        there = set(others)
        answers = {name: kept.answers[name] for name in kept.answers if name in there}
        for name in _to_ask(others[:_MAX_ENDPOINTS], kept.answers):
            answers.pop(name, None)
            answers[name] = (await ari.options("endpoint", name)).get("C2D_EXTENSION", "")
    finally:
        await ari.close()
    problems = set()
    if len(others) > _MAX_ENDPOINTS:
        problems.add(
            f"the PBX has {len(others)} endpoints that are no extensions; "
            f"{_MAX_ENDPOINTS} were looked at; {_CURE}"
        )
    return _Known(answers, frozenset(names)), problems


def _to_ask(names: Sequence[str], known: Mapping[str, str]) -> list[str]:
    """Return whom to ask about: the new ones, and some of the known, whose answers are oldest."""
    new = [name for name in names if name not in known]
    there = set(names)
    old = [name for name in known if name in there]
    return new + old[: max(_ASKED_AGAIN, len(old) // 10)]
