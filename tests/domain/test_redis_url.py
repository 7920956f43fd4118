"""Redis URLs: used as a whole or refused, and compared by where they lead."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.domain.redis_url import RedisKind, parse_redis_url, same_redis

SERVER, SENTINEL, CLUSTER = RedisKind.SERVER, RedisKind.SENTINEL, RedisKind.CLUSTER


@pytest.mark.parametrize(
    ("url", "kind", "hosts", "service", "db"),
    [
        ("redis://h", SERVER, (("h", 6379),), "", 0),
        ("redis://h/", SERVER, (("h", 6379),), "", 0),
        ("redis://h:1/2", SERVER, (("h", 1),), "", 2),
        ("rediss://u:p%40@[::1]:7/15", SERVER, (("::1", 7),), "", 15),
        ("redis+sentinel://a:1,b/m/3", SENTINEL, (("a", 1), ("b", 26379)), "m", 3),
        ("rediss+sentinel://u:p%40@[::1]:7/m", SENTINEL, (("::1", 7),), "m", 0),
        ("redis+cluster://a,b:7", CLUSTER, (("a", 6379), ("b", 7)), "", 0),
        ("redis+cluster://a/0", CLUSTER, (("a", 6379),), "", 0),
    ],
)
def test_urls(
    url: str, kind: RedisKind, hosts: tuple[tuple[str, int], ...], service: str, db: int
) -> None:
    place = parse_redis_url(url)
    assert (place.kind, place.hosts, place.service, place.db) == (kind, hosts, service, db)
    assert place.tls == url.startswith("rediss")
    if "@" in url:
        assert (place.username, place.password) == ("u", "p@")
        assert "p@" not in f"{place} {place!r}"


@pytest.mark.case("C3")
@pytest.mark.case("C4")
@pytest.mark.parametrize(
    "url",
    [
        "http://h",
        "redis://",
        "redis://h/crm",
        "redis://h/0/1",
        "redis://h/00",
        "redis://h/-1",
        "redis://h/\uff11",
        "redis://h/1#2",
        "redis://h:0",
        "redis://h:99999",
        "redis://h:\u0661",
        "redis://h,i",
        "redis://h h",
        "redis://h\n",
        "redis://user@h",
        "redis://u:p@ss@h",
        "redis://:pa/ss@h",
        "redis://h/0?socket_timeout=abc",
        "redis://h/0?socket_timeout=5",
        "redis://h?db=3",
        "redis://h/0?",
        "redis://h/0?ssl_ca_certs=/ca.pem",
        "rediss://h/0?ssl_ca_certs=ca.pem",
        "rediss://h/0?ssl_cert_reqs=maybe",
        "rediss://h/0?ssl_keyfile=/k&ssl_keyfile=/l",
        "rediss://h/0?ssl_keyfile",
        "redis://h/0?sentinel_password=x",
        "redis+sentinel://h",
        "redis+sentinel://h:1/",
        "redis+sentinel://h:0/m",
        "redis+sentinel://h,,i/m",
        "redis+sentinel://h/m/x",
        "redis+sentinel://h/m/0?sentinel_password=",
        "redis+sentinel://h/m/0?db=1",
        "redis+cluster://h/1",
        "redis+cluster://h/crm",
        "redis+cluster://h?sentinel_password=x",
        "redis+cluster://",
        "redis+other://h",
        "unix:///run/redis.sock",
    ],
)
def test_what_would_not_be_used_is_refused(url: str) -> None:
    if url.endswith("?"):
        assert parse_redis_url(url) == parse_redis_url(url[:-1])  # nothing after it to ignore
        return
    with pytest.raises(ValueError):  # noqa: PT011 (the texts differ; none may be empty)
        parse_redis_url(url)


@pytest.mark.case("O35")
@pytest.mark.parametrize("password", ["p/w", "p?w", "p#w", "p@w", "1/2", "a?b=c", "x:1/0"])
@pytest.mark.parametrize("scheme", ["redis", "rediss", "redis+cluster"])
def test_a_password_that_ends_the_host_is_named(scheme: str, password: str) -> None:
    """What is behind its / ? or # is taken for the database, options or nothing."""
    with pytest.raises(ValueError, match="percent-encoded"):
        parse_redis_url(f"{scheme}://user:{password}@db:6379/0")


def test_options_that_are_used() -> None:
    place = parse_redis_url("rediss://h/0?ssl_ca_certs=/etc/ca.pem&ssl_cert_reqs=required")
    assert place.tls_options == {"ssl_ca_certs": "/etc/ca.pem", "ssl_cert_reqs": "required"}
    asked = parse_redis_url("redis+sentinel://h/m?sentinel_password=s3cret")
    assert asked.sentinel_password == "s3cret"
    assert "s3cret" not in f"{asked} {asked!r}"


@given(st.text(max_size=40), st.sampled_from(["redis", "rediss+sentinel", "redis+cluster", "x"]))
def test_any_text_is_a_place_or_a_value_error_that_shows_nothing_of_it(
    text: str, scheme: str
) -> None:
    said = "a place"
    try:
        parse_redis_url(f"{scheme}://:s3cret@h{text}")
    except ValueError as error:
        said = str(error)
    assert said
    assert "s3cret" not in said


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_what_is_percent_encoded_comes_back(user: str, password: str) -> None:
    url = f"redis://{quote(user, safe='')}:{quote(password, safe='')}@h/1"
    try:
        place = parse_redis_url(url)
    except ValueError:
        pytest.fail("a user and a password of any characters")
    assert (place.username, place.password) == (user, password)


@pytest.mark.case("A10")
@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("redis://127.0.0.1:6379/0", "redis://localhost", True),
        ("redis://127.0.0.1/0", "redis://[::1]:6379", True),
        ("redis://127.0.0.1/0", "redis://LOCALHOST./", True),
        ("redis://127.0.0.1/0", "redis://127.1", True),
        ("redis://127.0.0.1/0", "redis://127.0.0.2", True),
        ("redis://127.0.0.1/0", "redis://0.0.0.0", True),
        ("redis://10.0.0.1/0", "redis://[::ffff:10.0.0.1]", True),
        ("redis://db.example.com", "redis://DB.example.com.:6379/0", True),
        ("redis://u:p@h", "rediss://h", True),
        ("redis+sentinel://a,b/m", "redis+sentinel://c,B:26379/m/0", True),
        ("redis+cluster://a,b", "redis+cluster://b:6379,c", True),
        ("redis://127.0.0.1/0", "redis://127.0.0.1/1", False),
        ("redis://127.0.0.1:6379", "redis://127.0.0.1:6380", False),
        ("redis+sentinel://a/m", "redis+sentinel://a/n", False),
        ("redis://a", "redis://b", False),
    ],
)
def test_two_spellings_of_one_redis(one: str, other: str, same: bool) -> None:
    places = parse_redis_url(one), parse_redis_url(other)
    assert same_redis(*places) is same
    assert same_redis(*reversed(places)) is same
