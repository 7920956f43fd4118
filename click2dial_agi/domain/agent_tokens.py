"""A right to place and follow the calls of one agent, for that agent's browser (docs/button.md).

A page must not hold an API key: everybody who opens it would have the key.  The CRM's server asks
for a token with its key and gives that to the page.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from click2dial_agi.domain.foreign_json import parse_json
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.numbers import FieldError
from click2dial_agi.domain.origins import as_browsers_say

__all__ = ["DEFAULT_TTL", "LONGEST", "SHORTEST", "AgentToken", "is_agent_token", "read_wanted"]

# Seconds.
SHORTEST, DEFAULT_TTL, LONGEST = 60, 3600, 24 * 60 * 60

# Epoch seconds: what no clock of ours says.
_LAST = 2**40

_TOKEN = re.compile("agent-[A-Za-z0-9_-]{43}")
_KEYS = frozenset({"agent", "origin", "ttl"})

_BODY = FieldError("body", "a JSON object with agent, origin and, if need be, ttl; nothing else")
_AGENT = FieldError("agent", "one of this integrator's extensions")
_ORIGIN = FieldError("origin", "one of this integrator's cors_origins")
_TTL = FieldError("ttl", f"whole seconds, {SHORTEST} to {LONGEST}")


@dataclass(frozen=True, slots=True)
class AgentToken:
    """Whose calls it is for (``agent``, an extension), and of which pages (``origin``).

    ``expires_at`` is when it runs out, in epoch seconds; 0 in those that older servers gave.
    ``key`` marks the key with which it was asked for; nothing in theirs, and where none was needed.
    """

    agent: str
    origin: str
    expires_at: int = 0
    key: str = ""

    def text(self) -> str:
        """Return it as Redis keeps it."""
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, text: str) -> "AgentToken | None":
        """Read what a server has written; None for anything else."""
        try:
            known: Any = parse_json(text)
            agent, origin = known["agent"], known["origin"]
            expires_at, key = known.get("expires_at", 0), known.get("key", "")
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
        if not all(isinstance(one, str) for one in (agent, origin, key)):
            return None
        if type(expires_at) is not int or not 0 <= expires_at <= _LAST:
            return None
        return cls(agent, origin, expires_at, key)


def is_agent_token(text: str) -> bool:
    """Tell whether a text has the form of a token; which ones there are, only Redis knows."""
    return _TOKEN.fullmatch(text) is not None


def read_wanted(
    body: object, integrator: Integrator
) -> tuple[AgentToken, int, tuple[FieldError, ...]]:
    """Return the token that a body asks for, its lifetime in seconds, and what is wrong with it."""
    if not isinstance(body, Mapping):
        return AgentToken("", ""), 0, (_BODY,)
    agent, origin, ttl = body.get("agent"), body.get("origin"), body.get("ttl")
    if isinstance(agent, int) and not isinstance(agent, bool):  # as in the body of a call
        agent = str(agent)
    origin = as_browsers_say(origin) if isinstance(origin, str) else ""
    ttl = DEFAULT_TTL if ttl is None else ttl
    wrong = [] if body.keys() <= _KEYS else [_BODY]
    if not isinstance(agent, str) or not integrator.owns(agent):
        wrong.append(_AGENT)
    if origin not in integrator.cors_origins:
        wrong.append(_ORIGIN)
    if not isinstance(ttl, int) or isinstance(ttl, bool) or not SHORTEST <= ttl <= LONGEST:
        wrong.append(_TTL)
    if wrong:
        return AgentToken("", ""), 0, tuple(wrong)
    return AgentToken(str(agent), origin), int(str(ttl)), ()
