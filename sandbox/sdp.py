"""The little of SDP (RFC 8866) that a phone with one audio stream needs."""

from __future__ import annotations

import re
from enum import StrEnum

_ADDRESS = re.compile(rb"^c=IN IP4 (\S+)\r?$", re.MULTILINE)
_PORT = re.compile(rb"^m=audio (\d{1,5}) ", re.MULTILINE)
_DIRECTION = re.compile(rb"^a=(sendrecv|sendonly|recvonly|inactive)\r?$", re.MULTILINE)


class Direction(StrEnum):
    """Who sends, as the side says that describes itself."""

    BOTH = "sendrecv"
    SEND = "sendonly"
    RECEIVE = "recvonly"
    NONE = "inactive"

    @property
    def sends(self) -> bool:
        return self in (Direction.BOTH, Direction.SEND)


_ANSWERS = {Direction.SEND: Direction.RECEIVE, Direction.RECEIVE: Direction.SEND}


def describe(port: int, version: int = 1, direction: Direction = Direction.BOTH) -> str:
    """Return an offer or an answer for audio in G.711 mu-law on a port of 127.0.0.1."""
    return (
        f"v=0\r\no=- 1 {version} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\na={direction}\r\n"
    )


def address(body: bytes) -> tuple[str, int] | None:
    """Return where the other side wants its audio, None if it named no place."""
    host, port = _ADDRESS.search(body), _PORT.search(body)
    if host is None or port is None or port[1] == b"0":
        return None
    return host[1].decode("ascii", "replace"), int(port[1])


def answer_to(body: bytes) -> Direction:
    """Return the direction that answers an offer."""
    found = _DIRECTION.search(body)
    offered = Direction(found[1].decode()) if found else Direction.BOTH
    return _ANSWERS.get(offered, offered)
