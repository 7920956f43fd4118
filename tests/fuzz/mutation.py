"""Mutations of good input, for as long as FUZZ_SECONDS says (5 by default; `make fuzz`: longer)."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Sequence

SECONDS = float(os.environ.get("FUZZ_SECONDS", "5"))


def fuzz(corpus: Sequence[bytes], tokens: Sequence[bytes], target: Callable[[bytes], None]) -> int:
    """Run ``target`` on mutated input until time is up; return how often.

    What it may raise it catches itself; anything else ends the test, with the input shown.
    """
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    executions, ends = 0, time.monotonic() + SECONDS
    while time.monotonic() < ends:
        data = mutate(chance, chance.choice(corpus), tokens)
        try:
            target(data)
        except BaseException as error:
            error.add_note(
                f"seed {seed}, execution {executions}, input {data[:200]!r}, {len(data)} bytes"
            )
            raise
        executions += 1
    return executions


def mutate(chance: random.Random, data: bytes, tokens: Sequence[bytes]) -> bytes:
    """Cut, repeat, flip, insert and splice; a few times."""
    made = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at = chance.randint(0, len(made))
        length = chance.choice((1, 2, 8, 64))
        match chance.randrange(5):
            case 0:
                del made[at : at + length]
            case 1:
                made[at:at] = made[at : at + length] * chance.randint(1, 20)
            case 2:
                made[at:at] = chance.choice(tokens)
            case 3:
                made[at : at + 1] = bytes([chance.randrange(256)])
            case _:
                made = made[at:] + made[:at]
    return bytes(made)
