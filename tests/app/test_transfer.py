"""``/transfer``: where an agent sends the client, in one command."""

from __future__ import annotations

import pytest

from click2dial_agi.domain import facts
from tests.app.serving import config, mset, serving
from tests.domain.examples import CALL_REF
from tests.io.running import run


@pytest.mark.parametrize(
    ("target", "answer", "line"),
    [
        ("1001", {"C2D_DIAL": "PJSIP/1001", "C2D_VERDICT": "dial"}, "by 1000 (blind): to 1001"),
        (
            "2000",
            {"C2D_VERDICT": "refuse"},
            "by 1000 (blind): callee: an extension of the",
        ),
        ("a,b", {"C2D_VERDICT": "refuse"}, "by 1000 (blind): callee: 3-4 digits"),
    ],
)
def test_the_answer(
    caplog: pytest.LogCaptureFixture, target: str, answer: dict[str, str], line: str
) -> None:
    caplog.set_level("INFO", "click2dial_agi")

    async def scenario() -> None:
        async with serving(config()) as calls:
            known = (await calls.outbound())["C2D_FACTS"]
            channel = "PJSIP/1000-00000001"
            asked = {"agent_channel": channel, "by_channel": channel, "target": target}
            (command,) = await calls.session("transfer", f"{known}&{facts.encode(asked)}")
            told = mset(command)
            assert {name: told[name] for name in answer} == answer
            assert list(told)[-1] == "C2D_VERDICT"
            assert "C2D_FACTS" not in told  # the call stays the one that it is

    run(scenario())
    assert f"{CALL_REF} is sent on {line}" in caplog.text


@pytest.mark.case("C27")
@pytest.mark.parametrize(("target", "lines"), [("0820000200", 1), ("1001", 0)])
def test_a_caller_id_that_providers_reject_is_warned_of(
    caplog: pytest.LogCaptureFixture, target: str, lines: int
) -> None:
    """That of the leg which is placed: a colleague sees the client's number."""

    async def scenario() -> str:
        async with serving(config()) as calls:
            known = (await calls.outbound(teleforge_outbound_id="0820001234"))["C2D_FACTS"]
            caplog.clear()
            channel = "PJSIP/1000-00000001"
            asked = {"agent_channel": channel, "by_channel": channel, "target": target}
            (command,) = await calls.session("transfer", f"{known}&{facts.encode(asked)}")
            return facts.decode(mset(command).get("C2D_FACTS", "")).get("call_ref", "")

    warning = f"{run(scenario())} shows a caller ID starting 0; "
    assert sum(line.startswith(warning) for line in caplog.messages) == lines


@pytest.mark.parametrize("known", ["", f"call_ref={CALL_REF}", "a=1&a=2"])
def test_malformed_facts_get_no_answer(known: str) -> None:
    async def scenario() -> None:
        async with serving(config()) as calls:
            assert await calls.session("transfer", known) == []

    run(scenario())
