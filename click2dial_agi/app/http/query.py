"""Query parameters: those that a path has, each once, and no others."""

from urllib.parse import parse_qsl

from fastapi import Request

from click2dial_agi.app.http.errors import Problem
from click2dial_agi.domain.numbers import FieldError

__all__ = ["read_query"]


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
