"""Rules over all listeners of a configuration: which cannot be, and which are of no use."""

from collections.abc import Iterable, Sequence
from itertools import combinations

from click2dial_agi.domain.config_types import Address
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.networks import Network, usual_form

__all__ = ["agi_advice", "api_advice", "clash"]

_ANY = {"0.0.0.0", "::"}
# What the one name that every machine knows may stand for.
_LOCALHOST = {"127.0.0.1", "::1"}


def clash(listeners: Iterable[tuple[str, Address]]) -> str:
    """Return ``key: what is wrong`` for the first two listeners on one port, else nothing.

    ``listeners`` are keys with their addresses.  Two hosts that differ may share a port, unless one
    of them stands for all.
    """
    for (key, one), (other_key, other) in combinations(listeners, 2):
        hosts, others = _meant(one.host), _meant(other.host)
        same = hosts & others or hosts & _ANY or others & _ANY
        if same and one.port == other.port != 0:
            return f"{other_key}: a port of its own; {key} has {one}"
    return ""


def _meant(host: str) -> set[str]:
    """Return the addresses that a host is, however it is written; a name that is none of ours."""
    name = usual_form(host)
    return _LOCALHOST if name == "localhost" else {name}


def agi_advice(listen: Address, allow_from: Sequence[Network]) -> list[str]:
    """Say if FastAGI is open to other machines, none of which may come in."""
    if listen.is_loopback or not _loopback_only(allow_from):
        return []
    return [f"agi.listen is {listen} for other machines, and agi.allow_from lets in none of them"]


def api_advice(one: Integrator) -> list[str]:
    """Say if nobody can use an integrator's API, or everybody."""
    if one.http is None or one.api_keys or one.supervisor_keys:
        return []
    where = f"integrators.{one.name}"
    if not one.allow_from:
        return [f"{where}.http: no api_keys and no allow_from: every request is refused"]
    if one.http.is_loopback:
        return []
    if _loopback_only(one.allow_from):
        return [
            f"{where}.http is {one.http} for other machines, which have no api_keys and are not in "
            "allow_from: their requests are refused"
        ]
    networks = ", ".join(str(network) for network in one.allow_from)
    return [f"{where}.http: whoever is in {networks} may create calls without a key"]


def _loopback_only(networks: Sequence[Network]) -> bool:
    return all(network.is_loopback for network in networks)
