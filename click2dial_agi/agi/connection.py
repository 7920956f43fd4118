"""One FastAGI session as a state machine.

Bytes go in with :meth:`AGIConnection.receive_data` and :meth:`AGIConnection.receive_eof`, events
come out of :meth:`AGIConnection.next_event`, and :meth:`AGIConnection.send` gives the bytes of a
command.  How the bytes were cut on the way makes no difference.
"""

from collections import deque
from enum import Enum, auto

from click2dial_agi.agi import limits
from click2dial_agi.agi.commands import Action, serialize
from click2dial_agi.agi.environment import Environment
from click2dial_agi.agi.replies import Reply
from click2dial_agi.exceptions import LimitExceeded, ProtocolError, SessionClosed, UnexpectedData

__all__ = ["AGIConnection", "Event", "Hangup", "State"]

_USAGE_START = "520-"
_USAGE_END = "520 End of proper usage."


class State(Enum):
    """Where a session stands."""

    ENVIRONMENT = auto()  # Asterisk is sending the agi_* block
    READY = auto()  # a command may be sent
    WAITING = auto()  # a command was sent, its reply has not come
    CLOSED = auto()  # end of file, or the peer broke the protocol


class Hangup:
    """The channel was hung up; the session goes on and commands still work (res_agi.c, run_agi)."""


Event = Environment | Reply | Hangup


class AGIConnection:
    """The server's side of one session, without input or output."""

    __slots__ = ("_buffer", "_events", "_usage", "state")

    def __init__(self) -> None:
        self.state = State.ENVIRONMENT
        self._buffer = b""
        self._events: deque[Event] = deque()
        self._usage: list[str] = []

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the peer.

        Raises :exc:`ProtocolError` when they break the protocol or a limit; the connection is
        then closed for good and the transport should be dropped.
        """
        if self.state is State.CLOSED:
            return
        already_searched = max(len(self._buffer) - 1, 0)
        self._buffer += data
        try:
            if self.state is State.ENVIRONMENT:
                self._read_environment(already_searched)
            # Reading the environment may have left replies behind it in the buffer.
            if self._buffer and self.state is not State.ENVIRONMENT:
                self._read_lines()
        except ProtocolError:
            self._close()
            raise

    def receive_eof(self) -> None:
        """Take the end of the peer's bytes; what was cut off in mid-line is dropped."""
        self._close()

    def next_event(self) -> Event | None:
        """Return the oldest event not yet returned, or None."""
        return self._events.popleft() if self._events else None

    def send(self, action: Action) -> bytes:
        """Return the bytes of a command.

        Raises :exc:`SessionClosed` after the end, :exc:`UnsafeCommand` for a command that must
        not be sent, and RuntimeError when the environment or a reply has yet to come, since AGI
        has no pipelining.
        """
        if self.state is State.CLOSED:
            raise SessionClosed("the AGI session is closed")
        if self.state is not State.READY:
            raise RuntimeError(f"no command may be sent in state {self.state.name}")
        line = serialize(action)
        self.state = State.WAITING
        return line

    def _close(self) -> None:
        self.state = State.CLOSED
        self._buffer = b""

    def _read_environment(self, already_searched: int) -> None:
        end = self._buffer.find(b"\n\n", already_searched)
        # Without its end the block may already have the first of the two newlines.
        if (len(self._buffer) - 1 if end < 0 else end) > limits.MAX_ENVIRONMENT:
            raise LimitExceeded("bytes of the AGI environment", limits.MAX_ENVIRONMENT)
        if end < 0:
            return
        block, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
        self._events.append(Environment.parse(block))
        self.state = State.READY

    def _read_lines(self) -> None:
        while (end := self._buffer.find(b"\n")) >= 0:
            if end > limits.MAX_LINE:
                raise LimitExceeded("bytes in a line", limits.MAX_LINE)
            line, self._buffer = self._buffer[:end], self._buffer[end + 1 :]
            self._read_line(line.decode("utf-8", "replace").rstrip("\r"))
        if len(self._buffer) > limits.MAX_LINE:
            raise LimitExceeded("bytes in a line", limits.MAX_LINE)

    def _read_line(self, line: str) -> None:
        if line == "HANGUP":
            self._events.append(Hangup())
            return
        if self.state is not State.WAITING:
            raise UnexpectedData(f"a line although no command was sent: {line[:80]!r}")
        if self._usage or line.startswith(_USAGE_START):
            self._usage.append(line)
            if len(self._usage) > limits.MAX_USAGE_LINES:
                raise LimitExceeded("lines of a usage text", limits.MAX_USAGE_LINES)
            if line != _USAGE_END:
                return
            line = "\n".join(self._usage)
            self._usage = []
        self._events.append(Reply.parse(line))
        self.state = State.READY
