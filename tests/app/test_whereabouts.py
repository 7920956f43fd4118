"""Where calls are: asked channel by channel, or with one request where ari.conf tells enough."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator

import pytest

from click2dial_agi.app import whereabouts as module
from click2dial_agi.app.call_states import CallState
from click2dial_agi.app.whereabouts import Whereabouts
from click2dial_agi.domain.pbxs import PBX
from click2dial_agi.domain.variables import CARRIES_LISTED, DIALLED
from click2dial_agi.io.ari import ARI
from tests.http.fake_ari import FakeARI
from tests.io.running import run

REF = "bde674e2-eeaf-4355-b32c-664a82256e11"
OTHER = "0b4e6a3c-1f2d-4c5b-8a79-000000000001"


@contextlib.asynccontextmanager
async def pbx(lists_variables: bool) -> AsyncIterator[tuple[FakeARI, Whereabouts]]:
    module._tell_of_the_quick_way.cache_clear()
    async with FakeARI(lists_variables=lists_variables) as ari:
        client = ARI(PBX.model_validate({"ari_url": ari.url, "ari_password": "p-1"}), 1.0)
        for one, role, ref in (("1.1", "a", REF), ("1.2", "c", REF), ("1.3", "o", OTHER)):
            ari.channels[one] = "Up"
            ari.variables[one, f"C2D_{one}"] = f"{role}call_ref={ref}&call_dir=outbound"
        ari.channels["1.4"] = "Ring"  # nothing of ours
        ari.variables["1.1", DIALLED] = "PJSIP/trunk-00000001"
        yield ari, Whereabouts(client)
        await client.close()


@pytest.mark.parametrize("lists_variables", [True, False])
def test_both_ways_tell_the_same(lists_variables: bool) -> None:
    async def scenario() -> None:
        async with pbx(lists_variables) as (ari, where):
            found = await where.of_all([REF, OTHER])
            assert {ref: [one["id"] for one in channels] for ref, channels in found.items()} == {
                REF: ["1.1", "1.2"],
                OTHER: ["1.3"],
            }
            assert await where.state(found[REF]) is CallState.UP
            assert len(ari.requests) == (1 if lists_variables else 6)

    run(scenario())


def test_what_changes_is_seen_in_the_list() -> None:
    async def scenario() -> None:
        async with pbx(lists_variables=True) as (ari, where):
            await where.look()
            ari.variables["1.3", "C2D_1.3"] = f"acall_ref={REF}&call_dir=outbound"
            assert [one["id"] for one in (await where.of_all([REF]))[REF]] == ["1.1", "1.2", "1.3"]

    run(scenario())


@pytest.mark.parametrize("lists_variables", [True, False])
def test_what_is_to_be_set_is_told_once(
    lists_variables: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "click2dial_agi")

    async def scenario() -> None:
        async with pbx(lists_variables) as (_, where):
            await where.look()
            await where.look()

    run(scenario())
    told = [one.message for one in caplog.records if "channelvars" in one.message]
    assert len(told) == (0 if lists_variables else 1)
    assert all(f"channelvars = {DIALLED},{CARRIES_LISTED} " in one for one in told)


@pytest.mark.parametrize("told", [None, [], "x", {CARRIES_LISTED: 7}, {"other": "x"}], ids=repr)
def test_a_list_that_tells_something_else_is_no_list(told: object) -> None:
    async def scenario() -> None:
        async with pbx(lists_variables=False) as (ari, where):
            ari.about = {one: {"channelvars": told} for one in ari.channels}
            assert len((await where.of_all([REF]))[REF]) == 2

    run(scenario())
