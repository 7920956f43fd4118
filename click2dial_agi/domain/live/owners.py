"""Whose the devices of a PBX are."""

from typing import NamedTuple

from click2dial_agi.domain.config import Config

__all__ = ["Owner", "Owners"]


class Owner(NamedTuple):
    """An agent: the name of his integrator, and his extension; both empty for nobody."""

    integrator: str = ""
    extension: str = ""


NOBODY = Owner()


class Owners:
    """Finds the agent of a device, by one configuration."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._of_devices: dict[str, Owner] = {}
        self._of_extensions: dict[str, Owner] = {}

    def of(self, device: str) -> Owner:
        """Return whose ``PJSIP/<endpoint>`` is."""
        if not device.startswith("PJSIP/"):
            return NOBODY
        known = self._of_devices.get(device)
        if known is None:
            endpoint = device.removeprefix("PJSIP/")
            extension = self._config.extensions_by_endpoint.get(endpoint, endpoint)
            known = self._of_devices[device] = self.of_extension(extension)
        return known

    def of_member(self, *interfaces: str) -> Owner:
        """Return who a member of a queue is: ``PJSIP/<endpoint>`` or ``Local/<extension>@…``.

        The first that is somebody's counts: FreePBX takes the state of a hint, and rings another.
        """
        owners = map(self._of_interface, interfaces)
        return next((owner for owner in owners if owner.extension), NOBODY)

    def _of_interface(self, interface: str) -> Owner:
        if interface.startswith("Local/"):
            return self.of_extension(interface.removeprefix("Local/").partition("@")[0])
        return self.of(interface)

    def of_extension(self, extension: str) -> Owner:
        """Return the agent who has an extension."""
        known = self._of_extensions.get(extension)
        if known is not None:
            return known
        owner = self._config.owner_of(extension) if extension else None
        if owner is None:
            return NOBODY  # whatever others dial must fill no memory
        known = self._of_extensions[extension] = Owner(owner.name, extension)
        return known
