"""Posts notifications to one URL."""

import logging
import ssl
import time
from urllib.parse import urlsplit

import httpx

from click2dial_agi import __version__
from click2dial_agi.domain.integrators import Webhook
from click2dial_agi.domain.records import Notification
from click2dial_agi.domain.webhooks import request_headers
from click2dial_agi.exceptions import StartupError

__all__ = ["WebhookClient"]

log = logging.getLogger(__name__)

# For a whole request.  What takes longer is tried again, so it may arrive twice.
_TIMEOUT = 10.0

_USER_AGENT = f"click2dial-agi/{__version__}"


class WebhookClient:
    """One receiver.

    Its certificate must be signed by whom the system trusts, or by the webhook's own ``ca``.
    Raises :exc:`StartupError`, which names the key below ``where``, if that file is no good.
    """

    def __init__(self, webhook: Webhook, where: str) -> None:
        self._webhook = webhook
        # No redirects: who can make the receiver answer must not choose where records go.
        self._client = httpx.AsyncClient(
            timeout=_TIMEOUT,
            follow_redirects=False,
            trust_env=False,
            headers={"User-Agent": _USER_AGENT},
            verify=_trust(webhook, where),
        )

    async def post(self, notification: Notification) -> tuple[int, str]:
        """Return the status of the answer, 0 if there was none, and what to tell the operator.

        Whatever the answer holds is not read.
        """
        headers = request_headers(notification, self._webhook.secret, int(time.time()))
        try:
            async with self._client.stream(
                "POST", self._webhook.url, content=notification.body, headers=headers
            ) as response:
                return response.status_code, f"it answered {response.status_code}"
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return 0, f"{type(error).__name__} {error}".strip()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _trust(webhook: Webhook, where: str) -> ssl.SSLContext | bool:
    if urlsplit(webhook.url).scheme == "http":
        return False  # there is nothing to check, and loading authorities takes 20 ms
    try:
        # Not httpx's own list: what an operator installs in the system counts.
        return ssl.create_default_context(cafile=webhook.ca)
    except OSError as error:  # SSLError is one
        raise StartupError(f"{where}.ca: {webhook.ca}: {error.strerror or error}") from error
