"""Asterisk's REST interface as a test wants it: its phones, and the trouble it is in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from click2dial_agi.domain.variables import CARRIES_LISTED, DIALLED

HANG = "hang"  # takes the request and never answers
CLOSE = "close"  # takes the request and closes
GARBAGE = "garbage"  # answers, but not in HTTP
NOT_JSON = "not json"
WRONG_SHAPE = "wrong shape"  # JSON, but neither the object nor the list that it should be
DONE_THEN_HANG = "done, then hang"  # does what it was asked and never answers
DONE_THEN_CLOSE = "done, then close"

Answer = tuple[int, Any]


@dataclass
class Request:
    """One request as it came."""

    method: str
    path: str
    body: Any

    @property
    def operation(self) -> str:
        """A short name, for `trouble`."""
        match [self.method, *self.path.partition("?")[0].split("/")[2:]]:
            case ["GET", "asterisk", "ping"]:
                return "ping"
            case ["GET", "asterisk", "info"]:
                return "info"
            case ["GET", "endpoints", *_]:
                return "endpoint"
            case ["POST", "channels", _]:
                return "originate"
            case ["GET", "channels"]:
                return "channels"
            case ["GET", "channels", _]:
                return "channel"
            case ["GET", "channels", _, "variable"]:
                return "variable"
            case ["DELETE", "channels", _]:
                return "hang_up"
        raise AssertionError(f"a request that Asterisk does not know: {self}")


@dataclass
class FakeARI:
    """Listens on a port of the running loop; use it as an async context manager.

    `trouble` names operations that go wrong: by one of the words above or by a status.  `channels`
    holds the state of each channel by its id, `about` what else is to be said of some; `variables`
    channel variables by id and name.
    """

    endpoint: str | None = "online"
    talks_for: int = 0  # how many looks at an endpoint find a channel of it yet
    trouble: dict[str, str | int] = field(default_factory=dict)
    channels: dict[str, str] = field(default_factory=dict)
    about: dict[str, dict[str, Any]] = field(default_factory=dict)
    variables: dict[tuple[str, str], str] = field(default_factory=dict)
    lists_variables: bool = False  # as channelvars of ari.conf makes it
    entity_id: str = "02:fc:00:00:00:01"
    started: str = "2026-01-02T03:04:05.678+0000"
    requests: list[Request] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    on_originate: Callable[[str], None] = lambda channel_id: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/ari"

    def asked(self, operation: str) -> list[Request]:
        """Return the requests for one operation."""
        return [request for request in self.requests if request.operation == operation]

    async def __aenter__(self) -> FakeARI:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        # What went wrong in here the product saw as a closed connection, and a test never would.
        assert self.errors == []

    async def stop(self) -> None:
        """Refuse connections, as an Asterisk that is gone."""
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._answer(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client closed
        except Exception as error:
            self.errors.append(error)
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
        method, path, _ = head.split("\r\n")[0].split(" ")
        headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:-2])
        assert headers["authorization"].startswith("basic ")
        length = int(headers.get("content-length", "0"))
        body = json.loads(await reader.readexactly(length)) if length else None
        request = Request(method, path, body)
        if request.operation != "info":  # the server looks by itself, now and again
            self.requests.append(request)
        trouble = self.trouble.get(request.operation)
        if trouble in (None, DONE_THEN_HANG, DONE_THEN_CLOSE):
            status, answer = self._do(request)
        if trouble in (CLOSE, DONE_THEN_CLOSE):
            return False
        if trouble in (HANG, DONE_THEN_HANG):
            await reader.read()  # until the client gives up
            return False
        if trouble == GARBAGE:
            writer.write(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
            return False
        text = {NOT_JSON: b"<html>", WRONG_SHAPE: b'"text"'}.get(str(trouble))
        if isinstance(trouble, int):
            status, answer = trouble, {"error": "as the test wants it"}
        elif text is not None:
            status = 200
        payload = text or (b"" if status == 204 else json.dumps(answer).encode())
        line = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        length_line = "" if status == 204 else f"Content-Length: {len(payload)}\r\n"
        writer.write(f"{line}{length_line}\r\n".encode() + payload)
        await writer.drain()
        return True

    def _do(self, request: Request) -> Answer:
        channel_id = request.path.partition("?")[0].split("/")[3:4]
        match request.operation:
            case "ping":
                return 200, {"ping": "pong"}
            case "info":
                system = {"version": "22.10.1", "entity_id": self.entity_id}
                return 200, {"system": system, "status": {"startup_time": self.started}}
            case "endpoint":
                if self.endpoint is None:
                    return 404, {"message": "Endpoint not found"}
                talks, self.talks_for = self.talks_for > 0, max(self.talks_for - 1, 0)
                channels = ["his-last-call"] if talks else []
                return 200, {
                    "technology": "PJSIP",
                    "state": self.endpoint,
                    "channel_ids": channels,
                }
            case "originate":
                if channel_id[0] in self.channels:
                    return 409, {"message": "exists"}
                self.channels[channel_id[0]] = "Ringing"
                self.on_originate(channel_id[0])
                return 200, {"id": channel_id[0]}
            case "channels":
                return 200, [self._describe(one) for one in self.channels]
        if channel_id[0] not in self.channels:
            return 404, {"message": "Channel not found"}
        match request.operation:
            case "channel":
                return 200, self._describe(channel_id[0])
            case "variable":
                name = unquote(request.path.partition("variable=")[2])
                value = self.variables.get((channel_id[0], name))
                return (404, {"message": "not found"}) if value is None else (200, {"value": value})
            case _:
                del self.channels[channel_id[0]]
                return 204, None

    def _describe(self, channel_id: str) -> dict[str, Any]:
        state = self.channels[channel_id]
        about = {"id": channel_id, "state": state, **self.about.get(channel_id, {})}
        if self.lists_variables:
            carries = self.variables.get((channel_id, f"C2D_{channel_id}"), "")
            dialled = self.variables.get((channel_id, DIALLED), "")
            about["channelvars"] = {CARRIES_LISTED: carries, DIALLED: dialled}
        return about
