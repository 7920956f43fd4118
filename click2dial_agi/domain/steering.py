"""What may be asked of a call that is up: the bodies of such requests."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from click2dial_agi.domain.bodies import read_text
from click2dial_agi.domain.numbers import FieldError

__all__ = [
    "DIGITS_PATTERN",
    "Consult",
    "Control",
    "ListenMode",
    "Listening",
    "Transfer",
    "read_digits",
    "read_listening",
    "read_nothing",
    "read_transfer",
]

#: What a phone's keypad has, and the four keys that it once had.
DIGITS_PATTERN = "[0-9A-D*#]{1,32}"
_DIGITS = re.compile(DIGITS_PATTERN)
_DIGITS_ERROR = FieldError("digits", "1 to 32 of 0-9, A-D, * and #")


_NOTHING_ERROR = FieldError("body", "none, or an empty JSON object: there is nothing to say")
_TYPE_ERROR = FieldError("type", "blind or consult")
_MODE_ERROR = FieldError("mode", "listen, whisper or barge")


class ListenMode(StrEnum):
    """Who hears a supervisor: nobody, the agent, or both sides."""

    LISTEN = "listen"
    WHISPER = "whisper"
    BARGE = "barge"


class Listening(NamedTuple):
    """Whose phone is to hear a call (an extension, not checked), and how."""

    extension: str
    mode: ListenMode = ListenMode.LISTEN


class Transfer(NamedTuple):
    """Where a client is to go (not checked); ``consult`` if the agent asks there first."""

    callee: str
    consult: bool = False


class Consult(StrEnum):
    """How far an agent has come who asks somebody: his phone rings, or they talk."""

    RINGING = "ringing"
    TALKING = "talking"


class Control(NamedTuple):
    """How a call stands that is steered; ``consult`` is None unless somebody is asked."""

    muted: bool = False
    held: bool = False
    recording_paused: bool = False
    consult: Consult | None = None


def read_nothing(body: object) -> tuple[None, tuple[FieldError, ...]]:
    """Return what is wrong with the body of what takes no keys: any."""
    return None, () if body in ({}, None) else (_NOTHING_ERROR,)


def read_digits(body: object) -> tuple[str, tuple[FieldError, ...]]:
    """Return the digits to press, and what is wrong with the body."""
    values, wrong = _read(body, ("digits",))
    if isinstance(body, Mapping) and not _DIGITS.fullmatch(values["digits"]):
        wrong = (*wrong, _DIGITS_ERROR)
    return values["digits"], wrong


def read_transfer(body: object) -> tuple[Transfer, tuple[FieldError, ...]]:
    """Return where the client is to go and how, and what is wrong with the body."""
    values, wrong = _read(body, ("callee", "type"))
    if values["type"] not in ("", "blind", "consult"):
        wrong = (*wrong, _TYPE_ERROR)
    return Transfer(values["callee"], values["type"] == "consult"), wrong


def read_listening(body: object) -> tuple[Listening, tuple[FieldError, ...]]:
    """Return who is to hear a call, and what is wrong with the body."""
    values, wrong = _read(body, ("extension", "mode"))
    mode = values["mode"] or ListenMode.LISTEN
    if mode not in tuple(ListenMode):
        wrong = (*wrong, _MODE_ERROR)
    return Listening(values["extension"], ListenMode.LISTEN if wrong else ListenMode(mode)), wrong


def _read(body: object, keys: Sequence[str]) -> tuple[dict[str, str], tuple[FieldError, ...]]:
    """Return a body's values by key, empty where they are absent, and what is wrong with it."""
    wanted = FieldError("body", f"a JSON object with {' and '.join(keys)}, and nothing else")
    if not isinstance(body, Mapping):
        return dict.fromkeys(keys, ""), (wanted,)
    wrong = (wanted,) if any(key not in keys for key in body) else ()
    return {key: read_text(body.get(key)) for key in keys}, wrong
