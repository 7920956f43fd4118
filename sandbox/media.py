"""Audio of a scripted phone: it says who it is, again and again, and knows whom it hears.

A packet's payload begins with the speaker's mark, `<1000>`. The PBX passes G.711 on as it is, from
one phone to the other, so the mark arrives; music and announcements have none.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import socket
import struct
import time

from sandbox import ports
from sandbox.waiting import patience

#: Seconds between two packets: enough to be heard soon, and few enough for dozens of calls a core.
INTERVAL = 0.05
SILENCE = b"\xff"
SAMPLES = 160
_QUIET = b"\xff\xfe\x7f\x7e"  # what is turned down, too
_MARK = re.compile(rb"<([^<>]{1,40})>")


class Media:
    """One RTP port. `mark` is what it says; change it at any time."""

    def __init__(self, mark: str) -> None:
        self.mark = mark
        self.peer: tuple[str, int] | None = None  # where to; None: nowhere yet
        self.speaks = True  # False while the other side is on hold
        self.silent = False  # it sends, and says nothing: who hears several at once knows nobody
        self.port = 0
        #: When each mark was heard last, in seconds of time.monotonic.
        self.heard: dict[str, float] = {}
        self.music_at = 0.0  # when something was heard last that is nobody's mark, likewise
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []
        self._socket: socket.socket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._sequence = 0
        self._source = secrets.randbits(32)

    @property
    def sent(self) -> int:
        """How many packets it has sent."""
        return self._sequence

    def open(self) -> None:
        """Take a port; Asterisk's own are elsewhere (ports.py)."""
        taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        taken.setblocking(False)
        self.port = 0
        while not self.port:
            port = ports.free_port()
            with contextlib.suppress(OSError):  # somebody was quicker
                taken.bind(("127.0.0.1", port))
                self.port = port
        self._socket = taken
        asyncio.get_running_loop().add_reader(taken, self._readable)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def start(self) -> None:
        """Speak from now on; who speaks already goes on."""
        if self._timer is None and self._socket is not None:
            self._due = asyncio.get_running_loop().time()
            self._speak()

    def _speak(self) -> None:
        if self._socket is None:
            return
        # By the clock: on a busy machine each wait is longer, and a recording would be shorter.
        self._due += INTERVAL
        self._timer = asyncio.get_running_loop().call_at(self._due, self._speak)
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
        said = b"" if self.silent else f"<{self.mark}>".encode()
        payload = said.ljust(SAMPLES, SILENCE)
        with contextlib.suppress(OSError):  # a call that ends closes one port before the other
            self._socket.sendto(header + payload, self.peer)

    def _readable(self) -> None:
        try:
            data = self._socket.recv(2048) if self._socket else b""
        except OSError:
            return
        found = _MARK.match(data, 12)
        if found is None:
            if data[12:].strip(_QUIET):
                self.music_at = time.monotonic()
            return
        mark = found[1].decode("ascii", "replace")
        self.heard[mark] = time.monotonic()
        for wanted, future in self._waiting:
            if wanted == mark and not future.done():
                future.set_result(None)

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

    async def hear_music(self, timeout: float = 4.0) -> None:
        """Return when this phone next hears something that nobody's phone says."""
        began = time.monotonic()
        async with asyncio.timeout(patience(timeout)):
            while self.music_at <= began:
                await asyncio.sleep(0.02)

    def lately(self, seconds: float) -> set[str]:
        """Return the marks heard in the last seconds."""
        now = time.monotonic()
        return {mark for mark, at in self.heard.items() if now - at < seconds}
