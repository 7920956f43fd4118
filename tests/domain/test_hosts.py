"""Hosts: what a Host header may be, and which are known."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.domain.config_types import Address
from click2dial_agi.domain.hosts import Host, KnownHosts, read_host
from click2dial_agi.io.hosts import hosts_of, is_local


@pytest.mark.parametrize(
    ("value", "host"),
    [
        ("pbx.example.com", Host("pbx.example.com", "")),
        ("PBX.Example.com.:8300", Host("pbx.example.com", "8300")),
        ("127.0.0.1:65535", Host("127.0.0.1", "65535")),
        ("[::1]", Host("::1", "")),
        ("[2001:DB8:0::1]:80", Host("2001:db8::1", "80")),
        ("[::ffff:192.0.2.1]", Host("192.0.2.1", "")),
        ("127.1", Host("127.1", "")),  # a name to us: nobody knows it
        ("my_pbx", Host("my_pbx", "")),
    ],
)
def test_a_host(value: str, host: Host) -> None:
    assert read_host([value]) == host
    assert read_host([host.uri_name]) == host._replace(port="")


@pytest.mark.case("A7")
@pytest.mark.parametrize(
    "value",
    [
        *("", " ", ".", ":80", "a b", "a/b", "user@a", "a,b", "a;b", "a%20b", "a\n", "é", "a\x00"),
        *("[c:1]", "[::1", "::1", "[]", "[127.0.0.1]", "[::1%eth0]", "[::1]x", "[g::1]", "[:::]"),
        *("a:", "a:0", "a:65536", "a:٨", "a:123456", "a:-1", "http://a", "a" * 254),
    ],
)
def test_no_host(value: str) -> None:
    assert read_host([value]) is None


def test_none_and_two_are_none() -> None:
    assert read_host([]) is None
    assert read_host(["a", "a"]) is None


@given(st.text(max_size=60) | st.from_regex(r"\[?[0-9a-f:.]{1,20}\]?(:[0-9]{0,6})?"))
def test_any_text_is_read_and_what_is_read_is_plain(text: str) -> None:
    host = read_host([text])
    if host is not None:
        assert host.name == host.name.lower()
        assert host.name.isascii()
        assert not set(host.name) & set("/@;, %[]\\\"'<>")
        assert read_host([host.uri_name]) == host._replace(port="")


def known(hosts: KnownHosts, value: str) -> bool:
    return read_host([value]) in hosts


def test_a_listener_is_known_by_its_address_the_machine_and_what_is_configured() -> None:
    hosts = hosts_of(Address("127.0.0.1", 8300), ["pbx.example.com", "2001:db8::5"])
    own = socket.gethostname()
    for good in (
        "127.0.0.1:1",
        "localhost:8300",
        "LOCALHOST.",
        own,
        "PBX.example.com",
        "[2001:db8::5]",
    ):
        assert known(hosts, good), good
    for bad in (
        *("evil.example", "127.0.0.2", "[::1]", "127.1", "2130706433", "0.0.0.0", "[::]"),
        *(
            "localhost.evil.example",
            "pbx.example.com.evil.example",
            "xpbx.example.com",
            "192.0.2.1",
        ),
    ):
        assert not known(hosts, bad), bad
    assert None not in hosts


@pytest.mark.parametrize("listen", ["0.0.0.0", "::"])
def test_one_that_listens_everywhere_is_known_by_each_address_of_the_machine(listen: str) -> None:
    hosts = hosts_of(Address(listen, 8300))
    for good in ("127.0.0.1", "127.1.2.3", "[::ffff:127.0.0.1]"):
        assert known(hosts, good), good
    for bad in ("192.0.2.1", "0.0.0.0", "[::]", "224.0.0.1", "255.255.255.255", "evil.example"):
        assert not known(hosts, bad), bad


@given(st.text(max_size=20))
def test_no_text_that_is_no_address_is_local(text: str) -> None:
    if not any(char in text for char in ".:"):
        assert not is_local(text)
