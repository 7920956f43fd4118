"""The PBXs in the configuration: how each is reached, and the ways between them."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    model_validator,
)

from click2dial_agi.domain.config_problems import CHOICES, WrongKey
from click2dial_agi.domain.config_types import (
    HTTPURL,
    Listen,
    Section,
    TrimmedSecret,
    as_tuple,
    dial_template,
)
from click2dial_agi.domain.networks import usual_form

__all__ = ["PBX", "Asterisk", "NamedPBX", "PeerDial", "pbx_advice", "pbxs_problem"]

PBXName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,32}$")]
_User = Annotated[str, StringConstraints(min_length=1, pattern=r"^[\x20-\x7e]+$")]

_AMI = ("ami", "ami_username", "ami_password")


def _ari_url(value: str) -> str:
    url = urlsplit(value)
    if url.username is not None or url.query or url.fragment:
        raise ValueError("http://HOST:PORT/ari; user and password are ari_username, ari_password")
    return value.rstrip("/")  # paths follow, and one with two slashes leads nowhere


ARIURL = Annotated[HTTPURL, AfterValidator(_ari_url)]


class PBX(Section):
    """How to reach an Asterisk: its REST interface, which creates calls, and its manager (AMI).

    ``name`` is empty for one that stands alone and was given none.  The manager's three keys are
    given together or not at all.
    """

    name: PBXName | None = None
    ari_url: ARIURL = "http://127.0.0.1:8087/ari"
    ari_username: Annotated[str, StringConstraints(min_length=1)] = "click2dial"
    ari_password: TrimmedSecret
    ami: Listen | None = None
    ami_username: _User | None = None
    ami_password: TrimmedSecret | None = None

    @model_validator(mode="after")
    def _manager_is_whole(self) -> Self:
        missing = [key for key in _AMI if getattr(self, key) is None]
        if missing and len(missing) < len(_AMI):
            raise WrongKey(missing[0], f"{', '.join(_AMI)}: all three or none")
        return self


class NamedPBX(PBX):
    """One of several."""

    name: PBXName


_ONE, _SEVERAL = CHOICES


def _form(value: Any) -> str:
    return _SEVERAL if isinstance(value, list | tuple) else _ONE


_Several = Annotated[
    tuple[NamedPBX, ...], BeforeValidator(as_tuple), Field(min_length=1, max_length=64)
]

# One mapping, or a list of named ones.
Asterisk = Annotated[
    Annotated[PBX, Tag(_ONE)] | Annotated[_Several, Tag(_SEVERAL)], Discriminator(_form)
]


_PEER = "PJSIP/{extension}@{pbx}"
PeerDial = Annotated[str, dial_template(_PEER, "{extension}", "{endpoint}", always="{pbx}")]


def pbxs_problem(pbxs: Sequence[PBX], peer_dial: str | None) -> str:
    """Find two entries that could not be told apart, or are one PBX, or a way to none."""
    if peer_dial is not None and not (pbxs and all(one.name for one in pbxs)):
        return "peer_dial: only where asterisk is a list of PBXs with names"
    for key, place in (("name", _name), ("ari_url", _ari), ("ami", _manager)):
        places = [found for one in pbxs if (found := place(one)) is not None]
        if len(set(places)) != len(places):
            return f"asterisk: each {key} once"
    return ""


def _name(one: PBX) -> str | None:
    return one.name


def _ari(one: PBX) -> object:
    """Return where its REST interface is, however that is written."""
    url = urlsplit(one.ari_url)
    port = url.port or (443 if url.scheme == "https" else 80)
    return _host(url.hostname or ""), port, url.path


def _manager(one: PBX) -> object:
    return one.ami and (_host(one.ami.host), one.ami.port)


def _host(name: str) -> str:
    """Return a host as one text, however it is written; names are not looked up."""
    host = usual_form(name)
    return "127.0.0.1" if host == "localhost" else host


def pbx_advice(pbxs: Sequence[PBX], *, edge_alone: bool, needs_peer_dial: bool) -> Iterator[str]:
    """Say what several PBXs lack; ``edge_alone`` is an edge that no other server's errors reach."""
    if len(pbxs) < 2:
        return
    if edge_alone:
        yield (
            "edge.redis is not set: a call that another server refuses reaches its phone without "
            "the error headers"
        )
    silent = [one.name or "" for one in pbxs if one.ami is None]
    if 0 < len(silent) < len(pbxs):
        yield (
            f"asterisk: {', '.join(silent)} without ami: agents and calls there are told by "
            "nobody, and no call there can be steered"
        )
    if needs_peer_dial:
        yield (
            "peer_dial is not set: extensions whose phones are at another PBX than the caller's "
            "cannot be called"
        )
