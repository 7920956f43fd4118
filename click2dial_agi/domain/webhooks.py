"""What a webhook is sent: the JSON of a notification, signed (HMAC-SHA256, RFC 2104)."""

import hmac
from hashlib import sha256

from click2dial_agi.domain.records import Notification

__all__ = ["gives_up", "pause", "request_headers", "sign"]

# Seconds between two tries: doubled each time, up to the last.
_FIRST_PAUSE = 1.0
_LAST_PAUSE = 300.0

# A receiver that is away may be so over a long weekend.
_KEEP = 72 * 60 * 60.0

# One that answers, and says that it will never take this, holds up what is behind no longer.
_REFUSED_TRIES = 10
_TRY_AGAIN = (408, 425, 429)


def sign(secret: str, timestamp: int, body: str) -> str:
    """Return the signature of a body sent at a time (Unix seconds): ``sha256=`` and hex digits."""
    text = f"{timestamp}.{body}".encode()
    return "sha256=" + hmac.new(secret.encode(), text, sha256).hexdigest()


def request_headers(notification: Notification, secret: str, timestamp: int) -> dict[str, str]:
    """Return the headers with which a notification is posted.

    The Idempotency-Key is the same however often it is: a call's record has one, its answer
    another.
    """
    kind = notification.list_name.rpartition(":")[2]
    return {
        "Content-Type": "application/json",
        "Idempotency-Key": f"{notification.call_ref}-{kind}",
        "X-Click2Dial-Timestamp": str(timestamp),
        "X-Click2Dial-Signature": sign(secret, timestamp, notification.body),
    }


def pause(tries: int, chance: float) -> float:
    """Return for how many seconds to wait after so many tries; ``chance`` is from 0 to 1.

    Half of it is left to chance, so that receivers that were away are not met by all at once.
    """
    whole = min(_FIRST_PAUSE * 2.0 ** min(tries - 1, 30), _LAST_PAUSE)
    return whole * (0.5 + chance / 2)


def gives_up(status: int, tries: int, age: float) -> bool:
    """Tell whether a notification is not tried any more.

    ``status`` is the last answer's, 0 if there was none; ``age`` the seconds since it was queued.
    """
    refused = 400 <= status < 500 and status not in _TRY_AGAIN
    return age > _KEEP or (refused and tries >= _REFUSED_TRIES)
