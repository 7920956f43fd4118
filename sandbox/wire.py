"""SIP over the UDP socket of a scripted phone: what is lost is sent again (RFC 3261, 17)."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Hashable

from sandbox.sip import Message

Address = tuple[str, int]

T1 = 0.5  # the first interval between two copies, in seconds
T2 = 4.0  # the longest
GIVE_UP = 64 * T1


class Wire(asyncio.DatagramProtocol):
    """A socket that talks to one address and hands each message on once.

    A request that comes again is answered as before, without asking anybody.
    """

    def __init__(self, target: Address, receive: Callable[[Message], None]) -> None:
        self.port = 0
        self.target = target
        self._receive = receive
        self._transport: asyncio.DatagramTransport | None = None
        self._timers: dict[Hashable, asyncio.TimerHandle] = {}
        self._answers: dict[Hashable, bytes] = {}
        self._seen: deque[tuple[float, Hashable]] = deque()  # by age

    async def open(self, port: int = 0) -> None:
        loop = asyncio.get_running_loop()
        address = ("127.0.0.1", port)
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=address)
        self.port = self._transport.get_extra_info("sockname")[1]

    def close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def transmit(self, raw: bytes, hop: Address | None = None) -> None:
        """Put bytes on the network, to another address if one is given; once closed, nowhere."""
        if self._transport is not None:
            self._transport.sendto(raw, hop or self.target)

    def send(self, text: str, hop: Address | None = None) -> Message:
        """Send it once."""
        raw = text.encode("utf-8", "surrogateescape")
        self.transmit(raw, hop)
        return Message(raw=raw, at=time.time(), sent=True)

    def repeat(self, key: Hashable, text: str, hop: Address | None = None) -> Message:
        """Send it, and again until `stop`."""
        message = self.send(text, hop)
        self._schedule(key, message.raw, T1, time.monotonic() + GIVE_UP, hop)
        return message

    def stop(self, key: Hashable) -> None:
        """What was sent under this key has arrived."""
        if timer := self._timers.pop(key, None):
            timer.cancel()

    def answer(self, request: Message, text: str) -> Message:
        """Send a response; the request's copies get it, too."""
        message = self.send(text)
        if (key := _transaction(request)) in self._answers:
            self._answers[key] = message.raw
        return message

    def _schedule(
        self, key: Hashable, raw: bytes, after: float, until: float, hop: Address | None
    ) -> None:
        def again() -> None:
            self._timers.pop(key, None)
            if time.monotonic() < until:
                self.transmit(raw, hop)
                self._schedule(key, raw, min(2 * after, T2), until, hop)

        self.stop(key)
        self._timers[key] = asyncio.get_running_loop().call_later(after, again)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        message = Message(raw=data, at=time.time(), sent=False)
        if message.method and message.method != "ACK":
            key = _transaction(message)
            if key in self._answers:
                if self._answers[key]:
                    self.transmit(self._answers[key])
                return
            self._answers[key] = b""  # seen; the answer follows
            self._seen.append((time.monotonic(), key))
            while self._seen[0][0] < time.monotonic() - GIVE_UP:
                del self._answers[self._seen.popleft()[1]]
        self._receive(message)

    def error_received(self, exc: Exception) -> None:
        """Ignore that nobody listens: a PBX that is restarted comes back."""


def _transaction(request: Message) -> Hashable:
    """Return what the copies of a request have in common."""
    return (request.header("Via"), request.header("CSeq"), request.call_id)
