"""``Idempotency-Key``: the same key and body rings nobody twice, on any number of instances."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any

from click2dial_agi.app.created_calls import Refused
from click2dial_agi.domain.numbers import FieldError
from click2dial_agi.exceptions import PBXUnreachable
from click2dial_agi.io.call_store import CallStore, FirstAnswer

__all__ = ["Answer", "check_key", "once"]

_KEY = re.compile(r"[!-~]{1,255}")
_KEY_ERROR = FieldError("idempotency-key", "1-255 visible ASCII characters")
_OTHER_BODY = FieldError("idempotency-key", "a new one for another body")

# The first request has its answer within the deadlines of Redis and ARI; who has waited longer
# takes its place.
_WAIT = 10.0
_POLL = 0.05

Answer = dict[str, Any]


def check_key(key: str | None) -> None:
    """Raise :exc:`Refused` (422) for a key that is not one."""
    if key is not None and not _KEY.fullmatch(key):
        raise Refused(422, (_KEY_ERROR,))


async def once(
    key: str,
    body: Any,
    call_ref: str,
    store: CallStore,
    create: Callable[[str], Awaitable[Answer]],
    find: Callable[[str], Awaitable[Answer | None]],
) -> Answer:
    """Create a call under ``key``, or return what the first request with that key was given.

    ``create`` takes the call_ref to use, and ``find`` tells the answer for a call that exists.  A
    request that died before it answered left its call_ref: either its call is found, or the same
    call_ref is used again, which Asterisk rings once.

    A refusal is kept only for seconds: it rang nobody, so a later try with the same key may do.
    """
    body_hash = sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    first = await store.claim(key, call_ref, body_hash)
    if first is not None:
        if first.body_hash != body_hash:
            raise Refused(422, (_OTHER_BODY,))
        first = await _answered(key, first, store)
        if first.status:
            return _repeat(first)
        call_ref = first.call_ref
        found = await find(call_ref)
        if found is not None:
            return found
    try:
        answer = await create(call_ref)
    except Refused as refused:
        errors = [[error.field, error.allowed] for error in refused.errors]
        await store.answer(key, FirstAnswer(call_ref, body_hash, refused.status, errors))
        raise
    except PBXUnreachable:
        await store.forget(key)
        raise
    await store.answer(key, FirstAnswer(call_ref, body_hash, 201, answer))
    return answer


async def _answered(key: str, first: FirstAnswer, store: CallStore) -> FirstAnswer:
    """Wait for the first request's answer; return what is known when the wait is over."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _WAIT
    while not first.status and loop.time() < deadline:
        await asyncio.sleep(_POLL)
        first = await store.claim(key, first.call_ref, first.body_hash) or first
    return first


def _repeat(first: FirstAnswer) -> Answer:
    if first.status == 201:
        answer: Answer = first.body
        return answer
    raise Refused(first.status, tuple(FieldError(*error) for error in first.body))
