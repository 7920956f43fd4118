"""Free ports on 127.0.0.1.

They are drawn below the kernel's ephemeral range (32768 and up): a port that a stopped server wants
back at its next start must not have become the source port of somebody's client meanwhile. The draw
is random, so that two test runs on one machine rarely meet.
"""

from __future__ import annotations

import contextlib
import random
import socket
from collections import deque

SINGLES = range(10_000, 15_000)
RTP = range(15_000, 32_000)
# One call holds four ports (RTP and RTCP on both legs): enough for 1000 calls at a time.
RTP_SPAN = 4_000

# A port that was given out may not be bound yet. Older ones are, or are free again.
_recent: deque[int] = deque(maxlen=len(SINGLES) // 4)


def is_free(port: int) -> bool:
    """Say whether nobody has the port, neither for TCP nor for UDP."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with contextlib.closing(socket.socket(socket.AF_INET, kind)) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def free_port() -> int:
    """Return a port that is free for TCP and UDP and was not given out lately."""
    for _ in SINGLES:
        port = random.choice(SINGLES)
        if port not in _recent and is_free(port):
            _recent.append(port)
            return port
    raise RuntimeError(f"no free port in {SINGLES}")


def rtp_range() -> tuple[int, int]:
    """Return first and last port for media; overlaps are harmless, Asterisk skips busy ports."""
    first = random.randrange(RTP.start, RTP.stop - RTP_SPAN, 2)
    return first, first + RTP_SPAN - 1
