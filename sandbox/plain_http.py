"""HTTP/1.1 as plain as scripted phones need it: they ask PBX and server many times a second.

httpx with its own transport takes 2 ms of a core for a request, which is more than Asterisk or the
server takes to answer it.
"""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections import defaultdict
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from sandbox.waiting import patience

Address = tuple[str, int]
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Head = list[tuple[bytes, bytes]]


class PlainTransport(httpx.AsyncBaseTransport):
    """Keeps connections open; answers are read whole, and must tell their length."""

    def __init__(self) -> None:
        self._idle: defaultdict[Address, list[Stream]] = defaultdict(list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        timeout = request.extensions.get("timeout", {}).get("read")
        address = (request.url.host, request.url.port or 80)
        lines = [b"%b %b HTTP/1.1" % (request.method.encode(), request.url.raw_path)]
        lines += [b"%b: %b" % line for line in request.headers.raw]
        sent = b"\r\n".join([*lines, b"", await request.aread()])
        try:
            async with asyncio.timeout(timeout):
                status, head, body = await self.ask(address, sent)
        except TimeoutError as error:
            raise httpx.ReadTimeout("no answer", request=request) from error
        except (OSError, ValueError) as error:
            raise httpx.ReadError(str(error), request=request) from error
        return httpx.Response(status, headers=head, content=body, request=request)

    async def ask(self, address: Address, sent: bytes) -> tuple[int, Head, bytes]:
        """Send a whole request; return status, header lines and body of the answer."""
        kept = self._idle[address]
        while kept:
            reader, writer = kept.pop()
            if not (reader.at_eof() or writer.is_closing()):
                break
            writer.close()
        else:
            reader, writer = await asyncio.open_connection(*address)
        try:
            writer.write(sent)
            status, head, body = await _read(reader, is_head=sent.startswith(b"HEAD "))
        except asyncio.IncompleteReadError as error:
            writer.close()
            raise ConnectionResetError("closed before the answer was whole") from error
        except BaseException:
            writer.close()
            raise
        kept.append((reader, writer))
        return status, head, body

    async def aclose(self) -> None:
        for kept in self._idle.values():
            for _, writer in kept:
                writer.close()
        self._idle.clear()
        await asyncio.sleep(0)  # transports close in the loop's next round


async def _read(reader: asyncio.StreamReader, *, is_head: bool) -> tuple[int, Head, bytes]:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).rstrip().split(b"\r\n")
    head = []
    for line in lines:
        name, _, value = line.partition(b":")
        head.append((name.lower(), value.strip()))
    status, length = int(first.split(b" ")[1]), int(dict(head).get(b"content-length", 0))
    return status, head, b"" if is_head else await reader.readexactly(length)


class Ari:
    """The PBX's REST interface, asked without httpx."""

    def __init__(self, url: str, username: str, password: str) -> None:
        address = httpx.URL(url)
        self._address, self._base = (address.host, address.port or 80), address.path
        login = b64encode(f"{username}:{password}".encode()).decode()
        host = address.netloc.decode()
        self._rest = f"Host: {host}\r\nAuthorization: Basic {login}\r\n\r\n"
        self._http = PlainTransport()

    async def ask(self, method: str, path: str, **query: str) -> Any:
        """Return what is answered, None for nothing."""
        asked = f"?{urlencode(query)}" if query else ""
        sent = f"{method} {self._base}{quote(path)}{asked} HTTP/1.1\r\n{self._rest}".encode()
        async with asyncio.timeout(patience(15)):
            _, _, body = await self._http.ask(self._address, sent)
        return json.loads(body) if body else None

    async def close(self) -> None:
        await self._http.aclose()
