"""The kinds of value that the configuration holds, each with its check and its error text."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    StringConstraints,
)

from click2dial_agi.domain.api_keys import HASHED
from click2dial_agi.domain.hosts import read_host
from click2dial_agi.domain.networks import Network
from click2dial_agi.domain.origins import as_browsers_say, is_extension
from click2dial_agi.domain.redis_url import parse_redis_url

__all__ = [
    "ANY_ORIGIN",
    "HTTPURL",
    "SAME_HOST",
    "APIKey",
    "AbsolutePath",
    "Address",
    "AgentDial",
    "AskingOrigin",
    "BrowserWebSocketURL",
    "DialplanContext",
    "EmergencyNumber",
    "EndpointName",
    "ExtensionRange",
    "Extensions",
    "HostName",
    "Listen",
    "Networks",
    "PopURL",
    "PublicURL",
    "RedisURL",
    "Seconds",
    "Secret",
    "Section",
    "TrimmedSecret",
    "TrunkDial",
    "WebOrigin",
    "WebSocketOrigin",
    "WebSocketURL",
    "as_tuple",
    "dial_template",
    "extension",
]

_LISTEN = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})")
_EXTENSION = re.compile(r"[0-9]{2,7}")
_EMERGENCY = re.compile(r"[0-9*#][0-9]{1,5}")
_RANGE = re.compile(r"([0-9]{2,7})(?:-([0-9]{2,7}))?")
_HASHED_KEY = re.compile(r"sha256:[0-9a-f]{64}")

# What may stand in a dial string that passes MSet and Dial(): no comma (it would end the
# argument), no quote, dollar, brace or white space; and no "&", for a created call rings one phone.
_DIAL = re.compile(r"[A-Za-z0-9_.:/@+-]+")

# What a browser sends in Origin: scheme and host, and the port unless it is the scheme's own.
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:.]+\](:[0-9]{1,5})?")
ANY_ORIGIN = "*"
SAME_HOST = "same-host"

_BROWSER_WEBSOCKET = re.compile(
    r"wss?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?"
)

_PUBLIC_URL = re.compile(
    r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?((?:/[A-Za-z0-9._~-]+)*)/?"
)

# Where a contact's page is in the CRM: the reference stands in its path, query or fragment.
_POP_URL = re.compile(
    r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?"
    r"/([A-Za-z0-9._~%!$&'()*+,;=:@/?#-]|\{contact_ref\})*"
)

_PLACEHOLDERS = ("change-me", "changeme")


class Section(BaseModel):
    """A mapping of the configuration: unknown keys are refused, values are not converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Tell whether only this machine can connect."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:  # a name, which may stand for any address: 127.example.org, too
            return self.host == "localhost"


def _listen(value: object) -> Address:
    if isinstance(value, Address):
        return value
    match = _LISTEN.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match[3]) > 65535:
        raise ValueError("host:port, such as 127.0.0.1:4574 or [::1]:4574")
    return Address(match[1] or match[2], int(match[3]))


@dataclass(frozen=True, slots=True)
class Extensions:
    """Extensions of one length, ``first`` to ``last``, both included."""

    first: str
    last: str

    def __iter__(self) -> Iterator[str]:
        """Return each extension, with its leading zeros."""
        for number in range(int(self.first), int(self.last) + 1):
            yield f"{number:0{len(self.first)}}"

    def __str__(self) -> str:
        return self.first if self.first == self.last else f"{self.first}-{self.last}"

    def overlaps(self, other: "Extensions") -> bool:
        return (
            len(self.first) == len(other.first)
            and self.first <= other.last
            and other.first <= self.last
        )


def _extensions(value: object) -> Extensions:
    if isinstance(value, Extensions):
        return value
    match = _RANGE.fullmatch(str(value))
    if match is not None:
        first, last = match[1], match[2] or match[1]
        if len(first) == len(last) and first <= last:
            return Extensions(first, last)
    raise ValueError('a range of extensions of 2-7 digits, such as "1000-1999", or one extension')


def _emergency_number(value: object) -> str:
    # An integer is its digits, as an extension's are; with a 0 before them the file has it as text.
    number = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if isinstance(number, str) and _EMERGENCY.fullmatch(number):
        return number
    raise ValueError("a number of 2-6 digits, the first of which may be * or #, such as 112")


def _networks(value: object) -> object:
    # pydantic's strict mode takes networks as objects only; in YAML they are text.
    if not isinstance(value, list):
        return value
    return tuple(_network(item) for item in value)


def _network(text: object) -> Network:
    for kind in (IPv4Network, IPv6Network):
        try:
            return kind(str(text))
        except ValueError:
            continue
    raise ValueError("networks such as 10.0.0.0/8 or ::1, without host bits")


def _secret(value: object) -> str:
    if not isinstance(value, str) or not value or any(ord(char) < 32 for char in value):
        raise ValueError(
            "a text of one line, in quotes where it is digits alone; ${ENV_VAR} or file:PATH"
        )
    if value.lower() in _PLACEHOLDERS:
        raise ValueError("a value of your own in place of the placeholder")
    return value


def _trimmed_secret(value: object) -> str:
    # What reads the other side of it, Asterisk's configuration or a header, takes them off.
    secret = _secret(value)
    if secret != secret.strip():
        raise ValueError("a secret without blanks before or behind it")
    return secret


def _api_key(value: object) -> str:
    key = _trimmed_secret(value)
    # A hash that is none would be taken for a key in plain text, or match nothing.
    if key.lower().startswith(HASHED) and not _HASHED_KEY.fullmatch(key):
        raise ValueError("sha256: and 64 hex digits, as `click2dial-agi hash-key` prints it")
    return key


def _redis_url(value: str) -> str:
    parse_redis_url(value)
    return value


def _is_url(value: str, *schemes: str) -> bool:
    """Tell whether a text is a URL of one of the schemes, all of it printable ASCII."""
    try:
        url = urlsplit(value)
        known = url.scheme in schemes and bool(url.hostname) and url.port != 0
    except ValueError:
        return False
    return known and value.isascii() and value.isprintable() and " " not in value


def _websocket_url(value: str) -> str:
    if not _is_url(value, "ws", "wss"):
        raise ValueError("ws://HOST:PORT/ws or wss://HOST:PORT/ws, Asterisk's own")
    return value


def _http_url(value: str) -> str:
    if not _is_url(value, "http", "https"):
        raise ValueError("http://HOST:PORT/PATH or https://HOST:PORT/PATH")
    return value


def _browser_websocket_url(value: str) -> str:
    # Narrower: this one goes into a Content-Security-Policy, where ; and blanks mean something.
    if not _BROWSER_WEBSOCKET.fullmatch(value) or not _is_url(value, "ws", "wss"):
        raise ValueError("ws://HOST:PORT/ws or wss://HOST:PORT/ws, as browsers reach it")
    return value


def _websocket_origin(value: str) -> str:
    origin = as_browsers_say(value)
    if origin in (ANY_ORIGIN, SAME_HOST) or _ORIGIN.fullmatch(origin):
        return origin
    raise ValueError('"same-host", "*" or a page\'s origin such as "https://crm.example.com"')


def _absolute(value: Path) -> Path:
    # Relative to what?  systemd starts us in /, and an operator in a directory of his own.
    if not value.is_absolute() or "\0" in str(value):
        raise ValueError("an absolute path")
    return value


def _web_origin(value: str) -> str:
    origin = as_browsers_say(value)
    # Some letters that are not ASCII have small ones that are.
    if value.isascii() and _ORIGIN.fullmatch(origin):
        return origin
    raise ValueError('a page\'s origin such as "https://crm.example.com"')


def _asking_origin(value: str) -> str:
    if value.isascii() and is_extension(value.lower()):
        return value.lower()
    try:
        return _web_origin(value)
    except ValueError as error:
        raise ValueError(f"{error}, or an extension's, chrome-extension://<32 letters>") from None


def _host_name(value: object) -> str:
    host = read_host([value]) if isinstance(value, str) else None
    if host is None or host.port:
        # An IPv6 address may be written without its brackets here.
        host = read_host([f"[{value}]"])
    if host is None or host.port:
        raise ValueError("a host name or an address, without a port, such as pbx.example.com")
    return host.name


def _public_url(value: str) -> str:
    if not _PUBLIC_URL.fullmatch(value) or not _is_url(value, "http", "https"):
        raise ValueError("https://HOST[:PORT][/PATH], as clients reach it")
    return value.rstrip("/")


def _pop_url(value: str) -> str:
    known = "{contact_ref}" in value and _POP_URL.fullmatch(value) is not None
    if not known or not _is_url(value, "http", "https"):
        raise ValueError("https://HOST[:PORT]/PATH with {contact_ref} behind the host")
    return value


def dial_template(example: str, *placeholders: str, always: str = "") -> AfterValidator:
    """Return a check of a text for Dial(): with one of the placeholders, and the one in ``always``.

    ``example`` is what the error shows.
    """
    wanted = f"{always} and {' or '.join(placeholders)}" if always else " or ".join(placeholders)
    expected = f"a dial string with {wanted}, such as {example}"

    def check(value: str) -> str:
        rest = value.replace(always, "0") if always else value
        filled = rest
        for placeholder in placeholders:
            filled = filled.replace(placeholder, "0")
        if always not in value or filled == rest or not _DIAL.fullmatch(filled):
            raise ValueError(expected)
        return value

    return AfterValidator(check)


def extension(value: object) -> str:
    """Return an extension that the document holds as a key."""
    if isinstance(value, str) and _EXTENSION.fullmatch(value):
        return value
    raise ValueError('a quoted extension, such as "1050"')


def as_tuple(value: object) -> object:
    """Return a list of the document as what strict mode takes for a tuple."""
    return tuple(value) if isinstance(value, list) else value


AbsolutePath = Annotated[Path, Field(strict=False), AfterValidator(_absolute)]
Listen = Annotated[InstanceOf[Address], BeforeValidator(_listen)]
ExtensionRange = Annotated[InstanceOf[Extensions], BeforeValidator(_extensions)]
Secret = Annotated[str, BeforeValidator(_secret)]
#: One that is also written elsewhere, where blanks at its ends count for nothing.
TrimmedSecret = Annotated[str, BeforeValidator(_trimmed_secret)]
APIKey = Annotated[str, BeforeValidator(_api_key)]
HostName = Annotated[str, BeforeValidator(_host_name)]
PopURL = Annotated[str, AfterValidator(_pop_url)]
PublicURL = Annotated[str, AfterValidator(_public_url)]
HTTPURL = Annotated[str, AfterValidator(_http_url)]
RedisURL = Annotated[str, AfterValidator(_redis_url)]
BrowserWebSocketURL = Annotated[str, AfterValidator(_browser_websocket_url)]
WebSocketURL = Annotated[str, AfterValidator(_websocket_url)]
WebOrigin = Annotated[str, AfterValidator(_web_origin)]
#: Of a page, or of a browser's extension.
AskingOrigin = Annotated[str, AfterValidator(_asking_origin)]
WebSocketOrigin = Annotated[str, AfterValidator(_websocket_origin)]
AgentDial = Annotated[str, dial_template("PJSIP/{endpoint}", "{endpoint}", "{extension}")]
TrunkDial = Annotated[str, dial_template("PJSIP/{number}@trunk", "{number}")]
DialplanContext = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,79}$")]
EmergencyNumber = Annotated[str, BeforeValidator(_emergency_number)]
EndpointName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.+-]{1,79}$")]
Networks = Annotated[tuple[Network, ...], BeforeValidator(_networks)]
Seconds = Annotated[float, Field(gt=0, le=600)]
