"""The facts of a call as text: what travels in channel variables, AGI arguments and spool lines.

The form is that of a URL's query, ``name=value&name=value``, with everything but unreserved
characters percent-encoded.  It is what Asterisk's ``URIENCODE`` writes, it holds no character that
the dialplan reads, and any bytes survive in it.
"""

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote_to_bytes

from click2dial_agi.exceptions import MalformedFacts

__all__ = ["MAX_FACTS", "current_agent", "decode", "encode", "endpoint_of", "whole_number"]

# Asterisk's buffer for an application's arguments (EXT_DATA_SIZE in pbx.c).
MAX_FACTS = 8192
_MAX_FIELDS = 64

_DIGITS = re.compile(r"[0-9]{1,12}")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]*")


def encode(facts: Mapping[str, str]) -> str:
    """Write facts as text; empty values are left out."""
    if not _UNRESERVED.fullmatch("".join(facts.values())):
        facts = {name: quote(value, safe="") for name, value in facts.items()}
    return "&".join([f"{name}={value}" for name, value in facts.items() if value])


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


def endpoint_of(channel: str) -> str:
    """Return the endpoint's name in ``PJSIP/<endpoint>-<8 hex digits>`` (chan_pjsip.c)."""
    return channel.removeprefix("PJSIP/").rpartition("-")[0]


def current_agent(facts: Mapping[str, str]) -> str:
    """Return who talks to the client, as the operator or else the endpoint's name says."""
    return facts.get("agent", "") or endpoint_of(facts.get("agent_channel", ""))
