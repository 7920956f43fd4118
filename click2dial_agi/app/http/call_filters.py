"""The filters of ``GET /click2dial/calls``, and what is known of calls as it happens."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from click2dial_agi.app.http.errors import Problem
from click2dial_agi.app.http.query import number_in
from click2dial_agi.app.live.service import LiveOf
from click2dial_agi.domain.calls import CallDirection
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.live.states import CallState
from click2dial_agi.domain.live.views import CallView
from click2dial_agi.domain.numbers import FieldError
from click2dial_agi.exceptions import NotificationError

__all__ = ["CALL_FILTERS", "agent_key", "live_call", "live_calls", "read_filter"]

CALL_FILTERS = ("agent", "state", "direction")

# An agent may be a number outside, as it is written anywhere.
_LONGEST = 80


def read_filter(
    query: Mapping[str, str], integrator: Integrator
) -> Callable[[Mapping[str, Any]], bool]:
    """Return what tells of a call, as it is shown, whether the query wants it.

    Raises :exc:`Problem` (422) for a filter that nothing could pass.
    """
    agent = agent_key(query, integrator)
    state = _word(query, "state", CallState)
    direction = _word(query, "direction", CallDirection)

    def takes(call: Mapping[str, Any]) -> bool:
        return (
            agent in ("", integrator.agent_key(call["agent"]))
            and state in ("", call["state"])
            and direction in ("", call["direction"])
        )

    return takes


async def live_calls(live: LiveOf | None) -> Mapping[str, CallView]:
    """Return what is known of calls as it happens; nothing while nobody can tell."""
    if live is None:
        return {}
    try:
        return await live.store.calls()
    except NotificationError:
        return {}


async def live_call(live: LiveOf | None, call_ref: str) -> CallView | None:
    """Return what is known of one call as it happens; None while nobody can tell."""
    if live is None:
        return None
    try:
        return await live.store.call(call_ref)
    except NotificationError:
        return None


def agent_key(query: Mapping[str, str], integrator: Integrator) -> str:
    """Return whom a query is about, ``""`` for all.  Raises :exc:`Problem` (422)."""
    if "agent" not in query:
        return ""
    agent, plan = query["agent"], integrator.plan
    if integrator.owns(agent):
        return agent
    may_be = 0 < len(agent) <= _LONGEST and not plan.is_extension(agent)
    number = number_in(agent, plan) if may_be else None
    if number is None:
        wrong = FieldError("agent", "an extension of this integrator, or a number")
        raise Problem(422, (wrong,))
    return number.e164


def _word(query: Mapping[str, str], name: str, words: type[StrEnum]) -> str:
    if name not in query:
        return ""
    if query[name] not in tuple(words):
        wrong = FieldError(name, f"one of {', '.join(words)}")
        raise Problem(422, (wrong,))
    return query[name]
