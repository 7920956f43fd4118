"""The Create Call API where Kamailio, and no Asterisk, knows who has a phone."""

from __future__ import annotations

import httpx
import pytest

from sandbox.waiting import patience
from tests.kamailio.rig import PHONES, Rig

FIRST, ABSENT = PHONES[0], PHONES[9]


async def _post(rig: Rig, agent: int, callee: str) -> httpx.Response:
    body = {"agent": str(agent), "callee": callee, "outbound_id": "27820001234"}
    url = f"http://127.0.0.1:{rig.api_port}/click2dial/calls"
    async with httpx.AsyncClient(trust_env=False, timeout=patience(10)) as client:
        return await client.post(url, json=body)


@pytest.mark.case("P12")
def test_an_agent_without_a_phone(rig: Rig) -> None:
    async def posts() -> None:
        answer = await _post(rig, ABSENT, rig.number())
        assert answer.status_code == 409, answer.text
        assert "an agent whose phone is registered" in answer.text

    rig.run(posts())


@pytest.mark.case("P12")
def test_an_agent_with_one_is_rung(rig: Rig) -> None:
    async def posts() -> None:
        number = rig.number()
        async with rig.phone(FIRST) as phone:
            answer = await _post(rig, FIRST, number)
            assert answer.status_code == 201, answer.text
            taken = await phone.next_call()
            _, callee = await rig.at_trunk(number)
            await callee.media.hear(phone.name)
            await taken.hang_up()
            await callee.over()
        assert (await rig.record(number))["call_ref"] == answer.json()["call_ref"]

    rig.run(posts())


@pytest.mark.parametrize(
    ("path", "login", "status"),
    [
        (f"/phones/{ABSENT}", True, 200),
        (f"/phones/{ABSENT}", False, 401),
        ("/phones/", True, 404),
        ("/phones/x%20y", True, 404),
        ("/phones/1300/x", True, 404),
        (f"/phones?names={ABSENT},{FIRST}", True, 200),
        (f"/phones?names={ABSENT},{FIRST}", False, 401),
        (f"/phones?names={','.join(64 * ['1300'])}", True, 200),
        (f"/phones?names={','.join(65 * ['1300'])}", True, 414),
        (f"/phones?names={'x' * 3000}", True, 414),
        ("/phones?names=", True, 404),
        ("/phones?names=x%22y", True, 404),
        (f"/phones?names={ABSENT}&x=1", True, 404),
        ("/ws", True, 404),
        ("/RPC", True, 404),
    ],
)
def test_the_door_tells_nothing_else(rig: Rig, path: str, login: bool, status: int) -> None:
    kamailio = rig.kamailio
    site = (kamailio.directory / "click2dial-site.cfg").read_text()
    key = site.partition('C2D_DOOR "')[2].partition('"')[0]
    url = f"http://{kamailio.inner_host}:{kamailio.inner_port}{path}"
    with httpx.Client(trust_env=False) as client:
        answer = client.get(url, headers={"Authorization": key} if login else {})
        assert answer.status_code == status
        posted = client.post(url, headers={"Authorization": key})
        assert posted.status_code == 404


def test_a_kamailio_that_does_not_tell_stops_no_call(rig: Rig) -> None:
    """Its agents are rung, as far as Asterisk can."""

    async def posts() -> None:
        number = rig.number()
        rig.kamailio.kill()
        answer = await _post(rig, ABSENT, number)
        assert answer.status_code == 201, answer.text
        await rig.record(number, timeout=40)

    try:
        rig.run(posts())
    finally:
        rig.kamailio.start()
        rig.until_all_serve()
