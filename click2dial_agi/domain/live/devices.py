"""The phones of agents, as one PBX knows them."""

from collections import defaultdict
from collections.abc import Mapping

from click2dial_agi.domain.live.channels import Channels
from click2dial_agi.domain.live.phones import as_reached
from click2dial_agi.domain.live.states import AgentState, of_device

__all__ = ["Devices"]

_TECHNOLOGY = "PJSIP/"


class Devices:
    """Each device's state in Asterisk's word, and what its channels make of it.

    ``behind``: the phones are behind Kamailio, and :meth:`reach` says who has one.
    """

    def __init__(self, channels: Channels, *, behind: bool) -> None:
        self._channels = channels
        self._behind = behind
        self._words: dict[str, str] = {}
        self._extensions: dict[str, str] = {}
        self._of: defaultdict[str, set[str]] = defaultdict(set)  # by extension
        self._reached: dict[str, bool | None] = {}

    @property
    def endpoints(self) -> list[str]:
        """The endpoints of all devices."""
        return [device.removeprefix(_TECHNOLOGY) for device in self._words]

    def of(self, extension: str) -> list[str]:
        """Return the devices of an extension."""
        return sorted(self._of.get(extension, ()))

    def word(self, device: str) -> str:
        """Return its state in Asterisk's word."""
        return self._words[device]

    def take(self, device: str, word: str, extension: str) -> None:
        """Take the state of a device, and whose it is."""
        self._words[device] = word
        self._extensions[device] = extension
        self._of[extension].add(device)

    def look(self, device: str, state: str) -> str:
        """Return the state that ARI has of a device, in the words of DeviceStateChange."""
        channels = self._channels.of_device(device)
        if any(not channel.ringing for channel in channels):
            return "INUSE"
        if channels:
            return "RINGING"
        return {"online": "NOT_INUSE", "offline": "UNAVAILABLE"}.get(state, "UNKNOWN")

    def reach(self, phones: Mapping[str, bool | None]) -> set[str]:
        """Take which endpoints have a phone; return the extensions for which that is new."""
        changed: set[str] = set()
        for endpoint, there in phones.items():
            device = f"{_TECHNOLOGY}{endpoint}"
            if device in self._words and self._reached.get(device) is not there:
                self._reached[device] = there
                changed.add(self._extensions[device])
        return changed

    def state(self, device: str) -> AgentState:
        """Return how somebody stands who has this device alone."""
        state = of_device(self._words[device])
        if state in (AgentState.IDLE, AgentState.OFFLINE):
            # Its calls may be known of before its state.
            own = self._channels.of_device(device)
            if own:
                ringing = all(one.ringing for one in own)
                state = AgentState.RINGING if ringing else AgentState.TALKING
        if state is AgentState.TALKING:
            talking = [one for one in self._channels.of_device(device) if one.up]
            if talking and all(map(self._channels.holds, talking)):
                return AgentState.HOLD
        return as_reached(state, self._reached.get(device)) if self._behind else state
