"""FastAGI servers that fail in mid-session, as a real one cannot be made to fail at will."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from sandbox.ports import free_port

TIMEOUT = 5.0


def nobody() -> str:
    """Return an address where nothing listens."""
    return f"agi://127.0.0.1:{free_port()}"


@contextmanager
def broken_server(answer: bytes) -> Iterator[str]:
    """Take AGI sessions, say something and close, as a server does that dies at once."""

    class Broken(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(answer)

    with _listening(Broken) as url:
        yield url


@contextmanager
def server_behind_a_cut(server: str, cut: bytes) -> Iterator[str]:
    """Pass AGI sessions on to a server, and close when it sends a command with this in it.

    For Asterisk the server then died after its work and before it could say so.
    """
    address = urlsplit(server)

    class Cut(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with (
                socket.create_connection((address.hostname, address.port), TIMEOUT) as upstream,
                upstream.makefile("rb") as commands,
            ):
                while line := self.rfile.readline():
                    upstream.sendall(line)
                    if not line.strip():
                        break
                while (command := commands.readline()) and cut not in command:
                    self.wfile.write(command)
                    upstream.sendall(self.rfile.readline())

    with _listening(Cut) as url:
        yield url


@contextmanager
def _listening(handler: type[socketserver.BaseRequestHandler]) -> Iterator[str]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", free_port()), handler) as listener:
        thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"agi://127.0.0.1:{listener.server_address[1]}"
        finally:
            listener.shutdown()
            thread.join()
