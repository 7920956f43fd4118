"""Which calls and agents are to be looked at again after what has happened to channels."""

from collections.abc import Iterable

from click2dial_agi.domain.live.channels import Channel, Channels
from click2dial_agi.domain.live.owners import Owners

__all__ = ["Touched"]


class Touched:
    """Gathers them until they are taken, each once, in the order in which they came."""

    def __init__(self, channels: Channels, owners: Owners) -> None:
        self._channels = channels
        self._owners = owners
        self._stirred: dict[str, None] = {}  # channels, by uniqueid
        self._calls: dict[str, None] = {}
        self._agents: dict[str, None] = {}

    def call(self, call_ref: str) -> None:
        """Have a call looked at."""
        self._calls[call_ref] = None

    def agents(self, extensions: Iterable[str]) -> None:
        """Have agents looked at."""
        self._agents |= dict.fromkeys(extensions)

    def channel(self, channel: Channel) -> None:
        """Have all looked at that a channel is connected with when they are taken."""
        self._stirred[channel.uniqueid] = None

    def around(self, channel: Channel) -> None:
        """Have all looked at that a channel is connected with now, and may not be then."""
        for one in self._channels.around(self._channels.holder(channel) or channel):
            if one.carries is not None:
                self._calls[one.carries.call_ref] = None
            extension = self._owners.of(one.device).extension
            if extension:
                self._agents[extension] = None

    def take(self) -> tuple[Iterable[str], Iterable[str]]:
        """Return the calls, and the agents' extensions, and forget them."""
        for uniqueid in self._stirred:
            channel = self._channels.get(uniqueid)
            if channel is not None:
                self.around(channel)
        calls, agents = self._calls, self._agents
        self._stirred, self._calls, self._agents = {}, {}, {}
        return calls, agents
