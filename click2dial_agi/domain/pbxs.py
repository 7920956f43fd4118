"""The PBXs in the configuration: how each is reached, and the ways between them."""

from collections.abc import Sequence
from itertools import combinations
from typing import Annotated, Any, Self

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

__all__ = ["PBX", "Asterisk", "NamedPBX", "PeerDial", "pbxs_problem"]

PBXName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,32}$")]
_User = Annotated[str, StringConstraints(min_length=1, pattern=r"^[\x20-\x7e]+$")]

_AMI = ("ami", "ami_username", "ami_password")


class PBX(Section):
    """How to reach an Asterisk: its REST interface, which creates calls, and its manager (AMI).

    ``name`` is empty for one that stands alone and was given none.  The manager's three keys are
    given together or not at all.
    """

    name: PBXName | None = None
    # Paths follow, and one with two slashes leads nowhere.
    ari_url: Annotated[HTTPURL, AfterValidator(lambda url: url.rstrip("/"))] = (
        "http://127.0.0.1:8087/ari"
    )
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
    for one, other in combinations(pbxs, 2):
        for key in ("name", "ari_url", "ami"):
            value = getattr(one, key)
            if value is not None and value == getattr(other, key):
                return f"asterisk: each {key} once"
    return ""
