"""The configuration: what a wrong key is told, and what the keys mean (docs/contract.md)."""

from __future__ import annotations

import contextlib
import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from click2dial_agi.domain.config import Config, parse_config
from click2dial_agi.domain.config_types import Address
from click2dial_agi.exceptions import ConfigError
from tests.domain.examples import ACME, config, integrator

RANGE = 'a range of extensions of 2-7 digits, such as "1000-1999", or one extension'
LISTEN = "host:port, such as 127.0.0.1:4574 or [::1]:4574"
NETWORKS = "networks such as 10.0.0.0/8 or ::1, without host bits"
NUMBER = "a quoted number: 10 digits starting 0 or 11 digits starting 27; understood:"
CHARACTERS = "; only digits 0-9, + before them, blanks and - . / ( ) are understood"
HELP = "a number of 2-6 digits, the first of which may be * or #, such as 112"
QUOTED = "a number in quotes"
OWNED = 'a quoted number, or the start of one with *, such as "2782*"'
CODES = '"all", or a list of quoted country codes such as ["27", "44"]'
OUTBOUND_ID = "random, tvc_<campaign_name>, 10 digits starting 0 or 11 digits starting 27"
REDIS = (
    "redis://HOST:PORT/DB, redis+sentinel://HOST:PORT,HOST:PORT/SERVICE/DB or "
    "redis+cluster://HOST:PORT, or the same with rediss"
)
TRUNK = "a dial string with {number}, such as PJSIP/{number}@trunk"
AGENT = "a dial string with {endpoint} or {extension}, such as PJSIP/{endpoint}"
HASHED = "sha256: and 64 hex digits, as `click2dial-agi hash-key` prints it"
HTTP_URL = "http://HOST:PORT/PATH or https://HOST:PORT/PATH"
SECRET = "a text of one line, in quotes where it is digits alone; ${ENV_VAR} or file:PATH"
I0 = "integrators[0]"

OTHER = {"name": "other", "extensions": ["2000-2999"], "key_prefix": "other"}


def document(path: str, value: object) -> dict[str, Any]:
    """Return a good document with one key changed: ``agi.listen`` or, in ACME, ``.push``."""
    made: dict[str, Any] = {
        "agi": {"secret": "the-dialplans-secret"},
        "integrators": [copy.deepcopy(ACME)],
    }
    at: dict[str, Any] = made
    *folders, key = path.split(".")
    for folder in folders:
        at = made["integrators"][0] if not folder else at.setdefault(folder, {})
    at[key] = value
    return made


def problem(made: object) -> tuple[str, str]:
    with pytest.raises(ConfigError) as raised:
        parse_config(made)
    assert str(raised.value) == f"{raised.value.path}: {raised.value.expected}"
    return raised.value.path, raised.value.expected


@pytest.mark.parametrize(
    ("key", "value", "path", "expected"),
    [
        ("agi.listen", 4574, "agi.listen", LISTEN),
        ("agi.listen", "127.0.0.1", "agi.listen", LISTEN),
        ("agi.listen", "127.0.0.1:65536", "agi.listen", LISTEN),
        ("agi.listen", "::1:4574", "agi.listen", LISTEN),
        ("agi.listen", "h:1\n", "agi.listen", LISTEN),
        ("agi.allow_from", ["10.0.0.1/8"], "agi.allow_from", NETWORKS),
        ("agi.allow_from", ["here"], "agi.allow_from", NETWORKS),
        ("agi.max_sessions", 0, "agi.max_sessions", "input should be greater than or equal to 1"),
        ("agi.max_sessions", "10", "agi.max_sessions", "input should be a valid integer"),
        ("agi.session_timeout", 0, "agi.session_timeout", "input should be greater than 0"),
        (".name", "a b", f"{I0}.name", "string should match pattern '^[A-Za-z0-9_-]{1,64}$'"),
        (".name", "a\n", f"{I0}.name", "string should match pattern '^[A-Za-z0-9_-]{1,64}$'"),
        (".name", 5, f"{I0}.name", "input should be a valid string"),
        (".redis", "http://h", f"{I0}.redis", REDIS),
        (".redis", "redis://", f"{I0}.redis", REDIS),
        (".redis", "redis://h:0", f"{I0}.redis", REDIS),
        (".redis", "redis://h:99999", f"{I0}.redis", REDIS),
        (".push", "up", f"{I0}.push", "input should be 'left' or 'right'"),
        (".payload_version", 1, f"{I0}.payload_version", "input should be 2, 3 or 4"),
        (".payload_version", "3", f"{I0}.payload_version", "input should be 2, 3 or 4"),
        (".extensions", "1000-1999", f"{I0}.extensions", "a list"),
        (".extensions", [], f"{I0}.extensions", None),
        (".extensions", ["1"], f"{I0}.extensions[0]", RANGE),
        (".extensions", ["100", "1999-1000"], f"{I0}.extensions[1]", RANGE),
        (".extensions", ["100-1999"], f"{I0}.extensions[0]", RANGE),
        (".extensions", ["10000000"], f"{I0}.extensions[0]", RANGE),
        (".extensions", ["1000\n"], f"{I0}.extensions[0]", RANGE),
        (".extensions", ["\uff11000"], f"{I0}.extensions[0]", RANGE),
        (".agent_dial", "PJSIP/1000", f"{I0}.agent_dial", AGENT),
        (".agent_dial", "PJSIP/{number}", f"{I0}.agent_dial", AGENT),
        (".agent_dial", "PJSIP/{extension},60", f"{I0}.agent_dial", AGENT),
        (".agent_dial", "PJSIP/{extension}&SIP/{extension}", f"{I0}.agent_dial", AGENT),
        (".trunk_dial", "PJSIP/{number}@${T}", f"{I0}.trunk_dial", TRUNK),
        (".trunk_dial", "PJSIP/{number}@t\n", f"{I0}.trunk_dial", TRUNK),
        (".ring_timeout", 0, f"{I0}.ring_timeout", "input should be greater than or equal to 1"),
        (".ring_timeout", 601, f"{I0}.ring_timeout", "input should be less than or equal to 600"),
        (".ring_timeout", "60", f"{I0}.ring_timeout", "input should be a valid integer"),
        (".internal_calls", "yes", f"{I0}.internal_calls", "input should be a valid boolean"),
        (".default_outbound_id", "x", f"{I0}.default_outbound_id", f"{OUTBOUND_ID}{CHARACTERS}"),
        (".caller_ids", {"owned": [27]}, f"{I0}.caller_ids.owned[0]", QUOTED),
        (".caller_ids", {"owned": ["*"]}, f"{I0}.caller_ids.owned[0]", f"{OWNED} (no digits)"),
        (".dids", [2721], f"{I0}.dids[0]", QUOTED),
        (".dids", ["27"], f"{I0}.dids[0]", f"{OWNED} (understood: 2 digits)"),
        (".dids", ["27*", "2*7"], f"{I0}.dids[1]", None),
        (".dids", "27215550100", f"{I0}.dids", "a list"),
        (".joined_notifications", "no", f"{I0}.joined_notifications", None),
        (".caller_ids", {"random": [27820001234]}, f"{I0}.caller_ids.random[0]", QUOTED),
        (".caller_ids", {"random": ["27"]}, f"{I0}.caller_ids.random[0]", f"{NUMBER} 2 digits"),
        (
            *(".caller_ids", {"random": ["27820001234"], "owned": ["2711*"]}),
            *(f"{I0}.caller_ids.random[0]", "a number that caller_ids.owned holds"),
        ),
        (".destinations", {"deny": ["cheap"]}, f"{I0}.destinations.deny[0]", None),
        (".destinations", {"allow": "premium"}, f"{I0}.destinations.allow", "a list"),
        (".numbering", {"country": "UK"}, f"{I0}.numbering.country", None),
        ("emergency", ["1"], "emergency[0]", HELP),
        ("emergency", [True], "emergency[0]", HELP),
        ("emergency", ["1 1 2"], "emergency[0]", HELP),
        (
            ".caller_ids",
            {"verified": {"s": "1"}},
            f"{I0}.caller_ids.verified.s",
            f"{NUMBER} 1 digit",
        ),
        (".caller_ids", {"verified": {"a b": "27"}}, f"{I0}.caller_ids.verified.a b", None),
        (".caller_ids", {"verified": []}, f"{I0}.caller_ids.verified", "a mapping"),
        (".caller_ids", {"random": "27820001234"}, f"{I0}.caller_ids.random", "a list"),
        (".caller_ids", None, f"{I0}.caller_ids", "a mapping"),
        (".destinations", {"international": "27"}, f"{I0}.destinations.international", CODES),
        (".destinations", {"international": [27]}, f"{I0}.destinations.international", CODES),
        (".destinations", {"international": ["027"]}, f"{I0}.destinations.international", CODES),
        (".limits", {"concurrent_calls": 0}, f"{I0}.limits.concurrent_calls", None),
        (".limits.agent", {"concurrent_calls": 0}, f"{I0}.limits.agent.concurrent_calls", None),
        (".limits.phones", {"calls_per_minute": "x"}, f"{I0}.limits.phones.calls_per_minute", None),
        (".api_keys", ["change-me"], f"{I0}.api_keys[0]", None),
        (".api_keys", ["Change-Me"], f"{I0}.api_keys[0]", None),
        (".api_keys", [""], f"{I0}.api_keys[0]", SECRET),
        (".key_prefix", "", f"{I0}.key_prefix", None),
        (".copies", ["a b"], f"{I0}.copies[0]", None),
        (".copies", [f"p{n}" for n in range(9)], f"{I0}.copies", None),
        (".api_keys", ["sha256:12"], f"{I0}.api_keys[0]", HASHED),
        (".api_keys", [f"sha256:{'A' * 64}"], f"{I0}.api_keys[0]", HASHED),
        (".api_keys", [f"SHA256:{'a' * 64}"], f"{I0}.api_keys[0]", HASHED),
        *(
            ("asterisk", {"ari_password": "s", "ari_url": url}, "asterisk.ari_url", HTTP_URL)
            for url in (
                "ws://h/ari",
                "http://",
                "http://h:x/ari",
                "http://h:99999/",
                "http://h :1/",
            )
        ),
        (".http", 8300, f"{I0}.http", LISTEN),
        ("agi", None, "agi", "a mapping"),
        ("spool_dir", 5, "spool_dir", "a path"),
        ("asterisk", {}, "asterisk.ari_password", "this key is required"),
        ("asterisk.ari_password", "change-me", "asterisk.ari_password", None),
    ],
)
def test_a_wrong_value_is_told_its_key_and_what_belongs_there(
    key: str, value: object, path: str, expected: str | None
) -> None:
    found = problem(document(key, value))
    assert found[0] == path
    assert found[1] == expected or expected is None


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("agj", "agj"),
        ("agi.port", "agi.port"),
        (".extension", f"{I0}.extension"),
        (".caller_ids", f"{I0}.caller_ids.pool"),
        (".destinations", f"{I0}.destinations.pool"),
        (".limits", f"{I0}.limits.pool"),
    ],
)
def test_an_unknown_key_is_told(key: str, path: str) -> None:
    value: object = {"pool": 1} if path.endswith(".pool") else 1
    assert problem(document(key, value)) == (path, "unknown key")


@pytest.mark.parametrize(
    ("made", "path", "expected"),
    [
        (None, "configuration", "a mapping of keys such as agi and integrators"),
        ([], "configuration", "a mapping of keys such as agi and integrators"),
        ({}, "integrators", "this key is required"),
        ({"integrators": None}, "integrators", "a list"),
        ({"integrators": []}, "integrators", None),
        ({"integrators": [None]}, I0, "a mapping"),
        ({"integrators": [{}]}, f"{I0}.name", "this key is required"),
        ({"integrators": [{"name": "a"}]}, f"{I0}.extensions", "this key is required"),
        ({"integrators": [ACME, {**OTHER, "name": "acme"}]}, "integrators", "each name once"),
        (
            {"integrators": [ACME, {**OTHER, "key_prefix": "enigma:notifications"}]},
            "integrators",
            "each pair of redis and key_prefix or copy once; acme and other both have "
            "enigma:notifications on 127.0.0.1:6379/0",
        ),
        (
            {"integrators": [ACME, {**OTHER, "copies": ["enigma:notifications"]}]},
            "integrators",
            "each pair of redis and key_prefix or copy once; acme and other both have "
            "enigma:notifications on 127.0.0.1:6379/0",
        ),
        (
            {"integrators": [{**ACME, "copies": ["billing", "billing"]}]},
            "integrators",
            "each pair of redis and key_prefix or copy once; acme and acme both have billing on "
            "127.0.0.1:6379/0",
        ),
        (
            {"integrators": [{**ACME, "http": "h:1"}, {**OTHER, "http": "h:1"}]},
            "integrators",
            "each http once",
        ),
        (
            {"integrators": [{**ACME, "http": "h:1"}]},
            "asterisk",
            "required where an integrator has http",
        ),
        (
            {"integrators": [ACME, {**OTHER, "extensions": ["1999-2001"]}]},
            "integrators",
            "extensions 1999-2001 of other overlap 1000-1999 of acme; each extension has one owner",
        ),
        (
            {"integrators": [{**ACME, "dids": ["2721*"]}, {**OTHER, "dids": ["0215550100"]}]},
            "integrators",
            "dids 0215550100 of other and 2721* of acme overlap; each DID has one owner",
        ),
        (
            {"integrators": [{**ACME, "extensions": ["100-199"]}]},
            "integrators",
            "extensions of acme hold 112, which is an emergency number (emergency)",
        ),
        (
            {"emergency": ["911"], "integrators": [{**ACME, "dids": ["911"]}]},
            "integrators",
            "dids of acme hold 911, which is an emergency number (emergency)",
        ),
    ],
)
def test_a_wrong_document_is_told(made: object, path: str, expected: str | None) -> None:
    found = problem(made)
    assert found[0] == path
    assert found[1] == expected or expected is None


def test_all_problems_are_told_at_once() -> None:
    made = document(".push", "up")
    made["integrators"][0]["ring_timeout"] = 0
    made["nonsense"] = 1
    with pytest.raises(ConfigError) as raised:
        parse_config(made)
    told = [str(raised.value), *raised.value.__notes__]
    assert sorted(line.split(":")[0] for line in told) == [
        "integrators[0].push",
        "integrators[0].ring_timeout",
        "nonsense",
    ]


text = st.text(max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
KEYS = sorted(type(integrator()).model_fields)


@given(st.dictionaries(st.sampled_from(KEYS), json_values, max_size=4), json_values)
def test_any_document_is_a_configuration_or_a_config_error(
    keys: dict[str, object], agi: object
) -> None:
    for made in ({"integrators": [{**ACME, **keys}]}, {"integrators": [ACME], "agi": agi}, agi):
        with contextlib.suppress(ConfigError):
            assert isinstance(parse_config(made), Config)


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        integrator().push = "right"


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:4574", "127.0.0.1", 4574),
        ("[::1]:4574", "::1", 4574),
        ("pbx.example-1.org:0", "pbx.example-1.org", 0),
    ],
)
def test_an_address_is_read_and_written(text: str, host: str, port: int) -> None:
    listen = parse_config(document("agi.listen", text)).agi.listen
    assert listen == Address(host, port)
    assert str(listen) == text


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        *(("127.0.0.1", True), ("127.1.2.3", True), ("::1", True), ("localhost", True)),
        *(("0.0.0.0", False), ("::", False), ("10.0.0.1", False), ("127.example.org", False)),
    ],
)
def test_loopback_is_told_from_the_rest(host: str, loopback: bool) -> None:
    assert Address(host, 80).is_loopback is loopback


@pytest.mark.parametrize(
    ("extension", "owned"),
    [
        ("1000", True),
        ("1999", True),
        ("300", True),
        ("999", False),
        ("2000", False),
        ("0300", False),
        ("100", False),
        ("", False),
        ("1000\n", False),
    ],
)
def test_an_integrator_owns_its_ranges_by_length(extension: str, owned: bool) -> None:
    assert integrator().owns(extension) is owned
    assert config().owner_of(extension) == (integrator() if owned else None)


def test_an_extension_may_be_an_unquoted_number() -> None:
    assert integrator(extensions=[1000]).owns("1000")


def test_integrators_are_found_by_name_and_by_extension() -> None:
    both = parse_config({"integrators": [ACME, OTHER]})
    assert [both.integrator(name) for name in ("acme", "other")] == list(both.integrators)
    assert both.owner_of("2500") is both.integrators[1]
    assert both.integrator("") is None
    assert both.owner_of("3000") is None


def test_extensions_have_as_many_digits_as_are_configured() -> None:
    acme = integrator(extensions=["20000-20999", "1000000-1999999", "77"])
    for extension in ("20000", "20999", "1000000", "1500000", "1999999", "77"):
        assert acme.owns(extension)
        assert acme.plan.is_extension(extension)
    for extension in ("19999", "21000", "999999", "2000000", "78", "1000", "020000"):
        assert not acme.owns(extension)
    assert acme.plan.extensions.allowed == "2-5 or 7 digits"


ranges = st.lists(
    st.tuples(st.integers(2, 7), st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=5
)


@given(ranges, st.integers(0, 99), st.integers(2, 7))
def test_an_extension_is_owned_where_a_range_holds_it(
    drawn: list[tuple[int, int, int]], number: int, length: int
) -> None:
    made = {
        "emergency": [],
        "integrators": [
            {**ACME, "extensions": [f"{min(a, b):0{n}}-{max(a, b):0{n}}" for n, a, b in drawn]}
        ],
    }
    try:
        acme = parse_config(made).integrators[0]
    except ConfigError:
        return  # two ranges overlap
    expected = any(n == length and min(a, b) <= number <= max(a, b) for n, a, b in drawn)
    assert acme.owns(f"{number:0{length}}") == expected


@pytest.mark.case("T17")
@pytest.mark.parametrize(
    ("keys", "country", "found"),
    [
        ({}, None, ("112", "10111", "10177", "107")),
        ({}, "GB", ("112", "10111", "10177", "107", "999")),
        ({"emergency": ["911"]}, "GB", ("911",)),
        ({"emergency": [112, "*55"]}, None, ("112", "*55")),
        ({"emergency": []}, None, ()),
    ],
)
def test_emergency_numbers(
    keys: dict[str, Any], country: str | None, found: tuple[str, ...]
) -> None:
    british = {**OTHER, "numbering": {"country": country}} if country else OTHER
    made = parse_config({**keys, "integrators": [ACME, british]})
    assert made.emergency_numbers == found


def test_an_extension_that_is_a_number_is_warned_of() -> None:
    made = config(numbering={"country": "AD"}, extensions=["712340-712349"], caller_ids={})
    assert any("extensions: 71234" in warning for warning in made.warnings())
    made = config(numbering={"country": "GB"}, extensions=["712340-712349"], caller_ids={})
    assert not any("extensions" in warning for warning in made.warnings())


@pytest.mark.parametrize(
    ("dids", "did", "owned"),
    [
        (["27215550100"], "27215550100", True),
        (["27215550100"], "0215550100", True),
        (["02155501*"], "27215550199", True),
        (["02155501*"], "27215550200", False),
        (["4000"], "4000", True),
        (["4000"], "40001", False),
        (["0044*"], "00442071838750", True),
        ([], "27215550100", False),
        (["27215550100"], "", False),
        *[
            ([written], did, True)
            for written in ("+27215550100", "0027215550100", "0215550100", "27215550100")
            for did in ("+27215550100", "0027215550100", "0215550100", "27215550100")
        ],
    ],
)
def test_an_inbound_call_is_its_dids_owners(dids: list[str], did: str, owned: bool) -> None:
    assert (config(dids=dids).owner_of_did(did) is not None) is owned


did_entries = st.from_regex(r"\A(?:0|27|2)[0-9]{2,4}\*?\Z").filter(lambda text: len(text) < 8)


@given(st.lists(did_entries, max_size=3), st.lists(did_entries, max_size=3), st.data())
def test_no_did_has_two_owners(one: list[str], two: list[str], data: st.DataObject) -> None:
    made = {"integrators": [{**ACME, "dids": one}, {**OTHER, "dids": two}]}
    try:
        both = parse_config(made)
    except ConfigError:
        return
    if one + two:
        start = data.draw(st.sampled_from(one + two)).rstrip("*")
        did = start + data.draw(st.from_regex(r"\A[0-9]{0,3}\Z"))
        assert [integrator.takes(did) for integrator in both.integrators] != [True, True]


def test_what_is_wide_open_is_warned_of() -> None:
    assert config().warnings() == [
        "integrators.acme.caller_ids.owned is empty: any caller ID may be shown",
        "integrators.acme.destinations.international is not set: all countries",
    ]


@pytest.mark.case("O21")
@pytest.mark.parametrize(
    ("default", "missing"),
    [
        ("tvc_summer", "tvc_summer, which caller_ids.verified has not"),
        ("random", "random, and caller_ids.random is empty"),
        ("tvc_spring", ""),
        ("27110001234", ""),
        (None, ""),
    ],
)
def test_a_default_that_is_not_there_is_warned_of(default: str | None, missing: str) -> None:
    made = config(default_outbound_id=default, caller_ids={"verified": {"spring": "27110001234"}})
    told = [warning for warning in made.warnings() if "default_outbound_id" in warning]
    key = "integrators.acme.default_outbound_id"
    assert told == ([f"{key}: {missing}; calls that bring none are refused"] if missing else [])


def test_a_mobile_caller_id_is_warned_of_where_the_country_forbids_it() -> None:
    made = config(numbering={"country": "FR"}, caller_ids={"owned": ["06*"]})
    told = [warning for warning in made.warnings() if "mobile" in warning]
    assert told == [
        "integrators.acme.caller_ids: 06* is mobile, and calls to customers may not show such a "
        "number (ARCEP's decision 2022-1583)"
    ]


@pytest.mark.parametrize(
    ("listen", "warned"),
    [("0.0.0.0:8088", True), ("[::]:8088", True), ("127.0.0.1:8088", False)],
)
def test_an_open_edge_is_warned_of(listen: str, warned: bool) -> None:
    made = parse_config({"edge": {"listen": listen}, "integrators": [ACME]})
    assert ("edge.tls is not set" in made.warnings()[0]) is warned


def test_open_metrics_are_warned_of() -> None:
    for listen, warned in (("0.0.0.0:9573", True), ("127.0.0.1:9573", False)):
        made = parse_config({"metrics": {"listen": listen}, "integrators": [ACME]})
        assert ("metrics.listen is open" in made.warnings()[0]) is warned


@pytest.mark.parametrize(
    "destinations", [{"international": "all"}, {"international": []}, {"allow": ["+44"]}]
)
def test_what_was_chosen_is_not_warned_of(destinations: dict[str, Any]) -> None:
    chosen = config(caller_ids={"owned": ["2782*"]}, destinations=destinations)
    assert chosen.warnings() == []


def test_the_defaults_are_the_contracts() -> None:
    acme = integrator()
    assert str(config().agi.listen) == "127.0.0.1:4574"
    assert [str(network) for network in config().agi.allow_from] == ["127.0.0.0/8", "::1/128"]
    assert acme.redis == "redis://127.0.0.1:6379/0"
    assert acme.cdr_list == "enigma:notifications:cdr"
    assert (acme.push, acme.payload_version, acme.ring_timeout) == ("left", 3, 60)
    assert (acme.agent_dial, acme.trunk_dial) == ("PJSIP/{endpoint}", "PJSIP/{number}@trunk")
    assert acme.internal_calls
    assert acme.default_outbound_id is None
    assert (acme.limits.calls_per_minute, acme.limits.concurrent_calls) == (60, 30)
    agent, phones = acme.limits.agent, acme.limits.phones
    assert (agent.calls_per_minute, agent.concurrent_calls) == (20, 4)
    assert (phones.calls_per_minute, phones.concurrent_calls) == (None, None)
    # What is not named stays as it is.
    assert integrator(limits={"agent": {"concurrent_calls": 2}}).limits.agent.calls_per_minute == 20


@pytest.mark.case("A10")
@pytest.mark.parametrize("url", ["redis://localhost", "redis://[::1]:6379/0", "redis://127.1/"])
def test_one_list_of_two_integrators_is_found_however_it_is_written(url: str) -> None:
    other = {**OTHER, "key_prefix": "enigma:notifications", "redis": url}
    path, expected = problem({"integrators": [ACME, other]})
    assert path == "integrators"
    assert expected.startswith("each pair of redis and key_prefix or copy once; acme and other")


@pytest.mark.case("A10")
@pytest.mark.parametrize(
    ("keys", "where"),
    [
        ({"caller_ids": {"owned": ["2711*"], "random": ["27110001234", "27820001234"]}}, "random"),
        ({"caller_ids": {"owned": ["2711*"]}, "default_outbound_id": "27820001234"}, "default"),
        ({"caller_ids": {"owned": ["2711*"]}, "default_outbound_id": "0820001234"}, "default"),
    ],
)
def test_a_caller_id_that_is_not_owned_cannot_be_configured(
    keys: dict[str, Any], where: str
) -> None:
    key = "caller_ids.random[1]" if where == "random" else "default_outbound_id"
    assert problem({"integrators": [{**ACME, **keys}]}) == (
        f"{I0}.{key}",
        "a number that caller_ids.owned holds",
    )


def test_owned_caller_ids_are_fine_in_any_spelling() -> None:
    caller_ids = {"owned": ["2782*"], "random": ["27820001234", "0820001234"]}
    assert integrator(caller_ids=caller_ids, default_outbound_id="0820001234")
    assert integrator(caller_ids=caller_ids, default_outbound_id="random")


HOOK = {"url": "https://user:s3cret@crm.example.com/T0/s3cret?key=s3cret", "secret": "s" * 16}


@pytest.mark.case("K4")
def test_a_webhook_has_a_name() -> None:
    named = {**HOOK, "url": "https://b", "name": "crm"}
    acme = integrator(webhooks=[HOOK, named])
    assert list(acme.named_webhooks) == ["webhook-1", "crm"]
    assert acme.webhooks[0].shown_url == "https://crm.example.com"
    for hooks in ([HOOK, HOOK], [HOOK, {**named, "name": "webhook-1"}]):
        assert problem({"integrators": [{**ACME, "webhooks": hooks}]})[0] == f"{I0}.webhooks"


@pytest.mark.case("O5")
@pytest.mark.parametrize("key", ["spool_dir", "recordings_dir"])
def test_a_directory_is_absolute(key: str) -> None:
    assert problem({"integrators": [ACME], key: "spool"}) == (key, "an absolute path")
