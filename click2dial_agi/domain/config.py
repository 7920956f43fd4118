"""The configuration as frozen objects (docs/contract.md).  Building them touches nothing.

:mod:`click2dial_agi.io.config_file` reads the file and the secrets; :func:`parse_config` checks
what it holds.
"""

from collections.abc import Mapping
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from click2dial_agi.domain.config_changes import AtStart
from click2dial_agi.domain.config_problems import describe_problem
from click2dial_agi.domain.config_rules import advice, mixed_up
from click2dial_agi.domain.config_types import (
    SAME_HOST,
    AbsolutePath,
    Address,
    EmergencyNumber,
    HostName,
    Listen,
    Networks,
    RedisURL,
    Seconds,
    Section,
    TrimmedSecret,
    WebSocketOrigin,
    WebSocketURL,
    as_tuple,
)
from click2dial_agi.domain.integrators import TLS, Integrator
from click2dial_agi.domain.kamailio import Kamailio, redis_problem
from click2dial_agi.domain.listening import agi_advice, api_advice, clash
from click2dial_agi.domain.numbering.collisions import number_collision
from click2dial_agi.domain.numbering.lists import overlapping
from click2dial_agi.domain.pbxs import PBX, Asterisk, PeerDial, pbx_advice, pbxs_problem
from click2dial_agi.exceptions import ConfigError

__all__ = ["AGI", "Config", "Edge", "Metrics", "parse_config"]


class AGI(Section):
    """Where Asterisk reaches the dialplan server, and what one session may take."""

    listen: Annotated[Listen, AtStart.VALUE] = Address("127.0.0.1", 4574)
    allow_from: Networks = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
    max_sessions: Annotated[int, Field(ge=1, le=100_000)] = 10_000
    session_timeout: Seconds = 10.0
    # The dialplan's C2D_SECRET: who does not know it can tell nothing.
    secret: Annotated[TrimmedSecret, Field(min_length=16, max_length=128)] | None = None


class Edge(Section):
    """The SIP-over-WebSocket proxy that adds the error headers for browsers."""

    listen: Annotated[Listen, AtStart.VALUE] = Address("127.0.0.1", 8088)
    upstream: WebSocketURL = "ws://127.0.0.1:8087/ws"
    tls: Annotated[TLS | None, AtStart.PRESENCE] = None
    # Where the edge finds the errors of calls that another process or host refused.  Not an
    # integrator's: one edge serves them all.
    redis: Annotated[RedisURL | None, AtStart.VALUE] = None
    origins: Annotated[tuple[WebSocketOrigin, ...], BeforeValidator(as_tuple)] = (SAME_HOST,)
    # By which names `same-host` pages reach it, beside its own addresses and the machine's name.
    hosts: Annotated[tuple[HostName, ...], BeforeValidator(as_tuple), Field(max_length=64)] = ()
    # Each takes two file descriptors, and a thread and one of the sessions (http.conf's
    # sessionlimit) of Asterisk's, which ARI needs some of: 1000 in the sample.
    max_connections: Annotated[int, Field(ge=1, le=100_000), AtStart.VALUE] = 900
    # An office shares one address.  Beyond it those that did not register go first.
    connections_per_address: Annotated[int, Field(ge=1, le=100_000), AtStart.VALUE] = 300
    # From connecting to a REGISTER that Asterisk took, or to a call; a browser takes a second.
    register_timeout: Seconds = 30.0
    # An office shares one address and reconnects all its phones at once after an outage.
    connections_per_minute: Annotated[int, Field(ge=1, le=1_000_000)] = 600
    # An INVITE of a browser with many candidates is some 5 KB.
    max_message_size: Annotated[int, Field(ge=4096, le=1_048_576), AtStart.VALUE] = 65_536
    # Below the minute after which home routers and proxies forget a silent connection.
    ping_interval: Annotated[Seconds, AtStart.VALUE] = 30.0
    ping_timeout: Annotated[Seconds, AtStart.VALUE] = 20.0
    # Asterisk's default maximum_expiration: who sent nothing for so long is not registered.
    idle_timeout: Annotated[float, Field(gt=0, le=86_400)] = 7200.0
    stall_timeout: Seconds = 10.0


class Metrics(Section):
    """Where Prometheus fetches what the service counts."""

    listen: Listen = Address("127.0.0.1", 9573)
    # As in an integrator's section.
    hosts: Annotated[tuple[HostName, ...], BeforeValidator(as_tuple), Field(max_length=64)] = ()


class Config(Section):
    """The whole configuration."""

    agi: AGI = Field(default_factory=AGI)
    asterisk: Asterisk | None = None
    # What one PBX dials to reach an extension whose phone is registered at another.
    peer_dial: PeerDial | None = None
    edge: Annotated[Edge | None, AtStart.PRESENCE] = None
    # Where another's edge, Kamailio, finds the errors of refused calls; ours has edge.redis.
    errors_redis: Annotated[RedisURL | None, AtStart.VALUE] = None
    kamailio: Kamailio | None = None
    metrics: Metrics | None = None
    spool_dir: Annotated[AbsolutePath, AtStart.VALUE] = Path("/var/spool/click2dial")
    # Asterisk writes it (C2D_RECORDINGS), the server reads it.
    recordings_dir: AbsolutePath = Path("/var/spool/click2dial/recordings")
    # Of each queue: of an integrator's lists, of each webhook.  About 1 KB of disk each.
    journal_max_records: Annotated[int, Field(ge=1, le=100_000_000)] = 1_000_000
    # The dialplan's C2D_EMERGENCY: it dials them itself, before all rules.  Absent: those of the
    # integrators' number plans.
    emergency: Annotated[tuple[EmergencyNumber, ...], BeforeValidator(as_tuple)] | None = None
    integrators: Annotated[tuple[Integrator, ...], BeforeValidator(as_tuple), Field(min_length=1)]

    @model_validator(mode="after")
    def _integrators_share_nothing(self) -> Self:
        for what, values in (
            ("name", [one.name for one in self.integrators]),
            ("http", [one.http for one in self.integrators if one.http]),
        ):
            if len(set(values)) != len(values):
                raise ValueError(f"integrators: each {what} once")
        if wrong := mixed_up(self.integrators):
            raise ValueError(wrong)
        return self

    @model_validator(mode="after")
    def _calls_are_created_through_asterisk(self) -> Self:
        if self.asterisk is None and any(one.http for one in self.integrators):
            raise ValueError("asterisk: required where an integrator has http")
        return self

    @model_validator(mode="after")
    def _pbxs_are_told_apart(self) -> Self:
        if wrong := pbxs_problem(self.pbxs, self.peer_dial):
            raise ValueError(wrong)
        if self.errors_redis is not None and self.edge is not None:
            raise ValueError("errors_redis: only without an edge, which has edge.redis")
        return self

    @model_validator(mode="after")
    def _kamailio_has_its_redis(self) -> Self:
        if self.kamailio is not None and (wrong := redis_problem(self.errors_redis)):
            raise ValueError(wrong)
        return self

    @model_validator(mode="after")
    def _softphones_know_where_to_connect(self) -> Self:
        for number, one in enumerate(self.integrators):
            if one.softphone and one.http is None:
                raise ValueError(f"integrators[{number}].http: required for the softphone")
            if one.softphone and self.edge is None and one.softphone_ws is None:
                raise ValueError(
                    f"integrators[{number}].softphone_ws: required for the softphone "
                    "where there is no edge"
                )
        return self

    @model_validator(mode="after")
    def _consoles_have_something_to_show(self) -> Self:
        for number, one in enumerate(self.integrators):
            if one.console and one.http is None:
                raise ValueError(f"integrators[{number}].http: required for the console")
            if one.console and not self.is_live:
                raise ValueError(f"asterisk.ami: required for integrators[{number}].console")
        return self

    @model_validator(mode="after")
    def _extensions_have_one_owner(self) -> Self:
        ranges = [
            (extensions, integrator.name)
            for integrator in self.integrators
            for extensions in integrator.extensions
        ]
        for index, (extensions, owner) in enumerate(ranges):
            for other, other_owner in ranges[:index]:
                if extensions.overlaps(other):
                    raise ValueError(
                        f"integrators: extensions {extensions} of {owner} overlap {other} of "
                        f"{other_owner}; each extension has one owner"
                    )
        return self

    @model_validator(mode="after")
    def _strangers_know_no_secret(self) -> Self:
        if self.agi.secret is None and not self.agi.listen.is_loopback:
            raise ValueError(
                "agi.secret: required where agi.listen is not loopback, the same as C2D_SECRET in "
                "the dialplan"
            )
        return self

    @model_validator(mode="after")
    def _emergency_numbers_are_nobodys(self) -> Self:
        for integrator in self.integrators:
            for number in self.emergency_numbers:
                if integrator.owns(number):
                    raise ValueError(
                        f"integrators: extensions of {integrator.name} hold {number}, which is an "
                        "emergency number (emergency)"
                    )
                if integrator.takes(number):
                    raise ValueError(
                        f"integrators: dids of {integrator.name} hold {number}, which is an "
                        "emergency number (emergency)"
                    )
        return self

    @model_validator(mode="after")
    def _dids_have_one_owner(self) -> Self:
        for index, owner in enumerate(self.integrators):
            for other in self.integrators[:index]:
                found = overlapping(owner.numbers.dids, other.numbers.dids)
                if found is not None:
                    raise ValueError(
                        f"integrators: dids {found[0]} of {owner.name} and {found[1]} of "
                        f"{other.name} overlap; each DID has one owner"
                    )
        return self

    @property
    def pbxs(self) -> tuple[PBX, ...]:
        """The PBXs, in the order of the file; none where calls are not created."""
        if self.asterisk is None:
            return ()
        return self.asterisk if isinstance(self.asterisk, tuple) else (self.asterisk,)

    @property
    def is_live(self) -> bool:
        """Whether of any PBX it is followed what happens."""
        return any(pbx.ami is not None for pbx in self.pbxs)

    @cached_property
    def emergency_numbers(self) -> tuple[str, ...]:
        """The numbers that go before everything, from any phone."""
        if self.emergency is not None:
            return self.emergency
        plans = [number for one in self.integrators for number in one.plan.emergency]
        return tuple(dict.fromkeys(plans))

    @property
    def refusals_redis(self) -> str | None:
        """Through which Redis the errors of refused calls go to an edge elsewhere, if any."""
        return self.errors_redis if self.edge is None else self.edge.redis

    @property
    def journal_path(self) -> Path:
        """The database of the notifications that wait for their Redis."""
        return self.spool_dir / "journal.db"

    @property
    def spool_path(self) -> Path:
        """The file to which the dialplan appends calls that no server recorded (C2D_SPOOL)."""
        return self.spool_dir / "calls.spool"

    def listeners(self) -> list[tuple[str, Address]]:
        """Return every listener's address with its key, integrators by their place in the list."""
        optional = {
            "edge.listen": self.edge.listen if self.edge else None,
            "metrics.listen": self.metrics.listen if self.metrics else None,
            **{f"integrators[{n}].http": one.http for n, one in enumerate(self.integrators)},
        }
        given = [(key, address) for key, address in optional.items() if address is not None]
        return [("agi.listen", self.agi.listen), *given]

    def owner_of(self, extension: str) -> Integrator | None:
        """Return the integrator that owns an extension, None if nobody does."""
        for integrator in self.integrators:
            if integrator.owns(extension):
                return integrator
        return None

    def owner_of_did(self, did: str) -> Integrator | None:
        """Return the integrator whose number was dialled from outside, None if nobody's was."""
        for integrator in self.integrators:
            if integrator.takes(did):
                return integrator
        return None

    @cached_property
    def extensions_by_endpoint(self) -> Mapping[str, str]:
        """The extensions of endpoints that are called otherwise, by endpoint."""
        return {
            endpoint: extension
            for integrator in self.integrators
            for extension, endpoint in integrator.endpoints.items()
        }

    def integrator(self, name: str) -> Integrator | None:
        """Return the integrator of that name, None if there is none."""
        for integrator in self.integrators:
            if integrator.name == name:
                return integrator
        return None

    def warnings(self) -> list[str]:
        """Say what an operator should know of a configuration that is valid but wide open."""
        found = agi_advice(self.agi.listen, self.agi.allow_from)
        found += [
            f"integrators.{one.name}.transfers has no meaning any more: take it out"
            for one in self.integrators
            if one.transfers is not None
        ]
        if self.edge and self.edge.tls is None and not self.edge.listen.is_loopback:
            found.append("edge.tls is not set: browsers' calls cross the network unencrypted")
        if self.metrics and not self.metrics.listen.is_loopback:
            found.append("metrics.listen is open to other machines, without a key")
        found += pbx_advice(
            self.pbxs,
            edge_alone=self.edge is not None and self.edge.redis is None,
            needs_peer_dial=self.peer_dial is None
            and any(one.rings_phones_of_its_pbx for one in self.integrators),
        )
        found += advice(self.integrators)
        for integrator in self.integrators:
            where = f"integrators.{integrator.name}"
            found += self._host_warnings(integrator, where)
            found += api_advice(integrator)
            found += self._softphone_warnings(integrator, where)
            if sum(webhook.name is None for webhook in integrator.webhooks) > 1:
                found.append(
                    f"{where}.webhooks: several without a name; their queues go by their places "
                    "in the list, so give each a name before you change it"
                )
            if extension := number_collision(integrator.plan, integrator.extensions):
                found.append(
                    f"{where}.extensions: {extension} is a number of {integrator.plan.country}, "
                    "too, which can be called with its country code only"
                )
            if not integrator.caller_ids.owned:
                found.append(f"{where}.caller_ids.owned is empty: any caller ID may be shown")
            if missing := integrator.numbers.missing_default():
                found.append(
                    f"{where}.default_outbound_id: {missing}; calls that bring none are refused"
                )
            found += [
                f"{where}.caller_ids: {written} is mobile, and calls to customers may not show "
                f"such a number ({rule})"
                for written, rule in integrator.numbers.forbidden()
            ]
            if integrator.numbers.destinations.international is None and (
                "international" not in integrator.destinations.model_fields_set
            ):
                found.append(f"{where}.destinations.international is not set: all countries")
        if self.agi.secret is None:
            found.append(
                "agi.secret is not set: every process of this machine can tell of calls, and of "
                "their ends (set C2D_SECRET in the dialplan, and then agi.secret)"
            )
        return found

    def _host_warnings(self, integrator: Integrator, where: str) -> list[str]:
        edge = self.edge
        if (
            edge is None
            or not integrator.softphone
            or integrator.softphone_ws is not None
            or SAME_HOST not in edge.origins
        ):
            return []
        missing = [host for host in integrator.public_hosts if host not in edge.hosts]
        return [f"edge.hosts lacks {host}, where {where}'s softphone is" for host in missing]

    def _softphone_warnings(self, integrator: Integrator, where: str) -> list[str]:
        if not integrator.softphone or integrator.http is None or integrator.http.is_loopback:
            return []
        if integrator.tls is None:
            return [
                f"{where}.tls is not set: browsers give the softphone no microphone, unless a "
                "proxy in front has a certificate"
            ]
        if integrator.softphone_ws is None and self.edge is not None and self.edge.tls is None:
            return [f"{where}: the softphone's page has tls and edge has not: no browser connects"]
        return []


def parse_config(document: object) -> Config:
    """Check a configuration document (mappings, lists and scalars, as YAML gives them).

    Raises :exc:`ConfigError` with the dotted path of the first wrong key and what was expected;
    its ``__notes__`` hold the others.
    """
    if not isinstance(document, dict):
        raise ConfigError("configuration", "a mapping of keys such as agi and integrators")
    try:
        config = Config.model_validate(document)
    except ValidationError as error:
        problems = [describe_problem(details) for details in error.errors(include_url=False)]
        raised = ConfigError(*problems[0])
        for path, expected in problems[1:]:
            raised.add_note(f"{path}: {expected}")
        raise raised from None
    if clashing := clash(config.listeners()):
        path, _, expected = clashing.partition(": ")
        raise ConfigError(path, expected)
    return config
