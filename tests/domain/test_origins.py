"""Who may call from a browser: pages and extensions, named one by one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.domain.config import parse_config
from click2dial_agi.domain.origins import is_extension
from click2dial_agi.exceptions import ConfigError
from sandbox.server import ACME

EXTENSION = "chrome-extension://abcdefghijklmnopabcdefghijklmnop"


def origins(*named: str) -> tuple[str, ...]:
    return (
        parse_config({"integrators": [{**ACME, "cors_origins": named}]}).integrators[0].cors_origins
    )


@pytest.mark.parametrize(
    "named",
    ["https://crm.example.com", "http://10.0.0.1:8080", "http://[::1]:81", EXTENSION],
)
def test_are_named_in_any_case(named: str) -> None:
    assert origins(named, named.upper()) == (named, named)


@pytest.mark.parametrize(
    "named",
    [
        *("*", "null", "", "https://", "https://crm.example.com/", "https://*.example.com"),
        *("https://a@b", "https://crm.example.com\n", "ftp://crm.example.com"),
        *("chrome-extension://*", "chrome-extension://", f"{EXTENSION}/", f"{EXTENSION}\n"),
        *(EXTENSION[:-1], f"{EXTENSION}a", EXTENSION[:-1] + "q", EXTENSION[:-1] + "1"),
        *("moz-extension://abcdefghijklmnopabcdefghijklmnop", f"https://x {EXTENSION}"),
        # The sign for kelvin is a small k when it is made small.
        *("https://\u212aelvin.example.com", EXTENSION.replace("k", "\u212a")),
    ],
)
def test_what_is_none_is_refused(named: str) -> None:
    with pytest.raises(ConfigError) as refused:
        origins(named)
    assert refused.value.path == "integrators[0].cors_origins[0]"
    assert 'a page\'s origin such as "https://crm.example.com"' in refused.value.expected
    assert "chrome-extension://<32 letters>" in refused.value.expected


@given(st.text() | st.from_regex("chrome-extension://[a-z0-9]{31,33}/?"))
def test_an_extension_is_nothing_else(origin: str) -> None:
    whole = re.compile(r"\Achrome-extension://[abcdefghijklmnop]{32}\Z")
    assert is_extension(origin) == bool(whole.match(origin))
