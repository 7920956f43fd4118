"""Each target for some seconds, so that `make fuzz` works when it is wanted."""

from __future__ import annotations

import os
import random

import pytest
import uvloop

from tests.fuzz.__main__ import TARGETS

SECONDS = float(os.environ.get("FUZZ_SECONDS", "5"))


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_is_found(name: str) -> None:
    sent = uvloop.run(TARGETS[name](random.Random(7), SECONDS))
    assert sent >= 32
