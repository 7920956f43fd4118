"""What a webhook is sent: the JSON of a notification, signed (HMAC-SHA256, RFC 2104)."""

import hmac
from collections.abc import Iterable
from hashlib import sha256
from urllib.parse import urlsplit

from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.notifications import Notification

__all__ = [
    "gives_up",
    "pause",
    "queue_name",
    "queue_names",
    "request_headers",
    "shown_queue",
    "sign",
]

# Seconds between two tries: doubled each time, up to the last.
_FIRST_PAUSE = 1.0
_LAST_PAUSE = 300.0

# A receiver that is away may be so over a long weekend.
_KEEP = 72 * 60 * 60.0

# One that answers, and says that it will never take this, holds up what is behind no longer.
_REFUSED_TRIES = 10
_TRY_AGAIN = (408, 425, 429)


# Between an integrator and a webhook's URL, in the names of queues before webhooks had names.
_ARROW = " -> "


def queue_name(integrator: str, webhook: str) -> str:
    """Return the name of a webhook's queue in the journal, which no integrator can have."""
    return f"{integrator}/{webhook}"


def queue_names(integrators: Iterable[Integrator]) -> set[str]:
    """Return the names of all queues of a configuration: of integrators and of webhooks.

    Among them those that a version before 0.2 may have left, which are taken over.
    """
    names = set()
    for one in integrators:
        names |= {one.name, *(queue_name(one.name, name) for name in one.named_webhooks)}
        names |= {f"{one.name}{_ARROW}{webhook.url}" for webhook in one.webhooks}
    return names


def shown_queue(name: str) -> str:
    """Return a queue's name without what may be secret in it: a URL's user, path and query."""
    integrator, arrow, url = name.partition(_ARROW)
    if not arrow:
        return name
    try:
        parts = urlsplit(url)
    except ValueError:
        return integrator
    return f"{integrator}{arrow}{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


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
