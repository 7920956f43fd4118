"""What Asterisk's REST interface tells of the PBX itself: its endpoints and settings."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from click2dial_agi.domain.foreign_json import parse_json
from click2dial_agi.domain.pbxs import PBX
from click2dial_agi.exceptions import PBXUnreachable
from click2dial_agi.io.http_client import HTTPClient

__all__ = ["ARIFacts", "EndpointFacts"]

# Of one request.  A PBX with 5,000 endpoints lists them in 54 ms.
_TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class EndpointFacts:
    """A PJSIP endpoint: its state (``online``, ``offline``, ``unknown``) and its configuration."""

    name: str
    state: str
    options: Mapping[str, str]


class ARIFacts:
    """Asks an Asterisk; most methods raise :exc:`PBXUnreachable`, the first two :exc:`OSError`."""

    def __init__(self, config: PBX) -> None:
        self._client = HTTPClient(
            config.ari_url, config.ari_username, config.ari_password, _TIMEOUT
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def status(self) -> int:
        """Return the HTTP status of the least request that takes a right password.

        Raises :exc:`OSError` when nothing answers.
        """
        return (await self._client.request("GET", "/asterisk/ping")).status

    async def is_there(self) -> bool:
        """Tell whether it is ARI that answers, whatever modules it runs without.

        Raises :exc:`OSError` when nothing answers.
        """
        answer = await self._client.request("GET", "/api-docs/resources.json")
        return answer.status == 200 and b"/api-docs/" in answer.body

    async def may_write(self) -> bool:
        """Tell whether this user may create and end calls, by ending one that there is not."""
        try:
            answer = await self._client.request("DELETE", "/channels/click2dial-doctor")
        except OSError as error:
            raise PBXUnreachable(f"ARI: {str(error) or 'no answer in time'}") from error
        return answer.status != 403

    async def variable(self, name: str) -> str:
        """Return a global variable, empty if there is none."""
        answer = await self._get(f"/asterisk/variable?variable={quote(name, safe='')}")
        return str(answer.get("value", "")) if isinstance(answer, dict) else ""

    async def modules(self) -> set[str]:
        """Return the names of the modules that run, without ``.so``."""
        return {
            str(module.get("name", "")).removesuffix(".so")
            for module in _objects(await self._get("/asterisk/modules"))
            if module.get("status") == "Running"
        }

    async def clock_difference(self) -> float:
        """Return how many seconds the PBX's clock is ahead of ours, to about a second."""
        before = time.time()
        theirs = await self.variable("EPOCH")
        if not theirs.isdecimal():
            return 0.0
        # EPOCH is cut to whole seconds.
        return int(theirs) + 0.5 - (before + time.time()) / 2

    async def endpoint_states(self) -> dict[str, str]:
        """Return the state of each PJSIP endpoint by its name."""
        return {
            str(endpoint.get("resource", "")): str(endpoint.get("state", "unknown"))
            # 404 is a PBX without any.
            for endpoint in _objects(await self._get("/endpoints/PJSIP", absent=[]))
        }

    async def options(self, kind: str, name: str) -> dict[str, str]:
        """Return the options of a PJSIP object (``endpoint``, ``aor``); empty if there is none.

        What ``set_var`` sets stands among an endpoint's options, each variable under its own name
        (Asterisk 22.10.1).
        """
        path = f"/asterisk/config/dynamic/res_pjsip/{kind}/{quote(name, safe='')}"
        return {
            str(one.get("attribute", "")): str(one.get("value", ""))
            for one in _objects(await self._get(path, absent=[]))
        }

    async def _get(self, path: str, absent: Any = None) -> Any:
        try:
            response = await self._client.request("GET", path)
            if response.status == 404 and absent is not None:
                return absent
            if response.status != 200:
                raise PBXUnreachable(f"ARI answered {response.status} to {path}")
            return parse_json(response.body)
        except (OSError, ValueError) as error:
            raise PBXUnreachable(f"ARI: {path}: {str(error) or 'no answer in time'}") from error


def _objects(answer: Any) -> list[dict[str, Any]]:
    return [one for one in answer if isinstance(one, dict)] if isinstance(answer, list) else []
