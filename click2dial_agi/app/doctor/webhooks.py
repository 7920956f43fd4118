"""Webhooks: are they where the configuration says, and whom do they show to be."""

import asyncio
from collections.abc import Iterator

from click2dial_agi.app.doctor.authorities import unusable_ca
from click2dial_agi.app.doctor.findings import Finding, Level
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.webhooks import queue_name
from click2dial_agi.exceptions import StartupError
from click2dial_agi.io.webhook_client import WebhookClient

__all__ = ["check_webhooks"]

_WAITS = "its notifications wait on this machine's disk, and are given up after 72 hours"


async def check_webhooks(config: Config) -> list[Finding]:
    """Connect to each as a notification would, and post nothing."""
    looks = (_look(one, name) for one in config.integrators for name in one.named_webhooks)
    return [found for each in await asyncio.gather(*looks) for found in each]


async def _look(integrator: Integrator, name: str) -> list[Finding]:
    webhook, queue = integrator.named_webhooks[name], queue_name(integrator.name, name)
    where = f"integrators.{queue}"
    try:
        client = WebhookClient(webhook, where)
    except StartupError as error:
        return [unusable_ca(error)]
    try:
        wrong = await client.reach()
    finally:
        await client.close()
    what = f"webhook {queue} ({webhook.shown_url}) cannot be reached: {wrong}"
    cure = next(_cures(wrong))
    return [Finding(Level.WARNING, "webhook-away", what, _WAITS, cure)] if wrong else []


def _cures(wrong: str) -> Iterator[str]:
    """Yield what mends it, the likeliest first, by the words of OpenSSL and the system."""
    if "self-signed" in wrong or "local issuer" in wrong:
        yield "its authority in the webhook's ca, or in the system (update-ca-certificates)"
    if "expired" in wrong:
        yield "whoever runs it renews its certificate"
    if "not yet valid" in wrong:
        yield "the clock of this machine: timedatectl"
    if "not valid for" in wrong or "mismatch" in wrong:
        yield "the name that stands in its certificate, in the webhook's url"
    if "DNS" in wrong or "name resolution" in wrong or "not known" in wrong:
        yield "the host in the webhook's url, or the resolver of this machine: getent hosts HOST"
    if "WRONG_VERSION_NUMBER" in wrong:
        yield "no TLS is spoken on that port: http:// in the webhook's url, or another port"
    yield "curl -I with its URL, from this machine"
