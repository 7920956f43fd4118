"""The facts of a call as text: what travels in channel variables, AGI arguments and spool lines.

The form is that of a URL's query, ``name=value&name=value``, with everything but unreserved
characters percent-encoded.  It is what Asterisk's ``URIENCODE`` writes, it holds no character that
the dialplan reads, and any bytes survive in it.

:mod:`click2dial_agi.domain.told` makes types of them, once, at the door.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from urllib.parse import quote, unquote_to_bytes

from click2dial_agi.exceptions import MalformedFacts

__all__ = ["MAX_FACTS", "Fact", "decode", "encode", "moment", "whole_number"]

# Asterisk's buffer for an application's arguments (EXT_DATA_SIZE in pbx.c).
MAX_FACTS = 8192
_MAX_FIELDS = 64

_DIGITS = re.compile(r"[0-9]{1,12}")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]*")
_SLASHED = re.compile(r"[A-Za-z0-9._~%-]*")


class Fact(StrEnum):
    """Every name that a fact may have; the dialplan and the server mean the same by it."""

    # What the phone asked for.
    CALLEE = "callee"
    TELEFORGE_OUTBOUND_ID = "teleforge_outbound_id"  # X-Teleforge-Outbound-ID
    TELEFORGE_CONTACT_REF = "teleforge_contact_ref"  # X-Teleforge-Contact-Ref
    PLATFORMA_OUTBOUND_ID = "platforma_outbound_id"  # X-Platforma-Outbound-ID
    PLATFORMA_CONTACT_REF = "platforma_contact_ref"  # X-Platforma-Contact-Ref
    # X-Platforma-Call-Ref, in early drafts.  No other name may end in call_ref: see io/spool.py.
    PLATFORMA_EARLY_REF = "platforma_early_ref"
    ATTEMPT = "attempt"  # X-C2D-Attempt, by Kamailio
    UNREAD = "unread"  # a header is too long for Asterisk, and as if it were not there

    # Who calls whom, as it was decided; of a call from outside, as the dialplan found it.
    CALL_REF = "call_ref"
    INTEGRATOR = "integrator"
    EXTENSION = "extension"
    NUMBER = "number"
    DIAL_NUMBER = "dial_number"
    CONTACT_REF = "contact_ref"
    CALL_DIR = "call_dir"
    CALL_TYPE = "call_type"
    TRAIL_REF = "trail_ref"
    TRAIL_NUMBER = "trail_number"
    CHANNEL = "channel"  # of the agent who placed the call
    REFUSED = "refused"
    LIMITED = "limited"  # refused by a limit
    EMERGENCY = "emergency"
    CALLER = "caller"  # C2D_EXTENSION of the phone that calls for help
    CREATED = "created"  # by the REST API
    RECORD = "record"  # a call from outside is to be recorded
    RECORDED = "recorded"  # an agent's call likewise

    # Who talks to the client: C2D_EXTENSION of his channel, and its name.
    AGENT = "agent"
    AGENT_CHANNEL = "agent_channel"
    BEFORE = "before"  # the two of who did before, if that should be nobody's agent

    # Where the client is to go, and by what: a transfer or a forward.
    KIND = "kind"
    TARGET = "target"
    PLACED = "placed"  # how many legs were placed for this client before
    BY_CHANNEL = "by_channel"  # before 0.2: of whom agent_channel is not the one who transfers

    # When, in Unix seconds of the PBX's clock.
    DIALED_AT = "dialed_at"
    QUEUED_AT = "queued_at"
    AGENT_ANSWERED_AT = "agent_answered_at"
    JOINED_AT = "joined_at"
    ANSWERED_AT = "answered_at"
    ENDED_AT = "ended_at"

    # How it ended.
    DIALSTATUS = "dialstatus"
    HANGUP_CAUSE = "hangup_cause"
    SIP_STATUS = "sip_status"
    ENDED_BY = "ended_by"
    PAUSES = "pauses"  # of its recording
    HOLDS = "holds"  # by the API

    # Of the text itself.
    EVENT = "event"
    DIALPLAN = "dialplan"  # the version of the dialplan that tells
    SEAL = "seal"


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
