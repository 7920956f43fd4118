"""GET and DELETE: where calls stand, and their end."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from sandbox.redis import RedisServer
from tests.http.fake_ari import HANG, NOT_JSON, WRONG_SHAPE, FakeARI
from tests.http.rig import CALLS, errors, serve
from tests.io.running import run
from tests.io.test_recordings import wav, write

UNKNOWN = f"{CALLS}/bde674e2-eeaf-4355-b32c-664a82256e11"


@pytest.mark.parametrize("version", [2, 3])
def test_a_calls_states(redis: RedisServer, version: int) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari, payload_version=version) as api:
            created = await api.post()
            [call_ref] = ari.channels
            where = created.headers["location"]

            async def state() -> str:
                """Ask for the call alone and in the list; both must say the same."""
                one = (await api.client.get(where)).json()
                assert one == {**one, **created.json()}
                assert one["direction"] == "outbound"
                assert abs(one["dialed_at"] - time.time()) < 60
                assert (one["since"], one["answered_at"]) == (0, 0)
                listed = (await api.client.get(CALLS)).json()["calls"]
                assert listed == ([] if one["state"] == "ended" else [one])
                return str(one["state"])

            assert await state() == "ringing-agent"
            ari.channels[call_ref] = "Up"
            assert await state() == "ringing-callee"
            ari.variables[call_ref, "DIALEDPEERNAME"] = "PJSIP/trunk-00000001"
            assert await state() == "up"
            ari.channels.clear()
            assert await state() == "ended"
            await api.reap()
            assert await state() == "ended"
            assert (await api.client.get(where)).json()["record"] == api.cdrs()[0]

    run(test())


@pytest.mark.case("C52")
@pytest.mark.parametrize("record", [True, False])
def test_whether_a_call_is_recorded_is_told_while_it_is_up(
    redis: RedisServer, record: bool
) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari, record=record) as api:
            where = (await api.post()).headers["location"]
            [listed] = (await api.client.get(CALLS)).json()["calls"]
            one = (await api.client.get(where)).json()
            assert (listed["recorded"], one["recorded"]) == (record, record)
            ari.channels.clear()
            await api.reap()
            assert api.cdrs()[0]["recording_url"] == ""  # nobody had answered

    run(test())


def test_hanging_up(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            where = (await api.post()).headers["location"]
            response = await api.client.delete(where)
            assert (response.status_code, response.content) == (204, b"")
            assert ari.channels == {}
            [request] = ari.asked("hang_up")
            assert request.path.endswith("?reason_code=16")
            assert (await api.client.delete(where)).status_code == 204  # on its way to its end
            await api.reap()
            assert (await api.client.delete(where)).status_code == 204  # ended
            assert len(api.cdrs()) == 1

    run(test())


def test_what_is_no_call_of_ours(redis: RedisServer) -> None:
    """A channel that says of no call that it carries it is none either, whatever its id."""

    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            ari.channels[UNKNOWN.rpartition("/")[2]] = "Up"
            for name in (UNKNOWN, UNKNOWN.upper(), f"{CALLS}/x", f"{CALLS}/%00", f"{CALLS}/.."):
                for path in (name, f"{name}%0d%0a"):
                    for method in ("GET", "DELETE"):
                        response = await api.client.request(method, path)
                        assert response.status_code == 404, (method, path)
                        errors(response)
            assert ari.asked("hang_up") == []

    run(test())


@pytest.mark.slow
@pytest.mark.parametrize("trouble", [HANG, NOT_JSON, WRONG_SHAPE, 503])
def test_a_pbx_in_trouble(redis: RedisServer, trouble: str | int) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            where = (await api.post()).headers["location"]
            ari.trouble.update(dict.fromkeys(("channel", "channels", "hang_up"), trouble))
            assert (await api.client.get(where)).json()["state"] == "unknown"
            [listed] = (await api.client.get(CALLS)).json()["calls"]
            assert listed["state"] == "unknown"
            assert (await api.client.delete(where)).status_code == 503

    run(test())


@pytest.mark.case("T2")
def test_hanging_up_while_the_agents_phone_rings(redis: RedisServer) -> None:
    """What rings it goes first: without his own channel alone he would be who did not answer."""

    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            created = (await api.post()).json()
            call_ref, agents = created["call_ref"], "1795444038.1"
            ari.channels[agents] = "Ringing"
            facts = f"ocall_ref={call_ref}&integrator=acme&call_dir=outbound"
            ari.variables[agents, f"C2D_{agents}"] = facts
            assert len((await api.client.get(CALLS)).json()["calls"]) == 1  # which finds both
            assert (await api.client.delete(f"{CALLS}/{call_ref}")).status_code == 204
            first, *_ = ari.asked("hang_up")
            assert call_ref in first.path

    run(test())


def test_there_is_nothing_else(redis: RedisServer) -> None:
    """And no redirect, which would be built from the Host header that the client chose."""

    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            for path in ("/", "/click2dial", CALLS + "/", "/docs/", "/redoc", "//docs"):
                response = await api.client.get(api.base_url + path)
                assert response.status_code == 404, path
                errors(response)

    run(test())


OTHER_METHODS = [
    ("PUT", CALLS, {"GET", "HEAD", "POST"}),
    ("POST", UNKNOWN, {"DELETE", "GET", "HEAD"}),
    ("PATCH", CALLS, {"GET", "HEAD", "POST"}),
    ("POST", "/healthz", {"GET", "HEAD"}),
]


def test_other_methods(redis: RedisServer) -> None:
    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari) as api:
            for method, path, allowed in OTHER_METHODS:
                response = await api.client.request(method, path)
                assert response.status_code == 405
                assert set(response.headers["allow"].split(", ")) == allowed

    run(test())


@pytest.mark.case("C35")
def test_a_reference_that_a_database_has_put_in_capitals(
    redis: RedisServer, tmp_path: Path
) -> None:
    """As some do with what they know for a UUID."""

    async def test() -> None:
        async with FakeARI() as ari, serve(redis, ari, spool_dir=str(tmp_path)) as api:
            ref = (await api.post()).json()["call_ref"]
            where = f"{CALLS}/{ref.upper()}"
            assert (await api.client.get(where)).json()["call_ref"] == ref
            assert (await api.client.delete(where)).status_code == 204
            (tmp_path / "recordings").mkdir()
            write(tmp_path / "recordings", f"{ref}.wav", wav(100))
            answer = await api.client.get(f"/click2dial/recordings/{ref.upper()}")
            assert answer.status_code == 200

    run(test())
