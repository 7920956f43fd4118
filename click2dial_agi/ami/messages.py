"""What Asterisk's manager sends: a banner, and then responses and events, cut into fields.

A message is lines of ``Name: value``, ended by an empty one (``send_string`` in manager.c).  What
is not UTF-8 becomes U+FFFD, what is no field is left out: a message tells of a phone's or a
caller's text, and must not end the connection for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from click2dial_agi.exceptions import LimitExceeded

__all__ = ["AMIParser", "Message"]

# A channel variable in a Getvar response, which Asterisk bounds itself (VAR_BUF_SIZE, 4 KB), or a
# line of a console command, which we do not ask for.
MAX_LINE = 16 * 1024

# Events have some 40 fields; with channelvars, one more for each variable of each channel.
MAX_FIELDS = 512
MAX_MESSAGE = 256 * 1024

# Fields that say ``name=value``, of which there may be several; behind the second there may stand
# the channel's name in parentheses.
_VARIABLES = ("Variable", "ChanVariable")


@dataclass(frozen=True, slots=True)
class Message:
    """A response or an event: its fields by name, and its channel variables by theirs.

    Of a field that comes twice the first counts.
    """

    fields: Mapping[str, str]
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def event(self) -> str:
        """The event's name, empty in a response."""
        return self.fields.get("Event", "")

    @property
    def action_id(self) -> str:
        """The ActionID of what it answers, empty if it answers nothing."""
        return self.fields.get("ActionID", "")

    @property
    def succeeded(self) -> bool:
        """Whether it is the response of an action that was taken."""
        return self.fields.get("Response") in ("Success", "Goodbye")

    def get(self, name: str) -> str:
        """Return a field, empty if it is not there."""
        return self.fields.get(name, "")


class AMIParser:
    """Takes bytes, gives messages.

    Raises :exc:`LimitExceeded` for more than Asterisk would ever send, after which it is of no use.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._banner: str | None = None

    @property
    def banner(self) -> str | None:
        """The line that opens the connection, None before it has come."""
        return self._banner

    def receive_data(self, data: bytes) -> list[Message]:
        """Return the messages that are complete with ``data``."""
        self._rest += data
        if self._banner is None:
            self._read_banner()
        *blocks, self._rest = self._rest.split(b"\r\n\r\n")
        _check(self._rest)
        return [message for block in blocks if (message := _message(block)) is not None]

    def _read_banner(self) -> None:
        banner, end, rest = self._rest.partition(b"\r\n")
        if end:
            self._banner, self._rest = banner.decode("utf-8", "replace"), rest


def _check(block: bytes) -> None:
    """Raise :exc:`LimitExceeded` for what neither is a message of Asterisk's nor begins one."""
    if len(block) > MAX_MESSAGE:
        raise LimitExceeded("an AMI message", MAX_MESSAGE)
    if block.count(b"\r\n") >= MAX_FIELDS:
        raise LimitExceeded("fields of an AMI message", MAX_FIELDS)
    if len(block) > MAX_LINE and max(map(len, block.split(b"\r\n"))) > MAX_LINE:
        raise LimitExceeded("a line of AMI", MAX_LINE)


def _message(block: bytes) -> Message | None:
    """Return the message that an empty line has ended, None for what is not Asterisk's."""
    _check(block)
    text = block.decode("utf-8", "replace")
    fields: dict[str, str] = {}
    variables: dict[str, str] = {}
    has_variables = "Variable" in text
    for line in text.split("\r\n"):
        name, colon, value = line.partition(":")
        if not colon:
            continue
        value = value.removeprefix(" ")
        if has_variables and name.partition("(")[0] in _VARIABLES and "=" in value:
            # A variable's own name may hold a =, inside a function's parentheses.
            key, _, told = value.partition("=")
            variables.setdefault(key, told)
        elif name not in fields:
            fields[name] = value
    message = Message(fields, variables)
    return message if _is_asterisks(message) else None


def _is_asterisks(message: Message) -> bool:
    """Tell whether a message begins as Asterisk's do.

    An event that answers nothing says next what right it takes (``manager_event_sessions`` in
    manager.c); one of a list may, and has its ActionID somewhere.
    """
    names = iter(message.fields)
    first, second = next(names, ""), next(names, "")
    if first == "Event":
        return second == "Privilege" or message.action_id != ""
    return first == "Response"
