"""Finds a call that is to be steered: who talks to whom in it, and on which channels."""

from dataclasses import dataclass

from click2dial_agi.app.pbxs import LivePBX
from click2dial_agi.app.phone_calls import known_on
from click2dial_agi.app.whereabouts import Channel
from click2dial_agi.domain import variables
from click2dial_agi.domain.call_refused import CallRefused, Why
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.numbers import FieldError
from click2dial_agi.domain.peers import Peer
from click2dial_agi.domain.told import KnownCall
from click2dial_agi.exceptions import PBXUnreachable
from click2dial_agi.io.ami import AMI

__all__ = ["NOT_UP", "Leg", "SteeredCall", "look_at"]

# The manager's word for a channel that has ended meanwhile (manager.c, app_mixmonitor.c).
_GONE = "No such channel"

NOT_UP = CallRefused(
    Why.NOT_NOW, (FieldError("call_ref", "a call whose two sides are joined, at this moment"),)
)
_FOR_HELP = CallRefused(
    Why.FORBIDDEN, (FieldError("call_ref", "no call for help: nobody steers it"),)
)


@dataclass(frozen=True, slots=True)
class Leg:
    """A channel: its name, which a masquerade may change hands, and its lasting uniqueid."""

    name: str
    uniqueid: str

    @classmethod
    def of(cls, channel: Channel) -> "Leg":
        """Read it from what ARI tells."""
        return cls(str(channel.get("name", "")), str(channel["id"]))

    def variable(self, name: str) -> str:
        """Return the name of one of its own variables, which no other channel's can be."""
        return name.format(uniqueid=self.uniqueid)


@dataclass(frozen=True, slots=True)
class SteeredCall:
    """A call whose two sides are joined: the agent's leg and the client's.

    ``recorder`` is the channel that makes the record if the agent hangs up: of who placed the call,
    None when he has left it.  ``agent`` is the extension of who talks to the client now.
    ``config`` is the one that it is steered by.
    """

    known: KnownCall
    pbx: LivePBX
    manager: AMI
    agent_leg: Leg
    client_leg: Leg
    recorder: Leg | None
    agent: str
    config: Config

    @property
    def call_ref(self) -> str:
        """The call's reference."""
        return self.known.call.call_ref

    async def act(self, action: str, **fields: str) -> None:
        """Have the manager do something.

        Raises :exc:`CallRefused` if the channel has gone, and :exc:`PBXUnreachable`.
        """
        answer = await self.manager.action(action, **fields)
        if answer.succeeded:
            return
        said = answer.get("Message")[:200]
        if said.startswith(_GONE):
            raise NOT_UP
        raise PBXUnreachable(f"AMI: {action}: {said}")

    async def reach(self) -> None:
        """Raise :exc:`PBXUnreachable` if the manager is away, for what begins with ARI alone."""
        await self.manager.action("Ping")

    async def get(self, leg: Leg, name: str) -> str:
        """Return a channel's variable, empty if either is not there."""
        answer = await self.manager.action("Getvar", Channel=leg.name, Variable=name)
        return answer.get("Value") if answer.succeeded else ""

    async def set(self, leg: Leg, name: str, value: str) -> None:
        """Set a channel's variable; raises as :meth:`act`."""
        await self.set_on(leg.name, name, value)

    async def set_on(self, channel: str, name: str, value: str) -> None:
        """Do the same with a channel that is no leg of the call."""
        await self.act("Setvar", Channel=channel, Variable=name, Value=value)


async def look_at(
    pbx: LivePBX, manager: AMI, call_ref: str, config: Config, integrator: Integrator
) -> SteeredCall | None:
    """Return a call of an integrator's as it is now; None if it has no such call on this PBX.

    Raises :exc:`CallRefused` for one that cannot be steered, and :exc:`PBXUnreachable`.
    """
    channels = await pbx.where.look()
    legs: dict[bool, list[Channel]] = {True: [], False: []}
    known = None
    for channel in channels:
        carried = pbx.where.carried_by(channel)
        if carried is None or carried.call_ref != call_ref:
            continue
        found = known_on(channel, pbx.where, config)
        if found is None or found.call.integrator != integrator.name:
            continue
        known = found
        legs[carried.is_agents].append(channel)
    if known is None:
        return None
    if known.emergency:
        raise _FOR_HELP
    # The client's is joined with whoever has him now; before an agent placed him, the agent's.
    for one in (*legs[False], *legs[True]):
        other_name = await pbx.where.variable(one, variables.JOINED_WITH)
        other = next((other for other in channels if other.get("name") == other_name), None)
        if other is None or one.get("state") != "Up":
            continue
        # Who was left alone, as by a panel that parked the other, keeps that one's name.
        if await pbx.where.variable(other, variables.JOINED_WITH) != one.get("name"):
            continue
        agents = one if one in legs[True] else other
        clients = other if agents is one else one
        told = await pbx.where.variable(agents, variables.EXTENSION)
        agent = Peer(told, str(agents.get("name", ""))).called(config.extensions_by_endpoint)
        recorder = next((Leg.of(placed) for placed in legs[True]), None)
        return SteeredCall(
            known=known,
            pbx=pbx,
            manager=manager,
            agent_leg=Leg.of(agents),
            client_leg=Leg.of(clients),
            recorder=recorder,
            agent=agent if integrator.owns(agent) else known.call.extension,
            config=config,
        )
    raise NOT_UP
