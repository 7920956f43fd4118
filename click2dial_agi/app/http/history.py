"""``GET /click2dial/history``: the records of the last days."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from click2dial_agi.app.created_calls import CreatedCalls
from click2dial_agi.app.http.agents import live_or_501
from click2dial_agi.app.http.auth import asked
from click2dial_agi.app.http.call_filters import agent_key
from click2dial_agi.app.http.errors import Problem
from click2dial_agi.app.http.live_schemas import CURSOR_PATTERN, HISTORY, HistoryAnswer
from click2dial_agi.app.http.query import number_in
from click2dial_agi.app.http.schemas import errors
from click2dial_agi.app.live.past import Wanted, search
from click2dial_agi.app.live.service import LiveOf
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.numbers import CONTACT_REF_LENGTH, FieldError, is_contact_ref

__all__ = ["HISTORY_PATH", "add_history"]

HISTORY_PATH = "/click2dial/history"

_PARAMETERS = ("from", "to", "agent", "number", "contact_ref", "limit", "cursor")
_LIMIT, _MOST = 100, 500

_SECONDS = re.compile(r"[0-9]{1,11}")
# Also as 20261130: of so few digits seconds are in 1973 at the latest.
_DAY = re.compile(r"[0-9]{4}(-?)[0-9]{2}\1[0-9]{2}")
_TO_ITS_END = 24 * 60 * 60 - 1
_ISO = re.compile(r"[0-9]{4}-[0-9T:.Z+-]{1,30}|[0-9]{8}(T[0-9:.Z+-]{1,26})?")

# "+" in a query is a blank, and between a time of day and an offset nothing else can have left one.
_LOST_PLUS = re.compile(r"(T[0-9]{2}:?[0-9]{2}[0-9:.]*) ([0-9]{2}(:?[0-9]{2})?)\Z")
_CURSOR = re.compile(CURSOR_PATTERN)

_WHEN = "Unix seconds, or ISO 8601 as 2026-11-30T18:00:00Z, without blanks (+ is %2B in a query)"


def add_history(
    app: FastAPI, calls: Callable[[], CreatedCalls], live: Callable[[], LiveOf | None]
) -> None:
    """Add the route."""

    @app.get(
        HISTORY_PATH,
        response_model=HistoryAnswer,
        responses=errors(401, 403, 421, 422, 501, 503),
        openapi_extra=HISTORY,
        operation_id="listHistory",
        summary="List records of the last days",
    )
    async def history(request: Request) -> Response:
        current = calls()
        asker, query = await asked(request, current, *_PARAMETERS)
        integrator = current.integrator
        if asker.agent is not None:
            asker.check_agent(query.setdefault("agent", asker.agent))
        kept = live_or_501(live()).history
        wanted, cursor, limit = _read(query, integrator)
        records, cursor = await search(kept.before, wanted, integrator, cursor, limit)
        return JSONResponse({"records": records, "cursor": cursor or None})


def _read(query: Mapping[str, str], integrator: Integrator) -> tuple[Wanted, str, int]:
    """Return what is asked for.  Raises :exc:`Problem` (422) with all that is wrong."""
    wrong = []

    def check(name: str, is_right: bool, allowed: str) -> None:
        if not is_right:
            wrong.append(FieldError(name, allowed))

    times = {name: _time(query[name]) if name in query else None for name in ("from", "to")}
    if times["to"] is not None and _DAY.fullmatch(query["to"]):
        times["to"] += _TO_ITS_END  # as "from" a day is from its beginning
    for name, time in times.items():
        check(name, name not in query or time is not None, _WHEN)
    try:
        agent = agent_key(query, integrator)
    except Problem as problem:
        wrong += problem.errors
        agent = ""
    number = query.get("number", "")
    check("number", "number" not in query or 0 < len(number) <= 80, "1 to 80 characters")
    contact_ref = query.get("contact_ref", "")
    known = "contact_ref" not in query or (bool(contact_ref) and is_contact_ref(contact_ref))
    check("contact_ref", known, "letters, digits and . - _ ~ only")
    limit = query.get("limit", str(_LIMIT))
    is_limit = re.fullmatch(r"[0-9]{1,3}", limit) is not None and 1 <= int(limit) <= _MOST
    check("limit", is_limit, f"a number from 1 to {_MOST}")
    cursor = query.get("cursor", "")
    is_cursor = "cursor" not in query or _CURSOR.fullmatch(cursor) is not None
    check("cursor", is_cursor, "the cursor of an answer")
    if wrong:
        raise Problem(422, tuple(wrong))
    found = None if integrator.owns(number) else number_in(number, integrator.plan)
    key = found.e164 if found else number
    contact_ref = contact_ref[:CONTACT_REF_LENGTH]  # as the record has it
    return Wanted(times["from"], times["to"], agent, key, contact_ref), cursor, int(limit)


def _time(text: str) -> float | None:
    if _SECONDS.fullmatch(text) and not _DAY.fullmatch(text):
        return float(text)
    text = _LOST_PLUS.sub(r"\1+\2", text)
    if not _ISO.fullmatch(text):
        return None
    try:
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
