"""Agents' endpoints: do their calls come to us, and do ours reach them."""

from collections.abc import Iterator, Mapping, Sequence

from click2dial_agi.app.doctor.findings import Finding, Level
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.io.ari_facts import EndpointFacts

__all__ = ["check_endpoints", "check_outsiders", "check_trunks"]

CONTEXT = "click2dial"
FREEPBX_CONTEXT = "from-internal"

_RELOAD = "asterisk -rx 'pjsip reload'"


def check_endpoints(
    config: Config, endpoints: Sequence[EndpointFacts], *, freepbx: bool = False
) -> Iterator[Finding]:
    """Compare each endpoint with the integrators' extensions.

    With ``freepbx`` dialplan/freepbx.conf is loaded: calls with our headers come to us from there.
    """
    by_name = {endpoint.name: endpoint for endpoint in endpoints}
    for endpoint in endpoints:
        extension = _extension(endpoint, config)
        owner = config.owner_of(extension)
        context = endpoint.options.get("context", "")
        if owner is None:
            if context == CONTEXT:
                yield Finding(
                    Level.WARNING,
                    "extension-unknown",
                    f"endpoint {endpoint.name} dials through {CONTEXT}, and {extension} is no "
                    "integrator's extension",
                    "all its calls are refused",
                    f"set_var = C2D_EXTENSION=… on it in pjsip.conf, or {extension} among an "
                    f"integrator's extensions; {_RELOAD}",
                )
            continue
        if context != CONTEXT and not (freepbx and context == FREEPBX_CONTEXT):
            yield Finding(
                Level.WARNING,
                "context-elsewhere",
                f"endpoint {endpoint.name} ({extension} of {owner.name}) has context={context}",
                "its calls are not validated and leave no record",
                f"context = {CONTEXT} on it in pjsip.conf (FreePBX: docs/freepbx.md); {_RELOAD}",
            )
        yield from _reach(endpoint, extension, owner, by_name)
    yield from _twice(config, endpoints)


def _twice(config: Config, endpoints: Sequence[EndpointFacts]) -> Iterator[Finding]:
    """Find extensions that several endpoints say they are: of these one is rung."""
    phones: dict[str, list[str]] = {}
    for endpoint in endpoints:
        extension = _extension(endpoint, config)
        if config.owner_of(extension) is not None:
            phones.setdefault(extension, []).append(endpoint.name)
    for extension, names in phones.items():
        if len(names) > 1:
            yield Finding(
                Level.WARNING,
                "extension-twice",
                f"extension {extension} is the endpoints {' and '.join(names)}",
                "one of them is rung, and shown live; calls of all are that extension's",
                f"another C2D_EXTENSION on one of them; or one endpoint for all its phones, with "
                f"max_contacts above 1; {_RELOAD}",
            )


def _reach(
    endpoint: EndpointFacts,
    extension: str,
    owner: Integrator,
    by_name: Mapping[str, EndpointFacts],
) -> Iterator[Finding]:
    dial = owner.agent_dial.replace("{endpoint}", endpoint.name).replace("{extension}", extension)
    technology, _, rest = dial.partition("/")
    name = rest.rpartition("@")[2]
    if technology.upper() == "LOCAL":
        yield Finding(
            Level.WARNING,
            "agent-dial-local",
            f"integrators.{owner.name}.agent_dial goes through Local/",
            "an agent who does not answer may be replaced by voicemail",
            "agent_dial: PJSIP/{extension}",
        )
    elif technology.upper() == "PJSIP" and name not in by_name:
        yield Finding(
            Level.WARNING,
            "agent-unreachable",
            f"extension {extension} is endpoint {endpoint.name}, and agent_dial rings {dial}, "
            "which does not exist",
            "it can call, and cannot be called",
            f"agent_dial of {owner.name} with {{endpoint}}, or name the endpoint {extension}",
        )


def check_trunks(
    config: Config, endpoints: Mapping[str, str], emergency_dial: str
) -> Iterator[Finding]:
    """Look for the endpoints through which calls leave; ``endpoints`` are states by name."""
    ways = _ways(config)
    if emergency_dial:
        ways.append(("C2D_EMERGENCY_DIAL", emergency_dial))
        yield from _check_emergency(emergency_dial)
    for key, dial in dict.fromkeys(ways):
        name = _endpoint_of(dial)
        if name is None:
            continue
        if name not in endpoints:
            what = "emergency calls" if key == "C2D_EMERGENCY_DIAL" else "calls to the outside"
            yield Finding(
                Level.DANGER,
                "trunk-missing",
                f"{key}: Asterisk has no endpoint {name}",
                f"{what} fail",
                f"[{name}] in pjsip.conf, or another way in {key}",
            )
        elif endpoints[name] == "offline":
            yield Finding(
                Level.WARNING,
                "trunk-offline",
                f"{key}: endpoint {name} is offline",
                "the provider does not answer OPTIONS, or has no contact",
                f"asterisk -rx 'pjsip show endpoint {name}'",
            )


def check_outsiders(config: Config, endpoints: Sequence[EndpointFacts]) -> Iterator[Finding]:
    """Look whether who calls from outside may send on whom he talks to."""
    options = {endpoint.name: endpoint.options for endpoint in endpoints}
    for key, dial in dict.fromkeys(_ways(config)):
        name = _endpoint_of(dial)
        told = options.get(name, {}) if name is not None else {}
        if told.get("allow_transfer") == "true" and told.get("context") != CONTEXT:
            yield Finding(
                Level.WARNING,
                "trunk-transfers",
                f"{key}: endpoint {name} has allow_transfer = yes",
                "a caller in two calls can put their agents together and be gone (REFER with "
                "Replaces): they talk on in no record",
                f"allow_transfer = no on it in pjsip.conf; {_RELOAD}",
            )


def _ways(config: Config) -> list[tuple[str, str]]:
    """Return what dials numbers outside, by key."""
    return [(f"integrators.{one.name}.trunk_dial", one.trunk_dial) for one in config.integrators]


def _check_emergency(dial: str) -> Iterator[Finding]:
    # As Asterisk has read it: what ${EXTEN} was is gone, and the dialplan knows where it may have
    # been (click2dial-help).
    if any(place in dial for place in ("{number}", "/@", ":@", "/&")) or dial.endswith("/"):
        return
    yield Finding(
        Level.WARNING,
        "emergency-dial-fixed",
        f"C2D_EMERGENCY_DIAL is {dial} for whatever number is called",
        "Asterisk makes nothing of ${EXTEN} in [globals], so the called number is not dialled",
        "C2D_EMERGENCY_DIAL with {number}, such as PJSIP/0{number}@trunk",
    )


def _endpoint_of(dial: str) -> str | None:
    """Return the endpoint of ``PJSIP/number@endpoint`` or ``PJSIP/endpoint/uri``, if it is one."""
    technology, _, rest = dial.partition("/")
    endpoint, slash, _ = rest.partition("/")
    if technology.upper() != "PJSIP" or "@" not in rest:
        return None
    return endpoint if slash else rest.rpartition("@")[2]


def _extension(endpoint: EndpointFacts, config: Config) -> str:
    known = config.extensions_by_endpoint.get(endpoint.name)
    return known or endpoint.options.get("C2D_EXTENSION") or endpoint.name
