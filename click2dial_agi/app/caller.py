"""``click2dial-agi call``: create a call through the REST API and follow it to its end."""

import time
from collections.abc import Mapping
from typing import Any

import httpx
from rich.console import Console

from click2dial_agi.exceptions import CallNotCreated

__all__ = ["place"]

_TIMEOUT = 10.0
_POLL = 0.25

_WORDS = {
    "ringing-agent": "the agent's phone rings",
    "ringing-callee": "the agent has answered; the callee's phone rings",
    "up": "they talk",
    "unknown": "the PBX that has the call cannot be asked",
    "ended": "ended",
}


def place(url: str, key: str, body: Mapping[str, str]) -> dict[str, Any]:
    """Create a call, print each state as it comes, and return the record.

    Raises :exc:`CallNotCreated` for every reason why there is no call to follow.
    """
    console = Console(highlight=False, soft_wrap=True)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT) as client:
        call = _json(client, "POST", "/click2dial/calls", dict(body))
        console.print(f"call_ref {call['call_ref']}, contact_ref {call['contact_ref']}")
        console.print(f"{call['agent']} calls {call['callee']} as {call['dial_number']}")
        state = ""
        while True:
            call = _json(client, "GET", f"/click2dial/calls/{call['call_ref']}")
            if call["state"] != state:
                state = call["state"]
                console.print(f"{time.strftime('%H:%M:%S')}  {_WORDS.get(state, state)}")
            if call["record"] is not None:
                record: dict[str, Any] = call["record"]
                console.print(
                    f"{record['end_reason']} ({record['end_code']}) after {record['call_time']} s"
                )
                return record
            time.sleep(_POLL)


def _json(
    client: httpx.Client, method: str, path: str, body: Mapping[str, str] | None = None
) -> dict[str, Any]:
    try:
        response = client.request(method, path, json=body)
        answer: dict[str, Any] = response.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise CallNotCreated(f"{client.base_url}: {error or type(error).__name__}") from error
    if response.is_error:
        errors = "; ".join(error["message"] for error in answer.get("errors", []))
        raise CallNotCreated(f"{response.status_code}: {errors}")
    return answer
