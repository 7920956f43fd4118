"""Agents whose endpoint is not called as their extension: what the PBX says of them, merged."""

import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

from click2dial_agi.domain.config import Config

__all__ = ["Naming", "name_agents"]

# EndpointName of config_types: the name becomes part of a dial string.
_ENDPOINT = re.compile(r"[A-Za-z0-9_.+-]{1,79}")


class Naming(NamedTuple):
    """A configuration that knows the PBX's agents, and what of them it could not take."""

    config: Config
    problems: tuple[str, ...] = ()


def name_agents(
    config: Config, extensions: Mapping[str, str], endpoints: Collection[str]
) -> Naming:
    """Return ``config`` with the PBX's agents added to each integrator's ``endpoints``.

    ``extensions`` is what C2D_EXTENSION says by endpoint, ``endpoints`` the names of all that there
    are.  What the operator wrote wins over it, and an endpoint that has the extension for its name
    wins, too.  Nothing is taken that a dial string must not hold.
    """
    written = config.extensions_by_endpoint
    added: dict[str, dict[str, str]] = {}
    problems = []
    for endpoint, extension in sorted(extensions.items()):
        owner = config.owner_of(extension)
        if owner is None or endpoint in written:
            continue  # doctor tells of extensions that are nobody's
        taken = added.setdefault(owner.name, dict(owner.endpoints))
        if not _ENDPOINT.fullmatch(endpoint):
            problems.append(f"endpoint {endpoint[:79]!r}: letters, digits and . _ + - only")
        elif extension in owner.endpoints:
            continue
        elif other := (extension if extension in endpoints else taken.get(extension)):
            problems.append(f"endpoint {endpoint}: extension {extension} is endpoint {other}'s")
        else:
            taken[extension] = endpoint
    return Naming(_with_endpoints(config, added), tuple(problems))


def _with_endpoints(config: Config, endpoints: Mapping[str, Mapping[str, str]]) -> Config:
    integrators = tuple(
        one.model_copy(update={"endpoints": endpoints[one.name]}) if one.name in endpoints else one
        for one in config.integrators
    )
    values = {name: getattr(config, name) for name in Config.model_fields}
    # Not model_copy, which would take along what was computed of the integrators before.
    return Config.model_construct(config.model_fields_set, **{**values, "integrators": integrators})
