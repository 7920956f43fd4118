"""What happens to each request before it is routed, and to each answer after."""

import logging
from collections.abc import Callable, Iterable
from functools import lru_cache

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from click2dial_agi.app.http import cors
from click2dial_agi.app.http.access import Access
from click2dial_agi.app.http.errors import error_response
from click2dial_agi.app.http.protocol import ClientGone
from click2dial_agi.domain.hosts import NO_HOST, Host, read_host
from click2dial_agi.domain.networks import client_address
from click2dial_agi.domain.numbers import FieldError

__all__ = ["Front"]

log = logging.getLogger(__name__)

# What is said is said to those who asked: no page may embed it that an answer does not let.
_POLICY = b"cross-origin-resource-policy"

_BAD_HOST = FieldError("host", "one Host header: a name or an address, and a port")


class _HeadSent(ClientGone):
    """All that HEAD asked for has been sent."""


@lru_cache(maxsize=256)
def _read_host(value: bytes) -> Host | None:
    return read_host([value.decode("latin-1")])


class Front:
    """An application behind the rules of its listener.

    Each request has one Host, or is of HTTP/1.0 and has none, as health checks of proxies are; it
    is left in its state, as ``access`` is; a trusted proxy's word
    on the client is taken; the path that a proxy shows is put before ours; HEAD is answered as GET;
    and pages that ``cors_origins`` names may read what they are told.  ``access`` is asked on every
    request, so that a reload needs no new application.
    """

    def __init__(self, app: ASGIApp, access: Callable[[], Access]) -> None:
        self._app = app
        self._access = access

    def headers_of_refusal(
        self, headers: Iterable[tuple[bytes, bytes]]
    ) -> list[tuple[bytes, bytes]]:
        """Return what a page needs to read the answer to a request that does not get here."""
        allowed = self._access().cors_origins
        origins = (value.decode("latin-1") for name, value in headers if name == b"origin")
        return cors.readable_headers(next(origins, None), allowed) if allowed else []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        access = self._access()
        send = _not_embedded(send)
        origin, hosts, forwarded = None, [], []
        for name, value in scope["headers"]:
            if name == b"host":
                hosts.append(value)
            elif name == b"origin":
                origin = value.decode("latin-1")
            elif name == b"x-forwarded-for":
                forwarded.append(value.decode("latin-1"))
        host = _read_host(hosts[0]) if len(hosts) == 1 else None
        if not hosts and scope["http_version"] == "1.0":
            host = NO_HOST
        if host is None:
            await error_response(400, [_BAD_HOST])(scope, receive, send)
            return
        scope["state"].update(host=host, access=access)
        if access.proxies and scope["client"] is not None:
            peer = client_address(scope["client"][0], forwarded, access.proxies)
            scope["client"] = (peer, 0)
        if access.public_path:
            scope = _below(scope, access.public_path)
        if access.cors_origins:
            preflight = cors.preflight(scope, origin, access.cors_origins)
            if preflight is not None:
                await preflight(scope, receive, send)
                return
            send = cors.readable(send, origin, access.cors_origins)
        if scope["method"] == "HEAD":
            scope, send = {**scope, "method": "GET"}, _head_only(send)
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            if not _is_gone(error):
                log.exception("request not served: our fault")
                raise
            if not isinstance(error, _HeadSent):
                log.debug("%s has gone before its answer", scope["client"])


def _below(scope: Scope, path: str) -> Scope:
    """Return the scope of a request that came through a proxy, which may have cut its path off."""
    if not scope["path"].startswith(f"{path}/"):
        raw = path.encode() + scope["raw_path"]
        scope = {**scope, "path": path + scope["path"], "raw_path": raw}
    return {**scope, "root_path": path}


def _not_embedded(send: Send) -> Send:
    """Return a ``send`` that says who may embed an answer that does not say so itself.

    Said twice it would count for nothing, and browsers differ in what they do then.
    """

    async def send_policy(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            if all(name.lower() != _POLICY for name, _ in headers):
                headers.append((_POLICY, b"same-origin"))
            message = {**message, "headers": headers}
        await send(message)

    return send_policy


def _head_only(send: Send) -> Send:
    """Return a ``send`` that ends an answer with its head: its body is not even read."""

    async def send_head(message: Message) -> None:
        if message["type"] != "http.response.start":
            raise _HeadSent("HEAD has no more")
        await send(message)
        await send({"type": "http.response.body", "body": b""})

    return send_head


def _is_gone(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):  # of a response that streams
        return all(map(_is_gone, error.exceptions))
    return isinstance(error, ClientGone)
