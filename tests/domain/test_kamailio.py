"""Kamailio's section, its files and its phones' logins: what is refused, and what is written."""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import md5
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.domain.config import Config, parse_config
from click2dial_agi.domain.config_types import Address
from click2dial_agi.domain.kamailio import Kamailio
from click2dial_agi.domain.kamailio_files import asterisk_part, dispatcher_list, site, tls
from click2dial_agi.domain.kamailio_logins import read_logins
from click2dial_agi.exceptions import ConfigError

ROOT = Path(__file__).parents[2]
NODE = {"name": "k1", "phones": "192.0.2.1:5060", "inner": "10.0.0.1:5070"}
OTHER = {"name": "k2", "phones": "192.0.2.2:5060", "inner": "10.0.0.2:5070"}
SECRET = "what-they-have-in-common"
SECTION: dict[str, Any] = {"nodes": [NODE], "asterisks": ["10.0.0.11:5060"], "secret": SECRET}

_LINE = re.compile(
    r"# Of [a-z0-9-]+, by `click2dial-agi kamailio-config`; holds secrets\."
    r"|listen=(udp|tcp|tls):[0-9.]+:[0-9]+( advertise [a-z0-9.:\[\]-]+)?"
    r"|enable_tls=yes|ip_free_bind=yes"
    r'|#!define C2D_[A-Z0-9_]+( [0-9]+| "[^"#\\\n]*")?'
)
_PJSIP = re.compile(r"|;[^\n]*|\[[A-Za-z0-9_.+-]+\](\([a-z0-9!,-]+\))?|[a-z_]+ = [^;\n]+")


def parsed(redis: str = "redis://10.0.0.9/2", **keys: Any) -> tuple[Config, Kamailio]:
    """Return a configuration with these keys in the section."""
    section: dict[str, Any] = {**SECTION, **keys}
    acme = {"name": "acme", "extensions": ["1000-1003"]}
    config = parse_config({"errors_redis": redis, "integrators": [acme], "kamailio": section})
    assert config.kamailio is not None
    return config, config.kamailio


def written(
    redis: str = "redis://10.0.0.9/2", directory: str = "/etc/kamailio", **keys: Any
) -> str:
    """Return the site file of the first node."""
    config, kamailio = parsed(redis, **keys)
    return site(config, kamailio, kamailio.nodes[0], directory)


@pytest.mark.parametrize(
    ("keys", "path", "expected"),
    [
        ({"nodes": []}, "kamailio.nodes", "at least 1"),
        ({"nodes": [NODE | {"phones": "0.0.0.0:5060"}]}, "kamailio.nodes[0].phones", "an IPv4"),
        ({"nodes": [NODE | {"inner": "k1.example.com:1"}]}, "kamailio.nodes[0].inner", "an IPv4"),
        ({"nodes": [NODE | {"inner": "10.0.0.1:0"}]}, "kamailio.nodes[0].inner", "an IPv4"),
        ({"nodes": [NODE | {"name": "K 1"}]}, "kamailio.nodes[0].name", "pattern"),
        ({"nodes": [NODE, NODE]}, "kamailio", "nodes: each name once"),
        ({"nodes": [NODE | {"inner": NODE["phones"]}]}, "kamailio", "address and port once"),
        ({"asterisks": [NODE["inner"]]}, "kamailio", "each address and port once"),
        ({"asterisks": []}, "kamailio.asterisks", "at least 1"),
        ({"entrance": NODE["phones"]}, "kamailio", "entrance: no address and port of phones"),
        ({"entrance": "10.0.0.11:5060"}, "kamailio", "entrance: no address and port of phones"),
        ({"entrance": "0.0.0.0:5070"}, "kamailio.entrance", "an IPv4"),
        ({"entrance": "10.0.0.1:0"}, "kamailio.entrance", "an IPv4"),
        ({"entrance": "sip.example.com:0"}, "kamailio.entrance", "an IPv4"),
        ({"secret": "short"}, "kamailio.secret", "at least 16"),
        ({"secret": "change-me"}, "kamailio.secret", "a value of your own"),
        ({"realm": 'x"'}, "kamailio.realm", "pattern"),
        ({"origins": ["crm.example.com"]}, "kamailio.origins[0]", "a page's origin"),
        ({"browser_agents": ["12-1"]}, "kamailio.browser_agents[0]", "a range"),
        ({"port": 1}, "kamailio.port", "unknown key"),
    ],
)
def test_what_is_refused(keys: dict[str, Any], path: str, expected: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parsed(**keys)
    assert refused.value.path == path
    assert expected in refused.value.expected


@pytest.mark.parametrize(
    "redis",
    [
        "rediss://10.0.0.9/0",
        "redis+cluster://10.0.0.9:6379",
        "redis://user:password@10.0.0.9/0",
        "redis://:a%3Bb@10.0.0.9/0",
        "redis://:a%22b@10.0.0.9/0",
        "redis://:a%5Cb@10.0.0.9/0",
        "redis://:a%20b@10.0.0.9/0",
    ],
)
def test_a_redis_that_kamailio_does_not_know(redis: str) -> None:
    with pytest.raises(ConfigError) as refused:
        written(redis)
    assert refused.value.path == "errors_redis"
    assert "password@" not in str(refused.value)


def test_a_redis_is_required() -> None:
    acme = {"name": "acme", "extensions": ["1000"]}
    with pytest.raises(ConfigError, match="errors_redis: required"):
        parse_config({"integrators": [acme], "kamailio": SECTION})


@pytest.mark.case("P13")
@pytest.mark.parametrize(("node", "sentinel"), [(0, "10.0.0.8:26379"), (1, "10.0.0.9:26379")])
def test_a_sentinels_primary(node: int, sentinel: str) -> None:
    """Each node asks one Sentinel: of several the module takes a wrong port."""
    url = "redis+sentinel://:word@10.0.0.8:26379,10.0.0.9/primary/3"
    config, kamailio = parsed(url, nodes=[NODE, OTHER])
    text = site(config, kamailio, kamailio.nodes[node], "/etc/kamailio")
    server = f"sentinel_master=1;sentinel={sentinel};db=3;pass=word"
    assert f'"name=c2d;sentinel_group=primary;{server}"' in text


def test_the_sample_is_good() -> None:
    """Each key of the section is in docs/kamailio.md, and all together are taken."""
    text = (ROOT / "docs/kamailio.md").read_text("utf-8")
    lines = text[text.index("   kamailio:\n") :].splitlines()
    end = next(n for n, line in enumerate(lines) if n and not line.startswith("     "))
    section = "\n".join(re.sub(r"^   |(?<=  )# (?=[a-z]+: )", "", one) for one in lines[:end])
    given = yaml.safe_load(section)["kamailio"]
    config, kamailio = parsed(**{**given, "secret": SECRET})
    assert set(given) == set(Kamailio.model_fields)
    for node in kamailio.nodes:
        assert site(config, kamailio, node, "/etc/kamailio")


def test_each_node_knows_the_others() -> None:
    config, kamailio = parsed(nodes=[NODE, OTHER])
    assert dispatcher_list(kamailio, kamailio.nodes[1]).splitlines() == [
        *("1 sip:10.0.0.11:5060", "2 sip:10.0.0.1:5070", "101 sip:10.0.0.1:5070"),
    ]
    text = site(config, kamailio, kamailio.nodes[1], "/etc/kamailio")
    assert "#!define C2D_NODE 2\n" in text
    assert '#!define C2D_OTHERS\n#!define C2D_OTHER_1 "sip:10.0.0.1:5070"\n' in text
    assert "C2D_OTHERS" not in written()


@pytest.mark.case("P14")
def test_all_nodes_listen_on_an_entrance_that_moves() -> None:
    config, kamailio = parsed(nodes=[NODE, OTHER], entrance="10.0.0.100:5080")
    for node in kamailio.nodes:
        text = site(config, kamailio, node, "/etc/kamailio")
        assert "listen=udp:10.0.0.100:5080\nip_free_bind=yes\n" in text
        assert '#!define C2D_ENTRANCE_HOST "10.0.0.100"\n' in text
        assert "#!define C2D_ENTRANCE_PORT 5080\n" in text
    assert "permit = 10.0.0.1/32,10.0.0.100/32,10.0.0.2/32\n" in asterisk_part(config, kamailio)


@pytest.mark.parametrize("entrance", [NODE["inner"], "sip.example.com:5070"])
def test_no_node_listens_twice_or_on_a_name(entrance: str) -> None:
    text = written(entrance=entrance)
    assert text.count("listen=udp:10.0.0.1:5070\n") == 1
    assert "ip_free_bind" not in text
    assert "sip.example.com" not in text
    assert '#!define C2D_ENTRANCE_HOST "10.0.0.1"\n#!define' in text


@pytest.mark.case("P14")
@pytest.mark.parametrize(
    "entrance",
    ["10.0.0.999", "10.0.0", "5070", "0x0a000001", "[::1]", "-a.example.com", "a..com", "a.com."],
)
def test_what_leads_nowhere_is_no_entrance(entrance: str) -> None:
    """Asterisk would take it, and ring no agent."""
    with pytest.raises(ConfigError) as refused:
        parsed(entrance=f"{entrance}:5070")
    assert refused.value.path == "kamailio.entrance"
    assert "such as 10.0.0.1:5060, or a name in place of the address" in refused.value.expected


@pytest.mark.case("P14")
def test_a_name_leads_to_where_a_node_listens() -> None:
    nodes = [NODE, OTHER | {"inner": "10.0.0.2:5071"}]
    with pytest.raises(ConfigError, match=r"entrance: a name with the port of .* \(5070 or 5071\)"):
        parsed(nodes=nodes, entrance="sip.example.com:5060")
    for port in (5070, 5071):
        _, kamailio = parsed(nodes=nodes, entrance=f"sip.example.com:{port}")
        assert kamailio.asterisks_entrance == Address("sip.example.com", port)


def test_the_secret_itself_is_in_no_file() -> None:
    assert SECRET not in written()
    one, other = (parsed(secret=secret)[1] for secret in (SECRET, f"{SECRET}!"))
    assert {one.door_key, one.derived("nonces")}.isdisjoint({other.door_key, SECRET})


def test_agents_and_their_browsers() -> None:
    text = asterisk_part(*parsed(browser_agents=["1002-1003"], entrance="sip.example.com:5070"))
    assert "[1001](c2d-behind)\naors = 1001\n" in text
    assert "[1002](c2d-browser)\naors = 1002\n" in text
    assert "[1000]\ntype = aor\ncontact = sip:1000@sip.example.com:5070\n" in text
    assert "permit = 10.0.0.1/32\n" in text
    assert all(_PJSIP.fullmatch(line) for line in text.splitlines())


def test_an_agent_of_another_name() -> None:
    config, kamailio = parsed()
    named = config.integrators[0].model_copy(update={"endpoints": {"1001": "alice"}})
    text = asterisk_part(config.model_copy(update={"integrators": (named,)}), kamailio)
    assert "[alice](c2d-behind)\naors = alice\n" in text
    assert "set_var = C2D_EXTENSION=1001\n[alice]\ntype = aor\ncontact = sip:alice@" in text
    assert "[1001]" not in text


def test_more_agents_than_an_asterisk_carries() -> None:
    kamailio = parsed()[1]
    many = parse_config({"integrators": [{"name": "acme", "extensions": ["20000-99999"]}]})
    with pytest.raises(ConfigError, match="at most 20000"):
        asterisk_part(many.model_copy(update={"kamailio": kamailio}), kamailio)


HOSTILE = st.one_of(
    st.text(max_size=30),
    st.text('"\\;#!\n\r$(){}[]|^*? \tab1.:/@%=', max_size=30),
)


@pytest.mark.parametrize("public", ["_", "a_b", "-a", "a:5060"])
def test_what_phones_are_told_is_a_host_of_sip(public: str) -> None:
    with pytest.raises(ConfigError, match="public"):
        written(nodes=[NODE | {"public": public}])


@given(st.data())
def test_nothing_hostile_is_written(data: st.DataObject) -> None:
    """Refused by its key, or on a line of its own that says nothing else."""
    value = data.draw(HOSTILE)
    where = data.draw(
        st.sampled_from(["realm", "origin", "public", "name", "secret", "redis", "entrance"])
    )
    choices: dict[str, dict[str, Any]] = {
        "realm": {"realm": value},
        "origin": {"origins": [f"https://{value}"]},
        "public": {"nodes": [NODE | {"public": value}]},
        "name": {"nodes": [NODE | {"name": value}]},
        "secret": {"secret": value * 2},
        "redis": {"redis": f"redis://:{value}@10.0.0.9/0"},
        "entrance": {"entrance": f"{value}:5070"},
    }
    try:
        text = written(**choices[where])
    except ConfigError:
        return
    assert all(_LINE.fullmatch(line) for line in text.split("\n")[:-1])


@given(HOSTILE)
def test_no_path_is_written_that_kamailio_would_read(path: str) -> None:
    # A certificate's path is written as the configuration reads it: /a//b/ is /a/b.
    read = str(PurePosixPath(f"/{path}".replace("\0", "")))
    writers: list[tuple[str, Callable[[], str]]] = [
        (f"/{path}", lambda: written(directory=f"/{path}")),
        (read, lambda: tls(_tls(f"/{path}"))),
    ]
    for shown, write in writers:
        try:
            text = write()
        except ConfigError:
            continue
        assert re.fullmatch(r"(/[A-Za-z0-9_.@+-]+)+", shown)
        assert shown in text


def _tls(path: str) -> Any:
    found = parsed(tls={"cert": path.replace("\0", "") or "/c", "key": "/key.pem"})[1].tls
    assert found is not None
    return found


@given(st.lists(st.text(max_size=20), max_size=4), st.text(max_size=30))
def test_logins_are_read_whole_or_not_at_all(lines: list[str], password: str) -> None:
    try:
        found = read_logins([*lines, f"1000:{password}"], "click2dial")
    except ConfigError as error:
        told = str(error)
    else:
        ours = f"1000:click2dial:{password}".rstrip("\r\n").encode()
        assert found["1000"] == md5(ours, usedforsecurity=False).hexdigest()
        told = ""
    assert re.fullmatch(r"((line \d+|the file): [a-z0-9 :,]+)?", told)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["1000:short"], "line 1: name:password"),
        (["# a comment", "", "1000 password"], "line 3: name:password"),
        (["1000:long enough", "1000:long enough"], "line 2: each name once"),
        (["10001000:10001000"], "line 1: a password of its own"),
        (["x y:long enough"], "line 1: name:password"),
        ([], "the file: name:password"),
    ],
)
def test_logins_that_are_refused(lines: list[str], expected: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_logins(lines, "click2dial")
    assert str(refused.value).startswith(expected)
    assert "long enough" not in str(refused.value)


def test_a_password_may_hold_a_colon() -> None:
    expected = md5(b"1000:click2dial:a:b: c d e", usedforsecurity=False).hexdigest()
    assert read_logins(["1000:a:b: c d e\r\n"], "click2dial") == {"1000": expected}
