"""Which endpoints of the PBX become which agents."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.domain.config import Config, parse_config
from click2dial_agi.domain.named_agents import name_agents
from tests.domain.examples import ACME


def config(**keys: Any) -> Config:
    return parse_config({"integrators": [{**ACME, "extensions": ["1000-1999"], **keys}]})


@pytest.mark.case("T11")
def test_an_agent_of_another_name_is_dialled_and_known() -> None:
    written = config()
    assert written.extensions_by_endpoint == {}  # computed before, as in a server that runs
    named = name_agents(written, {"alice": "1050", "trunk": "", "bob": "9050"}, ["alice"]).config
    assert named.integrators[0].dial_agent("1050") == "PJSIP/alice"
    assert named.extensions_by_endpoint == {"alice": "1050"}
    assert written.integrators[0].dial_agent("1050") == "PJSIP/1050"


@pytest.mark.case("T11")
def test_what_the_operator_wrote_wins() -> None:
    written = config(endpoints={"1050": "carol", "1060": "alice"})
    naming = name_agents(written, {"alice": "1070", "bob": "1050"}, ["alice", "bob", "carol"])
    assert naming.config.integrators[0].endpoints == {"1050": "carol", "1060": "alice"}


@pytest.mark.case("T11")
def test_an_extension_has_one_endpoint() -> None:
    naming = name_agents(config(), {"alice": "1050", "bob": "1050", "eve": "1060"}, ["1060"])
    assert naming.config.integrators[0].endpoints == {"1050": "alice"}
    assert [one.split(":")[0] for one in naming.problems] == ["endpoint bob", "endpoint eve"]


@pytest.mark.case("T11")
@given(
    st.dictionaries(
        st.text() | st.sampled_from(["a&PJSIP", "a/sip:x@y", "alice\n", "a" * 80]),
        st.text() | st.sampled_from(["1050", "1050\n", "\uff11\uff10\uff15\uff10", "1999"]),
    )
)
def test_nothing_foreign_gets_into_a_dial_string(said: dict[str, str]) -> None:
    named = name_agents(config(), said, list(said)).config
    for extension, endpoint in named.integrators[0].endpoints.items():
        assert named.owner_of(extension)
        assert endpoint.isascii()
        assert not set(endpoint) & set("&/@:,\n(){}$ ")
        assert len(endpoint) < 80
