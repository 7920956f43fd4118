"""Asterisk's REST interface: the few requests that creating a call takes."""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import quote

from click2dial_agi.domain.foreign_json import parse_json
from click2dial_agi.domain.pbx_runs import PBXRun
from click2dial_agi.domain.pbxs import PBX
from click2dial_agi.exceptions import PBXUnanswered, PBXUnreachable
from click2dial_agi.io.http_client import HTTPClient, NotSent, Response

__all__ = ["ARI", "Created", "Endpoint"]


class Created(StrEnum):
    """What came of asking for a channel."""

    YES = "created"
    EXISTS = "exists"  # a channel of that id is there already: we asked twice
    REFUSED = "refused"  # Asterisk cannot make it: nobody is registered, or the trunk is unknown


class Endpoint(NamedTuple):
    """``online``, ``offline`` or ``unknown``, and the ids of its channels."""

    state: str
    channel_ids: tuple[str, ...] = ()


class ARI:
    """A client with kept-alive connections; ``timeout`` is for a whole request, in seconds.

    Every method raises :exc:`PBXUnreachable` when Asterisk does not answer as it should, and its
    subclass :exc:`PBXUnanswered` when it may have done what it was asked.
    """

    def __init__(self, config: PBX, timeout: float) -> None:
        self._client = HTTPClient(config.ari_url, config.ari_username, config.ari_password, timeout)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def ping(self) -> None:
        """Ask for the least that takes a right password."""
        self._expect(await self._send("GET", "/asterisk/ping"), 200)

    async def run(self) -> PBXRun:
        """Return which run of which PBX this is."""
        response = await self._send("GET", "/asterisk/info?only=system,status")
        if response.status == 404:  # an Asterisk without res_ari_asterisk
            return PBXRun()
        told = _object(self._expect(response, 200))
        system, status = told.get("system"), told.get("status")
        if not isinstance(system, dict) or not isinstance(status, dict):
            return PBXRun()
        return PBXRun.parse(f"{system.get('entity_id')}/{status.get('startup_time')}")

    async def endpoint(self, technology: str, resource: str) -> Endpoint | None:
        """Return what Asterisk knows of an endpoint; None where there is none of that name."""
        response = await self._send("GET", f"/endpoints/{technology}/{resource}")
        if response.status == 404:
            return None
        known = _object(self._expect(response, 200))
        channels = known.get("channel_ids")
        return Endpoint(
            str(known.get("state", "unknown")),
            tuple(map(str, channels)) if isinstance(channels, list) else (),
        )

    async def originate(self, channel_id: str, body: Mapping[str, Any]) -> Created:
        """Ring an endpoint.  Asking twice for one channel id rings once.

        A connection that broke before an answer came is tried once more, which the id makes safe.
        Silence is not: an Asterisk that hangs would only be asked for more.
        """
        path = f"/channels/{channel_id}"
        try:
            response = await self._send("POST", path, dict(body))
        except PBXUnanswered as error:
            if isinstance(error.__cause__, TimeoutError):
                raise
            try:
                response = await self._send("POST", path, dict(body))
            except PBXUnreachable as again:  # the first may have been done, whatever became of this
                raise PBXUnanswered(str(again)) from again
        if response.status == 409:
            return Created.EXISTS
        if response.status in (400, 404, 500):
            return Created.REFUSED
        self._expect(response, 200)
        return Created.YES

    async def channels(self) -> dict[str, dict[str, Any]]:
        """Return all channels by id."""
        return _by_id(self._expect(await self._send("GET", "/channels"), 200))

    async def channel(self, channel_id: str) -> dict[str, Any] | None:
        """Return one channel, None if there is none of that id."""
        response = await self._send("GET", f"/channels/{channel_id}")
        if response.status == 404:
            return None
        return _object(self._expect(response, 200))

    async def variable(self, channel_id: str, name: str) -> str:
        """Return a channel's variable, empty if either is not there."""
        response = await self._send("GET", f"/channels/{channel_id}/variable?variable={name}")
        if response.status in (404, 409):
            return ""
        return str(_object(self._expect(response, 200)).get("value", ""))

    async def hang_up(self, channel_id: str) -> bool:
        """Hang a channel up with cause 16; False if there is none of that id."""
        response = await self._send("DELETE", f"/channels/{channel_id}?reason_code=16")
        if response.status == 404:
            return False
        self._expect(response, 204)
        return True

    async def _send(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> Response:
        text = None if body is None else json.dumps(body).encode()
        try:
            return await self._client.request(method, quote(path, safe="/?=@:+"), text)
        except NotSent as error:
            raise PBXUnreachable(f"ARI: {error}") from error
        except OSError as error:  # TimeoutError is one
            raise PBXUnanswered(f"ARI: {str(error) or 'no answer in time'}") from error

    @staticmethod
    def _expect(response: Response, status: int) -> Response:
        if response.status != status:
            raise PBXUnreachable(f"ARI answered {response.status}, not {status}")
        return response


def _object(response: Response) -> dict[str, Any]:
    value = _json(response)
    if not isinstance(value, dict):
        raise PBXUnreachable("ARI answered something other than an object")
    return value


def _by_id(response: Response) -> dict[str, dict[str, Any]]:
    value = _json(response)
    if not isinstance(value, list) or not all(
        isinstance(item, dict) and isinstance(item.get("id"), str) for item in value
    ):
        raise PBXUnreachable("ARI answered something other than a list of objects")
    return {item["id"]: item for item in value}


def _json(response: Response) -> Any:
    try:
        return parse_json(response.body)
    except ValueError as error:
        raise PBXUnreachable("ARI answered something other than JSON") from error
