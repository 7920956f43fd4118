"""Numbers of three countries beside the contract's, on the wire and in the record."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from redis import Redis

from sandbox.phone_call import PhoneCall
from sandbox.process import until
from sandbox.sip import Message
from tests.e2e.numbers.conftest import COUNTRIES, Country, World

every_country = pytest.mark.parametrize("country", COUNTRIES, ids=lambda one: one.name)
every_writing = pytest.mark.parametrize(
    ("country", "callee"), [(one, callee) for one in COUNTRIES for callee in one.callees]
)


def caller_of(invite: Message | None) -> str:
    """Return the user of From."""
    assert invite is not None
    address = invite.header("From") or ""
    return address.partition("sip:")[2].partition("@")[0]


@pytest.mark.case("C14")
@every_writing
def test_a_phone_dials(world: World, country: Country, callee: str) -> None:
    async def test() -> None:
        call = await world.agent(country).call(quote(callee, safe=""))
        client = await world.client(country.dialled)
        assert caller_of(client.invite) == country.shown
        await call.up()
        await call.hang_up()
        await client.over()
        record = await world.record(country, number=country.recorded, extension=country.agent)
        assert record["dial_number"] == country.shown_recorded
        assert record["end_reason"] == "hungup"

    world.loop.run(test())


@pytest.mark.case("C14")
@every_writing
def test_the_crm_dials(world: World, country: Country, callee: str) -> None:
    async def test() -> None:
        response = await world.create(country, callee)
        assert response.status_code == 201, response.text
        assert response.json()["callee"] == country.recorded
        assert response.json()["dial_number"] == country.shown_recorded
        agent = await world.agent(country).next_call()
        await agent.up()
        client = await world.client(country.dialled)
        assert caller_of(client.invite) == country.shown
        await client.hang_up()
        await agent.over()
        await world.record(country, number=country.recorded, extension=country.agent)

    world.loop.run(test())


@every_country
def test_what_is_wrong_is_told(world: World, country: Country) -> None:
    async def test() -> None:
        response = await world.create(country, country.wrong)
        assert response.status_code == 422
        assert [one["message"] for one in response.json()["errors"]] == [country.error]
        call = await world.agent(country).call(quote(country.wrong, safe=""))
        assert (await call.final()).status == 484
        await world.record(country, number="", end_code=28)

    world.loop.run(test())


@pytest.mark.case("A5")
@pytest.mark.parametrize(
    ("name", "callee"),
    [
        ("contract", "0900123456"),
        ("south-africa", "+27 900 123 456"),
        ("britain", "0900 123 4567"),
        ("america", "1-900-234-5678"),
    ],
)
def test_a_premium_number_is_not_dialled(world: World, name: str, callee: str) -> None:
    country = next(one for one in COUNTRIES if one.name == name)

    async def test() -> None:
        response = await world.create(country, callee)
        assert response.status_code == 403
        assert response.json()["errors"][0]["message"] == "callee: no premium numbers"
        call = await world.agent(country).call(quote(callee, safe=""))
        assert (await call.final()).status == 484
        await world.record(country, end_code=28)

    world.loop.run(test())


@pytest.mark.case("T18")
@every_country
def test_a_call_from_outside(world: World, country: Country) -> None:
    async def test() -> None:
        number = country.client.replace(" ", "")
        identity = [("P-Asserted-Identity", f"<sip:{number}@127.0.0.1>")]
        client = await world.trunk.call(country.did, identity)
        await world.agent(country).next_call()
        await client.up()
        await client.hang_up()
        await world.record(
            country,
            call_dir="inbound",
            extension=country.agent,
            number=country.client_recorded,
            dial_number=country.did_recorded,
        )

    world.loop.run(test())


@every_country
def test_a_client_is_handed_on(world: World, country: Country) -> None:
    """To the number, from a call from outside: shown is what the integrator shows by default."""

    async def test() -> None:
        identity = [("P-Asserted-Identity", "<sip:+447911123457@127.0.0.1>")]
        client = await world.trunk.call(country.did, identity)
        agent = await world.agent(country).next_call()
        await client.up()
        await client.media.hear(country.agent)
        await agent.send_to(quote(country.callees[0], safe=""))
        target = await world.client(country.dialled)
        assert caller_of(target.invite) == country.shown
        await client.hang_up()
        await target.over()
        records = await world.records(country, 2)
        [leg] = [one for one in records if one["call_dir"] == "outbound"]
        assert (leg["number"], leg["extension"]) == (country.recorded, country.agent)
        assert leg["dial_number"] == country.shown_recorded

    world.loop.run(test())


async def handed_on(world: World, country: Country, target: str) -> PhoneCall:
    """Return the call of a client whom the country's agent has sent on."""
    client = await world.trunk.call(country.did)
    agent = await world.agent(country).next_call()
    await client.up()
    await client.media.hear(country.agent)
    await agent.send_to(quote(target, safe=""))
    return client


@pytest.mark.parametrize(
    "target",
    [
        *("+44 20 7946 0999", "0 20 7946 0999", "(020) 7946 0999", "\u202a020 7946 0999\u202c"),
        *("%2B44 20 7946 0999", "\u00a0020 7946 0999", "tel:+442079460999", "2079460999"),
    ],
)
def test_a_client_is_handed_on_to_a_number_as_written(world: World, target: str) -> None:
    """Blanks and the like may be anywhere; what is no number brings the client back."""
    country = next(one for one in COUNTRIES if one.name == "britain")
    is_number = not target.startswith("0 ")

    async def test() -> None:
        client = await handed_on(world, country, target)
        if is_number:
            await world.client(country.dialled)
        else:
            again = await world.agent(country).next_call()
            await again.up()
        await client.hang_up()
        await world.records(country, 2 if is_number else 1)

    world.loop.run(test())


@pytest.mark.parametrize(
    "callee",
    [
        *("1 201 555 0123", "\u202a+1 201 555 0123\u202c", "1\u00a0201\u00a0555\u00a00123"),
        *("011 1 (201) 555/0123", " 1 201 555 0123 ", "tel:+1-201-555-0123;ext=12"),
    ],
)
def test_whatever_stands_first_and_second(world: World, callee: str) -> None:
    """All that the plan accepts gets past Asterisk's patterns."""
    country = next(one for one in COUNTRIES if one.name == "america")

    async def test() -> None:
        call = await world.agent(country).call(quote(callee, safe=""))
        await world.client(country.dialled)
        await call.up()
        await call.hang_up()
        await world.record(country, number=country.recorded, end_reason="hungup")

    world.loop.run(test())


@pytest.mark.case("A5")
@pytest.mark.parametrize("target", ["0900 123 4567", "+44 (0)900/123.4567", "0871 234 5678"])
def test_a_client_is_not_handed_on_to_what_is_denied(world: World, target: str) -> None:
    country = next(one for one in COUNTRIES if one.name == "britain")

    async def test() -> None:
        client = await handed_on(world, country, target)
        again = await world.agent(country).next_call()
        await again.up()
        assert world.trunk.incoming == []
        await client.hang_up()
        await world.record(country, call_dir="inbound")

    world.loop.run(test())


def test_what_a_caller_id_was_shown_is_kept_for_all_servers(world: World) -> None:
    country = next(one for one in COUNTRIES if one.name == "america")
    key = f"{{{country.name}}}:shown:{datetime.now(UTC).date().isoformat()}"
    with Redis.from_url(world.server.config["integrators"][0]["redis"]) as redis:
        before = int(redis.hget(key, "12125550100") or 0)

        async def test() -> None:
            call = await world.agent(country).call(quote(country.callees[0], safe=""))
            await world.client(country.dialled)
            await call.up()
            await call.hang_up()
            await world.record(country)

        world.loop.run(test())
        until(lambda: int(redis.hget(key, "12125550100") or 0) > before, 15, "the count")


@pytest.mark.parametrize(
    ("callee", "error"),
    [
        ("1", "too short for a number of US"),
        ("x", "no digits"),
        ("1 201", "too short for a number of US"),
        ("1 201 555 0123" + " " * 65 + "4", "too long: at most 20 digits"),
        ("\u00a0", "no digits"),
        ("\U0001f4de 201 555 0123", "only digits 0-9"),
    ],
)
def test_the_agent_is_told_what_is_wrong_with_what_the_phone_dialled(
    world: World, callee: str, error: str
) -> None:
    country = next(one for one in COUNTRIES if one.name == "america")

    async def test() -> None:
        before = len(world.server.log())
        call = await world.agent(country).call(quote(callee, safe=""))
        assert (await call.final()).status == 484
        await world.record(country, number="", end_reason="error", end_code=28)
        assert f"callee: {error}" in world.server.log()[before:]
        assert callee not in world.server.log()[before:] or len(callee) == 1

    world.loop.run(test())


@pytest.mark.case("T17")
@every_country
@pytest.mark.parametrize("callee", ["1 1 2", "1-1-2"])
def test_help_is_called_with_blanks(world: World, country: Country, callee: str) -> None:
    async def test() -> None:
        call = await world.agent(country).call(quote(callee, safe=""))
        await world.client("112")
        await call.up()
        await call.hang_up()
        await world.record(country, number="112", extension=country.agent, end_reason="hungup")

    world.loop.run(test())


@pytest.mark.case("C10")
def test_one_agent_outside_has_one_call(world: World) -> None:
    [contract, *_] = COUNTRIES

    async def test() -> None:
        agents = ["0830000000", "27830000000", "0027830000000"]
        first = await world.create(contract, "0820000100", agents[0])
        assert first.status_code == 201, first.text
        for agent in agents:
            second = await world.create(contract, "0820000100", agent)
            assert second.status_code == 429, second.text
        own = await world.create(contract, "27830000000", agents[0])
        assert own.status_code == 422
        await world.api.delete(f"{world.http[contract.name]}/{first.json()['call_ref']}")
        await world.record(contract, call_dir="external", extension=agents[0])

    world.loop.run(test())
