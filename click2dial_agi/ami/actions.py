"""What is sent to Asterisk's manager: one place where an action becomes bytes."""

import re
from collections.abc import Mapping
from hashlib import md5

from click2dial_agi.exceptions import UnsafeCommand

__all__ = ["login_key", "serialize_action"]

# AST_MAX_MANHEADERS in manager.h.
MAX_FIELDS = 128

# Asterisk reads a line into a buffer of 1025 bytes (inbuf in manager.c) and throws away the whole
# action of one that is longer.
MAX_LINE = 1000

# A line break would begin a field, or an action, of its own.
_BREAKS = re.compile(r"[\r\n\0]")
_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")


def serialize_action(name: str, action_id: str, fields: Mapping[str, str]) -> bytes:
    """Return the bytes of an action.

    Raises :exc:`UnsafeCommand` for a value with a line break in it, and for what Asterisk would not
    read whole.
    """
    pairs = {"Action": name, "ActionID": action_id, **fields}
    if len(pairs) > MAX_FIELDS:
        raise UnsafeCommand(f"an action of at most {MAX_FIELDS} fields")
    lines = []
    for key, value in pairs.items():
        if not _NAME.fullmatch(key):
            raise UnsafeCommand(f"not the name of an action's field: {key[:64]!r}")
        if _BREAKS.search(value):
            raise UnsafeCommand(f"a line break in an action's {key}")
        line = f"{key}: {value}\r\n".encode("utf-8", "replace")
        if len(line) > MAX_LINE:
            raise UnsafeCommand(f"an action's {key} of at most {MAX_LINE} bytes")
        lines.append(line)
    return b"".join([*lines, b"\r\n"])


def login_key(challenge: str, password: str) -> str:
    """Return the Key of a Login with AuthType MD5 (``authenticate`` in manager.c)."""
    text = (challenge + password).encode("utf-8", "surrogateescape")
    return md5(text, usedforsecurity=False).hexdigest()
