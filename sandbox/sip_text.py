"""SIP messages as a scripted phone writes them, and the parts of headers that it reads."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sandbox.sip import Message

Headers = Iterable[tuple[str, str]]

_TAG = re.compile(r";tag=([^;>\s]+)")
_URI = re.compile(r"<([^>]*)>")
_HOP = re.compile(r"sip:([0-9.]+):([0-9]+)")
_BRANCH = re.compile(r"branch=([^;,\s]+)")
_COPIED = ("Via", "Record-Route", "From", "Call-ID", "CSeq")
_ALLOW = "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, REFER, NOTIFY, INFO\r\n"


def tag_of(value: str | None) -> str:
    """Return the tag of a From or To header, empty without one."""
    found = _TAG.search(value or "")
    return found[1] if found else ""


def uri_of(value: str | None) -> str:
    """Return the address in angle brackets of a header."""
    found = _URI.search(value or "")
    return found[1] if found else ""


def branch_of(message: Message) -> str:
    """Return the branch of the topmost Via, which names the transaction."""
    found = _BRANCH.search(message.header("Via") or "")
    return found[1] if found else ""


def routes_of(message: Message) -> list[str]:
    """Return the proxies that want to see the requests of a call, in the header's order."""
    values = message.header_all("Record-Route")
    return [route.strip() for value in values for route in value.split(",")]


def hop_of(routes: list[str]) -> tuple[str, int] | None:
    """Return where a request with these routes goes first, None without any."""
    found = _HOP.match(uri_of(routes[0])) if routes else None
    return (found[1], int(found[2])) if found else None


def number_of(message: Message) -> str:
    """Return the number in CSeq, which a request and its ACK share."""
    return (message.header("CSeq") or "").partition(" ")[0]


def progress_of(message: Message) -> str:
    """Return what a NOTIFY says of a transfer, such as `200 OK`; nothing of other messages."""
    if message.method != "NOTIFY":
        return ""
    return message.body.decode("utf-8", "replace").partition("\r\n")[0].removeprefix("SIP/2.0 ")


def request(
    start: str,
    identity: Headers,
    *,
    via: str,
    contact: str,
    headers: Headers = (),
    body: str = "",
) -> str:
    """Return a request; `start` is method and address, `identity` what makes it part of a call."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in identity)
    return (
        f"{start} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\n{lines}"
        f"{_common(headers, contact)}{_content(body)}"
    )


def response(
    to: Message,
    status: int,
    phrase: str,
    *,
    tag: str,
    contact: str,
    headers: Headers = (),
    body: str = "",
) -> str:
    """Return the answer to a request; `tag` is ours, should its To have none."""
    lines = [f"{name}: {value}\r\n" for name in _COPIED for value in to.header_all(name)]
    called = to.header("To") or ""
    if status > 100 and not tag_of(called):
        called = f"{called};tag={tag}"
    return (
        f"SIP/2.0 {status} {phrase}\r\n{''.join(lines)}To: {called}\r\n"
        f"{_common(headers, contact)}{_content(body)}"
    )


def _common(headers: Headers, contact: str) -> str:
    """Return the caller's headers, and a Contact unless it is one of them."""
    given = list(headers)
    lines = "".join(f"{name}: {value}\r\n" for name, value in given)
    if not any(name.lower() == "contact" for name, _ in given):
        lines += f"Contact: <{contact}>\r\n"
    return f"{lines}{_ALLOW}Supported: replaces\r\n"


def _content(body: str) -> str:
    kind = "Content-Type: application/sdp\r\n" if body else ""
    return f"{kind}Content-Length: {len(body)}\r\n\r\n{body}"
