"""Rules over several integrators, or several keys of one."""

from collections.abc import Iterator, Sequence
from itertools import combinations

from click2dial_agi.domain.api_keys import hashed
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.redis_url import parse_redis_url, same_redis

__all__ = ["advice", "mixed_up"]

# As a webhook's secret must have; a hash has more.
_GUESSED = 16


def mixed_up(integrators: Sequence[Integrator]) -> str:
    """Find two that have in common what must be one's alone."""
    return (
        _shared_lists(integrators)
        or _shared_webhooks(integrators)
        or _shared_endpoints(integrators)
    )


def advice(integrators: Sequence[Integrator]) -> Iterator[str]:
    """Say what is valid and hardly meant so."""
    yield from _endpoint_advice(integrators)
    yield from _key_advice(integrators)
    for one in integrators:
        yield from _prefix_advice(one)
        yield from _destination_advice(one)


def _shared_lists(integrators: Sequence[Integrator]) -> str:
    """Find two integrators, or two prefixes of one, whose notifications would be mixed up."""
    lists = [
        (parse_redis_url(one.redis), prefix, one.name)
        for one in integrators
        for prefix in (one.key_prefix, *one.copies)
    ]
    for (place, prefix, name), (other, other_prefix, other_name) in combinations(lists, 2):
        if prefix == other_prefix and same_redis(place, other):
            return (
                f"integrators: each pair of redis and key_prefix or copy once; {name} and "
                f"{other_name} both have {prefix} on {other}"
            )
    return ""


def _shared_webhooks(integrators: Sequence[Integrator]) -> str:
    """Find two webhooks of one integrator that post to one place, or have one queue."""
    for number, one in enumerate(integrators):
        for what, values in (
            ("url", [webhook.url for webhook in one.webhooks]),
            ("name", list(one.named_webhooks)),
        ):
            if len(set(values)) != len(one.webhooks):
                return f"integrators[{number}].webhooks: each {what} once"
    return ""


def _shared_endpoints(integrators: Sequence[Integrator]) -> str:
    """Find an endpoint that is the phone of two extensions: whose calls are its calls?"""
    owners: dict[str, str] = {}
    for one in integrators:
        for extension, endpoint in one.endpoints.items():
            owner = f"{extension} of {one.name}"
            if endpoint in owners:
                return (
                    f"integrators: endpoint {endpoint} is the phone of {owners[endpoint]} and of "
                    f"{owner}; each endpoint is one extension's"
                )
            owners[endpoint] = owner
    return ""


def _endpoint_advice(integrators: Sequence[Integrator]) -> Iterator[str]:
    """Say which of ``endpoints`` belong to extensions of others, or take another's phone."""
    for one in integrators:
        for extension, endpoint in one.endpoints.items():
            where = f"integrators.{one.name}.endpoints"
            if not one.owns(extension):
                yield f"{where}: {extension} is no extension of {one.name}"
            others = (other for other in integrators if other.owns(endpoint))
            if endpoint != extension and any(endpoint not in other.endpoints for other in others):
                yield (
                    f"{where}: {endpoint} is the phone of {extension}, so whoever calls extension "
                    f"{endpoint} rings it, too; say in endpoints what {endpoint}'s own is"
                )


def _key_advice(integrators: Sequence[Integrator]) -> Iterator[str]:
    """Say which keys open more than the operator may have meant, and which anybody finds."""
    for one in integrators:
        if any(len(key) < _GUESSED for key in _all_keys(one)):
            yield (
                f"integrators.{one.name}: a key of fewer than {_GUESSED} characters can be "
                "guessed; `click2dial-agi hash-key` makes one"
            )
        if {*map(hashed, one.api_keys)} & {*map(hashed, one.supervisor_keys)}:
            yield (
                f"integrators.{one.name}: a key is both in api_keys and in supervisor_keys: "
                "whoever has it may listen to calls"
            )
    known = [(one.name, {*map(hashed, _all_keys(one))}) for one in integrators]
    for (name, keys), (other, others) in combinations(known, 2):
        if keys & others:
            yield (
                f"integrators.{name} and {other} have a key in common: whoever has it may see and "
                "place the calls of both"
            )


def _all_keys(one: Integrator) -> Sequence[str]:
    return (*one.api_keys, *one.supervisor_keys)


def _prefix_advice(one: Integrator) -> Iterator[str]:
    """Say which lists are not called as the operator may think."""
    for key, prefixes in (("key_prefix", [one.key_prefix]), ("copies", one.copies)):
        for prefix in prefixes:
            if prefix.endswith(":"):
                yield (
                    f"integrators.{one.name}.{key}: {prefix} ends with a colon, and another "
                    f"follows: the list of records is {prefix}:cdr"
                )


def _destination_advice(one: Integrator) -> Iterator[str]:
    """Name country codes that are none: one with a digit too few opens a part of the world."""
    for code in one.numbers.destinations.unknown_codes:
        yield f"integrators.{one.name}.destinations: no country has the code {code}"
