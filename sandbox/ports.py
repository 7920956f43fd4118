"""Free ports on 127.0.0.1.

They are drawn below the kernel's ephemeral range (32768 and up): a port that a stopped server wants
back at its next start must not have become the source port of somebody's client meanwhile. For the
same reason each process draws from a block of its own: tests run in several at a time.
"""

from __future__ import annotations

import contextlib
import functools
import random
import socket
from collections.abc import Iterator
from itertools import cycle

# packaging/container publishes some of the 10,000s, and is tried beside other tests.
SINGLES = range(10_400, 20_000)
BLOCK = 400  # far more than the tests of one process hold at a time
RTP = range(20_000, 32_000)
# One call holds four ports (RTP and RTCP on both legs): enough for 1000 calls at a time.
RTP_SPAN = 4_000


def is_free(port: int) -> bool:
    """Say whether nobody has the port, neither for TCP nor for UDP.

    At no address: SIPp takes some at all of them, and Kamailio sits at 127.0.0.2.
    """
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with contextlib.closing(socket.socket(socket.AF_INET, kind)) as probe:
            try:
                probe.bind(("", port))
            except OSError:
                return False
    return True


def free_port() -> int:
    """Return a port that is free for TCP and UDP and was not given out lately.

    What was given out may not be bound yet, so all others of the block come first.
    """
    block = _block()
    for _ in range(BLOCK):
        if is_free(port := next(block)):
            return port
    raise RuntimeError("no free port in our block")


@functools.cache
def _block() -> Iterator[int]:
    """Return the ports of a block that no other process has, over and over."""
    claim = socket.socket(socket.AF_UNIX)  # its name says whose the block is
    firsts = range(SINGLES.start, SINGLES.stop, BLOCK)
    for first in random.sample(firsts, len(firsts)):
        with contextlib.suppress(OSError):
            claim.bind(f"\0click2dial-ports-{first}")
            claim.detach()  # open until this process ends
            return cycle(range(first, first + BLOCK))
    raise RuntimeError(f"{len(firsts)} processes have all ports in {SINGLES}")


def rtp_range() -> tuple[int, int]:
    """Return first and last port for media; overlaps are harmless, Asterisk skips busy ports."""
    first = random.randrange(RTP.start, RTP.stop - RTP_SPAN, 2)
    return first, first + RTP_SPAN - 1
