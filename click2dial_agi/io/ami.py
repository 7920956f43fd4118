"""A standing connection to Asterisk's manager (AMI): its events, and actions on the way.

One task owns it (:meth:`AMI.run`).  A connection that says nothing is asked every second whether it
lives; one that is lost is made again, with pauses, for as long as the task runs.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from itertools import count
from secrets import token_hex
from typing import Any, Protocol, cast

from click2dial_agi.ami import AMIParser, Message, login_key, serialize_action
from click2dial_agi.exceptions import (
    Click2DialError,
    PBXUnanswered,
    PBXUnreachable,
    ProtocolError,
)

__all__ = ["AMI", "AMIConnection", "AMIUser", "LoginRefused"]

log = logging.getLogger(__name__)

# Of connecting and logging in, and of each action.  An Asterisk that is well answers in 0.2 ms.
_TIMEOUT = 2.0

# Between two looks whether Asterisk lives.  A frozen one is known to be after this and _TIMEOUT.
_PING_EVERY = 1.0

# Between two tries to connect; one whose login is refused will not be right in a moment, and fills
# Asterisk's log.
_FIRST_PAUSE = 0.1
_LAST_PAUSE = 2.0
_REFUSED_PAUSE = 15.0

# A list, such as of channels, may be as long as the PBX has channels.
_MAX_LISTED = 50_000

_CHUNK = 64 * 1024

# Seconds for which what Asterisk sends may gather while nobody awaits an answer, where the kernel
# keeps it: Asterisk sends each event by itself, several at once for each call, and to wake up for
# each costs as much again.
_GATHER = 0.02


class AMIUser(Protocol):
    """Who wants to know what happens on a PBX."""

    def heard(self, event: Message) -> None:
        """Take an event; from the login on, also while :meth:`began` runs."""

    async def began(self, connection: "AMIConnection") -> None:
        """Look at what is there; raises :exc:`PBXUnreachable` if that is not to be had."""

    async def ended(self) -> None:
        """Take note that nothing is known any more."""


class AMIConnection:
    """A connection that is logged in, until it is lost."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._transport = cast(asyncio.Transport, writer.transport)  # it reads, too
        self._parser = AMIParser()
        # Nobody can guess an ActionID: a phone's text in an event must answer nothing.
        self._ids = (f"{token_hex(8)}-{number}" for number in count(1))
        self._waiting: dict[str, _Answer] = {}
        self._asked: dict[str, Callable[[Message | None], None]] = {}
        self._gathered: asyncio.Future[None] | None = None
        self._user: AMIUser | None = None

    async def action(self, name: str, **fields: str) -> Message:
        """Have something done; return the response, which may be an error.

        Raises :exc:`PBXUnreachable` if it was not sent, :exc:`PBXUnanswered` if no answer came, and
        :exc:`UnsafeCommand` for what must not be sent.
        """
        return (await self._ask(name, fields, listing=False)).messages[0]

    def ask(self, name: str, then: Callable[[Message | None], None], **fields: str) -> None:
        """Have ``then`` called with the response of an action, None if none comes.

        That is for what is asked often: nobody waits for it.  Raises :exc:`UnsafeCommand`.
        """
        action_id = next(self._ids)
        data = serialize_action(name, action_id, fields)
        if self._writer.is_closing():
            then(None)
            return
        self._asked[action_id] = then
        self._writer.write(data)

    async def listing(self, name: str, **fields: str) -> list[Message]:
        """Return the events of an action that answers with a list; raises as :meth:`action`."""
        response, *events = (await self._ask(name, fields, listing=True)).messages
        if not response.succeeded:
            raise PBXUnreachable(f"AMI: {name}: {response.get('Message')[:200]}")
        return events[:-1]  # without the one that says so

    async def _ask(self, name: str, fields: dict[str, str], *, listing: bool) -> "_Answer":
        action_id = next(self._ids)
        data = serialize_action(name, action_id, fields)
        if self._writer.is_closing():
            raise PBXUnreachable("AMI: not connected")
        answer = self._waiting[action_id] = _Answer(listing)
        self._end_gathering()
        try:
            async with asyncio.timeout(_TIMEOUT):
                self._writer.write(data)
                await self._writer.drain()
                await answer.whole
        except TimeoutError:
            raise PBXUnanswered(f"AMI: no answer to {name} in {_TIMEOUT:g} s") from None
        except OSError as error:
            raise PBXUnanswered(f"AMI: {error}") from error
        finally:
            del self._waiting[action_id]
            answer.whole.cancel()
        return answer

    async def login(self, username: str, password: str) -> None:
        """Log in without sending the password.  Raises :exc:`LoginRefused`."""
        challenge = await self.action("Challenge", AuthType="MD5")
        key = login_key(challenge.get("Challenge"), password)
        answer = await self.action("Login", AuthType="MD5", Username=username, Key=key, Events="on")
        if not answer.succeeded:
            raise LoginRefused(
                f"AMI: login refused: {answer.get('Message')[:200]}; ami_username and ami_password"
                " must be a section of manager.conf and its secret, and its permit let us in"
            )

    async def pump(self) -> None:
        """Take what comes until the connection ends.  Raises :exc:`PBXUnreachable` then."""
        try:
            while data := await self._reader.read(_CHUNK):
                for message in self._parser.receive_data(data):
                    self._take(message)
                if not self._waiting:
                    await self._gather()
            raise PBXUnreachable("AMI: Asterisk has closed the connection")
        except (OSError, ProtocolError) as error:
            raise PBXUnreachable(f"AMI: {error}") from error
        finally:
            self.close()

    async def ping(self) -> None:
        """Ask now and then whether Asterisk lives.  Raises :exc:`PBXUnreachable` if not.

        It answers in turn: what was asked before and has no answer by then gets none.
        """
        while True:
            await asyncio.sleep(_PING_EVERY)
            asked = tuple(self._asked)
            await self.action("Ping")
            self._give_up(asked)

    def tell(self, user: AMIUser) -> None:
        """Hand events to ``user`` from here on."""
        self._user = user

    def close(self) -> None:
        """End the connection; who waits for an answer gets none."""
        self._transport.abort()
        for answer in self._waiting.values():
            answer.fail()
        self._give_up(tuple(self._asked))

    def _take(self, message: Message) -> None:
        action_id = message.action_id
        if action_id in self._waiting:
            self._waiting[action_id].take(message)
        elif action_id in self._asked:
            self._asked.pop(action_id)(message)
        elif message.event and self._user is not None:
            self._user.heard(message)

    def _give_up(self, asked: Iterable[str]) -> None:
        for action_id in asked:
            then = self._asked.pop(action_id, None)
            if then is not None:
                then(None)

    async def _gather(self) -> None:
        loop = asyncio.get_running_loop()
        self._gathered = loop.create_future()
        timer = loop.call_later(_GATHER, self._end_gathering)
        self._transport.pause_reading()
        try:
            await self._gathered
        finally:
            timer.cancel()
            self._transport.resume_reading()

    def _end_gathering(self) -> None:
        if self._gathered is not None and not self._gathered.done():
            self._gathered.set_result(None)


class LoginRefused(PBXUnreachable):
    """The manager knows no such user, or not with this password, or not from here."""


class _Answer:
    """What has come of an answer, and a future of the whole."""

    def __init__(self, listing: bool) -> None:
        self._listing = listing
        self.messages: list[Message] = []
        self.whole: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def take(self, message: Message) -> None:
        self.messages.append(message)
        is_over = not message.event and not (self._listing and message.succeeded)
        if is_over or message.get("EventList") == "Complete" or not self._listing:
            if not self.whole.done():
                self.whole.set_result(None)
        elif len(self.messages) > _MAX_LISTED:
            self.fail()

    def fail(self) -> None:
        if not self.whole.done():
            self.whole.set_exception(PBXUnanswered("AMI: the connection was lost"))
            self.whole.exception()  # whoever waited may have gone


class AMI:
    """The manager of one PBX, for one user of its events; ``whose`` names the PBX in the log."""

    def __init__(self, host: str, port: int, username: str, password: str, whose: str = "") -> None:
        self._place = (host, port)
        self._username = username
        self._password = password
        self._whose = f"AMI of {whose}" if whose else "AMI"
        self._connection: AMIConnection | None = None

    @property
    def is_connected(self) -> bool:
        """Whether the manager is there, and its user has looked at all."""
        return self._connection is not None

    async def action(self, name: str, **fields: str) -> Message:
        """Have something done; as :meth:`AMIConnection.action`."""
        if self._connection is None:
            raise PBXUnreachable(f"{self._whose}: not connected")
        return await self._connection.action(name, **fields)

    async def run(self, user: AMIUser) -> None:
        """Connect, and again whenever that is lost.  It ends when it is cancelled."""
        pause, told = _FIRST_PAUSE, False
        while True:
            try:
                await self._session(user)
            except (Click2DialError, OSError) as error:
                was_connected = self._connection is not None
                self._connection = None
                if was_connected:
                    pause, told = _FIRST_PAUSE, False
                if not told:
                    log.warning("%s is away: %s", self._whose, str(error) or "no answer in time")
                    told = True
                if isinstance(error, LoginRefused):
                    pause = _REFUSED_PAUSE
            except Exception:  # who listens is no reason to hear nothing any more
                log.exception("%s: our fault", self._whose)
                pause = _LAST_PAUSE
            finally:
                self._connection = None
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LAST_PAUSE)

    async def once(self, user: AMIUser) -> None:
        """Connect, let ``user`` begin, and leave.  Raises :exc:`PBXUnreachable`."""
        try:
            await self._session(user, stay=False)
        except TimeoutError:
            raise PBXUnreachable(f"{self._whose}: no answer in time") from None
        except OSError as error:
            raise PBXUnreachable(f"{self._whose}: {error}") from error

    async def _session(self, user: AMIUser, *, stay: bool = True) -> None:
        """Connect and stay.  That ends by an exception only."""
        async with asyncio.timeout(_TIMEOUT):
            reader, writer = await asyncio.open_connection(*self._place)
        connection = AMIConnection(reader, writer)
        pump = asyncio.create_task(connection.pump())
        try:
            await _while_it_lasts(pump, connection.login(self._username, self._password))
            connection.tell(user)
            try:
                await _while_it_lasts(pump, user.began(connection))
                if not stay:
                    return
                self._connection = connection
                log.info("%s is there", self._whose)
                await _while_it_lasts(pump, connection.ping())
            finally:
                await user.ended()
        finally:
            connection.close()
            pump.cancel()
            # Not `await pump`: whoever swallows its end might swallow our own cancellation.
            await asyncio.wait((pump,))
            if not pump.cancelled():
                pump.exception()


async def _while_it_lasts(pump: "asyncio.Task[None]", work: Coroutine[Any, Any, None]) -> None:
    """Do something on a connection; end with what ends the connection, if that comes first."""
    task = asyncio.create_task(work)
    try:
        await asyncio.wait((pump, task), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        else:
            pump.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait((task,))
