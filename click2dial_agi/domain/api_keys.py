"""Keys of the API, which the configuration holds as they are or as their hashes."""

from hashlib import sha256

__all__ = ["HASHED", "hash_key", "hashed"]

#: Marks a key that the configuration holds as its hash.
HASHED = "sha256:"


def hash_key(key: str | bytes) -> str:
    """Return the form in which a configuration may hold a key without giving it away.

    One round of SHA-256: a key is a long random text, which no dictionary holds, and it is checked
    on every request.
    """
    if isinstance(key, str):
        key = key.encode("utf-8", "surrogateescape")
    return HASHED + sha256(key).hexdigest()


def hashed(known: str) -> str:
    """Return the hash of a key of the configuration, which may be one already."""
    return known if known.startswith(HASHED) else hash_key(known)
