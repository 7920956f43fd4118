"""A network between two programs that can be cut: a TCP proxy on loopback."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from enum import Enum
from typing import Any


class Network(Enum):
    """What the proxy does with bytes."""

    WORKS = "works"
    DROPS = "drops"  # takes bytes and hands none on
    CUTS_REPLIES = "cuts replies"  # hands on what is asked and resets before the answer
    REFUSES = "refuses"  # resets every connection at once


class Proxy:
    """Listens on `port` and connects to another; `network` may change at any time."""

    def __init__(self, target: int) -> None:
        self.network = Network.WORKS
        proxy = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                proxy._serve(self.request, target)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # a connection that was reset

        self._server = Server(("127.0.0.1", 0), Handler)
        self._connections: set[socket.socket] = set()
        self._halted: set[socket.socket] = set()
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def reset(self) -> None:
        """Reset all connections."""
        for connection in tuple(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def halt(self) -> None:
        """Hand nothing on over the connections that there are, and keep them; others work."""
        self._halted |= self._connections

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self.reset()
        self._server.server_close()

    def _serve(self, client: socket.socket, target: int) -> None:
        if self.network is Network.REFUSES:
            return
        with socket.create_connection(("127.0.0.1", target)) as server:
            pair = {client, server}
            self._connections |= pair
            answers = threading.Thread(target=self._hand_on, args=(server, client, True))
            answers.start()
            self._hand_on(client, server, False)
            answers.join()
            self._connections -= pair

    def _hand_on(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self.network is Network.DROPS or source in self._halted:
                    continue
                if self.network is Network.REFUSES:
                    break
                if is_answer and self.network is Network.CUTS_REPLIES:
                    break
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
