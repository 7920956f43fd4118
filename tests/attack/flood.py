"""Connect, send and reset, as fast as it goes: `python -m tests.attack.flood PORT PATH SECONDS`.

A process of its own, so that it does not slow down the honest client that is measured.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import time

#: As many as one connection may have waiting.
PIPELINED = 60


def reset(opened: socket.socket) -> None:
    """Close with RST."""
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    opened.close()


def main() -> None:
    """Flood until the time is over."""
    port, path, seconds = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode() * PIPELINED
    until, connections = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            opened = socket.create_connection(("127.0.0.1", port), 5)
            opened.sendall(request)
            reset(opened)
            connections += 1
    print(connections)


if __name__ == "__main__":
    main()
