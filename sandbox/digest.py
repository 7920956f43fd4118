"""The answer to a digest challenge (RFC 2617), as a phone makes it."""

from __future__ import annotations

import re
import secrets
from hashlib import md5

_PARAMETER = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')


def digest(challenge: str, method: str, uri: str, name: str, password: str, ha1: str = "") -> str:
    """Return the value of Authorization for a WWW-Authenticate with or without qop=auth.

    ``ha1`` is for an attacker who has that, and no password.
    """
    given = {key: quoted or plain for key, quoted, plain in _PARAMETER.findall(challenge)}
    realm, nonce = given.get("realm", ""), given.get("nonce", "")
    secret = ha1 or _hash(f"{name}:{realm}:{password}")
    request = _hash(f"{method}:{uri}")
    parts = [f'username="{name}", realm="{realm}", nonce="{nonce}", uri="{uri}", algorithm=MD5']
    if "qop" in given:
        ours = secrets.token_hex(8)
        response = _hash(f"{secret}:{nonce}:00000001:{ours}:auth:{request}")
        parts.append(f'qop=auth, nc=00000001, cnonce="{ours}"')
    else:
        response = _hash(f"{secret}:{nonce}:{request}")
    parts.append(f'response="{response}"')
    return f"Digest {', '.join(parts)}"


def _hash(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()
