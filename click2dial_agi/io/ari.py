"""Asterisk's REST interface: the few requests that creating a call takes."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import httpx

from click2dial_agi.domain.config import Asterisk
from click2dial_agi.exceptions import PBXUnreachable

__all__ = ["ARI", "Created"]

# Asterisk answers in one or two milliseconds; what takes longer is a PBX in trouble, and a caller
# of ours that waits for it.
_TIMEOUT = 3.0


class Created(StrEnum):
    """What came of asking for a channel."""

    YES = "created"
    EXISTS = "exists"  # a channel of that id is there already: we asked twice
    REFUSED = "refused"  # Asterisk cannot make it: nobody is registered, or the trunk is unknown


class ARI:
    """A client with kept-alive connections.  Every method raises :exc:`PBXUnreachable`."""

    def __init__(self, config: Asterisk) -> None:
        self._client = httpx.AsyncClient(
            base_url=config.ari_url,
            auth=httpx.BasicAuth(config.ari_username, config.ari_password),
            timeout=_TIMEOUT,
            limits=httpx.Limits(max_connections=50, max_keepalive_connections=20),
            trust_env=False,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def ping(self) -> None:
        """Ask for the least that takes a right password."""
        self._expect(await self._send("GET", "/asterisk/ping"), 200)

    async def endpoint_state(self, technology: str, resource: str) -> str | None:
        """Return ``online``, ``offline`` or ``unknown``; None where there is no such endpoint."""
        response = await self._send("GET", f"/endpoints/{technology}/{resource}")
        if response.status_code == 404:
            return None
        state: str = self._expect(response, 200).json().get("state", "unknown")
        return state

    async def originate(self, channel_id: str, body: Mapping[str, Any]) -> Created:
        """Ring an endpoint.  Asking twice for one channel id rings once.

        A connection that broke before an answer came is tried once more, which the id makes safe.
        """
        path = f"/channels/{channel_id}"
        try:
            response = await self._send("POST", path, json=dict(body))
        except PBXUnreachable:
            response = await self._send("POST", path, json=dict(body))
        if response.status_code == 409:
            return Created.EXISTS
        if response.status_code in (400, 404, 500):
            return Created.REFUSED
        self._expect(response, 200)
        return Created.YES

    async def channels(self) -> dict[str, dict[str, Any]]:
        """Return all channels by id."""
        response = self._expect(await self._send("GET", "/channels"), 200)
        return {channel["id"]: channel for channel in response.json()}

    async def channel(self, channel_id: str) -> dict[str, Any] | None:
        """Return one channel, None if there is none of that id."""
        response = await self._send("GET", f"/channels/{channel_id}")
        if response.status_code == 404:
            return None
        channel: dict[str, Any] = self._expect(response, 200).json()
        return channel

    async def variable(self, channel_id: str, name: str) -> str:
        """Return a channel's variable, empty if either is not there."""
        response = await self._send(
            "GET", f"/channels/{channel_id}/variable", params={"variable": name}
        )
        if response.status_code in (404, 409):
            return ""
        value: str = self._expect(response, 200).json().get("value", "")
        return value

    async def hang_up(self, channel_id: str) -> bool:
        """Hang a channel up with cause 16; False if there is none of that id."""
        response = await self._send(
            "DELETE", f"/channels/{channel_id}", params={"reason_code": "16"}
        )
        if response.status_code == 404:
            return False
        self._expect(response, 204)
        return True

    async def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            return await self._client.request(method, path, **request)
        except httpx.HTTPError as error:
            raise PBXUnreachable(f"ARI: {error or type(error).__name__}") from error

    @staticmethod
    def _expect(response: httpx.Response, status: int) -> httpx.Response:
        if response.status_code != status:
            raise PBXUnreachable(f"ARI answered {response.status_code}, not {status}")
        return response
