"""``asterisk:`` is one PBX or a list of named ones (docs/contract.md, "Several PBXs")."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.domain.config import Config, parse_config
from click2dial_agi.domain.config_types import Address
from click2dial_agi.exceptions import ConfigError
from tests.domain.examples import ACME

SECRET = {"ari_password": "s3cret"}
EAST = {"name": "east", "ari_url": "http://h:1/ari", **SECRET}
WEST = {"name": "west", "ari_url": "http://h:2/ari", **SECRET}
MANAGER = {"ami": "h:5038", "ami_username": "c2d", "ami_password": "hush"}
NAME = "string should match pattern '^[A-Za-z0-9_-]{1,32}$'"
AMI = "ami, ami_username, ami_password: all three or none"
PEER = "a dial string with {pbx} and {extension} or {endpoint}, such as PJSIP/{extension}@{pbx}"


def made(**keys: Any) -> Config:
    return parse_config({"integrators": [ACME]} | keys)


def test_one_pbx_needs_no_name_and_several_each_have_one() -> None:
    assert [one.name for one in made(asterisk=SECRET).pbxs] == [None]
    assert [one.name for one in made(asterisk={**SECRET, "name": "a"}).pbxs] == ["a"]
    assert [one.name for one in made(asterisk=[EAST, WEST]).pbxs] == ["east", "west"]
    assert made().pbxs == ()


def test_a_pbx_may_have_a_manager() -> None:
    (pbx,) = made(asterisk={**SECRET, **MANAGER}).pbxs
    assert (pbx.ami, pbx.ami_username, pbx.ami_password) == (Address("h", 5038), "c2d", "hush")


@pytest.mark.parametrize(
    ("asterisk", "path", "expected"),
    [
        ([SECRET], "asterisk[0].name", "this key is required"),
        ([EAST, {**WEST, "name": "a b"}], "asterisk[1].name", NAME),
        ([EAST, {**WEST, "name": "wëst"}], "asterisk[1].name", NAME),
        ([EAST, {**WEST, "name": "west\n"}], "asterisk[1].name", NAME),
        ([EAST, {**WEST, "name": "x" * 33}], "asterisk[1].name", NAME),
        ([EAST, {**WEST, "name": None}], "asterisk[1].name", "input should be a valid string"),
        ([EAST, {**WEST, "name": "east"}], "asterisk", "each name once"),
        ([EAST, {**WEST, "ari_url": "http://h:1/ari"}], "asterisk", "each ari_url once"),
        ([{**EAST, **MANAGER}, {**WEST, **MANAGER}], "asterisk", "each ami once"),
        ([EAST, {"name": "west"}], "asterisk[1].ari_password", "this key is required"),
        ([EAST, "west"], "asterisk[1]", "a mapping"),
        ([{**EAST, "ari": 1}], "asterisk[0].ari", "unknown key"),
        ([], "asterisk", "value should have at least 1 item after validation, not 0"),
        ("west", "asterisk", "a mapping"),
        ({**SECRET, "name": ""}, "asterisk.name", NAME),
        ({**SECRET, "ami": "h:5038"}, "asterisk.ami_username", AMI),
        ([EAST, {**WEST, "ami_password": "x"}], "asterisk[1].ami", AMI),
        ({**SECRET, **MANAGER, "ami_password": "change-me"}, "asterisk.ami_password", None),
        ({**SECRET, **MANAGER, "ami_username": "a\r\nb"}, "asterisk.ami_username", None),
        ({**SECRET, **MANAGER, "ami": "h"}, "asterisk.ami", None),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    asterisk: object, path: str, expected: str | None
) -> None:
    with pytest.raises(ConfigError) as raised:
        made(asterisk=asterisk)
    assert raised.value.path == path
    assert expected in (None, raised.value.expected)


@pytest.mark.case("O21")
@pytest.mark.parametrize(
    ("keys", "path", "expected"),
    [
        ({"peer_dial": "PJSIP/{extension}"}, "peer_dial", PEER),
        ({"peer_dial": "PJSIP/x@{pbx}"}, "peer_dial", PEER),
        ({"peer_dial": "PJSIP/{extension}@{pbx},x"}, "peer_dial", PEER),
        ({"asterisk": SECRET}, "peer_dial", "only where asterisk is a list of PBXs with names"),
        ({"asterisk": None}, "peer_dial", "only where asterisk is a list of PBXs with names"),
    ],
)
def test_the_way_between_pbxs_names_them(keys: dict[str, Any], path: str, expected: str) -> None:
    both = {"asterisk": [EAST, WEST], "peer_dial": "PJSIP/{extension}@{pbx}"}
    assert made(**both).peer_dial == "PJSIP/{extension}@{pbx}"
    with pytest.raises(ConfigError) as raised:
        made(**{**both, **keys})
    assert (raised.value.path, raised.value.expected) == (path, expected)


def test_the_errors_of_refused_calls_have_a_redis_with_or_without_an_edge() -> None:
    url = "redis://h:1/1"
    assert made().refusals_redis is None
    assert made(errors_redis=url).refusals_redis == url
    assert made(edge={"redis": url}).refusals_redis == url
    with pytest.raises(ConfigError, match="errors_redis: only without an edge"):
        made(errors_redis=url, edge={})


@given(
    st.recursive(st.none() | st.integers() | st.text(), st.lists)
    | st.dictionaries(
        st.sampled_from(["name", "ari_url", "ari_password", "ami"]), st.text() | st.none()
    )
)
def test_anything_is_a_configuration_or_an_error_of_this_key(asterisk: Any) -> None:
    try:
        pbxs = made(asterisk=asterisk).pbxs
    except ConfigError as error:
        where = error.path
    else:
        where = "asterisk"
        assert len({one.name for one in pbxs}) == len(pbxs)
    assert where.startswith("asterisk")


@pytest.mark.case("S12")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://h:80/ari", "http://H/ari/"),
        ("http://localhost:8087/ari", "http://127.0.0.1:8087/ari"),
        ("https://pbx/ari", "https://pbx.:443/ari"),
        ("http://[::1]:1/ari", "http://[0:0::1]:1/ari"),
    ],
)
def test_one_pbx_is_no_two(one: str, other: str) -> None:
    """Each of its calls would be listed twice."""
    with pytest.raises(ConfigError, match="asterisk: each ari_url once"):
        made(asterisk=[{**EAST, "ari_url": one}, {**WEST, "ari_url": other}])


@pytest.mark.parametrize("other", ["http://127.0.0.2:8087/ari", "http://127.0.0.1:8087/b/ari"])
def test_two_pbxs_on_one_machine(other: str) -> None:
    east = {**EAST, "ari_url": "http://127.0.0.1:8087/ari"}
    assert len(made(asterisk=[east, {**WEST, "ari_url": other}]).pbxs) == 2


@pytest.mark.case("S12")
def test_one_manager_is_no_two() -> None:
    east = {**EAST, **MANAGER, "ami": "localhost:5038"}
    with pytest.raises(ConfigError, match="asterisk: each ami once"):
        made(asterisk=[east, {**WEST, **MANAGER, "ami": "127.0.0.1:5038"}])


@pytest.mark.case("S13")
@pytest.mark.parametrize("url", ["http://u:p@h/ari", "http://h/ari?api_key=u:p", "http://h/ari#x"])
def test_a_login_in_the_address_is_refused(url: str) -> None:
    """It would not be used, and stand in the log."""
    with pytest.raises(ConfigError, match="user and password are ari_username, ari_password") as no:
        made(asterisk={**SECRET, "ari_url": url})
    assert no.value.path == "asterisk.ari_url"


@pytest.mark.case("S13")
def test_a_slash_behind_the_address_is_not_said_twice() -> None:
    assert made(asterisk={**SECRET, "ari_url": "http://h/ari/"}).pbxs[0].ari_url == "http://h/ari"


@pytest.mark.case("S14")
def test_what_several_pbxs_lack_is_told() -> None:
    def told(**keys: Any) -> list[str]:
        words = ("without ami", "peer_dial")
        return [one for one in made(**keys).warnings() if any(word in one for word in words)]

    whole = {"asterisk": [{**EAST, **MANAGER}, WEST | MANAGER | {"ami": "w:5038"}]}
    assert told(**whole, peer_dial="PJSIP/{extension}@{pbx}") == []
    [warning] = told(**whole)
    assert warning.startswith("peer_dial is not set")
    kamailio = {**ACME, "agent_dial": "PJSIP/{extension}@kamailio"}
    assert told(**whole, integrators=[kamailio]) == []
    assert told(**whole, integrators=[{**ACME, "internal_calls": False}]) == []
    [warning, _] = told(asterisk=[{**EAST, **MANAGER}, WEST])
    assert warning.startswith("asterisk: west without ami")
    assert told(asterisk=SECRET) == []
