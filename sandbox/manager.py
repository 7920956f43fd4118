"""One action of Asterisk's manager, as a panel of another maker asks for it."""

from __future__ import annotations

import asyncio

from sandbox.asterisk import Asterisk


async def act(pbx: Asterisk, action: str, **fields: str) -> None:
    """Log in, have it done, and log out; AssertionError if Asterisk says no."""
    host, _, port = pbx.ami.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        await reader.readline()  # its greeting
        login = {"Username": pbx.ari_username, "Secret": pbx.ari_password, "Events": "off"}
        for name, values in (("Login", login), (action, fields)):
            lines = {"Action": name, **values}
            writer.write("".join(f"{key}: {value}\r\n" for key, value in lines.items()).encode())
            writer.write(b"\r\n")
            answer = await _response(reader)
            assert "Response: Success" in answer, answer
    finally:
        writer.close()


async def _response(reader: asyncio.StreamReader) -> str:
    """Return the next message that is an answer, not an event."""
    while True:
        message = (await reader.readuntil(b"\r\n\r\n")).decode()
        if message.startswith("Response:"):
            return message
