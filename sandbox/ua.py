"""A scripted SIP phone, or the telephone network: one UDP socket and any number of calls.

It runs in an event loop of the test's process. What it does with a call that it gets is a rule: a
coroutine that has the call. `answer()`, `refuse(486)`, `ring()` and `forward(...)` make the usual
ones; for the network a rule for each number stands in `plan`.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable

from sandbox.phone_call import PhoneCall
from sandbox.sip import Message
from sandbox.sip_text import Headers
from sandbox.waiting import patience
from sandbox.wire import Wire

Rule = Callable[[PhoneCall], Awaitable[None]]


def answer(after: float = 0.05, headers: Headers = ()) -> Rule:
    """Ring, and answer after so many seconds."""

    async def rule(call: PhoneCall) -> None:
        call.ring()
        await asyncio.sleep(after)
        if not call.final_status:
            call.answer(headers)

    return rule


def refuse(
    status: int = 486, phrase: str = "Busy Here", headers: Headers = (), *, after: float = 0.0
) -> Rule:
    """Refuse with any status, at once or when it has rung for so many seconds."""

    async def rule(call: PhoneCall) -> None:
        if after:
            call.ring()
            await asyncio.sleep(after)
        if not call.final_status:
            call.reply(status, phrase, headers)

    return rule


def ring() -> Rule:
    """Ring for ever."""

    async def rule(call: PhoneCall) -> None:
        call.ring()

    return rule


def silent() -> Rule:
    """Say nothing at all."""

    async def rule(call: PhoneCall) -> None:
        del call

    return rule


def forward(*contacts: str, headers: Headers = (), status: int = 302, after: float = 0.0) -> Rule:
    """Redirect the call to what the Contact headers say, whatever that is."""
    lines = [("Contact", contact) for contact in contacts]
    return refuse(status, "Moved Temporarily", [*lines, *headers], after=after)


class UA:
    """A phone of this name; `open` it before use, and `close` it."""

    def __init__(
        self,
        name: str,
        pbx_port: int,
        rule: Rule | None = None,
        *,
        network: bool = False,
        password: str | None = None,
        login: str = "",
    ) -> None:
        self.name = name
        self.password = password
        self.ha1 = ""  # of an attacker: in place of a password
        self.login = login  # the name that it logs in with, if that is not its own
        self.pbx_port = pbx_port
        #: The telephone network is many parties: each says the number that was dialled.
        self.network = network
        self.rule = rule or answer()
        #: What to do with a call for a number; the rule is for all others.
        self.plan: dict[str, Rule] = {}
        #: Calls received, in their order.
        self.incoming: list[PhoneCall] = []
        self.wire = Wire(("127.0.0.1", pbx_port), self._receive)
        self._dialogs: dict[str, PhoneCall] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._arrived = asyncio.Condition()
        #: What went wrong in rules; a test looks here at its end.
        self.errors: list[Exception] = []
        self._registrations = 0
        self._token = secrets.token_hex(6)

    async def open(self, port: int = 0) -> None:
        await self.wire.open(port)

    def dial_through(self, port: int) -> None:
        """Take what listens on this port of 127.0.0.1 for the PBX."""
        self.pbx_port = port
        self.wire.target = ("127.0.0.1", port)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for dialog in self._dialogs.values():
            dialog.media.close()
        self.wire.close()
        await asyncio.sleep(0)  # transports close in the loop's next round

    @property
    def contact(self) -> str:
        """Where the PBX reaches us."""
        return f"sip:{self.name}@127.0.0.1:{self.wire.port}"

    def uri(self, user: str) -> str:
        """Return the address of a user at the PBX."""
        return f"sip:{user}@127.0.0.1:{self.pbx_port}"

    async def register(
        self, contact: str | None = None, expires: int = 3600, headers: Headers = ()
    ) -> Message:
        """Register this contact, or our own, and return the answer, whatever it is."""
        self._registrations += 1
        dialog = PhoneCall(self, f"register-{self._token}-{self._registrations}")
        self._dialogs[dialog.call_id] = dialog
        dialog.target = f"sip:127.0.0.1:{self.pbx_port}"
        dialog.remote = f"<{self.uri(self.name)}>"
        dialog.local = f"{dialog.remote};tag={dialog.tag}"
        where = contact or f"<{self.contact}>"
        try:
            lines = [("Contact", where), ("Expires", str(expires)), *headers]
            return await dialog.request("REGISTER", lines)
        finally:
            del self._dialogs[dialog.call_id]

    async def call(
        self,
        callee: str,
        headers: Headers = (),
        *,
        caller: str = "",
        display: str = "",
        mark: str = "",
    ) -> PhoneCall:
        """Send an INVITE and return the call, which then rings, we hope.

        `caller` and `display` are From's user and name; `mark` is what the call's audio says.
        """
        dialog = PhoneCall(self, f"{self._token}-{secrets.token_hex(8)}")
        dialog.media.open()
        dialog.media.mark = mark or self.name
        self._dialogs[dialog.call_id] = dialog
        dialog.invite_now(self.uri(callee), caller or self.name, display, headers)
        return dialog

    async def next_call(
        self, after: int = 0, number: str | None = None, timeout: float = 5.0
    ) -> PhoneCall:
        """Return the first call received behind the first `after` ones, of a number if given."""

        def found() -> PhoneCall | None:
            calls = self.incoming[after:]
            return next((call for call in calls if number in (None, call.number)), None)

        async def arrived() -> PhoneCall:
            async with self._arrived:
                while not (call := found()):
                    await self._arrived.wait()
                return call

        try:
            return await asyncio.wait_for(arrived(), patience(timeout))
        except TimeoutError:
            calls = [call.number for call in self.incoming[-3:]]
            raise TimeoutError(
                f"{self.name}: no call for {number or 'it'}; the last were {calls}"
            ) from None

    def calls_up(self) -> list[PhoneCall]:
        """Return the calls that are not over."""
        return [dialog for dialog in self._dialogs.values() if not dialog.ended.is_set()]

    def forget(self, marks: set[str] | None = None) -> None:
        """Drop what is over, all of it, or what audio of these marks belonged to."""
        over = [
            dialog
            for dialog in self._dialogs.values()
            if dialog.ended.is_set() and (marks is None or dialog.media.mark in marks)
        ]
        for dialog in over:
            del self._dialogs[dialog.call_id]
        self.incoming = [call for call in self.incoming if call not in over]
        if marks is not None:
            self.plan = {number: rule for number, rule in self.plan.items() if number not in marks}

    def _receive(self, message: Message) -> None:
        dialog = self._dialogs.get(message.call_id)
        if dialog is not None:
            dialog.receive(message)
        elif message.method == "INVITE" and ";tag=" not in (message.header("To") or ""):
            self._start(self._take_call(message))
        elif message.method not in ("", "ACK"):
            status = 200 if message.method == "OPTIONS" else 481
            PhoneCall(self, message.call_id, message).respond(message, status)

    async def _take_call(self, invite: Message) -> None:
        dialog = PhoneCall(self, invite.call_id, invite)
        self._dialogs[invite.call_id] = dialog
        dialog.ladder.add(invite)
        dialog.reply(100, "Trying")
        dialog.media.open()
        rule = self.plan.get(invite.uri_user, self.rule)
        if self.network:
            dialog.media.mark = invite.uri_user
        self.incoming.append(dialog)
        async with self._arrived:
            self._arrived.notify_all()
        await rule(dialog)

    def _start(self, work: Awaitable[None]) -> None:
        async def run() -> None:
            try:
                await work
            except Exception as error:
                self.errors.append(error)

        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
