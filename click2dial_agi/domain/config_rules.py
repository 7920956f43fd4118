"""Rules over several keys of the configuration.  Each returns what is wrong, or an empty text."""

from collections.abc import Sequence
from itertools import combinations

from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.redis_url import parse_redis_url, same_redis

__all__ = ["shared_lists", "shared_webhooks"]


def shared_lists(integrators: Sequence[Integrator]) -> str:
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


def shared_webhooks(integrators: Sequence[Integrator]) -> str:
    """Find two webhooks of one integrator that post to one place, or have one queue."""
    for number, one in enumerate(integrators):
        for what, values in (
            ("url", [webhook.url for webhook in one.webhooks]),
            ("name", list(one.named_webhooks)),
        ):
            if len(set(values)) != len(one.webhooks):
                return f"integrators[{number}].webhooks: each {what} once"
    return ""
