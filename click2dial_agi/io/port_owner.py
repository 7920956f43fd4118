"""Which process listens on a TCP port of this machine, as /proc tells."""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

__all__ = ["owner_of_port", "users_of_port"]

_LISTEN = "0A"  # TCP_LISTEN in the kernel's include/net/tcp_states.h
_SOCKET = re.compile(r"socket:\[([0-9]+)\]")


def owner_of_port(port: int, proc: Path = Path("/proc")) -> str:
    """Return ``name (pid 123)`` of a process that listens on a port, on whatever address.

    Empty if nobody does, or if it is another user's process: only root sees whose socket it is.
    """
    inodes = {inode for inode, _ in _listening(port, proc)}
    if not inodes:
        return ""
    for process in proc.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                match = _SOCKET.fullmatch(os.readlink(descriptor))
                if match is not None and match[1] in inodes:
                    name = (process / "comm").read_text("utf-8", "replace").strip()
                    return f"{name} (pid {process.name})"
    return ""


def users_of_port(port: int, proc: Path = Path("/proc")) -> set[int]:
    """Return the uids of those who listen on a port, on whatever address."""
    return {uid for _, uid in _listening(port, proc)}


def _listening(port: int, proc: Path) -> Iterator[tuple[str, int]]:
    """Return inodes and uids of the sockets that listen on a port (proc(5), /proc/net/tcp)."""
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (proc / "self/net" / table).read_text("ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    yield fields[9], int(fields[7])
