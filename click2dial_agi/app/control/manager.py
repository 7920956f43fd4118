"""A PBX's manager as the one who has things done there, and hears nothing."""

from click2dial_agi.ami import Message
from click2dial_agi.io.ami import AMIConnection

__all__ = ["Unhearing"]


class Unhearing:
    """A user of a manager without events: what happens, another connection tells."""

    def heard(self, event: Message) -> None:
        """Take no note."""

    async def began(self, connection: AMIConnection) -> None:
        """Have Asterisk send no events."""
        await connection.action("Events", EventMask="off")

    async def ended(self) -> None:
        """Take no note."""
