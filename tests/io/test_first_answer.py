"""What is kept of an Idempotency-Key, when servers of several versions share one Redis."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.io.call_store import CallStore, FirstAnswer
from sandbox.redis import RedisServer
from tests.io.running import run

pytestmark = pytest.mark.case("K2")

REF = "bde674e2-eeaf-4355-b32c-664a82256e11"
#: As 0.1.2 wrote it: the order of the fields is the form.
KNOWN = [REF, "hash", 201, {"call_ref": REF}, None, 1]
READ = FirstAnswer(REF, "hash", 201, {"call_ref": REF}, None, 1)


@pytest.mark.parametrize("more", [[], ["from a later version"], [{"any": "thing"}, 7]], ids=len)
def test_what_other_versions_wrote_is_read(more: list[Any]) -> None:
    assert FirstAnswer.parse(json.dumps(KNOWN + more)) == READ
    assert json.loads(READ.text()) == KNOWN


@given(more=st.lists(st.none() | st.booleans() | st.integers() | st.text()))
def test_whatever_a_later_version_appends_is_left_out(more: list[Any]) -> None:
    assert FirstAnswer.parse(json.dumps(KNOWN + more)) == READ


@pytest.mark.parametrize("spaced", [True, False], ids=["as we write it", "as others do"])
def test_a_key_that_another_version_left_is_taken_over(redis: RedisServer, spaced: bool) -> None:
    """What is compared is what was read, not what we would have written."""
    left = [REF, "hash", 0, None, None, 0, "later"]
    text = json.dumps(left) if spaced else json.dumps(left, separators=(",", ":"))

    async def test() -> None:
        store = CallStore(redis.url, "enigma:notifications", "enigma:notifications:cdr")
        try:
            assert await store.claim("key", FirstAnswer(REF, "hash")) is None
            name = store._idempotency_key("key")
            await store._redis.set(name, text)
            seen = await store.claim("key", FirstAnswer("another", "hash"))
            assert seen is not None
            taken = await store.retake("key", seen)
            assert taken is not None
            assert (taken.call_ref, taken.attempt) == (REF, 1)
            assert await store.retake("key", seen) is None  # one alone has it
        finally:
            await store.close()

    run(test())
