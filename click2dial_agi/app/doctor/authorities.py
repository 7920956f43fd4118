"""Whom the configuration trusts: its files of certificates, without connecting to anybody."""

import os
import stat
from collections.abc import Iterator, Mapping

from click2dial_agi.app.doctor.findings import Finding, Level
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.redis_url import parse_redis_url
from click2dial_agi.domain.webhooks import queue_name
from click2dial_agi.exceptions import StartupError
from click2dial_agi.io.webhook_client import trust_of

__all__ = ["check_authorities", "unusable_ca"]

_NO_CHOICE = "ssl_cert_reqs"  # the one option that names no file


def check_authorities(config: Config) -> Iterator[Finding]:
    """Every webhook's ``ca`` is one, and every file in the URL of a Redis can be read."""
    for one in config.integrators:
        for name, webhook in one.named_webhooks.items():
            try:
                trust_of(webhook, f"integrators.{queue_name(one.name, name)}")
            except StartupError as error:
                yield unusable_ca(error)
    for key, url in _redis_urls(config).items():
        for option, path in parse_redis_url(url).tls_options.items():
            if option != _NO_CHOICE and (problem := _problem(path)):
                yield Finding(
                    Level.WARNING,
                    "redis-certificate",
                    f"{key}: {option}: {path}: {problem}",
                    "no connection to this Redis comes about",
                    "a file (PEM) that the service can read",
                )


def unusable_ca(error: StartupError) -> Finding:
    """Return what is told of a webhook whose ``ca`` is no good."""
    cure = "a file of certificates (PEM) that the service can read"
    return Finding(Level.DANGER, "webhook-ca", str(error), "the server does not start", cure)


def _redis_urls(config: Config) -> Mapping[str, str]:
    found = {f"integrators.{one.name}.redis": one.redis for one in config.integrators}
    if config.edge is not None and config.edge.redis is not None:
        found["edge.redis"] = config.edge.redis
    if config.errors_redis is not None:
        found["errors_redis"] = config.errors_redis
    return found


def _problem(path: str) -> str:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would be waited for
            return "no file"
        with open(path, "rb") as file:
            file.read(1)
    except OSError as error:
        return error.strerror or str(error)
    return ""
