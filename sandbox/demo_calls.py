"""The demo's calls, and what is printed of them: the wire, the phones and the record."""

from __future__ import annotations

import json
import textwrap
import time
from functools import partial

import httpx
import redis
from rich.console import Console

from sandbox.asterisk import Asterisk
from sandbox.calls import HangUp, call
from sandbox.phone import Phone
from sandbox.process import until
from sandbox.result import CallResult
from sandbox.trunk import Trunk

AGENT = "1000"
CDR_LIST = "enigma:notifications:cdr"
CALLS = "/click2dial/calls"
OUTBOUND_ID = "27110001234"
STATES = {
    "ringing-agent": "the agent's phone rings",
    "ringing-callee": "the agent has answered, the callee's phone rings",
    "up": "the callee has answered, they talk; one second later:",
    "ended": "it came to nothing",
}

console = Console(highlight=False, soft_wrap=True)


def good_call(pbx: Asterisk, trunk: Trunk, crm: redis.Redis) -> None:
    """Agent dials, callee answers, agent hangs up after a second."""
    console.rule(f"[bold]A call[/]: the agent's phone dials 082 000 0100, showing {OUTBOUND_ID}")
    show_call(
        pbx,
        "0820000100",
        [("X-Teleforge-Outbound-ID", OUTBOUND_ID), ("X-Teleforge-Contact-Ref", "client-4711")],
    )
    invite = trunk.wait_invite("0820000100", timeout=5)
    console.print(f"  the callee's phone showed [cyan]{invite.from_user}[/]")
    show_record(crm)


def bad_call(pbx: Asterisk, crm: redis.Redis) -> None:
    """Agent dials what is no number; nobody is rung."""
    console.rule("[bold]A mistake[/]: the same agent dials 08200, which is no number")
    show_call(pbx, "08200", [("X-Teleforge-Outbound-ID", OUTBOUND_ID)])
    show_record(crm)


def created_call(url: str, phone: Phone, trunk: Trunk, crm: redis.Redis) -> None:
    """CRM creates a call, agent answers, callee answers, CRM hangs up after a second.

    Both phones ring for a second, so that each state can be seen.
    """
    console.rule(f"[bold]A created call[/]: the CRM has agent {AGENT} rung, then 082 000 0106")
    body = {
        "agent": AGENT,
        "callee": "0820000106",
        "outbound_id": OUTBOUND_ID,
        "contact_ref": "client-4712",
    }
    with httpx.Client(base_url=url, trust_env=False) as api:
        location = show_creation(api, body)
        console.print(f"\n  > GET {location}, until it is up")
        show_states(api, location)
        time.sleep(1.0)
        show_hangup(api, location)
    offered, invite = phone.wait_invite(), trunk.wait_invite(body["callee"])
    console.print(f"  the agent's phone showed [cyan]{offered.from_user}[/]")
    console.print(f"  the callee's phone showed [cyan]{invite.from_user}[/]")
    show_record(crm)


def show_call(pbx: Asterisk, callee: str, headers: list[tuple[str, str]]) -> CallResult:
    """Place a call and print what went over the wire."""
    console.print(f"  > INVITE sip:{callee}@pbx")
    for name, value in headers:
        console.print(f"    {name}: {value}")
    result = call(pbx, agent=AGENT, callee=callee, headers=headers, then=HangUp(1.0))
    for response in result.responses:
        reason = response.header("Reason")
        console.print(
            f"  < {response.status} {response.phrase}{f'   Reason: {reason}' if reason else ''}"
        )
    if result.status == 200:
        console.print("  > BYE, one second later")
    return result


def show_creation(api: httpx.Client, body: dict[str, str]) -> str:
    """Create a call, print request and answer, and return the call's path."""
    data = textwrap.indent(json.dumps(body, indent=2), "    ").strip()
    console.print(f"  > curl {api.base_url}{CALLS} --json '{data}'")
    answer = api.post(CALLS, json=body)
    assert answer.status_code == 201, answer.text
    location = answer.headers["Location"]
    console.print(f"  < 201 {answer.reason_phrase}\n    Location: {location}")
    console.print_json(answer.text, indent=2)
    return location


def show_states(api: httpx.Client, location: str) -> None:
    """Follow a call until it is up, and print each state."""
    state = ""
    while state not in ("up", "ended"):
        state = until(partial(state_after, state, api, location), 10, f"what follows {state!r}")
        console.print(f"  < {state:<14}   {STATES[state]}")


def state_after(last: str, api: httpx.Client, location: str) -> str | None:
    """Return a call's state, None if it is still the last one."""
    state = str(api.get(location).json()["state"])
    return None if state == last else state


def show_hangup(api: httpx.Client, location: str) -> None:
    """Hang up as a CRM does, and print it."""
    console.print(f"  > DELETE {location}")
    answer = api.delete(location)
    assert answer.status_code == 204, answer.text
    console.print(f"  < 204 {answer.reason_phrase}")


def show_record(crm: redis.Redis) -> None:
    """Pop one notification as a CRM does, and print it."""
    popped = crm.brpop([CDR_LIST], timeout=10)
    assert isinstance(popped, tuple | list), "no record within 10 s"
    console.print(f"\n  BRPOP {CDR_LIST}")
    console.print_json(str(popped[1]), indent=2)
    assert json.loads(popped[1])["type"] == "cdr"
