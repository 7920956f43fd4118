"""Posts notifications to one URL."""

import asyncio
import logging
import os
import ssl
import time
from functools import lru_cache
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import httpx

from click2dial_agi import __version__
from click2dial_agi.domain.integrators import Webhook
from click2dial_agi.domain.notifications import Notification
from click2dial_agi.domain.webhooks import request_headers
from click2dial_agi.exceptions import StartupError

__all__ = ["WebhookClient", "trust_of"]

log = logging.getLogger(__name__)

# For a whole request, however its answer trickles in.  What takes longer is tried again, so it may
# arrive twice.
_TIMEOUT = 10.0

# For a look whether it is there.
_REACH_TIMEOUT = 3.0

_USER_AGENT = f"click2dial-agi/{__version__}"


class WebhookClient:
    """One receiver.

    Its certificate must be signed by whom the system trusts, or by the webhook's own ``ca``.
    Raises :exc:`StartupError`, which names the key below ``where``, if that file is no good.
    """

    def __init__(self, webhook: Webhook, where: str) -> None:
        self._webhook = webhook
        self._trust = trust_of(webhook, where)
        # No redirects: who can make the receiver answer must not choose where records go.
        self._client = httpx.AsyncClient(
            timeout=_TIMEOUT,
            follow_redirects=False,
            trust_env=False,
            headers={"User-Agent": _USER_AGENT},
            verify=self._trust or False,
        )

    async def post(self, notification: Notification) -> tuple[int, str]:
        """Return the status of the answer, 0 if there was none, and what to tell the operator.

        Whatever the answer holds is not read.
        """
        headers = request_headers(notification, self._webhook.secret, int(time.time()))
        try:
            async with (
                asyncio.timeout(_TIMEOUT),
                self._client.stream(
                    "POST", self._webhook.url, content=notification.body, headers=headers
                ) as response,
            ):
                return response.status_code, _answered(response.status_code)
        except (TimeoutError, httpx.TimeoutException):
            return 0, f"no answer within {_TIMEOUT:g} s"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            return 0, _why(error)

    async def reach(self) -> str:
        """Connect, and post nothing; return what is wrong, in words, or an empty text."""
        late, host = "no answer of DNS", urlsplit(self._webhook.url).hostname
        try:
            async with asyncio.timeout(_REACH_TIMEOUT):
                await asyncio.get_running_loop().getaddrinfo(host, None)
                late = "no connection"
                await self._connect()
        except TimeoutError:
            return f"{late} within {_REACH_TIMEOUT:g} s"
        except (OSError, ValueError) as error:
            return _why(error)
        return ""

    async def _connect(self) -> None:
        parts = urlsplit(self._webhook.url)
        tls = self._trust if parts.scheme == "https" else None
        port = parts.port or (443 if tls else 80)
        _, writer = await asyncio.open_connection(parts.hostname, port, ssl=tls)
        writer.transport.abort()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _answered(status: int) -> str:
    told = f"it answered {status}"
    return f"{told}, and no redirect is followed" if 300 <= status < 400 else told


def _why(error: BaseException) -> str:
    """Return what went wrong beneath all that was wrapped around it."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    if isinstance(error, BaseExceptionGroup):  # of the addresses of a name, each has its own
        return "; ".join(dict.fromkeys(_why(one) for one in error.exceptions))
    return f"{type(error).__name__} {error}".strip()


def trust_of(webhook: Webhook, where: str) -> ssl.SSLContext | None:
    """Return whom a webhook trusts, None where there is nothing to trust.

    Raises :exc:`StartupError`, which names the key below ``where``, if its ``ca`` is no good.
    """
    if urlsplit(webhook.url).scheme == "http":
        return None  # there is nothing to check, and loading authorities takes 20 ms
    try:
        return _trust(webhook.ca, _version(webhook.ca))
    except OSError as error:  # SSLError is one
        raise StartupError(f"{where}.ca: {webhook.ca}: {error.strerror or error}") from error


def _version(ca: Path | None) -> tuple[int, ...]:
    """Return what tells a file of authorities from another one in its place."""
    # Not httpx's own list: what an operator installs in the system counts.
    path = ca or cast("Path | str | None", ssl.get_default_verify_paths().cafile)
    if path is None:
        return (time.monotonic_ns(),)  # nobody knows: each is another one
    found = os.stat(path)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


@lru_cache(64)
def _trust(ca: Path | None, _: tuple[int, ...]) -> ssl.SSLContext:
    """Load them once for all webhooks: with many, a start or a reload would take seconds."""
    return ssl.create_default_context(cafile=ca)
