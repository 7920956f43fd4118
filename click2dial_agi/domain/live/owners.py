"""Whose the devices of a PBX are."""

from typing import NamedTuple

from click2dial_agi.domain.config import Config

__all__ = ["Owner", "Owners"]


class Owner(NamedTuple):
    """An agent: the name of his integrator, and his extension; both empty for nobody."""

    integrator: str = ""
    extension: str = ""


class Owners:
    """Finds the agent of a device, by one configuration."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._found: dict[str, Owner] = {}

    def of(self, device: str) -> Owner:
        """Return whose ``PJSIP/<endpoint>`` is."""
        if not device.startswith("PJSIP/"):
            return Owner()
        known = self._found.get(device)
        if known is None:
            endpoint = device.removeprefix("PJSIP/")
            extension = self._config.extensions_by_endpoint.get(endpoint, endpoint)
            known = self._found[device] = self._agent(extension)
        return known

    def of_member(self, interface: str) -> Owner:
        """Return who a member of a queue is: ``PJSIP/<endpoint>`` or ``Local/<extension>@…``."""
        if interface.startswith("Local/"):
            return self._agent(interface.removeprefix("Local/").partition("@")[0])
        return self.of(interface)

    def _agent(self, extension: str) -> Owner:
        owner = self._config.owner_of(extension) if extension else None
        return Owner(owner.name, extension) if owner is not None else Owner()
