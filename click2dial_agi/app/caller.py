"""``click2dial-agi call``: create a call through the REST API and follow it to its end."""

import time
from collections.abc import Mapping
from typing import Any

import httpx
from rich.console import Console

from click2dial_agi.exceptions import CallLost, CallNotCreated

__all__ = ["place"]

# The second of two requests with one Idempotency-Key takes up to 20 s (docs/api.md).
_TIMEOUT = 25.0
_POLL = 0.25

# A server that is restarted is back within seconds, and the call goes on meanwhile.
_PATIENCE = 60.0

_WORDS = {
    "ringing-agent": "the agent's phone rings",
    "ringing-callee": "the agent has answered; the callee's phone rings",
    "up": "they talk",
    "away": "the server does not answer; the call goes on",
    "unknown": "the PBX that has the call cannot be asked",
    "ended": "ended",
}


def place(url: str, key: str, body: Mapping[str, str]) -> dict[str, Any]:
    """Create a call, print each state as it comes, and return the record.

    Raises :exc:`CallNotCreated` for every reason why there is no call to follow, and
    :exc:`CallLost` if there was one and its server has been away for a minute.
    """
    console = Console(highlight=False, soft_wrap=True)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        client = httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT)
    except (httpx.InvalidURL, ValueError) as error:
        raise CallNotCreated(f"{url}: {error}") from error
    with client:
        try:
            call = _json(client, "POST", "/click2dial/calls", dict(body))
        except (_Away, _Refused) as error:
            raise CallNotCreated(str(error)) from error
        console.print(f"call_ref {call['call_ref']}, contact_ref {call['contact_ref']}")
        shown = f" as {call['dial_number']}" if call["dial_number"] else ""
        console.print(f"{call['agent']} calls {call['callee']}{shown}")
        return _follow(client, call["call_ref"], console)


def _follow(client: httpx.Client, call_ref: str, console: Console) -> dict[str, Any]:
    state = ""
    heard = time.monotonic()
    while True:
        try:
            call = _json(client, "GET", f"/click2dial/calls/{call_ref}")
        except _Refused as error:
            raise CallLost(f"{call_ref}: {error}") from error
        except _Away as error:
            if time.monotonic() - heard > _PATIENCE:
                raise CallLost(f"{call_ref}: {error}; the call may go on") from error
            call = {"state": "away", "record": None}
        else:
            heard = time.monotonic()
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


class _Away(Exception):
    """Nobody answered as the API does, or it is not able to now."""


class _Refused(Exception):
    """The API said no."""


def _json(
    client: httpx.Client, method: str, path: str, body: Mapping[str, str] | None = None
) -> dict[str, Any]:
    try:
        response = client.request(method, path, json=body)
        answer: Any = response.json()
        if not isinstance(answer, dict):
            raise ValueError("no answer of the API's")
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise _Away(f"{client.base_url}: {error or type(error).__name__}") from error
    if response.is_error:
        errors = "; ".join(error["message"] for error in answer.get("errors", []))
        kind = _Away if response.is_server_error else _Refused
        raise kind(f"{response.status_code}: {errors}")
    return answer
