"""Bytes that are almost good: what a corpus becomes under a few strokes."""

from __future__ import annotations

import random
from collections.abc import Sequence

__all__ = ["mutate"]

#: What parsers trip over.
TOKENS = [
    *(
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b"\r",
        b"\x00",
        b" ",
        b"\t",
        b":",
        b"%",
        b"%00",
        b"%ff",
        b"\xff",
    ),
    *(b"\xc3\x28", b"[", b"]", b"{", b"}", b'"', b"\\", b",", b";", b"=", b"&", b"?", b"#", b"../"),
    *(b"0", b"-1", b"99999999999999999999", b"1e9", b"NaN", b"a" * 300, b"b" * 9000, b"[c:1]"),
    *(b"Host: a\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"),
    *(b"SIP/2.0 484 X\r\n", b"CSeq: 1 INVITE\r\n", b"Call-ID: a\r\n", b";tag=", b"INVITE "),
]


def mutate(chance: random.Random, corpus: Sequence[bytes]) -> bytes:
    """Return one of the corpus, changed in up to eight places."""
    data = bytearray(chance.choice(corpus))
    for _ in range(chance.randrange(9)):
        at = chance.randrange(len(data) + 1)
        end = min(len(data), at + chance.choice((1, 1, 2, 8, 64)))
        stroke = chance.randrange(6)
        if stroke == 0:
            data[at:at] = chance.choice(TOKENS)
        elif stroke == 1:
            data[at:end] = chance.choice(TOKENS)
        elif stroke == 2:
            del data[at:end]
        elif stroke == 3:
            data[at:at] = data[at:end] * chance.choice((1, 2, 50))
        elif stroke == 4 and data:
            data[min(at, len(data) - 1)] ^= 1 << chance.randrange(8)
        else:
            other = chance.choice(corpus)
            data[at:] = other[chance.randrange(len(other) + 1) :]
    return bytes(data)
