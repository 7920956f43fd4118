"""The seal that the dialplan puts on what it tells."""

from __future__ import annotations

from hashlib import sha1

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.domain.seal import seal, unseal
from click2dial_agi.exceptions import MalformedFacts

SECRET = "a-secret-of-16-or-more"
FACTS = "event=ended&call_ref=x&dialplan=0.2.0"


def sealed(facts: str = FACTS, secret: str = SECRET, script: str = "ended") -> str:
    return f"{facts}&seal={seal(secret, script, facts)}"


def test_it_is_what_the_dialplan_computes() -> None:
    inner = sha1(f"{SECRET}ended{FACTS}".encode()).hexdigest()
    assert seal(SECRET, "ended", FACTS) == sha1(f"{SECRET}{inner}".encode()).hexdigest()


@given(st.text(max_size=40))
def test_what_is_sealed_is_opened(facts: str) -> None:
    assert unseal(SECRET, "ended", sealed(facts)) == facts
    assert unseal(None, "ended", sealed(facts)) == facts


def test_without_a_secret_nothing_need_be_sealed() -> None:
    assert unseal(None, "ended", FACTS) == FACTS


@pytest.mark.case("A2")
@pytest.mark.parametrize(
    "text",
    [
        "",
        FACTS,
        sealed(secret="another-secret-of-16"),
        sealed(script="joined"),
        sealed()[:-1],
        sealed() + "&ended_at=1",
        sealed().upper(),
        sealed().replace("call_ref=x", "call_ref=y"),
        sealed() + "\n",
        f"{sealed()}&seal={'0' * 40}",
    ],
)
def test_what_is_not_sealed_by_us_is_refused(text: str) -> None:
    with pytest.raises(MalformedFacts) as raised:
        unseal(SECRET, "ended", text)
    assert raised.value.field == "seal"


@given(st.text(max_size=60))
def test_nothing_else_is_opened(text: str) -> None:
    with pytest.raises(MalformedFacts):
        unseal(SECRET, "ended", text)
