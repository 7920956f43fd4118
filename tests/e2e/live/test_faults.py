"""Readers that die, a manager that is away: never a wrong state, and soon the right one."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator

import pytest

from sandbox.events import Events
from sandbox.office_conf import OUTBOUND_ID
from sandbox.proxy import Network
from sandbox.sdp import Direction
from sandbox.waiting import patience
from tests.e2e.live.conftest import LiveOffice
from tests.e2e.live.follow import Follow, play

HEADERS = [("X-Teleforge-Outbound-ID", OUTBOUND_ID), ("X-Teleforge-Contact-Ref", "live")]

#: How long it may take until it is known again what goes on, in seconds.
UNKNOWN_FOR = 3.0


@pytest.fixture(autouse=True)
def whole(live_office: LiveOffice) -> Iterator[None]:
    """Have two servers and a manager again, whatever a test has done."""
    yield
    live_office.manager.network = Network.WORKS
    for server in live_office.servers:
        server.start_again()


def states_of(events: Events) -> list[str]:
    """Return the state of the only agent in each snapshot."""
    return [one["agents"][0]["state"] for one in events.named("snapshot")]


def reader_of(office: LiveOffice) -> int:
    """Return which server reads for acme, as their logs say."""
    said = [server.log().rfind("acme: this server reads") for server in office.servers]
    times = [server.log()[at - 40 : at] for server, at in zip(office.servers, said, strict=True)]
    both = [line.splitlines()[-1] if at >= 0 else "" for line, at in zip(times, said, strict=True)]
    return both.index(max(both))


@pytest.mark.parametrize("how", ["killed", "stopped", "frozen"])
def test_the_reader_goes(live_office: LiveOffice, how: str) -> None:
    """The other server reads on; who was frozen says nothing wrong when he wakes up."""
    reader = reader_of(live_office)
    server = live_office.servers[reader]

    def freeze() -> None:
        server.send(signal.SIGSTOP)

    async def test(follow: Follow) -> None:
        first = follow.team.first
        call = await first.call(follow.office.number(), HEADERS)
        await call.up()
        await follow.until("talking")
        await call.hold()
        await follow.until("hold")
        (held,) = await follow.calls(agent=first.name)
        async with follow.listen(agent=first.name) as events:
            end = {"killed": server.kill, "stopped": server.stop, "frozen": freeze}[how]
            seen = ["hold"]
            going = asyncio.create_task(asyncio.to_thread(end))
            async with asyncio.timeout(patience(UNKNOWN_FOR)):
                # Unknown, unless the other server takes over between two looks.
                while seen[-1] != "unknown" and reader_of(live_office) == reader:
                    now = (await follow.agent())["state"]
                    seen += [now] if now != seen[-1] else []
                    await asyncio.sleep(0.01)
            gone = time.monotonic()
            seen += await follow.until("hold", seconds=UNKNOWN_FOR)
            assert set(seen) <= {"hold", "unknown"}
            print(f"{how}: unknown for {time.monotonic() - gone:.2f} s")
            await going
            # What lasts for less than a look is not told.
            await events.until(lambda: len(events.named("snapshot")) >= 2)
            await events.until(lambda: states_of(events)[-1] == "hold")
            assert set(states_of(events)) <= {"hold", "unknown"}
            (again,) = await follow.calls(agent=first.name)
            assert (again["state"], again["answered_at"]) == ("held", held["answered_at"])
            if how == "frozen":
                server.send(signal.SIGCONT)
            await call.hold(Direction.BOTH)
            assert set(await follow.until("talking")) <= {"hold", "talking"}
            await call.hang_up()
            await events.until_newest("call", "ended")
            assert set(await follow.until("idle")) <= {"talking", "idle"}

    play(live_office, test, server=1 - reader)


def test_the_manager_is_away_in_mid_hold(live_office: LiveOffice) -> None:
    """What happens meanwhile is known when it is back, and what has ended is told."""

    async def test(follow: Follow) -> None:
        first, second = follow.team.first, follow.team.second
        call = await first.call(follow.office.number(), HEADERS)
        await call.up()
        ends = await second.call(follow.office.number(), HEADERS)
        await ends.up()
        await call.hold()
        await follow.until("hold")
        await follow.until("talking", second.name)
        (over,) = await follow.calls(agent=second.name)
        async with follow.listen() as events:
            live_office.cut()
            await follow.until("unknown")
            await follow.until("unknown", second.name)
            (shown,) = await follow.calls(agent=first.name)  # ARI is there
            assert (shown["state"], shown["since"]) == ("up", 0)
            await call.hold(Direction.BOTH)
            await ends.hang_up()
            live_office.manager.network = Network.WORKS
            assert set(await follow.until("talking", seconds=UNKNOWN_FOR)) <= {"unknown", "talking"}
            assert set(await follow.until("idle", second.name)) <= {"unknown", "idle"}
            await events.until(
                lambda: any(
                    (one["call_ref"], one["state"]) == (over["call_ref"], "ended")
                    for one in events.named("call")
                )
            )
            (shown,) = await follow.calls(agent=first.name)
            assert shown["state"] == "up"
            assert shown["since"] > 0
        await call.hang_up()

    play(live_office, test)


def test_a_reload_hides_nothing(live_office: LiveOffice) -> None:
    """SIGHUP: the same agents are known all the time."""

    async def test(follow: Follow) -> None:
        call = await follow.team.first.call(follow.office.number(), HEADERS)
        await call.up()
        await follow.until("talking")
        for server in live_office.servers:
            before = server.log().count("configuration reloaded")
            server.reload()
            while server.log().count("configuration reloaded") == before:
                assert (await follow.agent())["state"] == "talking"
        for _ in range(50):
            assert (await follow.agent())["state"] == "talking"
            await asyncio.sleep(0.01)
        await call.hang_up()

    play(live_office, test)


@pytest.mark.slow
@pytest.mark.case("L80")
@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("read = call,agent\n", "read = agent\n"),
        ("eventfilter(action(include),name(Hangup)) =\n", ""),
    ],
)
def test_a_manager_that_keeps_calls_to_itself(
    live_office: LiveOffice, line: str, wrong: str
) -> None:
    """It is told of, and calls are seen, and seen to end, some seconds later."""

    async def test(follow: Follow) -> None:
        call = await follow.team.first.call(follow.office.number(), HEADERS)
        await call.up()
        await follow.until("talking", seconds=30)
        await follow.until_calls(1, state="up")
        await call.hang_up()
        await follow.until("idle", seconds=30)
        await follow.until_calls(0)

    said = [len(server.log()) for server in live_office.servers]
    with live_office.pbx.edited("manager.conf", line, wrong, "manager reload"):
        live_office.manager.reset()  # rights are those of the login
        play(live_office, test)
    live_office.manager.reset()
    logs = [server.log()[start:] for server, start in zip(live_office.servers, said, strict=True)]
    assert any("its manager has not told of" in log for log in logs)
