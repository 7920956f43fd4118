"""``/outbound``: what the dialplan is told before Dial()."""

from __future__ import annotations

import re

import pytest

from click2dial_agi.domain import facts
from tests.app.serving import ASKED, config, mset, serving
from tests.domain.examples import CALL_REF
from tests.io.fake_asterisk import FakeAsterisk
from tests.io.running import run

DECIDED = {
    "call_ref": CALL_REF,
    "integrator": "acme",
    "extension": "1000",
    "number": "0820000100",
    "dial_number": "27820001234",
    "contact_ref": "ticket-7",
    "call_dir": "outbound",
    "dialed_at": "1700000000",
    "channel": "PJSIP/1000-00000001",
}
LOGGER = "click2dial_agi"


def answer(**changed: str) -> dict[str, str]:
    """Return the variables set for a call."""

    async def scenario() -> dict[str, str]:
        async with serving(config()) as calls:
            return await calls.outbound(**changed)

    return run(scenario())


def test_an_accepted_call_is_answered_in_one_line() -> None:
    async def scenario() -> list[str]:
        async with serving(config()) as calls:
            return await calls.session("outbound", facts.encode(ASKED))

    assert run(scenario()) == [
        f'EXEC MSet "__C2D_CALL_REF={CALL_REF},__C2D_CONTACT_REF=ticket-7,'
        f"C2D_FACTS=call_ref={CALL_REF}&integrator=acme&extension=1000&number=0820000100"
        "&dial_number=27820001234&contact_ref=ticket-7&call_dir=outbound&dialed_at=1700000000"
        "&channel=PJSIP%2F1000-00000001,"
        "C2D_DIAL=PJSIP/0820000100@trunk,C2D_DIAL_NUMBER=27820001234,C2D_RING_TIMEOUT=60,"
        'C2D_TO_AGENT=,C2D_VERDICT=dial"'
    ]


@pytest.mark.parametrize(
    ("changed", "refused"),
    [
        ({"callee": "123456"}, {"number": ""}),
        ({"callee": "\r\nEXEC System id"}, {"number": ""}),
        ({"teleforge_outbound_id": "${SHELL(id)}"}, {"dial_number": ""}),
        ({"teleforge_contact_ref": "a b,c"}, {"contact_ref": ""}),
        ({"channel": "PJSIP/2000-00000001"}, {"integrator": "", "extension": ""}),
    ],
)
def test_a_refused_call_keeps_what_was_right_and_is_not_dialled(
    changed: dict[str, str], refused: dict[str, str]
) -> None:
    variables = answer(**changed)
    assert list(variables) == ["C2D_FACTS", "C2D_CAUSE", "C2D_VERDICT"]
    assert (variables["C2D_CAUSE"], variables["C2D_VERDICT"]) == ("28", "refuse")
    expected = {**DECIDED, **refused, "refused": "1"}
    assert facts.decode(variables["C2D_FACTS"]) == {
        name: value for name, value in expected.items() if value
    }


def test_the_verdict_comes_last() -> None:
    assert list(answer())[-1] == list(answer(callee="!"))[-1] == "C2D_VERDICT"


def test_the_operator_may_name_the_agent() -> None:
    variables = answer(channel="PJSIP/front-desk-00000001", agent="1001")
    assert facts.decode(variables["C2D_FACTS"])["extension"] == "1001"


@pytest.mark.parametrize("call_ref", ["", "not-a-uuid", CALL_REF.upper()])
def test_a_call_without_a_call_ref_gets_one(call_ref: str) -> None:
    variables = answer(call_ref=call_ref, teleforge_contact_ref="")
    made = variables["__C2D_CALL_REF"]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", made)
    assert made != call_ref
    assert variables["__C2D_CONTACT_REF"] == made
    assert facts.decode(variables["C2D_FACTS"])["call_ref"] == made


def test_the_largest_values_that_the_dialplan_passes_fit() -> None:
    long = "~" * 600
    changed = {name: long for name in ASKED if name.startswith("teleforge")}
    assert answer(**changed, platforma_contact_ref=long)["C2D_VERDICT"] == "refuse"
    assert answer(teleforge_contact_ref=long)["__C2D_CONTACT_REF"] == "~" * 230


@pytest.mark.parametrize("argument", ["a=1&a=2", "&", "x" * 8000 + "&" * 100])
def test_facts_that_cannot_be_read_give_no_verdict(
    argument: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> list[str]:
        async with serving(config()) as calls:
            return await calls.session("outbound", argument)

    assert run(scenario()) == []
    assert "AGI outbound on PJSIP/1000-00000001: facts: " in caplog.text


def test_a_call_without_facts_is_refused() -> None:
    async def scenario() -> list[str]:
        async with serving(config()) as calls:
            return await calls.session("outbound")

    (command,) = run(scenario())
    assert mset(command)["C2D_VERDICT"] == "refuse"


@pytest.mark.parametrize("script", ["", "nonsense", "outbound/x", "../ended"])
def test_an_unknown_script_gets_nothing(script: str, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> list[str]:
        async with serving(config()) as calls:
            return await calls.session(script)

    assert run(scenario()) == []
    assert f"no AGI script {script!r}" in caplog.text


def test_a_phone_that_hangs_up_meanwhile_does_no_harm() -> None:
    async def scenario() -> None:
        async with serving(config()) as calls:
            async with FakeAsterisk(calls.port) as asterisk:
                await asterisk.ask("outbound", facts.encode(ASKED))
                assert await asterisk.command()
                await asterisk.send(b"HANGUP\n511 Command Not Permitted on a dead channel\n")
                assert await asterisk.rest() == b""
            assert (await calls.outbound())["C2D_VERDICT"] == "dial"

    run(scenario())


def test_numbers_are_masked_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", LOGGER)
    answer()
    assert (
        f"{CALL_REF} on PJSIP/1000-00000001: acme 1000 calls 082***100 as 278***234" in caplog.text
    )
    assert "0820000100" not in caplog.text


def test_a_refusal_is_logged_with_its_errors(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", LOGGER)
    answer(callee="!", teleforge_contact_ref="!")
    (line,) = (record.message for record in caplog.records if "refused" in record.message)
    assert line.startswith(f"{CALL_REF} on PJSIP/1000-00000001 refused: callee: 3-4 digits, ")
    assert line.endswith("; contact_ref: letters, digits and . - _ ~ only")


@pytest.mark.parametrize(("shown", "warned"), [("0820001234", True), ("27820001234", False)])
def test_a_caller_id_starting_0_is_warned_of(
    shown: str, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    answer(teleforge_outbound_id=shown)
    assert ("shows a caller ID starting 0" in caplog.text) is warned


@pytest.mark.case("A14")
@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("200 result=1 (" + "x" * 4067 + ")", "dial"),
        ("200 result=1 (" + "x" * 256 + " y)", "refuse"),
        ("200 result=1 (" + "x" * 256 + "))", "refuse"),
        ("200 result=0", "dial"),  # the phone gave up: nobody hears the answer
        ("511 Command Not Permitted on a dead channel", "dial"),
    ],
    ids=["all good", "a blank behind", "a parenthesis behind", "nothing", "gone"],
)
def test_a_reference_that_was_cut_is_read_whole(reply: str, verdict: str) -> None:
    """What does not count decides whether the call is refused."""

    async def scenario() -> None:
        async with serving(config()) as calls, FakeAsterisk(calls.port) as asterisk:
            asked = {**ASKED, "teleforge_contact_ref": "x" * 256}
            await asterisk.ask("outbound", facts.encode(asked))
            read = 'GET FULL VARIABLE "${PJSIP_HEADER(read,X-Teleforge-Contact-Ref)}"'
            assert await asterisk.command() == read
            await asterisk.reply(reply)
            told = mset(await asterisk.command())
            assert told["C2D_VERDICT"] == verdict
            if verdict == "dial":
                assert told["__C2D_CONTACT_REF"] == "x" * 230
            await asterisk.reply()
            assert await asterisk.command() == ""

    run(scenario())
