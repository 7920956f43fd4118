"""The facts of a call as text: what travels in channel variables, AGI arguments and spool lines.

The form is that of a URL's query, ``name=value&name=value``, with everything but unreserved
characters percent-encoded.  It is what Asterisk's ``URIENCODE`` writes, it holds no character that
the dialplan reads, and any bytes survive in it.
"""

from collections.abc import Mapping
from urllib.parse import quote, unquote

from click2dial_agi.exceptions import MalformedFacts

__all__ = ["MAX_FACTS", "decode", "encode"]

# Asterisk's buffer for an application's arguments (EXT_DATA_SIZE in pbx.c).
MAX_FACTS = 8192
_MAX_FIELDS = 64


def encode(facts: Mapping[str, str]) -> str:
    """Write facts as text; empty values are left out."""
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in facts.items() if value)


def decode(text: str) -> dict[str, str]:
    """Read facts from text.  Bytes that are not UTF-8 become U+FFFD, which no rule accepts.

    Raises :exc:`MalformedFacts` for too much text or a name that comes twice.
    """
    if len(text) > MAX_FACTS:
        raise MalformedFacts("facts", f"at most {MAX_FACTS} characters")
    fields = text.split("&") if text else []
    if len(fields) > _MAX_FIELDS:
        raise MalformedFacts("facts", f"at most {_MAX_FIELDS} fields")
    facts = {}
    for field in fields:
        name, _, value = field.partition("=")
        facts[name] = unquote(value) if "%" in value else value
    if len(facts) != len(fields):
        raise MalformedFacts("facts", "each name once")
    return facts
