"""What the configuration says of softphones."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.domain.config import Config, parse_config
from click2dial_agi.exceptions import ConfigError

TLS = {"cert": "/cert.pem", "key": "/key.pem"}


def config(edge: dict[str, Any] | None = None, **integrator: Any) -> Config:
    document: dict[str, Any] = {
        "asterisk": {"ari_password": "s3cret"},
        "integrators": [
            {
                "name": "acme",
                "http": "0.0.0.0:8300",
                "extensions": ["1000-1999"],
                "softphone": True,
                **integrator,
            }
        ],
    }
    return parse_config(document | ({"edge": edge} if edge is not None else {}))


def softphone_warnings(loaded: Config) -> list[str]:
    return [text for text in loaded.warnings() if "softphone" in text]


@pytest.mark.parametrize(
    "address",
    [
        "http://pbx/ws",
        "wss://",
        "ws://pbx:8088/ws; script-src *",
        "ws://user:secret@pbx/ws",
        "ws://pbx/ws?a=b",
    ],
)
def test_an_address_that_no_page_can_use(address: str) -> None:
    with pytest.raises(ConfigError, match=r"softphone_ws: ws://HOST:PORT/ws or wss://.*browsers"):
        config(softphone_ws=address)


def test_a_softphone_must_know_where_to_connect() -> None:
    with pytest.raises(ConfigError, match=r"integrators\[0\]\.softphone_ws: required"):
        config()
    with pytest.raises(ConfigError, match=r"integrators\[0\]\.http: required"):
        config(edge={}, http=None)
    assert config(edge={}).integrators[0].softphone
    assert config(softphone_ws="ws://pbx:8087/ws").edge is None


@pytest.mark.parametrize(
    "address",
    [
        "https://crm.example.com/contacts",
        "https://{contact_ref}.example.com/",
        "https://crm.example.com:{contact_ref}/",
        "https://user@{contact_ref}/",
        "https://user:secret@crm.example.com/{contact_ref}",
        "javascript:alert('{contact_ref}')",
        "//crm.example.com/{contact_ref}",
        "https://crm.example.com/{contact_ref}/{number}",
        'https://crm.example.com/{contact_ref}"onclick="',
        "https://crm.example.com/{contact_ref}\n",
        "https:/{contact_ref}",
    ],
)
def test_a_contacts_page_that_is_none(address: str) -> None:
    expected = r"pop_url: https://HOST\[:PORT\]/PATH with \{contact_ref\} behind the host"
    with pytest.raises(ConfigError, match=expected):
        config(edge={}, pop_url=address)


@given(st.text(max_size=12), st.text(max_size=12))
def test_a_contacts_page_is_on_the_host_that_was_written(before: str, after: str) -> None:
    """Whatever stands around the reference, and whatever the reference is."""
    url = f"https://crm.example.com/{before}{{contact_ref}}{after}"
    try:
        config(edge={}, pop_url=url)
    except ConfigError:
        return
    for reference in ("client-4711", "..", "%2F%2Fevil.example%2F"):
        parts = urlsplit(url.replace("{contact_ref}", reference))
        assert (parts.scheme, parts.netloc) == ("https", "crm.example.com")


@pytest.mark.parametrize(
    "address",
    [
        "https://crm.example.com/{contact_ref}",
        "http://10.0.0.5:8080/app/#/contacts/{contact_ref}?tab=calls&again={contact_ref}",
        "https://[::1]/search?q={contact_ref}",
    ],
)
def test_a_contacts_page(address: str) -> None:
    assert config(edge={}, pop_url=address).integrators[0].pop_url == address


def test_warnings_of_what_browsers_refuse() -> None:
    assert softphone_warnings(config(edge={}, http="127.0.0.1:8300")) == []
    assert "no microphone" in softphone_warnings(config(edge={}))[0]
    assert "page has tls and edge has not" in softphone_warnings(config(edge={}, tls=TLS))[0]
    assert softphone_warnings(config(edge={"tls": TLS}, tls=TLS)) == []
    proxied = config(edge={}, tls=TLS, softphone_ws="wss://pbx.example.com/ws")
    assert softphone_warnings(proxied) == []
