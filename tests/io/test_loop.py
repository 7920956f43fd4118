"""The loop that serves, while DNS does not answer."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest

from click2dial_agi.io.loop import Loop
from tests.io.running import eventually, run

#: Names that nobody answers for; all others are looked up.
SILENT = "silent"


class DNS:
    """What the system asks: the names that were looked up, and when those answers come."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers = Event()

    def getaddrinfo(self, host: str, *question: Any) -> list[Any]:
        self.asked.append(host)
        if host.startswith(SILENT):
            self.answers.wait()
            raise socket.gaierror(socket.EAI_AGAIN, "nobody answers")
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", question[0], 0, 0)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", question[0])),
        ]


@pytest.fixture
def dns(monkeypatch: pytest.MonkeyPatch) -> Iterator[DNS]:
    names = DNS()
    monkeypatch.setattr(socket, "getaddrinfo", names.getaddrinfo)
    yield names
    names.answers.set()


def ask(name: str) -> asyncio.Task[Any]:
    return asyncio.create_task(asyncio.open_connection(name, 80))


@pytest.mark.case("C71")
def test_names_that_nobody_answers_for_keep_no_other_waiting(dns: DNS) -> None:
    """Of those names there are more than libuv has threads."""

    async def test() -> None:
        silent = [ask(f"{SILENT}-{number}.example") for number in range(12)]
        await eventually(lambda: len(dns.asked) == 12)
        listener = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        # At ::1 nobody listens: the next address is taken.
        reader, writer = await asyncio.open_connection("pbx.example", port)
        assert await reader.read() == b""
        writer.close()
        listener.close()
        assert not any(task.done() for task in silent)
        dns.answers.set()
        assert all(
            isinstance(error, socket.gaierror)
            for error in await asyncio.gather(*silent, return_exceptions=True)
        )

    run(test(), Loop)


@pytest.mark.case("C71")
def test_who_waits_no_more_holds_up_no_end(dns: DNS) -> None:
    """And is told of by nobody."""
    unheard: list[Any] = []

    async def test() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: unheard.append(context))
        tasks = [ask(f"{SILENT}.example") for _ in range(3)]
        await eventually(lambda: bool(dns.asked))
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        # Who asks meanwhile for the same waits for the same answer.
        again = ask(f"{SILENT}.example")
        dns.answers.set()
        with pytest.raises(socket.gaierror):
            await again
        assert dns.asked == [f"{SILENT}.example"]
        dns.answers.clear()
        ask(f"{SILENT}-still.example")
        await eventually(lambda: len(dns.asked) == 2)

    began = time.monotonic()
    run(test(), Loop)
    assert time.monotonic() - began < 5
    assert not unheard


def test_a_name_that_none_can_be(dns: DNS, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(host: str, *question: Any) -> list[Any]:
        return [host.encode("idna"), question]

    monkeypatch.setattr(socket, "getaddrinfo", refuse)

    async def test() -> None:
        with pytest.raises(socket.gaierror):
            await asyncio.open_connection("a" * 64 + ".example", 80)

    run(test(), Loop)
