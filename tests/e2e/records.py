"""Notifications popped from Redis as a CRM does it, and what must be in them."""

from __future__ import annotations

import json
import re
from types import TracebackType
from typing import Any, cast

import pytest
from redis import Redis

from sandbox.result import CallResult
from sandbox.waiting import patience

CDR_LIST = "enigma:notifications:cdr"

#: docs/contract.md, version 3: the keys in their order, and the JSON type of each.
CDR_V3: dict[str, type] = {
    "extension": str,
    "number": str,
    "dial_number": str,
    "call_ref": str,
    "contact_ref": str,
    "dialed_at": int,
    "end_reason": str,
    "end_code": int,
    "call_time": int,
    "hold_time": int,
    "call_dir": str,
    "recording_url": str,
    "ref": str,
}

#: What PBX, server and phone need to hear of an event, on a machine that is busy with tests.  Also
#: Asterisk's clock, time(), which the kernel advances in ticks, some ms behind the phone's.
SLACK = 0.35

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Payload = dict[str, Any]


class CRM:
    """Pops notifications with BRPOP, as integrators do."""

    def __init__(self, redis_url: str, list_name: str = CDR_LIST) -> None:
        self.list_name = list_name
        # BRPOP itself waits; a socket deadline would only cut it short.
        self._redis = Redis.from_url(redis_url, decode_responses=True, socket_timeout=None)

    def __enter__(self) -> CRM:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._redis.close()

    def pop(self, timeout: float = 5.0) -> Payload:
        """Return the payload of the oldest cdr of version 3, waiting for one."""
        return read_cdr(self.pop_text(timeout))

    def pop_text(self, timeout: float = 5.0) -> str:
        """Return the oldest notification as it is, waiting for one."""
        timeout = patience(timeout)
        popped = cast("list[str] | None", self._redis.brpop([self.list_name], timeout=timeout))
        if popped is None:
            raise TimeoutError(f"{self.list_name}: no notification within {timeout:g} s")
        return popped[1]

    def pop_many(self, count: int, timeout: float = 5.0) -> list[Payload]:
        """Return so many payloads; the deadline holds for each of them."""
        return [self.pop(timeout) for _ in range(count)]

    def waiting(self) -> int:
        """Return how many notifications nobody has popped."""
        return self._redis.llen(self.list_name)

    def clear(self) -> None:
        """Forget what an earlier test left behind."""
        self._redis.delete(self.list_name)


def read_cdr(text: str) -> Payload:
    """Check envelope, keys, their order and the types, and return the payload."""
    notification = json.loads(text)
    assert list(notification) == ["type", "payload"]
    assert notification["type"] == "cdr"
    payload: Payload = notification["payload"]
    assert {key: type(value) for key, value in payload.items()} == CDR_V3
    assert list(payload) == list(CDR_V3)
    assert _UUID.fullmatch(payload["call_ref"])
    return payload


def expect(
    payload: Payload,
    result: CallResult,
    *,
    number: str,
    end_reason: str,
    end_code: int,
    extension: str = "1000",
    dial_number: str = "27820001234",
    contact_ref: str | None = None,
    call_dir: str = "outbound",
) -> None:
    """Check all 13 fields; ``contact_ref`` None means one that was generated.

    The times are held against the wire: both are whole seconds, cut off, so each may be less than
    a second away from what the phone saw.
    """
    assert result.ended_at is not None
    seconds = result.ended_at - result.invited_at
    assert payload == {
        "extension": extension,
        "number": number,
        "dial_number": dial_number,
        "call_ref": payload["call_ref"],
        "contact_ref": payload["call_ref"] if contact_ref is None else contact_ref,
        "dialed_at": pytest.approx(result.invited_at - 0.5, abs=0.5 + SLACK),
        "end_reason": end_reason,
        "end_code": end_code,
        "call_time": pytest.approx(seconds, abs=1 + SLACK),
        "hold_time": 0,
        "call_dir": call_dir,
        "recording_url": "",
        "ref": "click-dial",
    }
