"""Asking Kamailios for an agent's phone: any yes counts, and silence is no no."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.domain.kamailio import Kamailio
from click2dial_agi.domain.live.phones import Answer
from click2dial_agi.io.kamailio_door import KamailioDoors, questions, read_phones
from sandbox import ports

YES, NO, SILENCE, NOBODY = b'{"registered": true}', b'{"registered": false}', b"", None


@asynccontextmanager
async def _door(port: int, body: bytes | None, asked: list[str]) -> AsyncIterator[None]:
    """Play the door of a node; None: nobody listens."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        status = b"401 Unauthorized" if body == b"denied" else b"200 OK"
        answer = b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (
            *(status, len(body or b""), body or b""),
        )
        with contextlib.suppress(asyncio.IncompleteReadError, OSError), contextlib.closing(writer):
            while True:
                asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
                if body != SILENCE:
                    writer.write(answer)

    if body is NOBODY:
        yield
        return
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()


def _kamailio(inner: list[int]) -> Kamailio:
    nodes = [
        {"name": f"k{n}", "phones": f"127.0.0.1:{n}", "inner": f"127.0.0.1:{port}"}
        for n, port in enumerate(inner, 1)
    ]
    return Kamailio.model_validate(
        {"nodes": nodes, "asterisks": ["127.0.0.9:1"], "secret": "0123456789abcdef"}
    )


@pytest.mark.parametrize(
    ("bodies", "expected"),
    [
        ([YES], True),
        ([NO], False),
        ([NO, YES], True),
        ([YES, SILENCE], True),
        ([NO, SILENCE], False),
        ([NO, NOBODY], False),
        ([SILENCE, NOBODY], None),
        ([b"denied"], None),
        ([b"[]"], None),
        ([b'{"registered": "yes"}'], None),
        ([b"[" * 100_000], None),
        ([b"\xff"], None),
    ],
)
def test_who_answers_counts(bodies: list[bytes | None], expected: bool | None) -> None:
    async def ask() -> None:
        inner, asked = [ports.free_port() for _ in bodies], list[str]()
        doors = KamailioDoors(_kamailio(inner), timeout=0.3)
        async with AsyncExitStack() as stack:
            for port, body in zip(inner, bodies, strict=True):
                await stack.enter_async_context(_door(port, body, asked))
            assert await doors.has_phone("1000") is expected
            await doors.close()
        assert all(head.startswith("GET /phones/1000 HTTP/1.1\r\n") for head in asked)
        assert all("Authorization: Basic " in head for head in asked)

    asyncio.run(ask())


def test_a_silent_one_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    async def ask() -> None:
        port = ports.free_port()
        doors = KamailioDoors(_kamailio([port]), timeout=0.3)
        for body in (NOBODY, NOBODY, YES):
            async with _door(port, body, []):
                for _ in range(2):
                    await doors.has_phone("1000")
        await doors.close()

    with caplog.at_level(logging.WARNING, "click2dial_agi"):
        asyncio.run(ask())
    said = [record.getMessage() for record in caplog.records]
    assert [text.split(":")[0] for text in said] == [
        "Kamailio k1 does not tell whether agents have phones",
        "Kamailio k1 tells again whether agents have phones",
    ]


NAMES = ["1000", "1001"]
BOTH = b'{"phones": {"1000": true, "1001": null}}'


@pytest.mark.case("P15")
@pytest.mark.parametrize(
    ("bodies", "expected"),
    [
        ([BOTH], [{"1000": True, "1001": None}]),
        ([BOTH, SILENCE], [{"1000": True, "1001": None}, {}]),
        ([NOBODY, BOTH], [{}, {"1000": True, "1001": None}]),
        ([b"denied", NOBODY], [{}, {}]),
        ([YES], [{}]),  # an older kamailio.cfg answers otherwise
    ],
)
def test_each_answers_for_itself(bodies: list[bytes | None], expected: list[Answer]) -> None:
    async def ask() -> None:
        inner, asked = [ports.free_port() for _ in bodies], list[str]()
        doors = KamailioDoors(_kamailio(inner), timeout=0.3)
        async with AsyncExitStack() as stack:
            for port, body in zip(inner, bodies, strict=True):
                await stack.enter_async_context(_door(port, body, asked))
            assert list((await doors.phones([*NAMES, "x y", "1000"])).values()) == expected
            await doors.close()
        assert all(head.startswith("GET /phones?names=1000,1001 HTTP/1.1") for head in asked)

    asyncio.run(ask())


def test_one_that_is_silent_is_asked_once() -> None:
    async def ask() -> None:
        port, asked = ports.free_port(), list[str]()
        doors = KamailioDoors(_kamailio([port]), timeout=0.3)
        async with _door(port, SILENCE, asked):
            assert await doors.phones(map(str, range(5000))) == {"k1": {}}
            await doors.close()
        assert len(asked) == 1

    asyncio.run(ask())


@given(st.lists(st.text(max_size=100) | st.from_regex(r"[A-Za-z0-9_.+-]{1,79}", fullmatch=True)))
def test_questions_have_all_names_that_may_be_and_are_short(names: list[str]) -> None:
    asked = list(questions([*names, *map(str, range(1000, 1200))]))
    safe = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.+-")
    may_be = {name for name in names if 0 < len(name) < 80 and set(name) <= safe}
    flat = [name for some in asked for name in some]
    assert len(flat) == len(set(flat))
    assert set(flat) == may_be | set(map(str, range(1000, 1200)))
    assert all(0 < len(some) <= 64 and len(",".join(some)) <= 2000 for some in asked)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(
    st.dictionaries(st.sampled_from(["1", "2", "3"]), st.none() | st.booleans())
    | st.dictionaries(st.sampled_from(["1", "2", "3"]), _JSON),
    st.lists(st.sampled_from(["1", "2", "3"]), unique=True),
)
def test_an_answer_is_one_to_what_was_asked(said: dict[str, object], names: list[str]) -> None:
    """Each name has one of three answers, or the whole is none."""
    body = json.dumps({"phones": said}).encode()
    each = all(one is None or isinstance(one, bool) for one in said.values())
    right = each and said.keys() == set(names)
    if right:
        assert read_phones(body, names) == said
    else:
        with pytest.raises(ValueError, match="answer"):
            read_phones(body, names)


@given(st.binary(max_size=200) | _JSON.map(lambda some: json.dumps({"phones": some}).encode()))
def test_what_is_no_answer_raises_what_it_may(body: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        read_phones(body, ["1000"])
