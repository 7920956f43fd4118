"""The seal on what the dialplan tells: who does not know the secret cannot tell anything.

The dialplan makes it of what func_sha1.so gives it, ``SHA1(secret, SHA1(secret, script, facts))``,
each joined without anything between, the inner one as hex digits (``click2dial-ask``).  Hashing
twice keeps a seal that somebody saw from being good for a longer text.
"""

import hmac
import re
from hashlib import sha1

from click2dial_agi.exceptions import MalformedFacts

__all__ = ["seal", "unseal"]

_SEALED = re.compile(r"(.*)&seal=([0-9a-f]{40})", re.DOTALL)


def seal(secret: str, script: str, facts: str) -> str:
    """Return the seal of facts that are told to a script: 40 hex digits."""
    inner = _sha1(f"{secret}{script}{facts}")
    return _sha1(f"{secret}{inner}")


def unseal(secret: str | None, script: str, text: str) -> str:
    """Return the facts in a text that is sealed.  Without a secret any text is as good.

    Raises :exc:`MalformedFacts` for a text whose seal is missing or is not ours.
    """
    sealed = _SEALED.fullmatch(text)
    facts = sealed[1] if sealed else text
    if secret is None:
        return facts
    if sealed is None:
        raise MalformedFacts("seal", "one: C2D_SECRET in the dialplan as agi.secret here")
    if not hmac.compare_digest(sealed[2], seal(secret, script, facts)):
        raise MalformedFacts("seal", "ours: C2D_SECRET in the dialplan as agi.secret here")
    return facts


def _sha1(text: str) -> str:
    # Bytes that are no UTF-8 came in as surrogates or U+FFFD: then no seal can be right.
    return sha1(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
