"""Rules over all listeners."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.domain.config import Config, parse_config
from click2dial_agi.exceptions import ConfigError
from tests.domain.examples import ACME

HOSTS = st.sampled_from(["127.0.0.1", "127.0.0.2", "0.0.0.0"])


def config(**sections: Any) -> Config:
    integrator = {**ACME, "redis": "redis://127.0.0.1:1/0", **sections.pop("integrator", {})}
    asterisk = {"ari_password": "hush"}
    return parse_config({"asterisk": asterisk, "integrators": [integrator], **sections})


SECRET = "the-dialplans-secret"


@pytest.mark.case("O14")
@pytest.mark.case("O25")
@pytest.mark.parametrize(
    ("sections", "path"),
    [
        ({"edge": {"listen": "localhost:4574"}}, "edge.listen"),
        ({"edge": {"listen": "LOCALHOST:4574"}}, "edge.listen"),
        (
            {"edge": {"listen": "[0:0:0:0:0:0:0:1]:9573"}, "metrics": {"listen": "localhost:9573"}},
            "metrics.listen",
        ),
        ({"edge": {"listen": "[0:0:0:0:0:0:0:0]:4574"}}, "edge.listen"),
        (
            {"edge": {"listen": "PBX.example.com:99"}, "metrics": {"listen": "pbx.example.com:99"}},
            "metrics.listen",
        ),
        ({"edge": {"listen": "127.0.0.1:4574"}}, "edge.listen"),
        ({"edge": {"listen": "0.0.0.0:4574"}}, "edge.listen"),
        ({"agi": {"listen": "0.0.0.0:9573", "secret": SECRET}, "metrics": {}}, "metrics.listen"),
        ({"metrics": {"listen": "127.0.0.1:4574"}}, "metrics.listen"),
        ({"integrator": {"http": "127.0.0.1:4574"}}, "integrators[0].http"),
        ({"edge": {}, "integrator": {"http": "[::]:8088"}}, "integrators[0].http"),
    ],
)
def test_one_port_twice_is_refused(sections: dict[str, Any], path: str) -> None:
    with pytest.raises(ConfigError, match="a port of its own") as raised:
        config(**sections)
    assert raised.value.path == path


def test_one_port_on_two_addresses_is_none_twice() -> None:
    made = config(edge={"listen": "[::1]:4574"}, metrics={"listen": "127.0.0.2:4574"})
    assert len(made.listeners()) == 3


@given(st.lists(st.tuples(HOSTS, st.integers(0, 3)), max_size=3))
def test_what_is_accepted_can_be_bound(addresses: list[tuple[str, int]]) -> None:
    keys = ("agi", "edge", "metrics")[: len(addresses)]
    listen = [{"listen": f"{host}:{port}"} for host, port in addresses]
    try:
        made = config(**dict(zip(keys, listen, strict=True)))
    except ConfigError:
        return
    taken = [address for _, address in made.listeners() if address.port]
    for number, one in enumerate(taken):
        for other in taken[:number]:
            assert one.port != other.port or {one.host, other.host} == {"127.0.0.1", "127.0.0.2"}


@pytest.mark.case("O14")
@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"http": "127.0.0.1:8300"}, "every request is refused"),
        ({"http": "0.0.0.0:8300", "allow_from": ["127.0.0.0/8"]}, "their requests are refused"),
        ({"http": "0.0.0.0:8300", "allow_from": ["10.0.0.0/8"]}, "10.0.0.0/8 may create calls"),
        ({"http": "127.0.0.1:8300", "allow_from": ["127.0.0.0/8"]}, ""),
        ({"http": "0.0.0.0:8300", "api_keys": ["a-key-of-our-own"]}, ""),
        ({}, ""),
    ],
)
def test_an_api_that_nobody_or_everybody_can_use_is_told(keys: dict[str, Any], words: str) -> None:
    said = [line for line in config(integrator=keys).warnings() if ".http" in line]
    assert len(said) == bool(words)
    assert words in "".join(said)


def test_an_agi_listener_for_nobody_is_told() -> None:
    said, *_ = config(agi={"listen": "0.0.0.0:4574", "secret": SECRET}).warnings()
    assert "agi.allow_from lets in none of them" in said
    fine = config(agi={"listen": "0.0.0.0:4574", "allow_from": ["10.0.0.0/8"], "secret": SECRET})
    assert not any("agi.listen" in line for line in fine.warnings())
