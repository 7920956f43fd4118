"""What the office's PBX and server are told: five integrators, their teams, DIDs and queues.

An extension says it all: 2013 is the integrator with digit 2, its team 1, phone 3. A team's three
agents are 1, 2 and 3, its fourth phone stands in the operator's context `features`, 5 may register
twice, 6 is the endpoint `alice2010` with C2D_EXTENSION=2016, and 9 is nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from click2dial_agi.domain.integrators import Integrator, Limits

TEAMS = 12  # of each integrator
AGENTS = (1, 2, 3)
PICKER, TWICE, NAMED, NOBODY = 4, 5, 6, 9
OUTBOUND_ID = "27820001234"
DEFAULT_OUTBOUND_ID = "27820005555"  # shown where the call itself names none
RING_TIMEOUT = 5
MEMBER = "PJSIP/{extension}"  # of queues, but where all is behind Local channels
CARRIER = "carrier"  # the From user of a call from outside; its number is in P-Asserted-Identity


@dataclass(frozen=True)
class Plan:
    """An integrator: its name, the first digit of its extensions, and what it may."""

    name: str
    digit: int
    forwarding: str = "none"
    limits: Mapping[str, Any] = field(default_factory=dict)
    local: bool = False  # all that it dials goes through Local channels

    @property
    def cdr_list(self) -> str:
        return f"{self.name}:cdr"

    def base(self, team: int) -> int:
        return self.digit * 1000 + team * 10


#: Of the integrator `tight`: so many calls of one agent at a time.
AT_A_TIME = 4
TIGHT = {"calls_per_minute": 1000, "concurrent_calls": AT_A_TIME}
PLANS = (
    Plan("acme", 2),
    Plan("through", 3, local=True),
    Plan("inside", 4, forwarding="internal"),
    Plan("open", 5, forwarding="allowed"),
    Plan("tight", 6, forwarding="allowed", limits={"agent": TIGHT, "phones": TIGHT}),
)


def did(base: int, kind: int) -> str:
    """Return a team's number: kind 1 rings agent 1, 2 its queue, 3 a queue with agents 1 and 2."""
    return f"2721{base}{kind:03d}"


def integrator(plan: Plan, http: str, redis_url: str) -> dict[str, Any]:
    """Return a section of the YAML; keys that this server does not know yet are left out."""
    limits = {
        "calls_per_minute": 100_000,
        "concurrent_calls": 1000,
        "agent": {"calls_per_minute": 10_000, "concurrent_calls": 1000},
        "phones": {"calls_per_minute": 100_000, "concurrent_calls": 1000},
        **plan.limits,
    }
    section = {
        "name": plan.name,
        "http": http,
        "allow_from": ["127.0.0.0/8"],
        "redis": redis_url,
        "key_prefix": plan.name,
        "extensions": [f"{plan.digit}000-{plan.digit}199"],
        "dids": [f"2721{plan.digit}*"],
        "ring_timeout": RING_TIMEOUT,
        "payload_version": max(get_args(Integrator.model_fields["payload_version"].annotation)),
        "default_outbound_id": DEFAULT_OUTBOUND_ID,
        "destinations": {"international": ["27"]},
        "joined_notifications": True,
        "detailed_end_reasons": True,
        "forwarding": plan.forwarding,
        "limits": {key: value for key, value in limits.items() if key in Limits.model_fields},
    }
    if plan.local:
        section["agent_dial"] = "Local/{extension}@desk/n"
        section["trunk_dial"] = "Local/{number}@outside"
    return {key: value for key, value in section.items() if key in Integrator.model_fields}


def pjsip() -> str:
    """Return the endpoints of all phones."""
    phones = []
    for base in (plan.base(team) for plan in PLANS for team in range(TEAMS)):
        for name in (str(base + agent) for agent in AGENTS):
            phones.append(f'[{name}](agent)\naors = {name}\ncallerid = "Agent {name}" <{name}>\n')
            phones.append(f"[{name}](aor)\n")
        twice, named = base + TWICE, f"alice{base}"
        phones.append(f"[{twice}](agent)\naors = {twice}\n")
        phones.append(f"[{twice}](aor)\nmax_contacts = 2\nremove_existing = no\n")
        phones.append(f"[{named}](agent)\naors = {named}\n")
        phones.append(f"set_var = C2D_EXTENSION={base + NAMED}\n[{named}](aor)\n")
        phones.append(f"[{base + PICKER}](common)\ncontext = features\naors =\n")
    carrier = (
        f"[{CARRIER}](common)\ncontext = from-trunk\naors =\n"
        "trust_id_inbound = yes\nsend_pai = yes\n"
    )
    return f"{carrier}{''.join(phones)}"


def queues(member: str = MEMBER) -> str:
    """Return a queue of one agent and one of two for each team; `member` names the phone of one."""
    head = "strategy = linear\ntimeout = 15\nretry = 1\njoinempty = yes\nsetinterfacevar = yes\n"
    texts = ["[general]\n"]
    for plan in PLANS:
        for base in map(plan.base, range(TEAMS)):
            names = [_member(plan, str(base + agent), member) for agent in AGENTS[:2]]
            members = [f"member => {name}\n" for name in names]
            texts.append(f"[one{base}]\n{head}{members[0]}[two{base}]\n{head}{''.join(members)}")
    return "".join(texts)


def _member(plan: Plan, extension: str, member: str = MEMBER) -> str:
    return f"Local/{extension}@from-queue/n" if plan.local else member.format(extension=extension)


def extensions() -> str:
    """Return the operator's own contexts."""
    agents = "".join(
        f"exten => _2721{plan.digit}XX0001,1,Set(C2D_AGENTS="
        f"{_member(plan, '${EXTEN:4:3}1')})\n"
        " same => n,Goto(inbound,${EXTEN},1)\n"
        for plan in PLANS
    )
    return f"""
[from-trunk]
{agents}
; as some providers write them
exten => _[+0]XX.,1,Set(C2D_AGENTS=PJSIP/${{EXTEN:-7:3}}1)
 same => n,Goto(inbound,${{EXTEN}},1)
exten => _2721XXX0002,1,Answer(,i)
 same => n,Set(C2D_QUEUE=one${{EXTEN:4:4}})
 same => n,Goto(inbound,${{EXTEN}},1)
exten => _2721XXX0003,1,Answer(,i)
 same => n,Set(C2D_QUEUE=two${{EXTEN:4:4}})
 same => n,Goto(inbound,${{EXTEN}},1)

[inbound]
exten => _[+0-9].,1,Set(C2D_CONTACT_REF=${{PJSIP_HEADER(read,X-Account)}})
 same => n,Goto(click2dial-inbound,${{EXTEN}},1)

[desk]
exten => _XXXX,1,Dial(PJSIP/${{EXTEN}},20)

[from-queue]
exten => _XXXX,1,Dial(PJSIP/${{EXTEN}},20)

[outside]
exten => _X.,1,Dial(PJSIP/${{EXTEN}}@trunk,20)

; where a panel moves calls to
[panel]
exten => _XXXX,1,Dial(PJSIP/${{EXTEN}},20)
 same => n,Hangup()
exten => _9XXXX,1,Dial(Local/${{EXTEN:1}}@desk/n,20)
 same => n,Hangup()

; where nothing may ever lead
[trap]
exten => _[!-~].,1,Set(GLOBAL(TRAPPED)=${{TRAPPED}} ${{EXTEN:0:40}})
 same => n,Answer()
 same => n,Wait(1)

[features]
exten => _*8XXXX,1,PickupChan(PJSIP/${{EXTEN:2}})
"""
