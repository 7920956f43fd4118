"""Who may use an integrator's API: who knows a key, or comes from a network that needs none."""

import hmac
from collections.abc import Sequence
from hashlib import sha256
from ipaddress import ip_address

from fastapi import Request

from click2dial_agi.app.created_calls import Refused
from click2dial_agi.domain.config import Integrator, Network
from click2dial_agi.domain.numbers import FieldError

__all__ = ["HASHED", "authorize", "hash_key"]

# Marks a key that the configuration holds as its hash.
HASHED = "sha256:"

_UNAUTHORIZED = Refused(
    401, (FieldError("authorization", "Bearer and one of this integrator's keys"),)
)


def hash_key(key: str) -> str:
    """Return the form in which a configuration may hold a key without giving it away.

    One round of SHA-256: a key is a long random text, which no dictionary holds, and it is checked
    on every request.
    """
    return HASHED + sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def authorize(request: Request, integrator: Integrator) -> None:
    """Raise :exc:`Refused` (401) unless the request carries a key or needs none."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and _is_key(key.strip(), integrator.api_keys):
        return
    if request.client is None or not _is_inside(request.client.host, integrator.allow_from):
        raise _UNAUTHORIZED


def _is_key(key: str, keys: Sequence[str]) -> bool:
    # Hashes have one length, and every key is compared to its end: the time tells nothing.
    hashed = hash_key(key)
    matches = [
        hmac.compare_digest(hashed, known if known.startswith(HASHED) else hash_key(known))
        for known in keys
    ]
    return any(matches)


def _is_inside(host: str, networks: Sequence[Network]) -> bool:
    if not networks:
        return False
    address = ip_address(host)
    return any(address in network for network in networks)
