"""Certificates for the listeners."""

import ssl

from click2dial_agi.domain.integrators import TLS
from click2dial_agi.exceptions import StartupError

__all__ = ["reload_certificate", "tls_context"]


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


def reload_certificate(context: ssl.SSLContext, tls: TLS, where: str) -> None:
    """Let new connections of a running server have the certificate that is there now.

    Raises :exc:`StartupError` and changes nothing if the files are no good.
    """
    tls_context(tls, where)  # a pair that does not match must not replace a good one
    context.load_cert_chain(tls.cert, tls.key)
