"""The programs in examples/, each run as it stands there, against the API."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from click2dial_agi.domain.live.states import AgentState, CallState
from click2dial_agi.domain.live.views import CallView
from sandbox import ports
from sandbox.redis import RedisServer
from sandbox.waiting import patience
from tests.http.live_rig import Rig, agent, call, live_api
from tests.http.rig import CALLS, KEY
from tests.io.running import run

EXAMPLES = Path(__file__).parents[2] / "examples"
PROGRAMS = {"python": ("py", [sys.executable]), "node": ("mjs", ["node"]), "php": ("php", ["php"])}
LONGEST = 38  # lines: an example is read in one go


@pytest.fixture(params=PROGRAMS)
def language(request: pytest.FixtureRequest) -> str:
    """One that this machine has; in CI it has all."""
    name = str(request.param)
    (program,) = PROGRAMS[name][1]
    if shutil.which(program) is None:
        missing = f"{program} is not installed: make examples"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(missing)
    return name


@contextlib.asynccontextmanager
async def example(
    language: str, name: str, url: str, *arguments: str, key: str = KEY
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run one; its end is ours."""
    suffix, program = PROGRAMS[language]
    script = EXAMPLES / language / f"{name}.{suffix}"
    process = await asyncio.create_subprocess_exec(
        *program,
        *((*arguments, str(script)) if "-S" in arguments else (str(script), *arguments)),
        env={
            **os.environ,
            **{
                "C2D_URL": url,
                "C2D_KEY": key,
                "CRM_URL": "https://crm/",
                "PYTHONUNBUFFERED": "1",
                "PYTHONDONTWRITEBYTECODE": "1",
            },
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(patience(10)):
        return (await process.stdout.readline()).decode().strip()


async def said_until_heard(rig: Rig, view: CallView, printed: asyncio.subprocess.Process) -> str:
    """Say it until the example says something, which only what is new makes it do."""
    hearing = asyncio.create_task(line(printed))
    while not hearing.done():
        await rig.say(view)
        await asyncio.wait([hearing], timeout=0.2)
    return await hearing


def test_a_screen_pops_once_for_each_call(redis: RedisServer, language: str) -> None:
    async def test() -> None:
        async with live_api(redis) as rig:
            await rig.begin(agent("1000"), agent("1001"))
            url = rig.api.base_url
            async with example(language, "screen_pop", url, "1000") as printed:
                rings = call(CallState.RINGING_AGENT, contact_ref="client-1")
                assert await said_until_heard(rig, rings, printed) == "https://crm/client-1"
                other = "00000000-0000-4000-8000-000000000001"
                await rig.say(
                    call(contact_ref="client-1"),
                    call(CallState.ENDED, contact_ref="client-1"),
                    call(ref=other, agent="1001", contact_ref="not-his"),
                    call(ref=other.replace("1", "2"), contact_ref=""),
                )
                assert await line(printed) == "https://crm/0820000100"

    run(test())


def test_a_wallboard_counts(redis: RedisServer, language: str) -> None:
    async def test() -> None:
        async with live_api(redis) as rig:
            await rig.begin(agent("1000"), agent("1001", AgentState.TALKING))
            async with example(language, "wallboard", rig.api.base_url) as printed:
                told = (await line(printed)).replace(": ", ":").replace(", ", ",")
                assert told == '{"idle":1,"talking":1} waiting:0'
                await rig.say(call(CallState.QUEUED), agent("1000", AgentState.OFFLINE))
                told = [await line(printed) for _ in range(2)][1]
                assert "offline" in told
                assert "idle" not in told
                assert told.endswith("waiting: 1")
                await rig.say(call(CallState.ENDED))
                assert (await line(printed)).endswith("waiting: 0")

    run(test())


def test_a_key_that_is_not_known_is_said_and_ends_it(redis: RedisServer, language: str) -> None:
    async def test() -> None:
        async with (
            live_api(redis) as rig,
            example(language, "wallboard", rig.api.base_url, key="wrong") as process,
            asyncio.timeout(patience(10)),
        ):
            _, said = await process.communicate()
            assert process.returncode
            assert b"Bearer and one of this integrator's keys" in said

    run(test())


def test_a_button_has_a_token_and_no_key(redis: RedisServer, language: str) -> None:
    async def test() -> None:
        port = ports.free_port()
        origin = f"http://localhost:{port}"
        arguments = ["-S", f"127.0.0.1:{port}"] if language == "php" else [str(port)]
        async with (
            live_api(redis, cors_origins=[origin]) as rig,
            example(language, "button", rig.api.base_url, *arguments),
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as crm,
        ):
            page = await answer(crm, "/")
            assert f'src="{rig.api.base_url}/click2dial.js" data-agent="1000"' in page.text
            assert KEY not in page.text
            token = (await answer(crm, "/token")).json()["token"]
            headers = {"Authorization": f"Bearer {token}", "Origin": origin}
            assert (await rig.api.client.get(CALLS, headers=headers)).status_code == 200

    run(test())


async def answer(crm: httpx.AsyncClient, path: str) -> httpx.Response:
    """Ask until the example listens."""
    async with asyncio.timeout(patience(10)):
        while True:
            with contextlib.suppress(httpx.ConnectError):
                return await crm.get(path)
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    "path",
    sorted(path for path in EXAMPLES.glob("*/*") if path.is_file()),
    ids=lambda path: path.name,
)
def test_an_example_is_short(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= LONGEST
