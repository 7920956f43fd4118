"""What a configuration says that is valid, and hardly what its operator means."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from click2dial_agi.domain.config import Config, parse_config
from click2dial_agi.exceptions import ConfigError
from sandbox.server import ACME

GLOBEX = {"name": "globex", "extensions": ["2000-2999"], "key_prefix": "globex"}
KEY = "a-key-of-one-integrator"
HASHED = f"sha256:{sha256(KEY.encode()).hexdigest()}"


def config(acme: dict[str, Any], globex: dict[str, Any] | None = None) -> Config:
    return parse_config({"integrators": [{**ACME, **acme}, {**GLOBEX, **(globex or {})}]})


def told(made: Config, word: str) -> list[str]:
    return [warning for warning in made.warnings() if word in warning]


@pytest.mark.case("O32")
@pytest.mark.parametrize(
    ("acme", "globex"),
    [({"1050": "alice", "1051": "alice"}, {}), ({"1050": "alice"}, {"2050": "alice"})],
)
def test_an_endpoint_is_the_phone_of_one_extension(
    acme: dict[str, str], globex: dict[str, str]
) -> None:
    """Else its calls are those of whichever was read last, of another integrator as well."""
    with pytest.raises(ConfigError, match="endpoint alice is the phone of 1050 of acme and of"):
        config({"endpoints": acme}, {"endpoints": globex})


@pytest.mark.case("O32")
def test_an_endpoint_for_an_extension_of_another_is_told() -> None:
    assert told(config({"endpoints": {"2050": "alice"}}), "endpoints") == [
        "integrators.acme.endpoints: 2050 is no extension of acme"
    ]


@pytest.mark.case("O32")
def test_a_phone_that_another_extension_rings_too_is_told() -> None:
    [warning] = told(config({"endpoints": {"1050": "1051"}}), "endpoints")
    assert "whoever calls extension 1051 rings it, too" in warning
    assert not told(config({"endpoints": {"1050": "1051", "1051": "1050"}}), "endpoints")
    assert not told(config({"endpoints": {"1050": "1050"}}), "endpoints")


@pytest.mark.case("O33")
@pytest.mark.parametrize("written", [KEY, HASHED])
def test_a_key_that_opens_more_is_told(written: str) -> None:
    """Whether it stands there as it is or as its hash."""
    both = told(
        config({"api_keys": [KEY]}, {"api_keys": ["another-one-altogether", written]}), "key"
    )
    assert "integrators.acme and globex have a key in common" in both[0]
    supervisor = told(config({"api_keys": [KEY], "supervisor_keys": [written]}), "key")
    assert "whoever has it may listen to calls" in supervisor[0]
    assert not told(
        config({"api_keys": [KEY]}, {"supervisor_keys": ["another-one-altogether"]}),
        "key in common",
    )


@pytest.mark.case("C37")
def test_a_key_that_can_be_guessed_is_told() -> None:
    for key in ("api_keys", "supervisor_keys"):
        [warning] = told(config({key: [KEY, "1234"]}), "guessed")
        assert warning.startswith("integrators.acme: a key of fewer than 16 characters")
        assert "1234" not in warning
        assert not told(config({key: [KEY, HASHED]}), "guessed")


@pytest.mark.case("O33")
def test_a_prefix_that_ends_with_a_colon_is_told() -> None:
    [warning] = told(config({"key_prefix": "crm:"}), "colon")
    assert "the list of records is crm::cdr" in warning
    assert told(config({"copies": ["billing:"]}), "integrators.acme.copies: billing:")
    assert not told(config({"copies": ["billing"]}), "colon")


@pytest.mark.case("O34")
@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("https://crm.example.com:443", "https://crm.example.com"),
        ("http://crm.example.com:80", "http://crm.example.com"),
        ("https://crm.example.com:4430", "https://crm.example.com:4430"),
        ("https://crm.example.com:80", "https://crm.example.com:80"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_an_origin_is_as_browsers_name_it(written: str, said: str) -> None:
    """They leave out the port that goes without saying."""
    assert config({"cors_origins": [written]}).integrators[0].cors_origins == (said,)
    edge = parse_config({"edge": {"origins": [written]}, "integrators": [ACME]}).edge
    assert edge is not None
    assert edge.origins == (said,)


@pytest.mark.case("C40")
@pytest.mark.parametrize(
    ("destinations", "codes"),
    [
        ({"international": ["2", "27", "999"]}, ["2", "999"]),
        ({"international": "all", "deny": ["+21", "+1 except +1876 +8"]}, ["21", "8"]),
        ({"international": ["27", "1876", "881", "800"], "allow": ["+441", "4*"]}, []),
    ],
)
def test_a_country_code_that_is_none_is_told(
    destinations: dict[str, Any], codes: list[str]
) -> None:
    found = told(config({"destinations": destinations}), "no country has the code")
    assert [one.rpartition(" ")[2] for one in found] == codes
