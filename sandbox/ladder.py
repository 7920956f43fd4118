"""The messages of one call in their order, and how a test waits for one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sandbox.sip import Message
from sandbox.sip_text import progress_of
from sandbox.waiting import patience

Test = Callable[[Message], bool]


class Ladder:
    """Messages as `owner` sent and received them; all of them stay."""

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.messages: list[Message] = []
        self._waiting: list[tuple[Test, asyncio.Future[Message]]] = []

    def add(self, message: Message) -> None:
        """Note a message, and wake who waits for it."""
        self.messages.append(message)
        for entry in list(self._waiting):
            test, future = entry
            if test(message):
                self._waiting.remove(entry)
                if not future.done():
                    future.set_result(message)

    async def wait(self, test: Test, what: str, timeout: float = 5.0) -> Message:
        """Return the first message that passes, old or new; TimeoutError shows all there were."""
        for message in self.messages:
            if test(message):
                return message
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting.append((test, future))
        return await self.within(future, timeout, what)

    async def within(self, future: asyncio.Future[Message], timeout: float, what: str) -> Message:
        try:
            return await asyncio.wait_for(future, patience(timeout))
        except TimeoutError:
            raise TimeoutError(f"{self.owner} waits for {what}\n{self}") from None

    async def happened(self, event: asyncio.Event, what: str, timeout: float) -> None:
        """Return when an event is set; TimeoutError shows all messages there were."""
        try:
            await asyncio.wait_for(event.wait(), patience(timeout))
        except TimeoutError:
            raise TimeoutError(f"{self.owner} waits for {what}\n{self}") from None

    def __str__(self) -> str:
        return "\n".join(
            f"  {m.at:.2f} {'>' if m.sent else '<'} {m.start_line} {progress_of(m)}"
            for m in self.messages
        )
