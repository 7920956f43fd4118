"""A PBX that makes the events of Asterisk's manager, and knows what is true.

The sequences are those of Asterisk 22.10.1 with dialplan/click2dial.conf, as its manager told them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from uuid import UUID

Fields = dict[str, str]
Told = Callable[[Fields], None]

STATES = {"Down": "0", "Ring": "4", "Ringing": "5", "Up": "6"}


@dataclass
class Chan:
    uniqueid: str
    name: str
    linkedid: str
    state: str = "Down"
    bridge: str = ""
    carries: str = ""
    held: bool = False

    def fields(self, which: str = "") -> Fields:
        return {
            f"{which}Channel": self.name,
            f"{which}ChannelState": STATES[self.state],
            f"{which}Uniqueid": self.uniqueid,
            f"{which}Linkedid": self.linkedid,
        }


@dataclass
class PBX:
    """Tells each event to `tell`, and answers what a channel carries."""

    tell: Told
    channels: dict[str, Chan] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    paused: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._numbers = itertools.count()

    def register(self, endpoint: str, there: bool = True) -> None:
        self.words[endpoint] = ""
        self._devices({endpoint: "NOT_INUSE" if there else "UNAVAILABLE"})

    def pause(self, extension: str, queue: str, paused: bool) -> None:
        (self.paused.add if paused else self.paused.discard)((extension, queue))
        self._event(
            "QueueMemberPause", {"Interface": f"PJSIP/{extension}", "Queue": queue},
            Paused=str(int(paused)),
        )  # fmt: skip

    def join_queue(self, extension: str, queue: str, paused: bool) -> None:
        """Add a member to a queue, who may be paused from the beginning."""
        if paused:
            self.paused.add((extension, queue))
        member = {"Interface": f"PJSIP/{extension}", "Queue": queue}
        self._event("QueueMemberAdded", member, Paused=str(int(paused)))

    def leave_queue(self, extension: str, queue: str) -> None:
        """Take a member out of a queue, paused or not."""
        paused = (extension, queue) in self.paused
        self.paused.discard((extension, queue))
        member = {"Interface": f"PJSIP/{extension}", "Queue": queue}
        self._event("QueueMemberRemoved", member, Paused=str(int(paused)))

    def channel(
        self,
        endpoint: str,
        linkedid: str = "",
        uniqueid: str = "",
        *,
        state: str = "Down",
        carries: str = "",
    ) -> Chan:
        number = next(self._numbers)
        uniqueid = uniqueid or f"1795700717.{number}"
        name = endpoint if endpoint.startswith("Local/") else f"PJSIP/{endpoint}-{number:08x}"
        made = Chan(uniqueid, name, linkedid or uniqueid, state, carries=carries)
        self.channels[uniqueid] = made
        return made

    def dial(self, caller: Chan | None, called: Chan) -> None:
        self._event("DialBegin", (caller.fields() if caller else {}) | called.fields("Dest"))
        called.state = "Ringing"
        self._devices()

    def answer(self, caller: Chan, called: Chan) -> None:
        called.state = "Up"
        self._devices()
        ended = caller.fields() | called.fields("Dest")
        self._event("DialEnd", ended, DialStatus="ANSWER")

    def not_answered(self, caller: Chan, called: Chan, status: str = "NOANSWER") -> None:
        self._event("DialEnd", caller.fields() | called.fields("Dest"), DialStatus=status)
        self.hang_up(called)

    def join(self, *channels: Chan) -> None:
        bridge = str(UUID(int=next(self._numbers)))
        for channel in channels:
            channel.state = "Up"
            channel.bridge = bridge
            self._event("BridgeEnter", channel.fields(), BridgeUniqueid=bridge)
        self._devices()

    def part(self, *channels: Chan) -> None:
        for channel in channels:
            bridge, channel.bridge = channel.bridge, ""
            self._event("BridgeLeave", channel.fields(), BridgeUniqueid=bridge)

    def take_place(self, channel: Chan, of: Chan) -> None:
        """Let a channel take another's place in its bridge, of which nobody tells."""
        channel.bridge, of.bridge = of.bridge, ""

    def hold(self, channel: Chan, held: bool) -> None:
        channel.held = held
        self._event("Hold" if held else "Unhold", channel.fields())

    def hold_by_api(self, channel: Chan, held: bool, kind: str = "hold") -> None:
        """What keeps the client of an agent's channel on hold begins, or ends.

        It is a `hold`, or he waits while the agent asks a colleague: a `consult`.
        """
        uniqueid = f"{kind}-{channel.uniqueid}-"
        if held:
            local = "Local/through@click2dial-hold-00000000;1"
            self.dial(None, self.channel(local, uniqueid, uniqueid))
        else:
            self.hang_up(self.channels[uniqueid])

    def queue(self, channel: Chan) -> None:
        self._event("QueueCallerJoin", channel.fields(), Queue="one")

    def hang_up(self, *channels: Chan) -> None:
        for channel in channels:
            if channel.bridge:
                self.part(channel)
            del self.channels[channel.uniqueid]
            self._event("Hangup", channel.fields(), Cause="16")
            self._devices()

    def status(self) -> list[Fields]:
        """Return what the manager's Status lists."""
        return [{**one.fields(), "BridgeID": one.bridge} for one in self.channels.values()]

    def _event(self, name: str, fields: Fields, **more: str) -> None:
        self.tell({"Event": name, **fields, **more})

    def _devices(self, words: dict[str, str] | None = None) -> None:
        for endpoint in tuple(self.words):
            own = [c for c in self.channels.values() if c.name.startswith(f"PJSIP/{endpoint}-")]
            ringing = [c for c in own if c.state == "Ringing"]
            word = "NOT_INUSE"
            if own:
                word = "INUSE" if len(ringing) < len(own) else "RINGING"
            elif self.words[endpoint] == "UNAVAILABLE":
                word = "UNAVAILABLE"
            word = (words or {}).get(endpoint, word)
            if word != self.words[endpoint]:
                self.words[endpoint] = word
                self._event("DeviceStateChange", {"Device": f"PJSIP/{endpoint}", "State": word})


#: Whose an endpoint is that is not called by its extension.
EXTENSIONS = {"alice": "2000"}


def facts(call_ref: str, direction: str, agent: str, integrator: str, more: str = "") -> str:
    extension = EXTENSIONS.get(agent, agent)
    if direction == "inbound":
        return (
            f"call_ref={call_ref}&call_dir=inbound&dialed_at=1700000000&number=27820007777"
            f"&contact_ref=&dial_number=27215550101{more}"
        )
    return (
        f"call_ref={call_ref}&integrator={integrator}&extension={extension}&number=0820000100"
        f"&dial_number=27820001234&contact_ref=x&call_dir={direction}&dialed_at=1700000000{more}"
    )


Steps = Iterator[None]


def outbound(pbx: PBX, ref: str, agent: str, owner: str, answered: bool, to: str = "") -> Steps:
    """A phone's call that is recorded, held, and sent on to a colleague if there is one."""
    told = facts(ref, "outbound", agent, owner, "&recorded=1")
    caller = pbx.channel(agent, state="Ring", carries=f"a{told}")
    called = pbx.channel("trunk", caller.linkedid, carries=f"c{told}")
    pbx.dial(caller, called)
    yield
    if not answered:
        pbx.not_answered(caller, called, "BUSY")
        yield
        pbx.hang_up(caller)
        return
    pbx.answer(caller, called)
    yield
    pbx.join(called, caller)
    yield
    pbx.hold(caller, True)
    yield
    pbx.hold(caller, False)
    yield
    pbx.part(caller, called)
    if not to:
        pbx.hang_up(called)
        yield
        pbx.hang_up(caller)
        return
    pbx.hang_up(caller)
    yield
    colleague = pbx.channel(to, called.linkedid)
    pbx.dial(called, colleague)
    yield
    pbx.answer(called, colleague)
    pbx.join(colleague, called)
    yield
    pbx.part(called, colleague)
    pbx.hang_up(called, colleague)


def created(pbx: PBX, ref: str, agent: str, owner: str, answered: bool) -> Steps:
    told = facts(ref, "outbound", agent, owner, "&created=1")
    local = "Local/ring@click2dial-create-00000000"
    one = pbx.channel(f"{local};1", ref, ref)
    pbx.dial(None, one)
    two = pbx.channel(f"{local};2", ref, f"{ref};2", state="Ring", carries=f"o{told}")
    phone = pbx.channel(agent, ref, carries=f"o{told}")
    pbx.dial(two, phone)
    yield
    if not answered:
        pbx.not_answered(two, phone)
        yield
        pbx.hang_up(two, one)
        return
    pbx.answer(two, phone)
    yield
    pbx.hang_up(two, one)
    phone.carries = f"a{told}"
    called = pbx.channel("trunk", ref, carries=f"c{told}")
    pbx.dial(phone, called)
    yield
    pbx.answer(phone, called)
    pbx.join(called, phone)
    yield
    for held in (True, False, True):
        pbx.hold_by_api(phone, held)
        yield
    pbx.part(phone, called)
    pbx.hang_up(called, phone)
    yield
    pbx.hang_up(pbx.channels[f"hold-{phone.uniqueid}-"])


def inbound(pbx: PBX, ref: str, agent: str, queued: bool, answered: bool) -> Steps:
    told = facts(ref, "inbound", "", "", "&queued_at=1700000000" if queued else "")
    client = pbx.channel("carrier", state="Up" if queued else "Ring", carries=f"i{told}")
    if queued:
        pbx.queue(client)
        yield
    phone = pbx.channel(agent, client.linkedid)
    pbx.dial(client, phone)
    yield
    if not answered:
        pbx.not_answered(client, phone)
        yield
        pbx.hang_up(client)
        return
    pbx.answer(client, phone)
    pbx.join(phone, client)
    yield
    pbx.hold(phone, True)
    yield
    pbx.part(phone, client)
    pbx.hang_up(phone, client)


def early(pbx: PBX, ref: str, agent: str, colleague: str, client: Chan, phone: Chan) -> Steps:
    """The agent of a call that is up asks a colleague, and goes while he rings (REFER, Replaces).

    The client's channel takes the place of the consultation's, of which nobody tells.
    """
    told = facts(ref, "internal", agent, "acme").replace("0820000100", colleague)
    asking = pbx.channel(agent, state="Ring", carries=f"o{told}")
    other = pbx.channel(colleague, asking.linkedid)
    pbx.dial(asking, other)
    yield
    pbx.part(phone, client)
    pbx.hang_up(phone)
    pbx.hang_up(asking)
    yield
    pbx.answer(client, other)
    pbx.join(other, client)
    yield
    pbx.part(client, other)
    pbx.hang_up(other, client)


def at_once(pbx: PBX, ref: str, agent: str, colleague: str, client: Chan, phone: Chan) -> Steps:
    """The agent of a call that is up asks a colleague, and sends him the client as he answers.

    The client's channel takes the place of the consultation's, which is with the colleague already.
    """
    told = facts(ref, "internal", agent, "acme").replace("0820000100", colleague)
    asking = pbx.channel(agent, state="Ring", carries=f"o{told}")
    other = pbx.channel(colleague, asking.linkedid)
    pbx.dial(asking, other)
    pbx.answer(asking, other)
    pbx.hold(phone, False)
    pbx.join(other, asking)
    pbx.part(phone, client)
    pbx.hang_up(phone)
    yield
    pbx.take_place(client, asking)
    pbx.hang_up(asking)
    yield
    pbx.part(client, other)
    pbx.hang_up(other, client)


def internal(pbx: PBX, ref: str, agent: str, colleague: str, owner: str) -> Steps:
    told = facts(ref, "internal", agent, owner).replace("0820000100", colleague)
    caller = pbx.channel(agent, state="Ring", carries=f"o{told}")
    called = pbx.channel(colleague, caller.linkedid)
    pbx.dial(caller, called)
    yield
    pbx.answer(caller, called)
    pbx.join(called, caller)
    yield
    pbx.part(caller, called)
    pbx.hang_up(called, caller)
