"""All that is live of a configuration stops when it is told to, whatever goes on."""

from __future__ import annotations

import asyncio

import pytest

from click2dial_agi.app.ending import end
from click2dial_agi.app.live.service import Live
from click2dial_agi.domain.config import parse_config
from sandbox.redis import RedisServer
from sandbox.waiting import patience
from tests.http.fake_ari import FakeARI
from tests.io.fake_ami import PASSWORD, USER, FakeAMI
from tests.io.running import run


@pytest.mark.slow
def test_it_stops_at_any_moment(redis: RedisServer) -> None:
    """Once in 20 times a Redis client swallowed the cancellation, and a server never stopped."""

    async def test() -> None:
        async with FakeAMI() as fake, FakeARI() as ari:
            rest = {"ari_url": ari.url, "ari_username": "u", "ari_password": "ari-secret"}
            manager = {"ami_username": USER, "ami_password": PASSWORD}
            names = [(f"i{number}", f"{number}000-{number}099") for number in range(1, 6)]
            pbx = {**rest, **manager, "ami": f"127.0.0.1:{fake.port}"}
            config = parse_config(
                {
                    "asterisk": pbx,
                    "integrators": [
                        {"name": name, "key_prefix": name, "extensions": [some], "redis": redis.url}
                        for name, some in names
                    ],
                }
            )
            for number in range(8):
                live = Live(lambda _: None)
                live.use(config)
                await asyncio.sleep(0.05 * number)
                async with asyncio.timeout(patience(5)):
                    await live.close()

    run(test())


def test_who_does_not_hear_is_told_again() -> None:
    async def test() -> None:
        heard = 0

        async def deaf() -> None:
            nonlocal heard
            while heard < 2:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    heard += 1

        task = asyncio.create_task(deaf())
        await asyncio.sleep(0)
        await end(task)
        assert (heard, task.done()) == (2, True)

    run(test())
