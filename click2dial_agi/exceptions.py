"""Every exception this package raises on purpose.

* :exc:`Click2DialError`
    * :exc:`ProtocolError`: the peer's fault: bytes that are not AGI, or too many of them
        * :exc:`LimitExceeded`
        * :exc:`MalformedEnvironment`
        * :exc:`MalformedReply`
        * :exc:`UnexpectedData`
    * :exc:`CommandRejected`: Asterisk understood the session but refused one command
        * :exc:`InvalidCommand` (510)
        * :exc:`DeadChannel` (511)
        * :exc:`UsageError` (520)
        * :exc:`ApplicationFailed` (200, with a result that says no)
    * :exc:`SessionClosed`: the peer closed before the session was done
    * :exc:`UnsafeCommand`: our fault: a command that must not be put on the wire
    * :exc:`MalformedFacts`: what a channel or a spool file says of a call cannot be read
    * :exc:`ConfigError`: the configuration file, and where in it
    * :exc:`NotificationError`: a record could not be handed to Redis
        * :exc:`JournalError`: nor to the disk
            * :exc:`QueueFull`: its queue there holds as many as it may
    * :exc:`PBXUnreachable`: Asterisk's REST interface does not answer as it should
        * :exc:`PBXUnanswered`: it was asked and gave no answer, so it may have done it
    * :exc:`PBXThere`: the calls of a PBX that is there are not given up
    * :exc:`CallNotCreated`: the REST API, as the command line met it, has no call to follow
    * :exc:`CallLost`: it had one, and tells of it no more
    * :exc:`StartupError`: the service cannot start, for a reason an operator can mend
        * :exc:`ListenError`: an address cannot be had now; it may be later

Bytes from a peer raise :exc:`ProtocolError` and nothing else.
"""

__all__ = [
    "ApplicationFailed",
    "CallLost",
    "CallNotCreated",
    "Click2DialError",
    "CommandRejected",
    "ConfigError",
    "DeadChannel",
    "InvalidCommand",
    "JournalError",
    "LimitExceeded",
    "ListenError",
    "MalformedEnvironment",
    "MalformedFacts",
    "MalformedReply",
    "NotificationError",
    "PBXThere",
    "PBXUnanswered",
    "PBXUnreachable",
    "ProtocolError",
    "QueueFull",
    "SessionClosed",
    "StartupError",
    "UnexpectedData",
    "UnsafeCommand",
    "UsageError",
]


class Click2DialError(Exception):
    """Base of every exception in this package."""


class ProtocolError(Click2DialError):
    """The peer sent something that AGI does not allow."""


class LimitExceeded(ProtocolError):
    """The peer sent more than ``limit`` of ``what``."""

    def __init__(self, what: str, limit: int) -> None:
        self.what = what
        self.limit = limit
        super().__init__(f"{what} exceeds the limit of {limit}")


class MalformedEnvironment(ProtocolError):
    """The AGI environment block cannot be trusted."""


class MalformedReply(ProtocolError):
    """A reply line is not ``<code> <text>``; ``line`` holds its first 80 characters."""

    def __init__(self, line: str) -> None:
        self.line = line[:80]
        super().__init__(f"not an AGI reply: {self.line!r}")


class UnexpectedData(ProtocolError):
    """The peer sent a reply although no command was waiting for one."""


class CommandRejected(Click2DialError):
    """Asterisk answered ``code`` to a command that it did not do; ``text`` is what it said."""

    def __init__(self, code: int, text: str) -> None:
        self.code = code
        self.text = text
        super().__init__(f"{code} {text}")


class InvalidCommand(CommandRejected):
    """510: Asterisk does not know the command."""


class DeadChannel(CommandRejected):
    """511: the command needs a channel that is still up."""


class UsageError(CommandRejected):
    """520: the command's arguments are wrong."""


class ApplicationFailed(CommandRejected):
    """200 with ``result=-2``: Asterisk has no such application (handle_exec in res_agi.c)."""


class SessionClosed(Click2DialError):
    """The connection ended before the session was done."""


class UnsafeCommand(Click2DialError):
    """A command holds something that could be read as another command."""


class MalformedFacts(Click2DialError):
    """The facts of a call, as its channel or a spool line states them, are not whole.

    ``field`` is the fact that is missing or not what it must be.
    """

    def __init__(self, field: str, expected: str) -> None:
        self.field = field
        super().__init__(f"{field}: {expected}")


class ConfigError(Click2DialError):
    """The configuration is wrong at ``path`` (dotted keys); ``expected`` says what belongs.

    ``line`` is the key's in the file, None where it has none.
    """

    def __init__(self, path: str, expected: str, line: int | None = None) -> None:
        self.path = path
        self.expected = expected
        self.line = line
        super().__init__(f"{path}: {expected}{f' (line {line})' if line else ''}")


class SecretAway(ConfigError):
    """A file that the configuration refers to cannot be read, which may be only for now."""


class NotificationError(Click2DialError):
    """A notification was not stored; it may be offered again."""


class JournalError(NotificationError):
    """The disk did not take, or give, what waits there: the journal's."""


class QueueFull(JournalError):
    """A queue in the journal holds as many notifications as it may (``journal_max_records``)."""


class PBXUnreachable(Click2DialError):
    """Asterisk's REST interface did not answer, or not as one that can create calls."""


class PBXUnanswered(PBXUnreachable):
    """A request was sent and no answer to it came: it may have been done all the same."""


class PBXThere(Click2DialError):
    """A PBX was to be forgotten that a server has seen lately; the message says so."""


class CallNotCreated(Click2DialError):
    """The REST API refused a call or could not be reached; the message says why."""


class CallLost(Click2DialError):
    """A call was created, and how it ends nobody tells; the message says why."""


class StartupError(Click2DialError):
    """The service cannot start; the message is one line for the operator."""


class ListenError(StartupError):
    """An address cannot be listened on now: taken, or not there yet.  It may be later."""
