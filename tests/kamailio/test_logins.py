"""Who is refused at the login is named in the log, and nobody else: fail2ban reads it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from sandbox.digest import digest
from sandbox.redis import redis_server
from sandbox.ua import UA
from sandbox.waiting import patience
from tests.kamailio.fake_pbx import Front
from tests.kamailio.rig import PHONES, password

NAME = str(PHONES[0])
SECONDS = 1
LIFE = '"nonce_expire", 300'


@pytest.fixture(scope="module")
def front(kamailio_installed: None) -> Iterator[Front]:
    """A Kamailio whose nonces live for a second."""
    with redis_server() as redis, Front.running(redis) as front:
        path = front.kamailio.directory / "kamailio.cfg"
        text = path.read_text()
        assert LIFE in text
        front.kamailio.kill()
        path.write_text(text.replace(LIFE, f'"nonce_expire", {SECONDS}'))
        front.kamailio.start()
        yield front


def _refusals(front: Front) -> list[str]:
    return [line for line in front.kamailio.log().splitlines() if "refused" in line]


def test_a_phone_whose_nonce_has_expired_is_told_so_and_not_named(front: Front) -> None:
    async def calls() -> None:
        phone = UA(NAME, front.kamailio.phones_port)
        await phone.open()
        try:
            challenge = (await phone.register()).header("WWW-Authenticate") or ""
            uri = f"sip:127.0.0.1:{phone.pbx_port}"
            used, guessed = (
                [("Authorization", digest(challenge, "REGISTER", uri, NAME, secret))]
                for secret in (password(NAME), "wrong-password")
            )
            assert (await phone.register(headers=used)).status == 200
            async with asyncio.timeout(patience(SECONDS + 5)):
                while (answer := await phone.register(headers=used)).status == 200:
                    await asyncio.sleep(0.1)
            assert answer.status == 401
            assert "stale=true" in (answer.header("WWW-Authenticate") or "")
            # Nor does it say whether a password is right.
            answer = await phone.register(headers=guessed)
            assert "stale=true" in (answer.header("WWW-Authenticate") or "")
        finally:
            await phone.close()

    asyncio.run(calls())
    assert _refusals(front) == []


@pytest.mark.parametrize(
    ("name", "secret", "why"),
    [(NAME, "wrong-password", "-2"), ("nobody", "any-password", "unknown")],
)
def test_who_has_no_login_is_named(front: Front, name: str, secret: str, why: str) -> None:
    before = len(_refusals(front))

    async def calls() -> int:
        phone = UA(name, front.kamailio.phones_port, password=secret)
        await phone.open()
        try:
            where = phone.wire.port
            assert (await phone.register()).status == 401
            return where
        finally:
            await phone.close()

    port = asyncio.run(calls())
    (line,) = _refusals(front)[before:]
    assert line.endswith(f"login of {name} from 127.0.0.1:{port} refused: REGISTER ({why})")
