"""Who may use an integrator's API: who knows a key, or comes from a network that needs none."""

import hmac
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from urllib.parse import urlsplit

from fastapi import Request

from click2dial_agi.app.created_calls import CreatedCalls
from click2dial_agi.app.http.access import access_of, check_host, mark_known
from click2dial_agi.app.http.errors import Problem
from click2dial_agi.app.http.query import read_query
from click2dial_agi.domain.agent_tokens import AgentToken, is_agent_token
from click2dial_agi.domain.api_keys import hash_key, hashed
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.networks import is_inside
from click2dial_agi.domain.numbers import FieldError
from click2dial_agi.domain.origins import is_extension

__all__ = [
    "Asker",
    "asked",
    "authorize",
    "check_supervisor",
    "identify",
    "is_supervisor",
]

_UNAUTHORIZED = Problem(
    401, (FieldError("authorization", "Bearer and one of this integrator's keys"),)
)
_NO_TOKEN = Problem(401, (FieldError("authorization", "a token that has not run out"),))
_OTHER_PAGE = Problem(403, (FieldError("origin", "the one that the token was given for"),))
_OTHER_AGENT = Problem(403, (FieldError("agent", "the one that the token was given for"),))
_NO_SUPERVISOR = Problem(403, (FieldError("authorization", "one of supervisor_keys"),))
_CROSS_SITE = Problem(403, (FieldError("origin", "this server, for requests without a key"),))


# Of the configuration's keys only, which are few: what clients send would fill it.
_hashed = lru_cache(maxsize=1024)(hashed)


@lru_cache(maxsize=1024)
def _key_mark(known: str) -> str:
    """Return what tells a key of the configuration from others, and does not give it away.

    It is the same whether the configuration holds the key or its hash.
    """
    return sha256(_hashed(known).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: the integrator, or a page for one ``agent`` alone.

    ``lasts`` is for how many seconds a page has its right yet; None where that is not known.
    """

    agent: str | None = None
    lasts: float | None = None

    def may_see(self, agent: str) -> bool:
        """Tell whether calls of an agent are its affair."""
        return self.agent in (None, agent)

    def check_agent(self, agent: str) -> None:
        """Raise :exc:`Problem` (403) unless it may call for an agent."""
        if not self.may_see(agent):
            raise _OTHER_AGENT

    def own_key(self, key: str) -> str:
        """Return an Idempotency-Key as this asker's own: a page's may be another's, too.

        Who knows it must not be told of the other's call, nor take the key away.
        """
        return key if self.agent is None else f"{self.agent} {key}"  # no key has a blank


async def asked(
    request: Request, current: CreatedCalls, *parameters: str
) -> tuple[Asker, dict[str, str]]:
    """Return who asks, and those of the query ``parameters`` that there are.

    What each route begins with that lets pages in.  Raises :exc:`Problem` as :func:`identify` and
    ``read_query`` do.
    """
    asker = await identify(request, current.integrator, current.store.token)
    return asker, read_query(request, *parameters)


async def identify(
    request: Request,
    integrator: Integrator,
    find: Callable[[str], Awaitable[tuple[AgentToken | None, float | None]]],
) -> Asker:
    """Return who asks, by a key, a network, or a token that ``find`` knows.

    Raises :exc:`Problem` (401, 403, 421) as :func:`authorize` does.  A token is good for pages of
    its own origin, which browsers name in each request to another server.  Only an extension that
    may reach this host's pages, too, names none when it reads; no page can ask so, for where it
    sends a token to another server its browser names it.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not is_agent_token(token.strip(" ")):
        authorize(request, integrator)
        return Asker()
    right, lasts = await find(token.strip(" "))
    if right is None or not integrator.owns(right.agent) or not _is_given(right, integrator):
        raise _NO_TOKEN
    origins = [origin.lower() for origin in request.headers.getlist("origin")]
    reads = not origins and request.method == "GET" and is_extension(right.origin)
    if not (reads or origins == [right.origin]) or right.origin not in integrator.cors_origins:
        raise _OTHER_PAGE
    mark_known(request)
    return Asker(right.agent, lasts)


def _is_given(right: AgentToken, integrator: Integrator) -> bool:
    """Tell whether the key with which a token was asked for is still one."""
    return not right.key or right.key in map(_key_mark, _keys_of(integrator))


def authorize(request: Request, integrator: Integrator) -> str:
    """Return the mark of the key that a request carries, empty if it needs none.

    Raises :exc:`Problem` (401, 403, 421) if it needs one and has none.

    A key is a right of whoever sends it.  A network is a right of every page that a browser there
    shows, so such a request must come from a page of ours, if from any.
    """
    credentials = request.headers.getlist("authorization")
    # Two of them would leave it to chance which one a proxy in between has looked at.
    if len(credentials) == 1:
        scheme, _, key = credentials[0].partition(" ")
        # Starlette decodes headers as Latin-1; these are the bytes as they came.
        sent, keys = key.strip(" ").encode("latin-1"), _keys_of(integrator)
        if scheme.lower() == "bearer" and _is_key(sent, keys):
            mark_known(request)
            return _key_mark(hash_key(sent))
    if request.client is None or not is_inside(request.client.host, integrator.allow_from):
        raise _UNAUTHORIZED
    check_host(request)
    if not _is_same_origin(request):
        raise _CROSS_SITE
    mark_known(request)
    return ""


def _keys_of(integrator: Integrator) -> tuple[str, ...]:
    return (*integrator.api_keys, *integrator.supervisor_keys)


def check_supervisor(request: Request, integrator: Integrator) -> None:
    """Raise :exc:`Problem` (403) unless a request that is authorized has a supervisor's key."""
    if not is_supervisor(request, integrator):
        raise _NO_SUPERVISOR


def is_supervisor(request: Request, integrator: Integrator) -> bool:
    """Tell whether a request that is authorized has a supervisor's key."""
    _, _, key = request.headers.get("authorization", "").partition(" ")
    return _is_key(key.strip(" ").encode("latin-1"), integrator.supervisor_keys)


def _is_same_origin(request: Request) -> bool:
    """Tell whether a request comes from a page of ours, or from none."""
    # Newer browsers say it of every request, of those without Origin too.
    if request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return False
    origins = request.headers.getlist("origin")
    ours = {request.headers.get("host"), urlsplit(access_of(request).public_origin).netloc} - {""}
    return all(origin.partition("://")[2] in ours for origin in origins)


def _is_key(key: bytes, keys: Sequence[str]) -> bool:
    # Hashes have one length, and every key is compared to its end: the time tells nothing.
    sent = hash_key(key)
    matches = [hmac.compare_digest(sent, _hashed(known)) for known in keys]
    return any(matches)
