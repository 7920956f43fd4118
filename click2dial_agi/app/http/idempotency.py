"""``Idempotency-Key``: the same key and body rings nobody twice, on any number of instances."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

from click2dial_agi.app.http.errors import Problem
from click2dial_agi.domain.numbers import FieldError
from click2dial_agi.exceptions import PBXUnanswered, PBXUnreachable
from click2dial_agi.io.call_store import CallStore, FirstAnswer

__all__ = ["KEY_PATTERN", "Answer", "once", "read_key"]

KEY_PATTERN = "[!-~]{1,255}"
_KEY = re.compile(KEY_PATTERN)
_KEY_ERROR = Problem(422, (FieldError("idempotency-key", "1-255 visible ASCII characters"),))
_OTHER_BODY = Problem(422, (FieldError("idempotency-key", "a new one for another body"),))

# What is kept of an answer that was none: 503 when nobody was rung, 504 when nobody could tell.
_CREATED, _FAILED, _UNCERTAIN = 201, 503, 504

_POLL = 0.05

Answer = dict[str, Any]
Create = Callable[[str], Awaitable[Answer]]
Find = Callable[[str], Awaitable[Answer | None]]


def read_key(values: Sequence[str]) -> str | None:
    """Return the one key among a request's headers; raise :exc:`Problem` (422) if it is none."""
    if not values:
        return None
    if len(values) > 1 or not _KEY.fullmatch(values[0]):
        raise _KEY_ERROR
    return values[0]


async def once(
    key: str,
    body: Any,
    call_ref: str,
    store: CallStore,
    create: Create,
    find: Find,
    wait: float,
) -> Answer:
    """Create a call under ``key``, or return what the first request with that key was given.

    ``create`` takes the call_ref to use, and ``find`` tells the answer for a call that exists.  A
    request that did not answer within ``wait`` seconds died and left its call_ref: either its call
    is found, or one of those who waited uses the same call_ref again, which Asterisk rings once.

    A refusal is kept only for seconds: it rang nobody, so a later try with the same key may do.
    """
    body_hash = sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    mine = FirstAnswer(call_ref, body_hash)
    seen = await store.claim(key, mine)
    if seen is not None and seen.body_hash != body_hash:
        raise _OTHER_BODY
    # Those who waited for an uncertain answer get it too; whoever comes later may find out.
    abandoned = seen is not None and seen.status == _UNCERTAIN
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait
    while seen is not None and (abandoned or not seen.status):
        if abandoned:
            taken = await store.retake(key, seen)
            if taken is not None:
                return await _take_over(key, taken, store, create, find)
        else:
            await asyncio.sleep(_POLL)
        before, seen = seen, await store.claim(key, mine)
        if seen is not None and seen.attempt != before.attempt:
            deadline = loop.time() + wait  # who took it over has as long as the first
        abandoned = seen is not None and not seen.status and loop.time() >= deadline
    if seen is None:
        return await _answer(key, mine, store, create)
    return _repeat(seen)


def _repeat(seen: FirstAnswer) -> Answer:
    """Give the first answer again."""
    if seen.status in (_FAILED, _UNCERTAIN):
        raise PBXUnreachable("as for the first request with this Idempotency-Key")
    if seen.status != _CREATED:
        errors = tuple(FieldError(*error) for error in seen.body)
        raise Problem(seen.status, errors, seen.retry_after)
    answer: Answer = seen.body
    return answer


async def _take_over(
    key: str, mine: FirstAnswer, store: CallStore, create: Create, find: Find
) -> Answer:
    """Finish what another request began under this key."""
    found = await find(mine.call_ref)
    if found is None:
        return await _answer(key, mine, store, create)
    await store.answer(key, replace(mine, status=_CREATED, body=found))
    return found


async def _answer(key: str, mine: FirstAnswer, store: CallStore, create: Create) -> Answer:
    """Create the call and keep the answer for the others."""
    try:
        body = await create(mine.call_ref)
    except Problem as problem:
        errors = [[error.field, error.allowed] for error in problem.errors]
        status, retry_after = problem.status, problem.retry_after
        await store.answer(key, replace(mine, status=status, body=errors, retry_after=retry_after))
        raise
    except PBXUnreachable as error:
        # Unanswered, the phone may ring: the next to try must find this call, or use its call_ref.
        uncertain = isinstance(error, PBXUnanswered)
        await store.answer(key, replace(mine, status=_UNCERTAIN if uncertain else _FAILED))
        raise
    await store.answer(key, replace(mine, status=_CREATED, body=body))
    return body
