"""The channels of a PBX as its manager's events tell of them, and which are connected."""

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass

from click2dial_agi.domain.carried import Carried
from click2dial_agi.domain.peers import endpoint_of

__all__ = ["Channel", "Channels", "asked_of", "consult_of", "hold_of", "listen_of"]

# How far a phone is looked for behind bridges and Local channels.
_FAR = 12

# What the id of a channel begins with that keeps a client on hold; then comes that of his agent's.
_HOLD = "hold-"
# The same while that agent asks a colleague.
_CONSULT = "consult-"
# Asterisk takes an id with which that of another channel begins for taken (does_id_conflict in
# channel.c): it ends with what no id goes on with, or 1795815290.1 would stand in 1795815290.16.
_END = "-"


def hold_of(uniqueid: str) -> str:
    """Return the id of the channel that keeps the client of an agent's channel on hold."""
    return f"{_HOLD}{uniqueid}{_END}"


def consult_of(uniqueid: str) -> str:
    """Return the same of the channel that gives him music while his agent asks a colleague."""
    return f"{_CONSULT}{uniqueid}{_END}"


def asked_of(uniqueid: str) -> str:
    """Return the id of the channel that rings the phone of that colleague."""
    return f"asked-{uniqueid}{_END}"


def listen_of(call_ref: str, extension: str) -> str:
    """Return the id of the channel that rings a supervisor's phone."""
    return f"listen-{call_ref}-{extension}{_END}"


@dataclass(slots=True)
class Channel:
    """A channel; ``up`` once it was answered, ``holds`` while its phone has the other on hold.

    ``device`` is the one that it belongs to, such as ``PJSIP/1000``, empty if that is no phone's;
    ``other_half`` the name of the other half of a Local channel, empty for any other.
    ``dialler`` is the uniqueid of the channel that called it, if one did; ``was_with`` is the
    device that it was joined with last; ``was_joined`` whether it was with anybody since it has
    carried this call, for however short.
    """

    uniqueid: str
    name: str
    device: str = ""
    other_half: str = ""
    linkedid: str = ""
    up: bool = False
    ringing: bool = False
    holds: bool = False
    bridge: str = ""
    dialler: str = ""
    carries: Carried | None = None
    asked: int = 0
    was_with: str = ""
    was_joined: bool = False

    @property
    def is_agents(self) -> bool:
        """Whether it carries a call and is an agent's, or rings him."""
        return self.carries is not None and self.carries.is_agents

    def rename(self, name: str) -> None:
        """Take another name: whose channel it is changes with it."""
        self.name = name
        self.device = f"PJSIP/{endpoint_of(name)}" if name.startswith("PJSIP/") else ""
        is_half = name.startswith("Local/") and name[-2:] in (";1", ";2")
        self.other_half = f"{name[:-1]}{'2' if name.endswith('1') else '1'}" if is_half else ""


class Channels:
    """All channels that are known of, found by what they have in common."""

    def __init__(self) -> None:
        self._by_id: dict[str, Channel] = {}
        self._by_name: dict[str, Channel] = {}
        self._by_bridge: defaultdict[str, set[str]] = defaultdict(set)
        self._by_dialler: defaultdict[str, set[str]] = defaultdict(set)
        self._by_device: defaultdict[str, set[str]] = defaultdict(set)
        self._by_call: defaultdict[str, set[str]] = defaultdict(set)

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Channel]:
        return iter(self._by_id.values())

    def get(self, uniqueid: str) -> Channel | None:
        """Return a channel, None if it is not known."""
        return self._by_id.get(uniqueid)

    def add(self, uniqueid: str, name: str, linkedid: str) -> Channel:
        """Return a channel, which may be new."""
        channel = self._by_id.get(uniqueid)
        if channel is None:
            channel = self._by_id[uniqueid] = Channel(uniqueid, name)
            self._named(channel, name)
        elif channel.name != name:
            self._unnamed(channel)
            self._named(channel, name)
        channel.linkedid = linkedid
        return channel

    def remove(self, channel: Channel) -> list[Channel]:
        """Forget a channel; return those that another one has called or joined from here on.

        Who hangs up has left his bridge before, unless another has taken his place there.
        """
        bridge = channel.bridge
        self.bridge(channel, "")
        self.dialled_by(channel, "")
        self.carries(channel, None)
        dialled = self.dialled(channel)
        taker = self._taker(channel) if bridge or self._rings(channel) else None
        for called in dialled:
            self.dialled_by(called, taker.uniqueid if taker and called.ringing else "")
        self._unnamed(channel)
        del self._by_id[channel.uniqueid]
        moved = [called for called in dialled if called.dialler]
        if taker and bridge:
            self.bridge(taker, bridge)
            moved.append(taker)
        return moved

    def bridge(self, channel: Channel, bridge: str) -> None:
        """Note in which bridge a channel is, ``""`` for none."""
        for other in self.joined(channel):
            channel.was_with, other.was_with = other.device, channel.device
        _move(self._by_bridge, channel.bridge, bridge, channel.uniqueid)
        channel.bridge = bridge
        together = self.joined(channel)
        for one in (channel, *together) if together else ():
            one.was_joined = one.carries is not None

    def dialled_by(self, channel: Channel, dialler: str) -> None:
        """Note which channel called this one, ``""`` for none."""
        _move(self._by_dialler, channel.dialler, dialler, channel.uniqueid)
        channel.dialler = dialler

    def guess_diallers(self) -> None:
        """Find who calls the channels that ring, of which nobody has told.

        All channels that were ever connected have one linkedid.  Who calls is in no bridge.
        """
        callers: dict[str, Channel] = {}
        for channel in self:
            if not channel.ringing and not channel.bridge:
                known = callers.setdefault(channel.linkedid, channel)
                if known.carries is None:
                    callers[channel.linkedid] = channel
        for channel in self:
            caller = callers.get(channel.linkedid)
            if channel.ringing and not channel.dialler and caller is not None:
                self.dialled_by(channel, caller.uniqueid)

    def carries(self, channel: Channel, carries: Carried | None) -> None:
        """Note which call a channel carries."""
        before = channel.carries.call_ref if channel.carries else ""
        after = carries.call_ref if carries else ""
        if before != after:
            channel.was_joined = False
        _move(self._by_call, before, after, channel.uniqueid)
        channel.carries = carries

    def of_call(self, call_ref: str) -> list[Channel]:
        """Return the channels that carry a call."""
        return self._found(self._by_call, call_ref)

    def of_device(self, device: str) -> list[Channel]:
        """Return a phone's channels."""
        return self._found(self._by_device, device)

    def holds(self, channel: Channel) -> bool:
        """Tell whether a channel's other side is on hold, by its phone or by the API."""
        kept = hold_of(channel.uniqueid), consult_of(channel.uniqueid)
        return channel.holds or any(one in self._by_id for one in kept)

    def holder(self, channel: Channel) -> Channel | None:
        """Return the agent's channel whose client a channel keeps on hold, if it is such a one."""
        for kind in (_HOLD, _CONSULT):
            if channel.uniqueid.startswith(kind):
                return self._by_id.get(channel.uniqueid.removeprefix(kind).removesuffix(_END))
        return None

    def met(self, channel: Channel) -> bool:
        """Tell whether a channel is joined with another, or was since it has carried its call."""
        return channel.was_joined or bool(self.joined(channel))

    def dialled(self, channel: Channel) -> list[Channel]:
        """Return the channels that a channel called, and that are there yet."""
        return self._found(self._by_dialler, channel.uniqueid)

    def joined(self, channel: Channel) -> list[Channel]:
        """Return the other channels in the same bridge."""
        if not channel.bridge:
            return []
        found = self._found(self._by_bridge, channel.bridge)
        return [other for other in found if other is not channel]

    def around(self, channel: Channel) -> Iterator[Channel]:
        """Go through a channel and those that are connected with it, the nearest first.

        Connected are those in one bridge, who calls and who is called, and both halves of a Local
        channel.
        """
        seen, waiting = {channel.uniqueid}, deque([channel])
        while waiting and len(seen) <= _FAR:
            one = waiting.popleft()
            yield one
            for other in self._next_to(one):
                if other.uniqueid not in seen:
                    seen.add(other.uniqueid)
                    waiting.append(other)
        yield from waiting

    def _next_to(self, channel: Channel) -> Iterator[Channel]:
        joined = self.joined(channel)
        yield from joined
        half = self._by_name.get(channel.other_half)
        if half is not None:
            yield half
        dialler = self._by_id.get(channel.dialler)
        # Once joined with somebody, it is with him, and not with who called it.
        if not joined and dialler is not None:
            yield dialler
        if not joined:
            yield from self.dialled(channel)

    def _taker(self, channel: Channel) -> Channel | None:
        """Return which channel has taken the place of one that is gone.

        Who gives up takes those along whom he calls.  If they ring on, and it was a phone's, its
        client has come there from its other call, by a REFER while it rang; or by one in the moment
        of the answer, if he was in their bridge.
        """
        if not channel.device:
            return None
        for one in self:
            is_client = one.carries is not None and not one.is_agents
            was_his = not one.bridge and one.was_with == channel.device
            if is_client and was_his and not self._rings(one):
                return one
        return None

    def _rings(self, channel: Channel) -> bool:
        return any(one.ringing for one in self.dialled(channel))

    def _found(self, index: "defaultdict[str, set[str]]", key: str) -> list[Channel]:
        members = index.get(key)
        if members is None:
            return []
        # In the order of their coming, which uniqueids have within one Asterisk.
        return [self._by_id[uniqueid] for uniqueid in sorted(members)]

    def _named(self, channel: Channel, name: str) -> None:
        channel.rename(name)
        self._by_name[name] = channel
        if channel.device:
            self._by_device[channel.device].add(channel.uniqueid)

    def _unnamed(self, channel: Channel) -> None:
        if self._by_name.get(channel.name) is channel:
            del self._by_name[channel.name]
        if channel.device:
            _move(self._by_device, channel.device, "", channel.uniqueid)


def _move(index: "defaultdict[str, set[str]]", before: str, after: str, member: str) -> None:
    if before:
        members = index.get(before, set())
        members.discard(member)
        if not members:
            index.pop(before, None)
    if after:
        index[after].add(member)
