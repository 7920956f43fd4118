"""Query parameters: those that a path has, each once, and no others."""

import re
from dataclasses import replace
from urllib.parse import parse_qsl

from fastapi import Request

from click2dial_agi.app.http.errors import Problem
from click2dial_agi.domain.numbering import Number, NumberPlan
from click2dial_agi.domain.numbers import FieldError

__all__ = ["number_in", "read_query", "ref_in_path"]

# "+" in a query is a blank, and before an international number nothing else can have left one.
_LOST_PLUS = re.compile(r"\A (?=[1-9][0-9 ().-]{6})")


def read_query(request: Request, *names: str) -> dict[str, str]:
    """Return the parameters of a request by name, those that are there.

    Raises :exc:`Problem` (422) for one that the path has not, or that comes twice: a filter that is
    misspelt must not list everything.
    """
    text: bytes = request.scope["query_string"]
    if not text:
        return {}
    pairs = parse_qsl(text.decode("latin-1"), keep_blank_values=True)
    found = dict(pairs)
    if len(found) != len(pairs) or not found.keys() <= set(names):
        allowed = ", ".join(names) + ", each once" if names else "no parameters"
        raise Problem(422, (FieldError("query", allowed),))
    return found


def number_in(text: str, plan: NumberPlan) -> Number | None:
    """Return the number that a parameter names: as a record has it, else as people write it."""
    text = _LOST_PLUS.sub("+", text)
    number = plan.recall(text)
    if number is None:
        read = replace(plan, formatted=True).read(text)
        number = read if isinstance(read, Number) else None
    return number


def ref_in_path(request: Request, name: str) -> str:
    """Return the call_ref that a path names, as we write it: some databases keep it in capitals."""
    ref: str = request.path_params[name]
    return ref.lower()
