"""Learns from the PBX which endpoints are agents of another name (C2D_EXTENSION), and goes on so.

Calls never wait for it: until the PBX has answered, and while it does not, what was known is in
force.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from click2dial_agi.domain.config import Config
from click2dial_agi.domain.named_agents import name_agents
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
    """Asks the PBX of the configuration that ``written`` returns; ``adopt`` takes the merged one.

    ``adopt`` is called where something is new, and must not raise.
    """

    def __init__(self, written: Callable[[], Config], adopt: Callable[[Config], None]) -> None:
        self._written = written
        self._adopt = adopt
        self._known = _Known()
        self._asked_of: Config | None = None
        self._told: set[str] = set()
        self._now = asyncio.Event()

    def merge(self, written: Config) -> Config:
        """Return a configuration as it was written with the agents that are known."""
        return name_agents(written, self._known.extensions, self._known.names).config

    def look_soon(self) -> None:
        """Ask anew: the configuration is another."""
        self._now.set()

    async def run(self) -> None:
        """Look, now and again, until cancelled."""
        while True:
            self._now.clear()
            pause = _EVERY
            try:
                await self._look()
            except PBXUnreachable as error:
                pause = _RETRY
                what = "agents whose endpoint is not called as their extension are not known"
                self._tell({f"{what}: {error}; {_CURE}"})
            except Exception:  # whatever a PBX answers, calls go on
                log.exception("the PBX's agents could not be read")
            try:
                async with asyncio.timeout(pause):
                    await self._now.wait()
            except TimeoutError:
                pass

    async def _look(self) -> None:
        written = self._written()
        if not written.pbxs:
            return
        ari = ARIFacts(written.pbxs[0])
        try:
            names = sorted(await ari.endpoint_states())
            others = [name for name in names if name and written.owner_of(name) is None]
            kept = self._known.answers if self._asked_of is written else {}
            there = set(others)
            answers = {name: kept[name] for name in kept if name in there}
            for name in _to_ask(others[:_MAX_ENDPOINTS], kept):
                answers.pop(name, None)
                answers[name] = (await ari.options("endpoint", name)).get("C2D_EXTENSION", "")
        finally:
            await ari.close()
        if self._written() is not written:
            self._now.set()  # reloaded meanwhile: those answers may be another PBX's
            return
        problems = set()
        if len(others) > _MAX_ENDPOINTS:
            problems.add(
                f"the PBX has {len(others)} endpoints that are no extensions; "
                f"{_MAX_ENDPOINTS} were looked at; {_CURE}"
            )
        self._asked_of, known = written, _Known(answers, frozenset(names))
        naming = name_agents(written, known.extensions, known.names)
        self._tell(problems | {f"{one}; {_CURE}" for one in naming.problems})
        before, self._known = self._known, known
        if naming.config != name_agents(written, before.extensions, before.names).config:
            self._adopt(naming.config)
            log.info("the PBX has %d agents whose endpoint has another name", len(known.extensions))

    def _tell(self, problems: set[str]) -> None:
        for problem in sorted(problems - self._told):
            log.warning(problem)
        self._told = problems


def _to_ask(names: Sequence[str], known: Mapping[str, str]) -> list[str]:
    """Return whom to ask about: the new ones, and some of the known, whose answers are oldest."""
    new = [name for name in names if name not in known]
    there = set(names)
    old = [name for name in known if name in there]
    return new + old[: max(_ASKED_AGAIN, len(old) // 10)]
