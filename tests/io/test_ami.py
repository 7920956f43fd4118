"""The manager's client, against a manager that is slow, deaf, wrong or gone."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping

import pytest

from click2dial_agi.ami import Message
from click2dial_agi.exceptions import PBXUnanswered, PBXUnreachable, UnsafeCommand
from click2dial_agi.io import ami
from click2dial_agi.io.ami import AMI, AMIConnection
from tests.io.conftest import Run
from tests.io.fake_ami import PASSWORD, USER, FakeAMI, event, message
from tests.io.running import eventually


class User:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.events: list[Message] = []
        self.began_with: list[str] = []
        self.ends = 0
        self.fails = False

    def heard(self, event: Message) -> None:
        self.events.append(event)

    async def began(self, connection: AMIConnection) -> None:
        if self.fails:
            raise PBXUnreachable("nothing to see")
        self.began_with.append((await connection.action("Ping")).get("Ping"))

    async def ended(self) -> None:
        self.ends += 1


@contextlib.asynccontextmanager
async def connected(
    fake: FakeAMI, user: User, password: str = PASSWORD, *, wait: bool = True
) -> AsyncIterator[AMI]:
    manager = AMI("127.0.0.1", fake.port, USER, password)
    task = asyncio.create_task(manager.run(user))
    try:
        if wait:
            await eventually(lambda: manager.is_connected)
        yield manager
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def test_events_and_actions(run: Run) -> None:
    async def test() -> None:
        user = User()
        async with FakeAMI() as fake, connected(fake, user) as manager:
            fake.say(event("Hold", Uniqueid="1.2") + event("Unhold", Uniqueid="1.2"))
            await eventually(lambda: len(user.events) == 2)
            assert [one.event for one in user.events] == ["Hold", "Unhold"]
            answer = await manager.action("Ping")
            assert answer.succeeded
            refused = await manager.action("Hangup", Channel="PJSIP/1-1")
            assert not refused.succeeded
            assert all(PASSWORD not in str(action) for action in fake.actions)
        assert user.began_with == ["Pong"]
        assert user.ends == 1

    run(test())


def test_a_list(run: Run) -> None:
    def status(action: Mapping[str, str]) -> bytes:
        own = {"ActionID": action["ActionID"]}
        return b"".join(
            [
                message(Response="Success", EventList="start", **own),
                event("Status", Channel="a", **own),
                event("Hangup", Channel="of another"),
                event("Status", Channel="b", **own),
                event("StatusComplete", EventList="Complete", **own),
            ]
        )

    async def test() -> None:
        user = User()
        async with FakeAMI() as fake:
            fake.answers["Status"] = status
            async with opened(fake) as one:
                one.tell(user)
                listed = await one.listing("Status")
                assert [message.get("Channel") for message in listed] == ["a", "b"]
                assert [message.event for message in user.events] == ["Hangup"]
                with pytest.raises(PBXUnreachable, match="Invalid/unknown command"):
                    await one.listing("CoreShowChannels")

    run(test())


@contextlib.asynccontextmanager
async def opened(fake: FakeAMI) -> AsyncIterator[AMIConnection]:
    connection = AMIConnection(*await asyncio.open_connection("127.0.0.1", fake.port))
    pump = asyncio.create_task(connection.pump())
    try:
        await connection.login(USER, PASSWORD)
        yield connection
    finally:
        connection.close()
        with contextlib.suppress(PBXUnreachable):
            await pump


def test_it_comes_back_and_says_so_once(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        user = User()
        async with FakeAMI() as fake, connected(fake, user) as manager:
            fake.cut()
            await eventually(lambda: fake.logins == 2 and manager.is_connected)
            assert user.ends == 1
            await fake.vanish()
            await eventually(lambda: not manager.is_connected)
            with pytest.raises(PBXUnreachable):
                await manager.action("Ping")
            caplog.clear()
            await asyncio.sleep(0.5)  # several tries
            assert len([r for r in caplog.records if r.levelno >= logging.WARNING]) <= 1
            await fake.listen()
            await eventually(lambda: manager.is_connected)

    run(test())


def test_one_that_is_deaf(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frozen Asterisk keeps its sockets open."""
    monkeypatch.setattr(ami, "_PING_EVERY", 0.05)
    monkeypatch.setattr(ami, "_TIMEOUT", 0.3)

    async def test() -> None:
        user = User()
        async with FakeAMI() as fake, connected(fake, user) as manager:
            fake.deaf = True
            with pytest.raises(PBXUnanswered):
                await manager.action("Hangup", Channel="x")
            await eventually(lambda: user.ends == 1 and not manager.is_connected)
            fake.deaf = False
            await eventually(lambda: manager.is_connected)

    run(test())


def test_who_waits_hears_of_the_end(run: Run) -> None:
    async def test() -> None:
        async with FakeAMI() as fake, connected(fake, User()) as manager:
            fake.answers["Hangup"] = lambda _: None
            waiting = asyncio.create_task(manager.action("Hangup", Channel="x"))
            await eventually(lambda: fake.actions[-1]["Action"] == "Hangup")
            fake.cut()
            with pytest.raises(PBXUnanswered):
                await waiting

    run(test())


def test_who_asks_without_waiting_hears_the_answer_or_none(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asterisk answers in turn: what the ping has overtaken, and what a cut leaves, has none."""
    monkeypatch.setattr(ami, "_PING_EVERY", 0.05)
    told: list[str | None] = []

    def hear(answer: Message | None) -> None:
        told.append(answer.get("Value") if answer is not None else None)

    def value(action: Mapping[str, str]) -> bytes:
        return message(Response="Success", ActionID=action["ActionID"], Value="1")

    async def test() -> None:
        async with FakeAMI() as fake, opened(fake) as one:
            fake.answers["Getvar"] = value
            one.ask("Getvar", hear, Variable="X")
            await eventually(lambda: told == ["1"])
            fake.answers["Getvar"] = lambda _: None
            one.ask("Getvar", hear, Variable="X")
            pinging = asyncio.create_task(one.ping())
            await eventually(lambda: told == ["1", None])
            pinging.cancel()
            one.ask("Getvar", hear, Variable="X")
            one.close()
            assert told == ["1", None, None]
            one.ask("Getvar", hear, Variable="X")
            assert told == ["1", None, None, None]
            with pytest.raises(UnsafeCommand):
                one.ask("Getvar", hear, Variable="X\r\nAction: Logoff")

    run(test())


def test_nobody_waits_for_events_to_gather(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ami, "_GATHER", 3600)

    async def test() -> None:
        user = User()
        async with FakeAMI() as fake, connected(fake, user) as manager:
            fake.say(event("Hold", Uniqueid="1.2"))
            await eventually(lambda: len(user.events) == 1)
            assert (await manager.action("Ping")).succeeded

    run(test())


def test_a_wrong_password_is_not_tried_at_once_again(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        user = User()
        async with FakeAMI() as fake, connected(fake, user, "wrong", wait=False):
            await eventually(lambda: "login refused: Authentication failed" in caplog.text)
            tries = len(fake.actions)
            await asyncio.sleep(0.4)
            assert len(fake.actions) == tries
        assert user.began_with == []

    run(test())


def test_who_cannot_look_is_not_there(run: Run) -> None:
    async def test() -> None:
        user = User()
        user.fails = True
        async with FakeAMI() as fake, connected(fake, user, wait=False) as manager:
            await eventually(lambda: user.ends >= 2)
            assert not manager.is_connected
            user.fails = False
            await eventually(lambda: manager.is_connected)

    run(test())


@pytest.mark.parametrize("data", [b"x" * 70_000, b"a: b\r\n" * 600], ids=["line", "fields"])
def test_too_much_ends_the_connection(run: Run, data: bytes) -> None:
    async def test() -> None:
        user = User()
        async with FakeAMI() as fake, connected(fake, user) as manager:
            fake.say(data)
            await eventually(lambda: fake.logins == 2 and manager.is_connected)

    run(test())


def test_a_line_break_is_not_sent(run: Run) -> None:
    async def test() -> None:
        async with FakeAMI() as fake, connected(fake, User()) as manager:
            before = len(fake.actions)
            with pytest.raises(UnsafeCommand):
                await manager.action("Hangup", Channel="x\r\n\r\nAction: Originate")
            assert len(fake.actions) == before
            assert (await manager.action("Ping")).succeeded

    run(test())
