"""What a hostile phone writes where an address belongs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.e2e.matrix.scene import Scene

Contacts = Callable[[Scene], list[str]]


@dataclass(frozen=True)
class Kind:
    """A kind of answer: its Contact headers, further headers, and its status."""

    name: str
    contacts: Contacts
    headers: tuple[tuple[str, str], ...] = ()
    status: int = 302
    unreadable: bool = False  # to PJSIP, which drops such a response: the caller has to give up


def _user(template: str) -> Contacts:
    """Return one Contact whose user is the template's: P is a number outside, C a colleague."""

    def contacts(scene: Scene) -> list[str]:
        return [f"<sip:{fill(template, scene)}@{_host(scene)}>"]

    return contacts


def fill(template: str, scene: Scene) -> str:
    return template.replace("{P}", scene.partner).replace("{C}", scene.team.third.name)


def _host(scene: Scene) -> str:
    return f"127.0.0.1:{scene.office.pbx.sip_port}"


#: Users that are no extension and no number, whatever somebody makes of them.  `trap` is a context
#: of the PBX, `trunk` its trunk.
USERS = {
    "technology": "PJSIP/{P}%40trunk",
    "technology encoded": "PJSIP%2F{P}%40trunk",
    "context": "Local/{P}%40trap",
    "context encoded": "Local%2F{P}%40trap",
    "context without optimizing": "Local/{P}%40trap/n",
    "in a context": "{P}%40trap",
    "two devices": "{C}&PJSIP%2F{P}%40trunk",
    "two devices encoded": "{C}%26PJSIP%2F{P}%40trunk",
    "arguments": "{P},30,g",
    "arguments encoded": "{P}%2C30%2Cg",
    "another country": "0044{P}",
    "function": "$%7BSHELL(true)%7D{P}",
    "expression": "$%5B{P}%5D",
    "line break": "{P}%0D%0AX-Evil%3A%201",
    "nul": "0044{P}%00",
    "blank": "{P}%20",
    "wide digits": "%EF%BC%90{P}",
    "parenthesis": "{P})",
    "long": "{P}" + "1" * 1500,
    "parameters": "0044{P};phone-context=trap",
}

_OTHERS = (
    Kind("telephone", lambda scene: [f"<tel:+44{scene.partner}>"]),
    Kind("telephone in a context", lambda scene: [f"<tel:0044{scene.partner};phone-context=trap>"]),
    Kind("other scheme", lambda scene: [f"<http://{scene.partner}@{_host(scene)}/>"]),
    Kind("star", lambda scene: ["*"]),
    Kind("empty", lambda scene: ["<>"], unreadable=True),
    Kind("two hosts", _user("PJSIP/{P}@trunk"), unreadable=True),
    Kind("two hosts, in a context", _user("Local/{P}@trap"), unreadable=True),
    Kind("no user", lambda scene: [f"<sip:{_host(scene)}>"]),
    Kind("nothing", lambda scene: []),
    Kind("several", lambda s: [*_user("PJSIP/{P}%40trunk")(s), *_user("Local/{P}%40trap")(s)]),
    Kind(
        "several in one",
        lambda s: [", ".join([*_user("PJSIP/{P}%40trunk")(s), *_user("0044{P}")(s)])],
    ),
    Kind(
        "headers in the address",
        lambda s: [
            f"<sip:0044{s.partner}@{_host(s)}?X-Teleforge-Outbound-ID=27820009999&Diversion=x>"
        ],
    ),
    Kind(
        "diverted",
        _user("0044{P}"),
        (("Diversion", '"x" <sip:PJSIP/27820009999%40trunk@x>;reason=unconditional'),),
    ),
    *(Kind(f"status {n}", _user("PJSIP/{P}%40trunk"), (), n) for n in (300, 301, 305, 380)),
)

KINDS = (*(Kind(name, _user(user)) for name, user in USERS.items()), *_OTHERS)
