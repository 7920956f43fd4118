"""Asterisk's manager, byte by byte on a real socket."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
CHALLENGE = "840415273"
USER, PASSWORD = "click2dial", "ami-secret"

#: Takes an action's fields, and returns the answer's bytes; None is silence.
Answering = Callable[[Mapping[str, str]], bytes | None]


def message(**fields: str) -> bytes:
    return "".join([*(f"{name}: {value}\r\n" for name, value in fields.items()), "\r\n"]).encode()


def event(name: str, **fields: str) -> bytes:
    return message(Event=name, Privilege="call,all", **fields)


class FakeAMI:
    """A manager with one user; an asynchronous context manager.

    `answers` says what further actions are answered with, by their names; `actions` are all that
    came.  While `deaf` it answers nothing.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Answering] = {}
        self.actions: list[dict[str, str]] = []
        self.logins = 0
        self.deaf = False
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.vanish()

    def login(self) -> dict[str, str]:
        """Return the keys of a configuration that lead here."""
        return {
            "ami": f"127.0.0.1:{self.port}",
            "ami_username": USER,
            "ami_password": PASSWORD,
        }

    async def listen(self) -> None:
        """Listen, again on the same port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def vanish(self) -> None:
        """Be gone, with all connections."""
        self._server.close()
        self.cut()
        await self._server.wait_closed()

    def cut(self) -> None:
        """End all connections."""
        for writer in self._writers:
            writer.transport.abort()

    def say(self, data: bytes) -> None:
        """Send bytes to all who are logged in or not."""
        for writer in self._writers:
            writer.write(data)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            writer.write(BANNER)
            while True:
                block = await reader.readuntil(b"\r\n\r\n")
                lines = block.decode().removesuffix("\r\n\r\n").split("\r\n")
                action = dict(line.split(": ", 1) for line in lines)
                self.actions.append(action)
                answer = None if self.deaf else self._answer(action)
                if answer is not None:
                    writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    def _answer(self, action: Mapping[str, str]) -> bytes | None:
        name, action_id = action["Action"], action["ActionID"]
        if name in self.answers:
            return self.answers[name](action)
        if name == "Challenge":
            return message(Response="Success", ActionID=action_id, Challenge=CHALLENGE)
        if name == "Login":
            key = hashlib.md5(f"{CHALLENGE}{PASSWORD}".encode()).hexdigest()
            if (action["Username"], action["Key"]) != (USER, key):
                return message(
                    Response="Error", ActionID=action_id, Message="Authentication failed"
                )
            self.logins += 1
            return message(Response="Success", ActionID=action_id)
        if name == "Ping":
            return message(Response="Success", ActionID=action_id, Ping="Pong")
        return message(Response="Error", ActionID=action_id, Message="Invalid/unknown command")
