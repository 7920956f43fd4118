"""Asks Kamailios whether agents have phones: behind one, Asterisk takes every agent for there."""

import asyncio
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from click2dial_agi.domain.foreign_json import parse_json
from click2dial_agi.domain.kamailio import DOOR_NAME, Kamailio
from click2dial_agi.domain.live.phones import Answer
from click2dial_agi.io.http_client import HTTPClient

__all__ = ["KamailioDoors", "questions", "read_phones"]

log = logging.getLogger(__name__)

_T = TypeVar("_T")

# Kamailio looks it up in memory; what takes longer is one that is away, and a POST that waits.
_TIMEOUT = 0.5

# All questions for many agents together.  A node has one at a time, so that it has its workers for
# phones: 79 for 5,000 agents, of 1 to 2 ms each.
_ROUND = 3.0

# It has another secret, or the files of another version.
_CURE = "write its files anew (kamailio-config), and restart it"

# What route DOOR_OF_MANY in kamailio.cfg takes at a time: so many names, so long together.
_MAX_NAMES, _MAX_LENGTH = 64, 2000

# Who has another name cannot log in at Kamailio (LOGIN in kamailio.cfg).
_NAME = re.compile(r"[A-Za-z0-9_.+-]{1,79}")


class KamailioDoors:
    """The inner sides of all Kamailios."""

    def __init__(self, kamailio: Kamailio, timeout: float = _TIMEOUT) -> None:
        self._doors = {
            node.name: HTTPClient(f"http://{node.inner}", DOOR_NAME, kamailio.door_key, timeout)
            for node in kamailio.nodes
        }
        self._silent: set[str] = set()  # told of in the log

    async def close(self) -> None:
        """Close the connections."""
        await asyncio.gather(*(door.close() for door in self._doors.values()))

    async def has_phone(self, name: str) -> bool | None:
        """Tell whether a phone has registered as ``name``; None if no Kamailio answers.

        They tell each other, but a word may be lost: one that knows of it is enough.
        """
        path = f"/phones/{name}"
        asked = [asyncio.create_task(self._ask(node, path, _registered)) for node in self._doors]
        known: bool | None = None
        try:
            for answer in asyncio.as_completed(asked):
                found = await answer
                if found:
                    return True
                known = found if found is not None else known
        finally:
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
        return known

    async def phones(self, names: Iterable[str]) -> dict[str, Answer]:
        """Return what each node says of many names, as far as it has answered in 3 s."""
        asked = list(questions(names))
        answers: dict[str, dict[str, bool | None]] = {node: {} for node in self._doors}

        async def ask(node: str) -> None:
            for some in asked:
                path = f"/phones?names={','.join(some)}"
                answer = await self._ask(node, path, partial(read_phones, names=some))
                if answer is None:
                    return  # nor will it answer the next one in time
                answers[node] |= answer

        try:
            async with asyncio.timeout(_ROUND):
                await asyncio.gather(*map(ask, self._doors))
        except TimeoutError:
            log.debug("Kamailios have not told of all phones within %g s", _ROUND)
        return dict(answers)

    async def _ask(self, node: str, path: str, read: Callable[[bytes], _T]) -> _T | None:
        try:
            answer = await self._doors[node].request("GET", path)
            if answer.status != 200:
                raise ValueError(f"status {answer.status}; {_CURE}")
            found = read(answer.body)
        except (OSError, ValueError, KeyError, TypeError) as error:
            if node not in self._silent:
                self._silent.add(node)
                reason = str(error) or "no answer in time"
                log.warning(
                    "Kamailio %s does not tell whether agents have phones: %s", node, reason
                )
            return None
        if node in self._silent:
            self._silent.discard(node)
            log.warning("Kamailio %s tells again whether agents have phones", node)
        return found


def questions(names: Iterable[str]) -> Iterator[list[str]]:
    """Yield names, each once and in their order, as many at a time as Kamailio takes."""
    some: list[str] = []
    length = 0
    for name in dict.fromkeys(names):
        if not _NAME.fullmatch(name):
            continue
        if len(some) == _MAX_NAMES or length + len(name) + 1 > _MAX_LENGTH:
            yield some
            some, length = [], 0
        some.append(name)
        length += len(name) + 1
    if some:
        yield some


def read_phones(body: bytes, names: Sequence[str]) -> Answer:
    """Read what a node says of these names, each of them and no other.

    Raises ValueError, KeyError or TypeError for anything else.
    """
    phones = parse_json(body)["phones"]
    if not isinstance(phones, dict) or phones.keys() != set(names):
        raise ValueError("an answer to another question")
    if not all(there is None or isinstance(there, bool) for there in phones.values()):
        raise ValueError("no answer of Kamailio's")
    return phones


def _registered(body: bytes) -> bool:
    registered = parse_json(body)["registered"]
    if not isinstance(registered, bool):
        raise ValueError("no answer of Kamailio's")
    return registered
