"""The product through FreePBX's routes, queues and phones."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import quote

import pytest

from sandbox.process import until
from sandbox.ua import forward, refuse, ring
from tests.e2e.freepbx import contexts
from tests.e2e.freepbx.conftest import DEVICE, OUTBOUND_ID, FreePBX

Play = Callable[[Awaitable[None]], None]


@pytest.mark.case("F1")
@pytest.mark.parametrize(
    "kind", [contexts.ALLOW, contexts.ROUTE, contexts.FORCE, contexts.HIDDEN, contexts.TWO]
)
@pytest.mark.parametrize("created", [False, True])
def test_the_callee_sees_what_the_record_says(
    freepbx: FreePBX, play: Play, kind: str, created: bool
) -> None:
    async def scene() -> None:
        number = freepbx.number(kind)
        if created:
            assert (await freepbx.create(number)).status_code == 201
            agent = await freepbx.phones["3001"].next_call()
        else:
            agent = await freepbx.call(number)
        client = await freepbx.trunk.next_call(number=number)
        await agent.up()
        await client.up()
        await client.hang_up()
        await agent.over()
        invite, record = client.invite, await freepbx.record(number)
        assert invite is not None
        assert (invite.from_user, record["dial_number"]) == (OUTBOUND_ID, OUTBOUND_ID)
        assert record["extension"] == "3001"
        assert [name for name, _ in invite.headers if name.lower().startswith("x-")] == []
        assert OUTBOUND_ID in (invite.header("P-Asserted-Identity") or "")

    play(scene())


@pytest.mark.case("F2")
@pytest.mark.parametrize(
    ("status", "reason", "code", "heard"),
    [
        (486, "busy", 17, 486),
        (404, "error", 1, 404),
        (603, "reject", 21, 0),
        (480, "timeout", 19, 480),
        (403, "error", 0, 0),
        (503, "error", 34, 503),
    ],
)
@pytest.mark.parametrize("kind", [contexts.ALLOW, contexts.TWO])
def test_the_cause_is_the_trunks(
    freepbx: FreePBX, play: Play, status: int, reason: str, code: int, heard: int, kind: str
) -> None:
    """Also where another trunk had been tried before."""

    async def scene() -> None:
        number = freepbx.number(kind)
        freepbx.trunk.plan[number] = refuse(status, "-")
        call = await freepbx.call(number)
        final = await call.final(15)
        record = await freepbx.record(number)
        assert record["end_reason"] == reason
        if code:
            assert record["end_code"] == code
        if heard:
            assert final.status == heard

    play(scene())


@pytest.mark.case("F1")
def test_a_trunk_that_redirects_leads_nowhere(freepbx: FreePBX, play: Play) -> None:
    async def scene() -> None:
        number, other = freepbx.number(), freepbx.number()
        freepbx.trunk.plan[number] = forward(f"<sip:{other}@127.0.0.1:{freepbx.pbx.sip_port}>")
        call = await freepbx.call(number)
        assert (await call.final(15)).status >= 400
        assert (await freepbx.record(number))["end_reason"] != "hungup"
        assert freepbx.called(other) == []

    play(scene())


@pytest.mark.case("F3")
def test_a_queue_of_freepbx(freepbx: FreePBX, play: Play) -> None:
    async def scene() -> None:
        number = freepbx.number()
        client = await freepbx.dial_in("27215550100", number)
        agent = await freepbx.phones["3002"].next_call()
        await agent.up()
        await client.up()
        await asyncio.sleep(1)
        await client.hang_up()
        await agent.over()
        record = await freepbx.record(number)
        assert (record["extension"], record["call_dir"]) == ("3002", "inbound")

    play(scene())


@pytest.mark.case("F3")
def test_no_voicemail_answers_for_an_absent_agent(freepbx: FreePBX, play: Play) -> None:
    async def scene() -> None:
        before = freepbx.variable("VOICEMAILS")
        freepbx.phones["3002"].rule = ring()
        number = freepbx.number()
        client = await freepbx.dial_in("27215550100", number)
        await client.over(12)
        record = await freepbx.record(number)
        assert (record["extension"], record["end_reason"]) == ("", "timeout")
        assert freepbx.variable("VOICEMAILS") == before

    play(scene())


@pytest.mark.case("F4")
def test_phones_stay_freepbxs(freepbx: FreePBX, play: Play) -> None:
    """Emergency, feature codes, extensions and calls without our headers."""

    async def scene() -> None:
        phone = freepbx.phones["3001"]
        emergency = await phone.call("112")
        assert (await emergency.final()).status == 486
        assert freepbx.variable("EMERGENCY_CALLS")
        voicemail = await phone.call("*97")
        await voicemail.up()
        await voicemail.hang_up()
        colleague = await phone.call("3002")
        await colleague.up()
        await colleague.hang_up()
        number = freepbx.number()
        own = await phone.call(number)
        client = await freepbx.trunk.next_call(number=number)
        await own.up()
        await own.hang_up()
        assert client.invite is not None
        assert client.invite.from_user == contexts.TRUNK_CID
        assert (await (await freepbx.call("00999")).final()).status == 484
        assert freepbx.notifications.untaken == []

    play(scene())


@pytest.mark.case("F4")
def test_a_wrong_number_with_our_header_is_refused(freepbx: FreePBX, play: Play) -> None:
    async def scene() -> None:
        call = await freepbx.call("0000000")
        assert (await call.final()).status == 484
        assert (await freepbx.record(""))["end_code"] == 28

    play(scene())


@pytest.mark.case("F4")
def test_the_user_at_a_device_is_the_agent(freepbx: FreePBX, play: Play) -> None:
    async def scene() -> None:
        number = freepbx.number()
        call = await freepbx.call(number, DEVICE)
        await call.up()
        await call.hang_up()
        assert (await freepbx.record(number))["extension"] == "3004"

    play(scene())


@pytest.mark.case("F5")
@pytest.mark.parametrize(("target", "phone"), [("600", "3002"), ("601", "3003"), ("3002", "3002")])
@pytest.mark.parametrize("inbound", [False, True])
def test_a_client_is_sent_on(
    freepbx: FreePBX, play: Play, target: str, phone: str, inbound: bool
) -> None:
    """To a queue, a ring group, and a colleague, and is recorded to the end."""

    async def scene() -> None:
        number = freepbx.number()
        if inbound:
            client = await freepbx.dial_in("27215550101", number)
            agent = await freepbx.phones["3001"].next_call()
        else:
            agent = await freepbx.call(number)
            client = await freepbx.trunk.next_call(number=number)
        await agent.up()
        await client.up()
        await asyncio.gather(client.media.hear("3001"), agent.media.hear(client.media.mark))
        await agent.send_to(target)
        other = await freepbx.phones[phone].next_call()
        await other.up()
        await asyncio.sleep(2)
        assert not client.ended.is_set()
        await client.hang_up()
        await other.over()
        record = await freepbx.record(number)
        assert record["call_time"] >= 2
        if target == "3002":
            assert record["extension"] == "3002"

    play(scene())


@pytest.mark.case("F42")
def test_a_client_goes_to_a_number_that_freepbx_called(freepbx: FreePBX, play: Play) -> None:
    """An agent asks there without our header, and puts the two together."""

    async def scene() -> None:
        number, mobile = freepbx.number(), freepbx.number()
        client = await freepbx.dial_in("27215550101", number)
        agent = await freepbx.phones["3001"].next_call()
        await agent.up()
        await client.up()
        asked = await freepbx.phones["3001"].call(mobile)
        other = await freepbx.trunk.next_call(number=mobile)
        await asked.up()
        await other.up()
        await asyncio.gather(asked.media.hear(other.media.mark), client.media.hear("3001"))
        replaces = quote(asked.replaces(), safe="")
        await agent.refer(f"<{agent.ua.uri(mobile)}?Replaces={replaces}>")
        assert await agent.leave()
        await asyncio.gather(
            client.media.hear(other.media.mark), other.media.hear(client.media.mark)
        )
        await client.hang_up()
        await other.over()
        assert (await freepbx.record(number))["extension"] == "3001"

    play(scene())


@pytest.mark.case("T72")
def test_a_colleague_is_shown_the_client(freepbx: FreePBX, play: Play) -> None:
    """FreePBX dials trunks at the extension s, which Asterisk takes for the callee's number."""

    async def scene() -> None:
        number = freepbx.number()
        agent = await freepbx.call(number)
        client = await freepbx.trunk.next_call(number=number)
        await agent.up()
        asked = await freepbx.phones["3001"].call("3003")
        colleague = await freepbx.phones["3003"].next_call()
        await asked.up()
        await asyncio.gather(asked.media.hear("3003"), agent.media.hear(client.media.mark))
        replaces = quote(asked.replaces(), safe="")
        await agent.refer(f"<{agent.ua.uri('3003')}?Replaces={replaces}>")
        assert await agent.leave()
        told = await colleague.ladder.wait(lambda m: m.method == "UPDATE", "UPDATE")
        assert f"<sip:{number}@" in (told.header("P-Asserted-Identity") or "")
        await asyncio.gather(client.media.hear("3003"), colleague.media.hear(client.media.mark))
        await client.hang_up()
        await colleague.over()
        assert (await freepbx.record(number))["extension"] == "3003"

    play(scene())


@pytest.mark.case("F7")
def test_a_recording_policy_is_the_agents(freepbx: FreePBX, play: Play) -> None:
    async def scene() -> None:
        number = freepbx.number()
        await asyncio.to_thread(freepbx.pbx.cli, "database put RECORD 3001 force")
        call = await freepbx.call(number)
        await call.up()
        await call.hang_up()
        assert number in freepbx.variable("RECORDED")

    play(scene())


@pytest.mark.case("F20")
@pytest.mark.parametrize("name", ["X-Teleforge-Contact-Ref", "x-platforma-outbound-id"])
def test_a_header_of_ours_that_is_too_long_is_refused(
    freepbx: FreePBX, play: Play, name: str
) -> None:
    """Asterisk lists no header then, and the call would be FreePBX's, without a record."""

    async def scene() -> None:
        number = freepbx.number()
        call = await freepbx.phones["3001"].call(number, [(name, "x" * 4090)])
        assert (await call.final()).status == 484
        assert (await freepbx.record(number))["end_code"] == 28
        assert freepbx.called(number) == []

    play(scene())


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param({"CF/3002": "{}"}, id="forwarded", marks=pytest.mark.case("F21")),
        pytest.param(
            {"AMPUSER/3002/followme/ddial": "DIRECT", "AMPUSER/3002/followme/grplist": "{}"},
            id="follow-me",
            marks=pytest.mark.case("F30"),
        ),
    ],
)
def test_a_queue_calls_no_number_to_which_an_agent_is_forwarded(
    freepbx: FreePBX, play: Play, keys: dict[str, str]
) -> None:
    async def scene() -> None:
        number, mobile = freepbx.number(), freepbx.number()
        for key, value in keys.items():
            await freepbx.store(key, value.format(mobile))
        try:
            client = await freepbx.dial_in("27215550100", number)
            agent = await freepbx.phones["3002"].next_call()
            await agent.up()
            await client.up()
            await asyncio.gather(client.media.hear("3002"), agent.media.hear(client.media.mark))
            await client.hang_up()
            await agent.over()
        finally:
            for key in keys:
                await freepbx.store(key)
        record = await freepbx.record(number)
        assert (record["end_reason"], record["extension"]) == ("hungup", "3002")
        assert freepbx.called(mobile) == []

    play(scene())


@pytest.mark.case("F31")
def test_a_queue_calls_no_number_that_is_a_member(freepbx: FreePBX, play: Play) -> None:
    async def scene() -> None:
        number, mobile = freepbx.number(), freepbx.number()
        member = f"Local/{mobile}@from-queue/n"
        await asyncio.to_thread(freepbx.pbx.cli, f"queue add member {member} to 600")
        freepbx.phones["3002"].rule = refuse(486, "Busy Here")
        try:
            client = await freepbx.dial_in("27215550100", number)
            await client.over(12)
        finally:
            await asyncio.to_thread(freepbx.pbx.cli, f"queue remove member {member} from 600")
        record = await freepbx.record(number)
        assert (record["extension"], record["end_reason"]) == ("", "timeout")
        assert freepbx.called(mobile) == []

    play(scene())


def rings(freepbx: FreePBX) -> bool:
    """Tell whether the PBX knows that 3001's phone does: what does not ring is not picked up."""
    lines = freepbx.pbx.cli("core show channels concise").splitlines()
    return any(line.startswith("PJSIP/3001-") and "!Ringing!" in line for line in lines)


@pytest.mark.case("F50")
@pytest.mark.parametrize("created", [False, True], ids=["called-in", "created"])
def test_a_colleague_picks_up_an_extension_that_rings(
    freepbx: FreePBX, play: Play, created: bool
) -> None:
    """By its number behind `**`, as the key of a busy lamp field does."""

    async def scene() -> None:
        freepbx.phones["3001"].rule = ring()
        number = freepbx.number()
        if created:
            assert (await freepbx.create(number)).status_code == 201
        else:
            client = await freepbx.dial_in("27215550101", number)
        rung = await freepbx.phones["3001"].next_call()
        await asyncio.to_thread(until, lambda: rings(freepbx), 10, "that it rings")
        colleague = await freepbx.phones["3003"].call("**3001")
        await colleague.up()
        await rung.over()
        if created:
            client = await freepbx.trunk.next_call(number=number)
        await client.up()
        await client.media.hear("3003")
        await client.hang_up()
        await colleague.over()
        assert (await freepbx.record(number))["extension"] == "3003"

    play(scene())
