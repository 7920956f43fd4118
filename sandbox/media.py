"""Audio of a scripted phone: it says who it is, again and again, and knows whom it hears.

A packet's payload begins with the speaker's mark, `<1000>`. The PBX passes G.711 on as it is, from
one phone to the other, so the mark arrives; music and announcements have none.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import struct
import time

from sandbox import ports
from sandbox.waiting import patience

#: Seconds between two packets: enough to be heard soon, and few enough for dozens of calls a core.
INTERVAL = 0.05
SILENCE = b"\xff"
SAMPLES = 160
_MARK = re.compile(rb"<([^<>]{1,40})>")


class Media(asyncio.DatagramProtocol):
    """One RTP port. `mark` is what it says; change it at any time."""

    def __init__(self, mark: str) -> None:
        self.mark = mark
        self.peer: tuple[str, int] | None = None  # where to; None: nowhere yet
        self.speaks = True  # False while the other side is on hold
        self.port = 0
        #: When each mark was heard last, in seconds of time.monotonic.
        self.heard: dict[str, float] = {}
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []
        self._transport: asyncio.DatagramTransport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._sequence = 0
        self._source = secrets.randbits(32)

    async def open(self) -> None:
        """Take a port; Asterisk's own are elsewhere (ports.py)."""
        loop = asyncio.get_running_loop()
        while self._transport is None:
            self.port = ports.free_port()
            address = ("127.0.0.1", self.port)
            with contextlib.suppress(OSError):  # somebody was quicker
                self._transport, _ = await loop.create_datagram_endpoint(
                    lambda: self, local_addr=address
                )

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def start(self) -> None:
        """Speak from now on; who speaks already goes on."""
        if self._timer is None and self._transport is not None:
            self._speak()

    def _speak(self) -> None:
        if self._transport is None:
            return
        self._timer = asyncio.get_running_loop().call_later(INTERVAL, self._speak)
        if self.peer is None or not self.speaks:
            return
        self._sequence += 1
        header = struct.pack(
            "!BBHII",
            0x80,  # version 2
            0,  # G.711 mu-law
            self._sequence & 0xFFFF,
            self._sequence * SAMPLES & 0xFFFFFFFF,
            self._source,
        )
        payload = f"<{self.mark}>".encode().ljust(SAMPLES, SILENCE)
        self._transport.sendto(header + payload, self.peer)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        found = _MARK.match(data, 12)
        if found is None:
            return
        mark = found[1].decode("ascii", "replace")
        self.heard[mark] = time.monotonic()
        for wanted, future in self._waiting:
            if wanted == mark and not future.done():
                future.set_result(None)

    def error_received(self, exc: Exception) -> None:
        """Ignore that nobody listens: a call that ends closes one port before the other."""

    async def hear(self, mark: str, timeout: float = 4.0) -> None:
        """Return when this phone next hears that one; TimeoutError says whom it heard instead."""
        future = asyncio.get_running_loop().create_future()
        entry = (mark, future)
        self._waiting.append(entry)
        try:
            await asyncio.wait_for(future, patience(timeout))
        except TimeoutError:
            raise TimeoutError(f"{self.mark} does not hear {mark} but {self.lately(2)}") from None
        finally:
            self._waiting.remove(entry)

    def lately(self, seconds: float) -> set[str]:
        """Return the marks heard in the last seconds."""
        now = time.monotonic()
        return {mark for mark, at in self.heard.items() if now - at < seconds}
