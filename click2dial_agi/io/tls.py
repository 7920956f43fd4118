"""Certificates for the listeners."""

import logging
import ssl

from click2dial_agi.domain.integrators import TLS
from click2dial_agi.exceptions import StartupError

__all__ = ["reload_certificate", "tls_context"]

log = logging.getLogger(__name__)


def tls_context(tls: TLS, where: str) -> ssl.SSLContext:
    """Return a server's context.

    Raises :exc:`StartupError`, which names the key ``where``, if the files are no good.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(tls.cert, tls.key)
    except OSError as error:  # SSLError is one
        reason = error.strerror or error
        raise StartupError(f"{where}: {tls.cert} and {tls.key}: {reason}") from error
    return context


def reload_certificate(context: ssl.SSLContext | None, tls: TLS | None, where: str) -> None:
    """Let new connections of a running server have the certificate that is there now.

    ``context`` is what it began with, None without TLS.  What is no good, or takes a restart, is
    logged under the key ``where`` and changes nothing.
    """
    if (tls is None) != (context is None):
        log.warning("%s changed; that takes a restart", where)
    elif tls is not None and context is not None:
        try:
            tls_context(tls, where)  # a pair that does not match must not replace a good one
            context.load_cert_chain(tls.cert, tls.key)
        except (StartupError, OSError) as error:
            log.error("certificate not reloaded: %s", error)
