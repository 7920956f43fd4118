"""Phones at Kamailio: they register, call and are called, as at an Asterisk of their own."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from sandbox.ua import answer, refuse
from tests.kamailio.rig import OUTBOUND, PHONES, Rig

FIRST, SECOND, THIRD, ABSENT = PHONES[0], PHONES[1], PHONES[2], PHONES[9]
CALLEE = (
    "callee: 3-4 digits, 10 digits starting 0, 11 digits starting 27 or 13-16 digits starting 00"
)
DID = f"2721555{FIRST}"


def test_a_phone_calls_through_either_pbx(rig: Rig) -> None:
    async def calls() -> set[int]:
        seen = set()
        async with rig.phone(FIRST) as phone:
            for _ in range(2):
                number = rig.number()
                call = await phone.call(number, [OUTBOUND])
                await call.up()
                pbx, callee = await rig.at_trunk(number)
                seen.add(pbx)
                await call.media.hear(number)
                await callee.media.hear(phone.name)
                await call.hang_up()
                await callee.over()
                record = await rig.record(number)
                assert (record["extension"], record["end_reason"]) == (phone.name, "hungup")
        return seen

    assert rig.run(calls()) == {0, 1}


@pytest.mark.parametrize("pbx", [0, 1])
def test_a_phone_is_called_from_either_pbx(rig: Rig, pbx: int) -> None:
    async def called() -> None:
        client = rig.number()
        async with rig.phone(FIRST) as phone:
            trunk = rig.trunks[pbx]
            identity = [("P-Asserted-Identity", f"<sip:{client}@127.0.0.1>")]
            call = await trunk.call(DID, identity, mark=client)
            await call.up()
            taken = await phone.next_call()
            await taken.media.hear(client)
            await call.media.hear(phone.name)
            await call.hang_up()
            await taken.over()
            assert (await rig.record(client))["extension"] == phone.name

    rig.run(called())


def test_a_colleague_is_called(rig: Rig) -> None:
    async def calls() -> None:
        async with rig.phone(FIRST) as phone, rig.phone(SECOND) as colleague:
            call = await phone.call(colleague.name, [OUTBOUND])
            await call.up()
            taken = await colleague.next_call()
            await taken.hang_up()
            await call.over()
            record = await rig.record(colleague.name)
            assert (record["extension"], record["call_dir"]) == (phone.name, "internal")

    rig.run(calls())


@pytest.mark.case("P3")
def test_an_agent_without_a_phone_is_no_timeout(rig: Rig) -> None:
    """With 480 alone Asterisk would say that somebody did not answer (19)."""

    async def calls() -> None:
        async with rig.phone(FIRST) as phone:
            call = await phone.call(str(ABSENT), [OUTBOUND])
            await call.final()
            record = await rig.record(str(ABSENT))
            assert (record["end_reason"], record["end_code"]) == ("error", 1)

    rig.run(calls())


@pytest.mark.case("P1")
def test_a_phone_that_comes_anew_takes_over(rig: Rig) -> None:
    """A page that was loaded again has another contact; the first is nobody any more."""

    async def registers() -> None:
        async with rig.phone(FIRST) as before, rig.phone(FIRST) as phone:
            call = await rig.trunks[0].call(DID, mark="client")
            await call.up()
            taken = await phone.next_call()
            assert before.incoming == []
            await taken.hang_up()
            await call.over()

    rig.run(registers())


@pytest.mark.case("P10")
@pytest.mark.parametrize("family", ["Teleforge", "Platforma"])
def test_a_refused_call_lists_its_errors(rig: Rig, family: str) -> None:
    async def calls() -> None:
        async with rig.phone(FIRST) as phone:
            call = await phone.call("12", [(f"X-{family}-Outbound-ID", "27820001234")])
            final = await call.final()
            assert (final.status, final.header("Reason")) == (484, "Q.850;cause=28")
            assert final.header_all(f"X-{family}-Error") == [CALLEE]

    rig.run(calls())


@pytest.mark.case("P4")
def test_what_became_of_a_call_is_not_tried_again(rig: Rig) -> None:
    """A callee's 503 is Asterisk's 503, too; another Asterisk would call the callee again."""

    async def calls() -> None:
        number = rig.number()
        for trunk in rig.trunks:
            trunk.plan[number] = refuse(503, "Service Unavailable")
        async with rig.phone(FIRST) as phone:
            call = await phone.call(number, [OUTBOUND])
            final = await call.final()
            assert final.status >= 400
            await rig.record(number)
        called = [call for trunk in rig.trunks for call in trunk.incoming if call.number == number]
        assert len(called) == 1

    rig.run(calls())


@pytest.mark.case("P5")
@pytest.mark.parametrize("attended", [True, False])
def test_a_client_is_handed_over(rig: Rig, attended: bool) -> None:
    """The consultation goes to the Asterisk where the agent talks, or nobody could join the two."""

    async def hands_over(pbx: int) -> None:
        client = rig.number()
        async with rig.phone(FIRST) as phone, rig.phone(THIRD, answer()) as colleague:
            identity = [("P-Asserted-Identity", f"<sip:{client}@127.0.0.1>")]
            outside = await rig.trunks[pbx].call(DID, identity, mark=client)
            await outside.up()
            taken = await phone.next_call()
            await taken.media.hear(client)
            if attended:
                await taken.hold()
                consultation = await phone.call(colleague.name, [OUTBOUND])
                await consultation.up()
                replaces = quote(consultation.replaces(), safe="")
                target = f"<{phone.uri(colleague.name)}?Replaces={replaces}>"
                assert (await taken.refer(target)).status == 202
                await taken.leave()
                await consultation.over()
            else:
                await taken.send_to(colleague.name)
            other = await colleague.next_call()
            await other.media.hear(client)
            await outside.media.hear(colleague.name)
            await outside.hang_up()
            await other.over()
            assert (await rig.record(client))["extension"] == colleague.name

    rig.run(hands_over(0))
    rig.run(hands_over(1))


@pytest.mark.case("P6")
def test_an_invite_straight_to_an_asterisk_is_refused(rig: Rig) -> None:
    async def calls() -> None:
        for pbx in rig.pbxs:
            number = rig.number()
            async with rig.phone(FIRST, register=False) as phone:
                phone.dial_through(pbx.sip_port)
                phone.password = None
                call = await phone.call(number, [OUTBOUND])
                assert (await call.final()).status in (401, 403)
            assert number not in [call.number for trunk in rig.trunks for call in trunk.incoming]

    rig.run(calls())
