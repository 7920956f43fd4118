"""The `edge` section: what it holds when little is said, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from click2dial_agi.domain.config import parse_config
from click2dial_agi.exceptions import ConfigError
from click2dial_agi.io.config_file import load_config

INTEGRATORS = [{"name": "acme", "extensions": ["1000-1999"]}]


def test_the_edge_is_off_unless_it_is_asked_for() -> None:
    assert parse_config({"integrators": INTEGRATORS}).edge is None


def test_all_of_its_keys_have_a_default() -> None:
    edge = parse_config({"integrators": INTEGRATORS, "edge": {}}).edge
    assert edge is not None
    assert (str(edge.listen), edge.upstream) == ("127.0.0.1:8088", "ws://127.0.0.1:8087/ws")
    assert (edge.tls, edge.redis, edge.origins) == (None, None, ("same-host",))
    assert edge.max_message_size == 64 * 1024


def test_all_of_its_keys_may_be_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_REDIS", "redis://:secret@redis.example/2")
    file = tmp_path / "c2d.yaml"
    file.write_text("""
        edge:
          listen: "[::]:8089"
          upstream: wss://pbx.example:8089/ws
          tls: {cert: /etc/ssl/edge.pem, key: /etc/ssl/edge.key}
          redis: ${EDGE_REDIS}
          origins: [same-host, "https://CRM.example.com", "http://[2001:db8::1]:8300"]
          max_connections: 100
          connections_per_minute: 10
          max_message_size: 16384
          ping_interval: 5
          ping_timeout: 2.5
          idle_timeout: 60
          stall_timeout: 1
        integrators: [{name: acme, extensions: ["1000"]}]
        """)
    edge = load_config(file).edge
    assert edge is not None
    assert edge.tls is not None
    assert edge.tls.cert == Path("/etc/ssl/edge.pem")
    assert edge.redis == "redis://:secret@redis.example/2"
    assert edge.origins == ("same-host", "https://crm.example.com", "http://[2001:db8::1]:8300")


@pytest.mark.parametrize(
    ("section", "path"),
    [
        ({"listen": "8088"}, "edge.listen"),
        ({"upstream": "http://127.0.0.1:8087/ws"}, "edge.upstream"),
        ({"upstream": "ws:///ws"}, "edge.upstream"),
        ({"upstream": "ws://127.0.0.1:99999/ws"}, "edge.upstream"),
        ({"upstream": "ws://127.0.0.1/ws x"}, "edge.upstream"),
        ({"tls": {"cert": "/a.pem"}}, "edge.tls.key"),
        ({"redis": "http://127.0.0.1"}, "edge.redis"),
        ({"origins": "same-host"}, "edge.origins"),
        ({"origins": ["crm.example.com"]}, "edge.origins[0]"),
        ({"origins": ["https://crm.example.com/"]}, "edge.origins[0]"),
        ({"origins": ["https://*.example.com"]}, "edge.origins[0]"),
        ({"origins": ["null"]}, "edge.origins[0]"),
        ({"max_connections": 0}, "edge.max_connections"),
        ({"connections_per_minute": "60"}, "edge.connections_per_minute"),
        ({"max_message_size": 1024}, "edge.max_message_size"),
        ({"max_message_size": 2**21}, "edge.max_message_size"),
        ({"ping_interval": 0}, "edge.ping_interval"),
        ({"stall_timeout": 601}, "edge.stall_timeout"),
        ({"idle_timeout": 86_401}, "edge.idle_timeout"),
        ({"origin": []}, "edge.origin"),
    ],
)
def test_what_is_wrong_is_named(section: dict[str, Any], path: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_config({"integrators": INTEGRATORS, "edge": section})
    assert error.value.path == path


@pytest.mark.parametrize(
    ("listen", "tls", "warned"),
    [
        ("0.0.0.0:8088", None, True),
        ("127.0.0.1:8088", None, False),
        ("[::1]:8088", None, False),
        ("0.0.0.0:8088", {"cert": "/a", "key": "/b"}, False),
    ],
)
def test_an_open_edge_without_tls_is_warned_of(
    listen: str, tls: dict[str, str] | None, warned: bool
) -> None:
    config = parse_config({"integrators": INTEGRATORS, "edge": {"listen": listen, "tls": tls}})
    assert any(warning.startswith("edge.tls ") for warning in config.warnings()) is warned
