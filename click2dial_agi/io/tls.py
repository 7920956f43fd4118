"""Certificates for the listeners."""

import logging
import ssl
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from click2dial_agi.domain.integrators import TLS
from click2dial_agi.exceptions import StartupError

__all__ = ["certificate_end", "lacks_chain", "reload_certificate", "tls_context"]

_EXPIRED = 10  # X509_V_ERR_CERT_HAS_EXPIRED
_NO_ISSUER = (20, 21)  # X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, …_VERIFY_LEAF_SIGNATURE

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


def certificate_end(tls: TLS, where: str) -> float:
    """Return the Unix time at which a certificate expires.

    Raises :exc:`StartupError` if the files are no good.
    """
    try:
        shown = _shown(tls, where, trusted=True)
    except ssl.SSLCertVerificationError as error:
        if error.verify_code == _EXPIRED:
            return 0.0
        raise StartupError(f"{where}: {tls.cert}: {error.verify_message}") from error
    return float(ssl.cert_time_to_seconds(str(shown["notAfter"])))


def lacks_chain(tls: TLS, where: str) -> bool:
    """Tell whether a certificate stands alone in its file, and its issuers are missing there.

    Only of one that says where its issuer can be fetched, as those of public authorities do: who
    has an authority of his own gives it to the clients.  Raises :exc:`StartupError`.
    """
    try:
        alone = tls.cert.read_text("ascii", "replace").count(ssl.PEM_HEADER) == 1
        if not alone or "caIssuers" not in _shown(tls, where, trusted=True):
            return False
        _shown(tls, where, trusted=False)
    except ssl.SSLCertVerificationError as error:
        return error.verify_code in _NO_ISSUER
    except OSError as error:
        raise StartupError(f"{where}: {tls.cert}: {error}") from error
    return False


def _shown(tls: TLS, where: str, *, trusted: bool) -> Mapping[str, Any]:
    """Return what a client reads in a certificate, to which it is ``trusted`` whoever signed it.

    The standard library reads certificates in a handshake only, so one is held with ourselves.
    Raises :exc:`StartupError` if the files are no good, and ``SSLCertVerificationError``.
    """
    server_side, client_side = tls_context(tls, where), ssl.create_default_context()
    client_side.check_hostname = False
    if trusted:
        client_side.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the leaf itself is
        client_side.load_verify_locations(tls.cert)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_side.wrap_bio(to_server, to_client, server_side=True)
    client = client_side.wrap_bio(to_client, to_server)
    for _ in range(4):
        for side in (client, server):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
    return client.getpeercert() or {}


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
