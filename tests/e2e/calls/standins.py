"""FastAGI servers that fail in mid-session, as a real one cannot be made to fail at will."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from sandbox.ports import free_port
from sandbox.waiting import patience

TIMEOUT = patience(5.0)


def nobody() -> str:
    """Return an address where nothing listens."""
    return f"agi://127.0.0.1:{free_port()}"


@contextmanager
def broken_server(answer: bytes, asked: list[str] | None = None) -> Iterator[str]:
    """Take AGI sessions, say something and close, as a server does that dies at once.

    ``asked`` gets the script of each session.
    """

    class Broken(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while line := self.rfile.readline().strip():
                name, _, value = line.decode("ascii", "replace").partition(": ")
                if name == "agi_network_script" and asked is not None:
                    asked.append(value.partition("?")[0])
            self.wfile.write(answer)

    with _listening(Broken) as url:
        yield url


@contextmanager
def black_hole() -> Iterator[str]:
    """Answer no connection at all, as a host does that is off: the queue of a listener is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(2):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield f"agi://127.0.0.1:{listener.getsockname()[1]}"


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
