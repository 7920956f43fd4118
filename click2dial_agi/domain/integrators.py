"""One CRM in the configuration: its extensions, numbers, Redis and limits (docs/contract.md)."""

import re
from bisect import bisect_right
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from click2dial_agi.domain.config_types import (
    HTTPURL,
    AbsolutePath,
    AgentDial,
    APIKey,
    AskingOrigin,
    BrowserWebSocketURL,
    DialplanContext,
    EndpointName,
    ExtensionRange,
    HostName,
    Listen,
    Networks,
    PopURL,
    PublicURL,
    RedisURL,
    Secret,
    Section,
    TrunkDial,
    as_tuple,
    extension,
)
from click2dial_agi.domain.names import NotificationKind
from click2dial_agi.domain.numbering.config import (
    CallerIDs,
    Destinations,
    Numbering,
    QuotedNumber,
)
from click2dial_agi.domain.numbering.plan import NumberPlan
from click2dial_agi.domain.numbering.settings import NumberSettings, read_settings
from click2dial_agi.domain.numbers import NAME_PATTERN

__all__ = ["TLS", "AgentLimits", "Integrator", "Limits", "PhoneLimits", "Webhook"]

# What stands before and behind the @ of a Local channel's dial string.
_LOCAL = re.compile(r"Local/([^@/]+)@([A-Za-z0-9_.-]+)(?:/[a-z]*)?")

Name = Annotated[str, StringConstraints(pattern=f"^{NAME_PATTERN}$")]
KeyPrefix = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,128}$")]


# Above every extension, in the order of texts.
_HIGHEST = ":"


PerMinute = Annotated[int, Field(ge=1, le=1_000_000)]
AtOnce = Annotated[int, Field(ge=1, le=100_000)]


class AgentLimits(Section):
    """How many calls one agent's phone may place; None: any number."""

    calls_per_minute: PerMinute | None = 20
    concurrent_calls: AtOnce | None = 4


class PhoneLimits(Section):
    """How many calls all phones of an integrator may place; None: any number."""

    calls_per_minute: PerMinute | None = None
    concurrent_calls: AtOnce | None = None


class Limits(Section):
    """How many calls an integrator may create, and its phones may place."""

    calls_per_minute: PerMinute = 60
    concurrent_calls: AtOnce = 30
    agent: AgentLimits = Field(default_factory=AgentLimits)
    phones: PhoneLimits = Field(default_factory=PhoneLimits)


class TLS(Section):
    """A certificate with its chain, and its key, both PEM files."""

    cert: AbsolutePath
    key: AbsolutePath


class Webhook(Section):
    """Where notifications are posted, and the secret that signs them.

    ``name`` is its queue's, which so outlives another ``url``.  ``ca`` is a PEM file with the
    authorities that may have signed its certificate; None: those that the system trusts.
    """

    url: HTTPURL
    secret: Annotated[Secret, Field(min_length=16, max_length=1024)]
    name: Name | None = None
    ca: AbsolutePath | None = None

    @property
    def shown_url(self) -> str:
        """Where it is, without what may be a secret: a user, a password, a path, a query."""
        url = urlsplit(self.url)
        return f"{url.scheme}://{url.netloc.rpartition('@')[2]}"


class Integrator(Section):
    """One CRM: its extensions, numbers, Redis and limits."""

    name: Name
    http: Listen | None = None
    tls: TLS | None = None
    softphone: bool = False
    softphone_ws: BrowserWebSocketURL | None = None
    # A page for supervisors at /console.
    console: bool = False
    # The CRM's page of a contact, which the softphone opens.
    pop_url: PopURL | None = None
    api_keys: Annotated[tuple[APIKey, ...], BeforeValidator(as_tuple)] = ()
    # Who may listen to calls, beside all that an API key may.
    supervisor_keys: Annotated[tuple[APIKey, ...], BeforeValidator(as_tuple)] = ()
    allow_from: Networks = ()
    # By which names it is reached, beside its own addresses and the machine's name.
    hosts: Annotated[tuple[HostName, ...], BeforeValidator(as_tuple), Field(max_length=64)] = ()
    # Where clients reach it through a proxy: its path goes before Location's.
    public_url: PublicURL | None = None
    # Whose word on a client's address counts (X-Forwarded-For).
    trusted_proxies: Networks = ()
    # Pages of other servers that may call with a key.
    cors_origins: Annotated[
        tuple[AskingOrigin, ...], BeforeValidator(as_tuple), Field(max_length=64)
    ] = ()
    redis: RedisURL = "redis://127.0.0.1:6379/0"
    key_prefix: KeyPrefix = "enigma:notifications"
    copies: Annotated[tuple[KeyPrefix, ...], BeforeValidator(as_tuple), Field(max_length=8)] = ()
    webhooks: Annotated[tuple[Webhook, ...], BeforeValidator(as_tuple), Field(max_length=4)] = ()
    push: Literal["left", "right"] = "left"
    # From how many notifications on a list that nobody pops the log warns.
    list_alarm: Annotated[int, Field(ge=1)] = 10_000
    payload_version: Literal[2, 3, 4] = 3
    # For how long records are kept for GET /click2dial/history, where a PBX has ami.
    history_days: Annotated[int, Field(ge=1, le=366)] = 7
    detailed_end_reasons: bool = False
    joined_notifications: bool = False
    # Of each change of a state: the list and webhooks, and a Redis channel for each agent.
    state_notifications: bool = False
    agents_pubsub: bool = False
    # Had a meaning before 0.2; whatever it says, clients are followed through transfers.
    transfers: bool | None = None
    # What a phone that answers 302 may do.
    forwarding: Literal["none", "internal", "allowed"] = "none"
    # Whether a client whom nobody takes goes back to the agent who transferred him.
    transfer_recall: bool = True
    # The context of the operator for targets that are no extension and no number.
    transfer_fallback: DialplanContext | None = None
    record: bool = False
    record_stereo: bool = False
    # Whether a paused recording goes on when another agent has the client.
    recording_resumes: bool = True
    recording_days: Annotated[int, Field(ge=1, le=36_500)] = 90
    extensions: Annotated[
        tuple[ExtensionRange, ...], BeforeValidator(as_tuple), Field(min_length=1)
    ]
    # The numbers on which calls come in: whose an inbound call is.
    dids: Annotated[tuple[QuotedNumber, ...], BeforeValidator(as_tuple)] = ()
    agent_dial: AgentDial = "PJSIP/{endpoint}"
    # The endpoints of extensions that are called otherwise; ARI tells of those with C2D_EXTENSION.
    endpoints: Mapping[Annotated[str, BeforeValidator(extension)], EndpointName] = Field(
        default_factory=dict
    )
    # Whether the phone of a created call's agent is asked to answer by itself.
    auto_answer: bool = False
    # Whether a created call may ring an agent who talks.
    call_waiting: bool = False
    trunk_dial: TrunkDial = "PJSIP/{number}@trunk"
    ring_timeout: Annotated[int, Field(ge=1, le=600)] = 60
    internal_calls: bool = True
    numbering: Numbering = Field(default_factory=Numbering)
    default_outbound_id: QuotedNumber | None = None
    caller_ids: CallerIDs = Field(default_factory=CallerIDs)
    destinations: Destinations = Field(default_factory=Destinations)
    limits: Limits = Field(default_factory=Limits)

    @model_validator(mode="after")
    def _numbers_are_the_plans(self) -> Self:
        assert self.numbers.plan  # read now, so that what is wrong is told at the start
        return self

    @cached_property
    def numbers(self) -> NumberSettings:
        """The number plan, and all numbers of this section as it reads them."""
        destinations = self.destinations
        given = "international" in destinations.model_fields_set
        return read_settings(
            self.numbering.plan(len(extensions.first) for extensions in self.extensions),
            owned=self.caller_ids.owned,
            pool=self.caller_ids.random,
            verified=self.caller_ids.verified,
            default_outbound_id=self.default_outbound_id,
            dids=self.dids,
            international=destinations.international if given else None,
            allow=destinations.allow,
            deny=destinations.deny,
        )

    @property
    def plan(self) -> NumberPlan:
        """What is a number here, and what an extension."""
        return self.numbers.plan

    def owns(self, extension: str) -> bool:
        """Tell whether ``extension`` is in one of this integrator's ranges."""
        if not self.plan.is_extension(extension):
            return False
        length = len(extension)
        at = bisect_right(self._ranges, (length, extension, _HIGHEST)) - 1
        if at < 0:
            return False
        of_length, _, last = self._ranges[at]
        return of_length == length and extension <= last

    @cached_property
    def _ranges(self) -> list[tuple[int, str, str]]:
        """The ranges by length and first extension; none overlaps another."""
        return sorted((len(one.first), one.first, one.last) for one in self.extensions)

    def agent_key(self, recorded: str) -> str:
        """Return an agent however he was written, from what a record says of him."""
        number = None if self.owns(recorded) else self.plan.recall(recorded)
        return number.e164 if number else recorded

    def dial_agent(self, extension: str) -> str:
        """Return what Dial() is given to ring an agent of this integrator."""
        endpoint = self.endpoints.get(extension, extension)
        return self.agent_dial.replace("{extension}", extension).replace("{endpoint}", endpoint)

    @property
    def rings_phones_of_its_pbx(self) -> bool:
        """Whether an internal call goes to an endpoint of the PBX that places it, and no further.

        One with an @ leads elsewhere, to a Kamailio that knows all phones.
        """
        return self.internal_calls and "@" not in self.agent_dial

    def dial_number(self, number: str) -> tuple[str, str]:
        """Return what Dial() is given to call a number, and the context behind a Local channel.

        The Local channel goes through a context of ours, which learns how the call ended, and is
        not optimized away: it is what stands for the number when the agent has gone.
        """
        dial = self.trunk_dial.replace("{number}", number)
        local = _LOCAL.fullmatch(dial)
        if local is None:
            return dial, ""
        return f"Local/{local[1]}@click2dial-via/n", local[2]

    def takes(self, did: str) -> bool:
        """Tell whether ``did`` is one of this integrator's numbers or begins with its prefix."""
        number = self.plan.read_trunk(did)
        return number is not None and self.numbers.dids.covers(number.e164)

    def list_of(self, kind: NotificationKind) -> str:
        """Return the Redis list that takes this integrator's notifications of a kind."""
        return f"{self.key_prefix}:{kind}"

    @property
    def lists(self) -> tuple[str, ...]:
        """All Redis lists that take this integrator's notifications, its copies' too."""
        prefixes = (self.key_prefix, *self.copies)
        return tuple(f"{prefix}:{kind}" for prefix in prefixes for kind in NotificationKind)

    @property
    def agents_channel(self) -> str:
        """What stands before an extension in the Redis channel of an agent, or nothing."""
        return f"{self.key_prefix}:agents:" if self.agents_pubsub else ""

    @property
    def public_path(self) -> str:
        """The path at which a proxy shows this integrator's API, ``""`` for the root."""
        return urlsplit(self.public_url).path if self.public_url is not None else ""

    @property
    def public_hosts(self) -> tuple[str, ...]:
        """The configured names by which the API is reached."""
        named = urlsplit(self.public_url).hostname if self.public_url is not None else None
        return (*self.hosts, named) if named else self.hosts

    @cached_property
    def named_webhooks(self) -> Mapping[str, Webhook]:
        """The webhooks by name: their own, or by their place ``webhook-1``, ``webhook-2``, …."""
        return {
            webhook.name or f"webhook-{place}": webhook
            for place, webhook in enumerate(self.webhooks, 1)
        }

    @property
    def cdr_list(self) -> str:
        """The Redis list of the records."""
        return self.list_of(NotificationKind.CDR)
