"""Posts notifications to one URL."""

import logging
import time

import httpx

from click2dial_agi.domain.integrators import Webhook
from click2dial_agi.domain.records import Notification
from click2dial_agi.domain.webhooks import request_headers

__all__ = ["WebhookClient"]

log = logging.getLogger(__name__)

# For a whole request.  What takes longer is tried again, so it may arrive twice.
_TIMEOUT = 10.0


class WebhookClient:
    """One receiver."""

    def __init__(self, webhook: Webhook) -> None:
        self._webhook = webhook
        # No redirects: who can make the receiver answer must not choose where records go.
        self._client = httpx.AsyncClient(timeout=_TIMEOUT, follow_redirects=False, trust_env=False)

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
