"""What stands before the routes: Host, proxies, HEAD, pages of other servers, query parameters."""

from __future__ import annotations

import asyncio
import re
import socket
from typing import Any

import httpx
import pytest

from click2dial_agi.app.http import protocol
from sandbox.redis import RedisServer
from tests.http.fake_ari import FakeARI
from tests.http.rig import API, CALLS, KEY, errors, exchange, serve, wire
from tests.io.running import run

ANY_CALL = f"{CALLS}/bde674e2-eeaf-4355-b32c-664a82256e11"
SOFTPHONE: dict[str, Any] = {"softphone": True, "softphone_ws": "ws://a/ws"}
LOOPBACK = ["127.0.0.0/8"]
CRM = "https://crm.example.com"


async def get(api: API, path: str = CALLS, key: bool = False, **headers: str) -> httpx.Response:
    """Get a path, as a client of the network unless with the key."""
    api.client.headers.pop("Authorization", None)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if key:
        named["Authorization"] = f"Bearer {KEY}"
    return await api.client.get(path, headers=named)


def test_one_host_or_none_is_served(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            for lines in ((), ("Host: a", "Host: a"), ("Host: a", "Host: b"), ("Host:",)):
                for version in ("1.1", "1.0") if lines else ("1.1",):
                    head = [f"GET /healthz HTTP/{version}", *lines, "Connection: close", "", ""]
                    answer = await exchange(api.port, "\r\n".join(head).encode())
                    assert answer.startswith(b"HTTP/1.1 400 "), (lines, version)
                    assert b'"field":"host"' in answer

    run(test())


@pytest.mark.case("C51")
def test_http_1_0_has_no_host(redis: RedisServer) -> None:
    """So do HAProxy and others ask whether a server is well; a network's right needs a host."""

    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari, allow_from=LOOPBACK) as api:
            key = f"Authorization: Bearer {KEY}"
            for path, lines, status in (
                ("/healthz", (), 200),
                ("/readyz", (), 200),
                (CALLS, (), 421),
                (CALLS, (key,), 200),
            ):
                head = [f"GET {path} HTTP/1.0", *lines, "", ""]
                answer = await exchange(api.port, "\r\n".join(head).encode())
                assert answer.startswith(b"HTTP/1.1 %d " % status), (path, answer)

    run(test())


@pytest.mark.case("C51")
def test_blanks_behind_a_header_are_none_of_it(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            said = wire(GOOD, "Idempotency-Key: k\t ").replace(b"Host: x", b"Host: x ")
            again = wire(GOOD, "Idempotency-Key: k", "Connection: close")
            answer = await exchange(api.port, said + again)
            assert re.findall(rb"HTTP/1.1 (\d+) ", answer) == [b"201", b"201"]
            assert len(ari.asked("originate")) == 1

    run(test())


def test_a_request_line_names_the_same_host(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            for target, status in (
                (f"http://x{CALLS}", 200),
                (f"http://X{CALLS}?", 200),
                (f"http://evil.example{CALLS}", 400),
                (f"http://x:80{CALLS}", 400),
                (f"http://x@evil.example{CALLS}", 400),
                ("*", 400),
            ):
                answer = await exchange(
                    api.port, wire(b"", "Connection: close", method="GET", path=target)
                )
                assert answer.startswith(b"HTTP/1.1 %d " % status), (target, answer)

    run(test())


@pytest.mark.case("C9")
def test_head_is_get_without_its_body(redis: RedisServer) -> None:
    async def test() -> None:
        async with (
            FakeARI() as ari,
            serve(redis, ari, **SOFTPHONE) as api,
        ):
            location = (await api.post()).headers["location"]
            for path in (
                *(CALLS, location, ANY_CALL, "/healthz", "/readyz", "/docs", "/openapi.json"),
                *("/docs/swagger-ui-bundle.js", "/softphone/config", "/softphone/icon.svg", "/no"),
            ):
                head, whole = await api.client.head(path), await api.client.get(path)
                assert head.status_code == whole.status_code, path
                assert head.content == b""
                assert head.headers["content-length"] == str(len(whole.content)), path
            events = await api.client.head("/softphone/events?extension=1200")
            assert (events.status_code, events.content) == (200, b"")
            assert (await api.client.head(CALLS, headers={"Authorization": "x"})).status_code == 401

    run(test())


@pytest.mark.case("C11")
def test_a_query_that_a_path_has_not_is_an_error(redis: RedisServer) -> None:
    async def test() -> None:
        async with (
            FakeARI() as ari,
            serve(redis, ari, **SOFTPHONE) as api,
        ):
            for method, path in (
                *(("GET", CALLS), ("POST", CALLS), ("GET", ANY_CALL), ("DELETE", ANY_CALL)),
                *(("GET", "/click2dial/recordings/x"), ("HEAD", CALLS)),
            ):
                for query in ("agent=1000&limit=1", "x", "=", "%ff", "&a="):
                    response = await api.client.request(method, f"{path}?{query}")
                    assert response.status_code == 422, (method, path, query)
                    if method != "HEAD":
                        listed = (method, path) == ("GET", CALLS)
                        allowed = (
                            "agent, state, direction, each once" if listed else "no parameters"
                        )
                        assert errors(response) == [f"query: {allowed}"]
            for query in ("extension=1200&extension=1201", "extension=1200&x=1"):
                response = await api.client.get(f"/softphone/events?{query}")
                assert errors(response) == ["query: extension, each once"]
            assert (await api.client.get(f"{CALLS}?")).status_code == 200
            assert ari.asked("originate") == []

    run(test())


# What Java's own HTTP client says of each request, and curl --http2.
H2C = (
    "Connection: Upgrade, HTTP2-Settings",
    "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
    "Upgrade: h2c",
)


GOOD = b'{"agent":"1000","callee":"0820000100","outbound_id":"27820001234"}'
ASKED = wire(GOOD, *H2C)
ASKED_IN_CHUNKS = wire(
    b"%x\r\n%b\r\n0\r\n\r\n" % (len(GOOD), GOOD), *H2C, "Transfer-Encoding: chunked", length=""
)
WEBSOCKET = wire(
    b"", "Connection: Upgrade", "Upgrade: websocket", method="GET", path="/healthz", length=""
)
LAST = wire(b"", "Connection: close", method="GET", path="/healthz")


@pytest.mark.case("C50")
@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([ASKED + LAST], id="at once"),
        pytest.param([ASKED, LAST], id="one after the other"),
        pytest.param([ASKED[: -len(GOOD)], GOOD + LAST], id="its body later"),
        pytest.param([*(bytes((one,)) for one in ASKED), LAST], id="byte by byte"),
        pytest.param([ASKED_IN_CHUNKS + LAST], id="in chunks"),
        pytest.param([WEBSOCKET + ASKED + LAST], id="behind another one"),
    ],
)
def test_a_request_that_asks_for_another_protocol_is_one_like_any_other(
    redis: RedisServer, parts: list[bytes]
) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            answer = await exchange(api.port, *parts, pause=0.001)
            *_, created, last = re.findall(rb"HTTP/1.1 (\d+) ", answer)
            assert (created, last) == (b"201", b"200"), answer
            assert len(ari.asked("originate")) == 1

    run(test())


@pytest.mark.case("C12")
@pytest.mark.parametrize(
    ("headers", "body", "status", "field"),
    [
        ({"Content-Encoding": "gzip"}, b"\x1f\x8b\x08", 415, "content-encoding"),
        ({"Content-Encoding": "br"}, None, 415, "content-encoding"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"agent=1000", 415, "content-type"),
        ({"Content-Type": "multipart/form-data; boundary=x"}, b"--x--", 415, "content-type"),
        ({"Content-Type": "text/xml"}, b"<call/>", 415, "content-type"),
        ({"Content-Type": "text/plain"}, b"[" * 20, 415, "content-type"),
        ({"Content-Type": "application/json"}, b"agent=1000", 400, "body"),
        ({"Content-Type": "application/vnd.crm+json; charset=utf-8"}, b"{", 400, "body"),
        ({}, b"agent=1000", 400, "body"),
        # What curl -d says of any body.
        ({"Content-Type": "application/x-www-form-urlencoded"}, None, 201, ""),
        ({"Content-Encoding": "identity"}, None, 201, ""),
    ],
)
def test_bodies_of_other_kinds(
    redis: RedisServer, headers: dict[str, str], body: bytes | None, status: int, field: str
) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            good = b'{"agent":"1000","callee":"0820000100","outbound_id":"27820001234"}'
            answer = await api.client.post(CALLS, content=body or good, headers=headers)
            assert answer.status_code == status, answer.text
            if field:
                assert errors(answer)[0].startswith(f"{field}: ")

    run(test())


@pytest.mark.case("C12")
def test_a_byte_order_mark_is_no_error(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            body = '\ufeff{"agent":"1000","callee":"0820000100","outbound_id":"27820001234"}'
            assert (await api.client.post(CALLS, content=body.encode())).status_code == 201

    run(test())


@pytest.mark.case("C12")
@pytest.mark.parametrize("size", [9_000, 70_000, 200_000])
def test_a_long_url_is_414(redis: RedisServer, size: int) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            for path in (f"{CALLS}?x={'y' * size}", "/" + "y" * size):
                answer = await exchange(api.port, wire(b"", method="GET", path=path))
                assert answer.startswith(b"HTTP/1.1 414 ")
                assert b"request: a path and query of at most 8192 bytes" in answer

    run(test())


@pytest.mark.case("C32")
@pytest.mark.parametrize("parts", [1, 3])
def test_a_page_can_read_what_is_refused_at_the_door(redis: RedisServer, parts: int) -> None:
    """Before the application is asked; however the request comes."""

    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari, cors_origins=[CRM]) as api:
            for status, path, header in (
                (414, "/" + "y" * 9000, "A: b"),
                (431, CALLS, f"A: {'b' * 17_000}"),
            ):
                for origin, may in ((CRM, True), ("https://evil.example", False)):
                    sent = wire(b"", f"Origin: {origin}", header, method="GET", path=path)
                    size = -(-len(sent) // parts)
                    pieces = [sent[at : at + size] for at in range(0, len(sent), size)]
                    answer = (await exchange(api.port, *pieces, pause=0.01)).partition(b"\r\n\r\n")[
                        0
                    ]
                    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
                    assert b"\r\nvary: Origin" in answer
                    allowed = f"access-control-allow-origin: {CRM}\r\n".encode()
                    assert (allowed in answer) is may

    run(test())


@pytest.mark.case("C32")
def test_a_page_can_read_that_the_server_is_busy(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "PER_ADDRESS", 1)

    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari, cors_origins=[CRM]) as api:
            # Its body is yet to come: that one is being served.
            waiting, writing = await asyncio.open_connection("127.0.0.1", api.port)
            writing.write(wire(b"{", "Expect: 100-continue").removesuffix(b"{"))
            await waiting.readuntil(b"\r\n\r\n")  # 100 Continue: it is
            request = wire(b"", f"Origin: {CRM}", method="GET", path="/healthz")
            answer = await exchange(api.port, request)
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert f"access-control-allow-origin: {CRM}\r\n".encode() in answer
            writing.close()

    run(test())


@pytest.mark.case("C23")
def test_no_header_is_said_twice(redis: RedisServer) -> None:
    embeddable = ("/click2dial.js", "/click2dial.d.ts", "/click2dial.json")

    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari, cors_origins=[CRM], **SOFTPHONE) as api:
            for path in (*embeddable, CALLS, "/openapi.json", "/docs", "/softphone", "/healthz"):
                asked = wire(
                    b"", "Connection: close", f"Origin: {CRM}", method="HEAD", path=path, length=""
                )
                head = (await exchange(api.port, asked)).decode("latin-1").lower()
                said = [line.partition(": ") for line in head.split("\r\n")[1:-2]]
                names = [name for name, _, _ in said]
                assert len(set(names)) == len(names), (path, head)
                policy = "cross-origin" if path in embeddable else "same-origin"
                assert ("cross-origin-resource-policy", ": ", policy) in said, path

    run(test())


@pytest.mark.case("C8")
def test_pages_of_other_servers(redis: RedisServer) -> None:
    asked = {"Origin": CRM, "Access-Control-Request-Method": "POST"}

    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari, cors_origins=[CRM.upper()]) as api:
            key = api.client.headers.pop("Authorization")
            answer = await api.client.options(CALLS, headers=asked)
            assert answer.status_code == 204
            assert answer.headers["access-control-allow-origin"] == CRM
            assert "authorization" in answer.headers["access-control-allow-headers"].lower()
            assert "access-control-allow-credentials" not in answer.headers
            private = asked | {"Access-Control-Request-Private-Network": "true"}
            answer = await api.client.options(CALLS, headers=private)
            assert answer.headers["access-control-allow-private-network"] == "true"
            for method, headers, status in (
                ("POST", {"Authorization": key}, 400),
                ("GET", {"Authorization": key}, 200),
                ("GET", {}, 401),
            ):
                answer = await api.client.request(method, CALLS, headers={"Origin": CRM, **headers})
                assert answer.status_code == status
                assert answer.headers["access-control-allow-origin"] == CRM
                assert "Location" in answer.headers["access-control-expose-headers"]
                assert answer.headers["vary"] == "Origin"
            for other in ("https://evil.example", f"{CRM}.evil.example", f"{CRM}:8443", "null"):
                answer = await api.client.options(CALLS, headers=asked | {"Origin": other})
                assert "access-control-allow-origin" not in answer.headers, other
                answer = await api.client.get(CALLS, headers={"Origin": other})
                assert "access-control-allow-origin" not in answer.headers, other
            assert (await api.client.options(CALLS)).status_code == 405

    run(test())


@pytest.mark.case("C8")
def test_without_cors_origins_there_are_none(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            asked = {"Origin": CRM, "Access-Control-Request-Method": "POST"}
            answer = await api.client.options(CALLS, headers=asked)
            assert answer.status_code == 405
            assert not any(name.startswith("access-control") for name in answer.headers)

    run(test())


@pytest.mark.case("C8")
def test_a_page_that_may_call_still_needs_a_key(redis: RedisServer) -> None:
    async def test() -> None:
        keys: dict[str, Any] = {"cors_origins": [CRM], "allow_from": LOOPBACK}
        async with FakeARI() as ari, serve(redis, ari, **keys) as api:
            assert (await get(api, Origin=CRM)).status_code == 403
            assert (await get(api, key=True, Origin=CRM)).status_code == 200

    run(test())


@pytest.mark.case("C13")
@pytest.mark.parametrize("cut", [True, False])
def test_behind_a_proxy_with_a_path(redis: RedisServer, cut: bool) -> None:
    """The proxy may cut its path off, or leave it on."""

    async def test() -> None:
        keys: dict[str, Any] = {"public_url": "https://pbx.example.com/c2d/v1/"}
        async with FakeARI() as ari, serve(redis, ari, **keys) as api:
            before = "" if cut else "/c2d/v1"
            answer = await api.client.post(
                before + CALLS,
                json={"agent": "1000", "callee": "0820000100", "outbound_id": "27820001234"},
            )
            assert answer.status_code == 201
            location = answer.headers["location"]
            assert location.startswith(f"/c2d/v1{CALLS}/")
            shown = await api.client.get(location.removeprefix("/c2d/v1" if cut else ""))
            assert shown.json()["call_ref"] == answer.json()["call_ref"]
            document = (await api.client.get(f"{before}/openapi.json")).json()
            assert document["servers"] == [{"url": "/c2d/v1"}]
            assert (await api.client.get(f"{before}/docs")).status_code == 200
            for path in (CALLS, "/c2d/v1", "/c2d/v1x/healthz", "/c2d"):
                expected = 200 if path == CALLS else 404
                assert (await api.client.get(path)).status_code == expected, path

    run(test())


@pytest.mark.case("C13")
def test_a_proxys_word_on_the_client_counts_where_it_is_trusted(redis: RedisServer) -> None:
    async def test() -> None:
        keys: dict[str, Any] = {"trusted_proxies": LOOPBACK, "allow_from": ["192.0.2.0/24"]}
        async with FakeARI() as ari, serve(redis, ari, **keys) as api:
            assert (await get(api, X_Forwarded_For="192.0.2.7")).status_code == 200
            assert (await get(api, X_Forwarded_For="192.0.2.7, 127.0.0.5")).status_code == 200
            for not_inside in ("192.0.2.7, 198.51.100.1", "198.51.100.1", "192.0.2.7,", "x", ""):
                answer = await get(api, X_Forwarded_For=not_inside)
                assert answer.status_code == 401, not_inside
            assert (await get(api)).status_code == 401
            api.reload(trusted_proxies=[])
            assert (await get(api, X_Forwarded_For="192.0.2.7")).status_code == 401

    run(test())


@pytest.mark.case("C13")
def test_a_page_behind_a_proxy_is_a_page_of_ours(redis: RedisServer) -> None:
    async def test() -> None:
        url = "https://pbx.example.com/c2d"
        async with FakeARI() as ari, serve(redis, ari, allow_from=LOOPBACK, public_url=url) as api:
            ours = "https://pbx.example.com"
            assert (await get(api, Origin=ours)).status_code == 200  # the proxy sends its own Host
            assert (await get(api, Origin=ours, Host="pbx.example.com")).status_code == 200
            for other in ("https://pbx.example.com.evil.example", "null", "", "://", "https://"):
                assert (await get(api, Origin=other)).status_code == 403, other

    run(test())


def test_the_machines_own_names_are_known(redis: RedisServer) -> None:
    async def test() -> None:
        async with (
            FakeARI() as ari,
            serve(redis, ari, allow_from=LOOPBACK, hosts=["crm.local"]) as api,
        ):
            for host in ("127.0.0.1", f"localhost:{api.port}", socket.gethostname(), "CRM.local:1"):
                assert (await get(api, Host=host)).status_code == 200, host

    run(test())
