"""The phones' logins at Kamailio: lines ``name:password``, kept as what digest needs of them."""

import re
from collections.abc import Iterable, Mapping
from hashlib import md5

from click2dial_agi.exceptions import ConfigError

__all__ = ["LOGINS_KEY", "ha1", "read_logins"]

#: The hash in Redis: a field for each name.
LOGINS_KEY = "c2d:phones"

_LINE = re.compile(r"([A-Za-z0-9_.+-]{1,79}):([^\x00-\x1f\x7f]{8,128})")
_EXPECTED = "name:password, the password of 8 to 128 characters"


def ha1(name: str, realm: str, password: str) -> str:
    """Return what a phone proves to know (RFC 2617 section 3.2.2.2).

    Whoever has it can log in, but at this realm only, and does not know the password.
    """
    return md5(f"{name}:{realm}:{password}".encode(), usedforsecurity=False).hexdigest()


def read_logins(lines: Iterable[str], realm: str) -> Mapping[str, str]:
    """Return the HA1 of each name.  Blank lines and those that begin with ``#`` are skipped.

    Raises :exc:`ConfigError` with the line's number, and never with what stands there.
    """
    found: dict[str, str] = {}
    for number, text in enumerate(lines, 1):
        line = text.rstrip("\r\n")
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise ConfigError(f"line {number}", _EXPECTED)
        name, password = match.groups()
        if name in found:
            raise ConfigError(f"line {number}", "each name once")
        if password.lower() in (name.lower(), "change-me", "changeme"):
            raise ConfigError(f"line {number}", "a password of its own")
        found[name] = ha1(name, realm, password)
    if not found:
        raise ConfigError("the file", _EXPECTED)
    return found
