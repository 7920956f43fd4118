"""Calls that no API created, as the PBX has them: those of phones, and those from outside.

Nothing is kept of them anywhere else, so a call of a phone waits for nothing and is found by every
server that can ask the PBX.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from click2dial_agi.app.call_states import CallState, from_known
from click2dial_agi.app.pbxs import LivePBX, PBXs
from click2dial_agi.app.whereabouts import Channel, Whereabouts
from click2dial_agi.domain import facts, variables
from click2dial_agi.domain.calls import CallDirection
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.peers import Peer
from click2dial_agi.domain.told import KnownCall, last_agent, read_known
from click2dial_agi.exceptions import MalformedFacts

__all__ = ["PhoneCall", "PhoneCalls", "known_on"]

log = logging.getLogger(__name__)


class PhoneCall(NamedTuple):
    """A live call, and the channels that carry it."""

    known: KnownCall
    pbx: LivePBX
    channels: tuple[Channel, ...]


class Client(NamedTuple):
    """How a client stands whose channel alone carries his call.

    ``agent`` is who talks to him, or, while no agent of this integrator does, who did last.
    """

    is_joined: bool
    was_answered: bool
    agent: str


class PhoneCalls:
    """The live calls of one integrator that it did not create, on all PBXs."""

    def __init__(self, config: Config, integrator: Integrator, pbxs: PBXs) -> None:
        self._config = config
        self._integrator = integrator
        self._pbxs = pbxs

    async def live(self) -> tuple[list[dict[str, Any]], bool]:
        """Return them as the API shows them, and whether all PBXs have told theirs."""

        async def live(pbx: LivePBX) -> list[dict[str, Any]]:
            found = self._sort(pbx, await pbx.where.look())
            return await asyncio.gather(*map(self._describe, found.values()))

        answers, missing = await self._pbxs.ask(live)
        return [one for shown in answers.values() for one in shown], missing is None

    async def show(self, call_ref: str) -> dict[str, Any] | None:
        """Return one as the API shows it, None if there is none; raises as :meth:`find` does."""
        call = await self.find(call_ref)
        return await self._describe(call) if call else None

    async def find(self, call_ref: str) -> PhoneCall | None:
        """Return one, None if there is none.

        Raises :exc:`PBXUnreachable` if it may be on a PBX that is away.
        """
        found = await self._pbxs.find(call_ref)
        return self._sort(found.pbx, found.channels).get(call_ref) if found.pbx else None

    def _sort(self, pbx: LivePBX, channels: Iterable[Channel]) -> dict[str, PhoneCall]:
        """Return the calls that channels of a PBX carry, by call_ref."""
        calls: dict[str, PhoneCall] = {}
        for channel in channels:
            known = known_on(channel, pbx.where, self._config)
            if known is None or known.created or known.call.integrator != self._integrator.name:
                continue
            ref = known.call.call_ref
            first = calls.get(ref, PhoneCall(known, pbx, ()))
            calls[ref] = first._replace(channels=(*first.channels, channel))
        return calls

    async def _describe(self, call: PhoneCall) -> dict[str, Any]:
        agents = call.pbx.where.agents(call.channels)
        if agents:
            state = CallState.UP if _is_up(agents) else CallState.RINGING_CALLEE
            return from_known(call.known, call.known.call.extension, state)
        client = call.channels[0]
        found = await self.client(call.pbx, client)
        state = _state_of_client(call.known, client, found)
        # One whose phone has forwarded a call that nobody has answered does not have it.
        agent = found.agent if state is CallState.UP else ""
        return from_known(call.known, agent or call.known.call.extension, state)

    async def client(self, pbx: LivePBX, channel: Channel) -> Client:
        """Return how the client stands whose channel it is.  Raises :exc:`PBXUnreachable`."""
        peer, agent = await self._joined_with(pbx, channel)
        if agent:
            return Client(is_joined=True, was_answered=True, agent=agent)
        told = await pbx.where.variable(channel, variables.TALKED)
        answered, _, mark = told.partition("|")
        return Client(bool(peer.channel), bool(answered), self._marked(mark))

    def _marked(self, mark: str) -> str:
        """Return the agent whom a mark names, empty if it is none of this integrator's."""
        try:
            told = facts.decode(mark.partition("|")[2])
        except MalformedFacts:
            return ""
        return last_agent(told, self._integrator, self._config)

    async def _joined_with(self, pbx: LivePBX, client: Channel) -> tuple[Peer, str]:
        """Return whom a client's channel is joined with, and which agent that is.

        The agent is empty if it is none of this integrator's.
        """
        peer = Peer("", await pbx.where.variable(client, variables.JOINED_WITH))
        agent = peer.called(self._config.extensions_by_endpoint)
        if peer.channel and self._config.peer_dial is not None and not self._integrator.owns(agent):
            told = variables.told_of_peer(await pbx.where.variable(client, variables.PEER))
            agent = peer._replace(told=told).called(self._config.extensions_by_endpoint)
        return peer, agent if self._integrator.owns(agent) else ""


def known_on(channel: Channel, where: Whereabouts, config: Config) -> KnownCall | None:
    """Return the call that a channel carries, None if it carries none that goes on."""
    carried = where.carried_by(channel)
    if carried is None:
        return None
    try:
        known = read_known(facts.decode(carried.facts), config)
    except MalformedFacts as error:  # of an older configuration, or dialplan
        log.debug("%s on %s: %s", carried.call_ref, channel.get("name"), error)
        return None
    return known if known.decided and not known.refused else None


def _is_up(channels: Sequence[Channel]) -> bool:
    return any(channel.get("state") == "Up" for channel in channels)


def _state_of_client(known: KnownCall, client: Channel, found: Client) -> CallState:
    """Tell where a call stands that only the client's channel carries.

    A client between two agents has been answered.
    """
    if found.is_joined or found.was_answered:
        return CallState.UP
    if known.call.call_dir is not CallDirection.INBOUND:
        return CallState.UP if _is_up([client]) else CallState.RINGING_CALLEE
    return CallState.QUEUED if known.queued_at else CallState.RINGING_AGENT
