"""A created call asks the agent's phone to answer by itself."""

from __future__ import annotations

import pytest

from sandbox.office import Office
from sandbox.office_conf import OUTBOUND_ID
from tests.e2e.control.desk import play
from tests.e2e.matrix.cells import Origin
from tests.e2e.matrix.scene import Scene


@pytest.mark.parametrize("wanted", [True, False])
def test_the_phone_is_asked_and_nobody_else(office: Office, wanted: bool) -> None:
    async def created(scene: Scene) -> None:
        body = {"outbound_id": OUTBOUND_ID, "contact_ref": scene.ref, "auto_answer": wanted}
        body |= {"agent": scene.team.first.name, "callee": scene.number}
        answer = await office.ask("POST", scene.team, json=body)
        assert answer.status_code == 201, answer.text
        agent = await scene.team.first.next_call()
        assert agent.invite is not None
        told = [agent.invite.header(name) for name in ("Call-Info", "Alert-Info", "Answer-Mode")]
        assert told == (
            ["<sip:127.0.0.1>;answer-after=0", "<http://127.0.0.1>;info=alert-autoanswer", "Auto"]
            if wanted
            else [None, None, None]
        )
        await agent.up()
        client = await office.trunk.next_call(number=scene.number)
        assert client.invite is not None
        for name in ("Call-Info", "Alert-Info", "Answer-Mode"):
            assert client.invite.header(name) is None
        await client.up()
        await client.hang_up()
        await agent.over()

    play(office, created, origins=(Origin.CREATED,), strictly=False)


def test_not_a_phone_behind_the_trunk(office: Office) -> None:
    async def outside(scene: Scene) -> None:
        body = {"agent": scene.partner, "callee": scene.number, "auto_answer": True}
        answer = await office.ask("POST", scene.team, json=body | {"contact_ref": scene.ref})
        assert answer.status_code == 422
        assert [error["field"] for error in answer.json()["errors"]] == ["auto_answer"]

    play(office, outside, strictly=False)
