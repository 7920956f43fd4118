"""What several instances of the server must agree on about created calls, kept in Redis.

All keys of an integrator carry its prefix in braces, so a script's keys share one cluster slot.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from enum import StrEnum
from hashlib import sha256
from typing import Any

from click2dial_agi.domain.agent_tokens import AgentToken
from click2dial_agi.domain.foreign_json import parse_json
from click2dial_agi.domain.integrators import Limits
from click2dial_agi.domain.live_calls import LiveCall
from click2dial_agi.domain.records import client_of
from click2dial_agi.exceptions import NotificationError
from click2dial_agi.io.redis_client import answer_of, connect
from click2dial_agi.io.redis_lists import pushed_key

__all__ = ["Admission", "CallStore", "FirstAnswer", "Mark"]

# The whole of a POST waits for these: one round trip each.
_TIMEOUT = 2.0

# For how long an Idempotency-Key is known (docs/contract.md).
_REMEMBER = 24 * 60 * 60

# Clocks differ, and a server may be late.
_DAYS_SHOWN = 2 * 24 * 60 * 60

# A failed attempt rang nobody, so its key is free for another soon; until then simultaneous
# posts of one key get one answer.  Not longer than any Retry-After that such an answer names.
_REMEMBER_FAILURE = 4
_LASTING = (201, 504)

# What Redis counts, and what each cdr payload has: others may have written something else there.
_COUNT = re.compile(r"[0-9]{1,15}")
_IN_EACH_RECORD = frozenset(
    {"call_ref", "contact_ref", "extension", "dial_number", "call_dir", "dialed_at"}
)

# KEYS: live calls, agents in a call, posts in this minute, marks.
# ARGV: call_ref, agent, the call as JSON, calls_per_minute, concurrent_calls, the mark of a loss.
# A call that is counted in already was begun by a server that died before it answered; whoever
# takes it over holds its place.  An agent whose call is not there any more was counted out by a
# version that knew him as he was written: see LiveCall.agent_key.
_ADMIT = """
local holder = redis.call('HGET', KEYS[2], ARGV[2])
if holder == ARGV[1] then
  if redis.call('HEXISTS', KEYS[4], ARGV[6]) == 1 then return 'agent' end
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
  return 'yes'
end
if holder and redis.call('HEXISTS', KEYS[1], holder) == 1 then return 'agent' end
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[5]) then return 'concurrent' end
local posts = redis.call('INCR', KEYS[3])
if posts == 1 then redis.call('EXPIRE', KEYS[3], 120) end
if posts > tonumber(ARGV[4]) then return 'minute' end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
redis.call('HSET', KEYS[2], ARGV[2], ARGV[1])
return 'yes'
"""

# KEYS: live calls, agents in a call.  ARGV: call_ref.
_FREE = """
local read, call = pcall(cjson.decode, redis.call('HGET', KEYS[1], ARGV[1]) or '{}')
local known = read and type(call) == 'table'
local agent = known and call['agent_key'] or ''
if agent == '' then agent = known and call['agent'] or '' end
if type(agent) ~= 'string' then agent = '' end
if redis.call('HGET', KEYS[2], agent) == ARGV[1] then redis.call('HDEL', KEYS[2], agent) end
"""

# KEYS: live calls, agents in a call, marks, calls of PBXs that are away.
# ARGV: call_ref, its marks.
_RELEASE = f"""{_FREE}
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[4], ARGV[1])
redis.call('HDEL', KEYS[3], unpack(ARGV, 2))
"""

# KEYS: live calls, agents in a call, calls of PBXs that are away.  ARGV: call_ref.
_SET_ASIDE = f"""
local kept = redis.call('HGET', KEYS[1], ARGV[1])
if not kept then return 0 end
{_FREE}
redis.call('HSET', KEYS[3], ARGV[1], kept)
return redis.call('HDEL', KEYS[1], ARGV[1])
"""

# KEYS: live calls, calls of PBXs that are away.  ARGV: call_ref, the call as JSON.
# What was counted out meanwhile stays out.
_PLACE = """
local away = redis.call('HDEL', KEYS[2], ARGV[1])
if away == 0 and redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
"""

# KEYS: an Idempotency-Key.  ARGV: what is to be known of it if nothing is, its lifetime.
# SET with NX and GET in one is Redis 7's; a script does with older ones.
_CLAIM = """
local known = redis.call('GET', KEYS[1])
if known then return known end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return false
"""

# KEYS: an Idempotency-Key.  ARGV: what was known of it, what is to be known, its lifetime.
_RETAKE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
"""


class Mark(StrEnum):
    """What servers must agree on about a live call; whoever sets or takes a mark acts on it."""

    ABANDONED = "abandoned"  # its creator had to say that it does not ring
    LOST = "lost"  # it is being recorded as failed, and nobody takes it over
    FORGOTTEN = "forgotten"  # an operator says that its PBX does not come back


class Admission(StrEnum):
    """Whether a call may be created, and if not, which limit says so."""

    YES = "yes"
    AGENT_BUSY = "agent"
    CONCURRENT = "concurrent"
    PER_MINUTE = "minute"


@dataclass(frozen=True, slots=True)
class FirstAnswer:
    """What is known of an Idempotency-Key: the call and body it came with, and the answer.

    ``status`` is 0 while there is no answer, and 504 where nobody could tell whether the call was
    placed.  ``attempt`` counts those who took the key over from a server that died.  ``stored`` is
    the text in Redis that it was read from.
    """

    call_ref: str
    body_hash: str
    status: int = 0
    body: Any = None
    retry_after: int | None = None
    attempt: int = 0
    stored: str = field(default="", compare=False)

    def text(self) -> str:
        """Return it as Redis keeps it: a list, to which later versions may only append."""
        return json.dumps([getattr(self, one.name) for one in fields(self)[:_STORED_FIELDS]])

    @classmethod
    def parse(cls, text: str) -> "FirstAnswer":
        """Read what this version or a later one has written; anything else is of no body."""
        try:
            found = cls(*parse_json(text)[:_STORED_FIELDS])
        except (ValueError, TypeError, KeyError):
            return _OF_NO_BODY
        return replace(found, stored=text) if found._is_whole() else _OF_NO_BODY

    def _is_whole(self) -> bool:
        """Tell whether all of it is as it was meant."""
        texts = isinstance(self.call_ref, str) and isinstance(self.body_hash, str)
        numbers = all(type(one) is int for one in (self.status, self.attempt))
        waits = self.retry_after is None or type(self.retry_after) is int
        return texts and numbers and waits and self._has_its_body()

    def _has_its_body(self) -> bool:
        if self.status == 201:
            return isinstance(self.body, Mapping) and isinstance(self.body.get("call_ref"), str)
        if self.status in (0, 503, 504):
            return True
        errors = self.body if isinstance(self.body, list) else [None]
        return 400 <= self.status < 600 and all(_is_error(one) for one in errors)


def _is_error(one: object) -> bool:
    return isinstance(one, list) and len(one) == 2 and all(isinstance(part, str) for part in one)


# No body has this hash, so whoever comes with such a key hears that it was another's.
_OF_NO_BODY = FirstAnswer("", "")


_STORED_FIELDS = 6


class CallStore:
    """One integrator's created calls.  Every method raises :exc:`NotificationError`."""

    def __init__(self, url: str, key_prefix: str, cdr_list: str) -> None:
        self._redis = connect(url, _TIMEOUT)
        self._base = f"{{{key_prefix}}}"
        self._live = f"{self._base}:live"
        self._agents = f"{self._base}:agents"
        self._marks = f"{self._base}:marks"
        self._away = f"{self._base}:away"
        self._cdr_list = cdr_list
        self._admit = self._redis.register_script(_ADMIT)
        self._release = self._redis.register_script(_RELEASE)
        self._set_aside = self._redis.register_script(_SET_ASIDE)
        self._place = self._redis.register_script(_PLACE)
        self._free = self._redis.register_script(_FREE)
        self._claim = self._redis.register_script(_CLAIM)
        self._retake = self._redis.register_script(_RETAKE)

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def ping(self) -> None:
        """Ask for an answer."""
        await answer_of(self._redis.ping())

    async def admit(self, call: LiveCall, limits: Limits, minute: int) -> Admission:
        """Count a call in if no limit forbids it; ``minute`` is Unix time in whole minutes."""
        keys = [self._live, self._agents, f"{self._base}:minute:{minute}", self._marks]
        values: list[str | int] = [
            *(call.call_ref, call.agent_key, call.text()),
            *(limits.calls_per_minute, limits.concurrent_calls),
            _field(call.call_ref, Mark.LOST),
        ]
        return Admission(await answer_of(self._admit(keys, values)))

    async def release(self, call_ref: str) -> None:
        """Count a call out; one that was not in does no harm."""
        values = [call_ref, *(_field(call_ref, mark) for mark in Mark)]
        keys = [self._live, self._agents, self._marks, self._away]
        await answer_of(self._release(keys, values))

    async def place(self, call: LiveCall) -> bool:
        """Write on which PBX a call is; False if it was counted out.  It is away no more."""
        keys = [self._live, self._away]
        return bool(await answer_of(self._place(keys, [call.call_ref, call.text()])))

    async def set_aside(self, call_ref: str) -> bool:
        """Let a call hold neither its agent nor a place; False if it does not already."""
        keys = [self._live, self._agents, self._away]
        return bool(await answer_of(self._set_aside(keys, [call_ref])))

    async def show_present(self, runs: Iterable[str], seconds: float) -> None:
        """Tell all servers that these runs of PBXs are there, for so long."""
        pipeline = self._redis.pipeline(transaction=False)
        for run in runs:
            pipeline.set(self._present_key(run), "1", px=max(1, int(seconds * 1000)))
        await answer_of(pipeline.execute())

    async def is_present(self, run: str) -> bool:
        """Tell whether any server has seen a run of a PBX lately."""
        return bool(await answer_of(self._redis.exists(self._present_key(run))))

    def _present_key(self, run: str) -> str:
        return f"{self._base}:pbx:{run}"

    async def count_shown(self, day: date, shown: Mapping[str, int]) -> dict[str, int]:
        """Add calls by caller ID to those of a day, and return all of it."""
        key = f"{self._base}:shown:{day.isoformat()}"
        pipeline = self._redis.pipeline(transaction=False)
        for number, calls in shown.items():
            pipeline.hincrby(key, number, calls)
        pipeline.expire(key, _DAYS_SHOWN)
        pipeline.hgetall(key)
        *_, counted = await answer_of(pipeline.execute())
        return {number: int(calls) for number, calls in counted.items() if _COUNT.fullmatch(calls)}

    async def free_agent(self, call_ref: str) -> None:
        """Let the agent of a call that ends, or goes on without him, have the next one."""
        await answer_of(self._free([self._live, self._agents], [call_ref]))

    async def mark(self, call_ref: str, mark: Mark) -> bool:
        """Set a mark; False if it was set before."""
        return bool(await answer_of(self._redis.hsetnx(self._marks, _field(call_ref, mark), "1")))

    async def has_mark(self, call_ref: str, mark: Mark) -> bool:
        """Tell whether a mark is set."""
        return bool(await answer_of(self._redis.hexists(self._marks, _field(call_ref, mark))))

    async def take_mark(self, call_ref: str, mark: Mark) -> bool:
        """Take a mark away; False if it was not there, so that one alone acts on it."""
        return bool(await answer_of(self._redis.hdel(self._marks, _field(call_ref, mark))))

    async def live(self) -> dict[str, LiveCall]:
        """Return the calls that were counted in, by call_ref."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.hgetall(self._away)
        pipeline.hgetall(self._live)
        away, live = await answer_of(pipeline.execute())
        known = {ref: LiveCall.parse(ref, text, away=True) for ref, text in away.items()}
        known |= {ref: LiveCall.parse(ref, text) for ref, text in live.items()}
        # A name that is no UTF-8 is none of ours, and nothing that we say names it.
        return {ref: call for ref, call in known.items() if "\ufffd" not in ref}

    async def live_call(self, call_ref: str) -> LiveCall | None:
        """Return one call that was counted in."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.hget(self._live, call_ref)
        pipeline.hget(self._away, call_ref)
        live, away = await answer_of(pipeline.execute())
        text = live or away
        return LiveCall.parse(call_ref, text, away=not live) if text else None

    async def record(self, call_ref: str) -> dict[str, Any] | None:
        """Return the cdr payload of a call that ended within 24 hours."""
        body = await answer_of(self._redis.get(pushed_key(self._cdr_list, call_ref)))
        if body is None:
            return None
        return _payload(body)

    async def claim(self, key: str, mine: FirstAnswer) -> FirstAnswer | None:
        """Take an Idempotency-Key; return None, or what is known of it if it was taken before."""
        theirs = await answer_of(
            self._claim([self._idempotency_key(key)], [mine.text(), _REMEMBER])
        )
        return None if theirs is None else FirstAnswer.parse(theirs)

    async def retake(self, key: str, seen: FirstAnswer) -> FirstAnswer | None:
        """Take over a key that was left without an answer; None if it is not as it was seen."""
        mine = replace(seen, status=0, attempt=seen.attempt + 1)
        arguments: list[str | int] = [seen.stored, mine.text(), _REMEMBER]
        taken = await answer_of(self._retake([self._idempotency_key(key)], arguments))
        return replace(mine, stored=mine.text()) if taken else None

    async def answer(self, key: str, answer: FirstAnswer) -> None:
        """Keep the answer for an Idempotency-Key that was claimed."""
        keep = _REMEMBER
        if answer.status not in _LASTING:
            keep = min(_REMEMBER_FAILURE, answer.retry_after or _REMEMBER_FAILURE)
        await answer_of(self._redis.set(self._idempotency_key(key), answer.text(), ex=keep))

    def _idempotency_key(self, key: str) -> str:
        # Hashed: a client's text never becomes part of a key.
        return f"{self._base}:idempotency:{sha256(key.encode()).hexdigest()}"

    async def keep_token(self, token: str, right: AgentToken, ttl: int) -> None:
        """Keep what a token is a right to, for so many seconds."""
        await answer_of(self._redis.set(self._token_key(token), right.text(), ex=ttl))

    async def token(self, token: str) -> tuple[AgentToken | None, float | None]:
        """Return what a token is a right to, and for how many seconds yet.

        None is for a right that is none, or not any more, and for a time that Redis does not tell.
        """
        key = self._token_key(token)
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.get(key)
        pipeline.pttl(key)
        text, left = await answer_of(pipeline.execute(raise_on_error=False))
        if isinstance(text, Exception):
            raise NotificationError(f"Redis: {text}") from text
        # A user of Redis who may not ask for it, and a key that does not run out.
        lasts = left / 1000 if isinstance(left, int) and left >= 0 else None
        return (AgentToken.parse(text) if text else None), lasts

    def _token_key(self, token: str) -> str:
        # Hashed: who reads Redis cannot call with it.
        return f"{self._base}:token:{sha256(token.encode()).hexdigest()}"


def _payload(body: str) -> dict[str, Any] | None:
    try:
        payload = parse_json(body)["payload"]
        client_of(payload)
        whole = payload.keys() >= _IN_EACH_RECORD and type(payload["dialed_at"]) is int
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return dict(payload) if whole else None


def _field(call_ref: str, mark: Mark) -> str:
    """Return under which field of the marks a call has one."""
    return f"{call_ref}:{mark}"
