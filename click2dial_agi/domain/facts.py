"""The facts of a call as text: what travels in channel variables, AGI arguments and spool lines.

The form is that of a URL's query, ``name=value&name=value``, with everything but unreserved
characters percent-encoded.  It is what Asterisk's ``URIENCODE`` writes, it holds no character that
the dialplan reads, and any bytes survive in it.

:mod:`click2dial_agi.domain.told` makes types of them, once, at the door.
"""

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote_to_bytes

from click2dial_agi.exceptions import MalformedFacts

__all__ = ["MAX_FACTS", "decode", "encode", "moment", "whole_number"]

# Asterisk's buffer for an application's arguments (EXT_DATA_SIZE in pbx.c).
MAX_FACTS = 8192
_MAX_FIELDS = 64

_DIGITS = re.compile(r"[0-9]{1,12}")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]*")
_SLASHED = re.compile(r"[A-Za-z0-9._~%-]*")


def encode(facts: Mapping[str, str]) -> str:
    """Write facts as text; empty values are left out."""
    if not _UNRESERVED.fullmatch("".join(facts.values())):
        facts = {name: _quoted(value) for name, value in facts.items()}
    return "&".join([f"{name}={value}" for name, value in facts.items() if value])


def _quoted(value: str) -> str:
    if _UNRESERVED.fullmatch(value):  # as all of a call's good facts are, but the channel's name
        return value
    slashed = value.replace("/", "%2F")
    return slashed if _SLASHED.fullmatch(slashed) and "%" not in value else quote(value, safe="")


def decode(text: str) -> dict[str, str]:
    """Read facts from text.  Bytes that are not UTF-8 become U+FFFD, which no rule accepts.

    Raises :exc:`MalformedFacts` for too much text or a name that comes twice.
    """
    if len(text) > MAX_FACTS:
        raise MalformedFacts("facts", f"at most {MAX_FACTS} characters")
    fields = text.split("&") if text else []
    if len(fields) > _MAX_FIELDS:
        raise MalformedFacts("facts", f"at most {_MAX_FIELDS} fields")
    try:
        facts = dict([field.split("=", 1) for field in fields])
    except ValueError:
        raise MalformedFacts("facts", "name=value, joined by &") from None
    if len(facts) != len(fields):
        raise MalformedFacts("facts", "each name once")
    for name, value in facts.items():
        if "%" in value:
            # The only one in a call's good facts is in the channel's name, and this is quicker.
            value = value.replace("%2F", "/")
            facts[name] = unquote_to_bytes(value).decode("utf-8", "replace")
    return facts


def whole_number(facts: Mapping[str, str], name: str) -> int:
    """Return a fact that is a number.  Raises :exc:`MalformedFacts` if it is none."""
    value = facts.get(name, "")
    if not _DIGITS.fullmatch(value):
        raise MalformedFacts(name, "a whole number")
    return int(value)


def moment(facts: Mapping[str, str], name: str) -> int:
    """Return when something happened, in Unix seconds; 0 for what did not.

    Raises :exc:`MalformedFacts` for a time that is no number.
    """
    return whole_number(facts, name) if facts.get(name) else 0
