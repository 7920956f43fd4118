"""Agents and calls as the API shows them, and as Redis keeps them: JSON objects."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from click2dial_agi.domain.foreign_json import parse_json
from click2dial_agi.domain.live.states import AgentState, CallState, most_telling

__all__ = ["AgentView", "CallView", "Device", "merge_agents"]


@dataclass(frozen=True, slots=True)
class Device:
    """A phone's endpoint, such as ``PJSIP/1000``: its PBX, and its state in Asterisk's word."""

    device: str
    pbx: str
    state: str


@dataclass(frozen=True, slots=True)
class AgentView:
    """An agent: his state, since when (Unix seconds), and the call that he has, if any."""

    extension: str
    state: AgentState
    since: int
    call_ref: str = ""
    devices: tuple[Device, ...] = ()

    def shown(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {**_plain(self), "devices": tuple(map(_plain, self.devices))}

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read what :meth:`shown` wrote; None for what is none."""
        found = _values(cls, text)
        devices = found.pop("devices", ())
        try:
            return cls(
                **{**found, "state": AgentState(found["state"])},
                devices=tuple(Device(*map(str, _of(one, Device))) for one in devices),
            )
        except (KeyError, TypeError, ValueError):
            return None


@dataclass(frozen=True, slots=True)
class CallView:
    """A live call; times are Unix seconds, ``answered_at`` 0 until the callee or an agent has.

    ``recorded``: it is to be, from its answer on.
    """

    call_ref: str
    integrator: str
    state: CallState
    since: int
    agent: str
    callee: str
    contact_ref: str
    dial_number: str
    direction: str
    dialed_at: int
    answered_at: int = 0
    recorded: bool = False

    def shown(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        shown = _plain(self)
        del shown["integrator"]
        return shown

    def ended(self, now: int) -> Self:
        """Return it as ended at this moment."""
        return replace(self, state=CallState.ENDED, since=now)

    @classmethod
    def parse(cls, text: str, integrator: str) -> Self | None:
        """Read what :meth:`shown` wrote; None for what is none."""
        found = _values(cls, text) | {"integrator": integrator}
        try:
            return cls(**{**found, "state": CallState(found["state"])})
        except (KeyError, TypeError, ValueError):
            return None


def _plain(view: AgentView | CallView | Device) -> dict[str, Any]:
    return {name: getattr(view, name) for name in view.__slots__}


def _values(kind: type[Any], text: str) -> dict[str, Any]:
    try:
        found = parse_json(text)
    except ValueError:
        return {}
    if not isinstance(found, Mapping):
        return {}
    return {
        name: found[name] for name, type_ in _TYPES[kind].items() if type(found.get(name)) is type_
    }


def _of(found: Mapping[str, object], kind: type[Any]) -> list[object]:
    return [found[one.name] for one in fields(kind)]


def merge_agents(views: Iterable[AgentView]) -> AgentView:
    """Return one agent as several PBXs know him.  There must be at least one view."""
    first, *others = views
    if not others:
        return first
    state = most_telling(view.state for view in (first, *others))
    telling = [view for view in (first, *others) if view.state is state]
    devices = tuple(device for view in (first, *others) for device in view.devices)
    return replace(
        telling[0],
        since=max(view.since for view in telling),
        call_ref=next((view.call_ref for view in telling if view.call_ref), ""),
        devices=devices,
    )


def _types(kind: type[Any]) -> Mapping[str, object]:
    """Return what JSON has for each field."""
    types = {one.name: one.type if one.type in (int, bool) else str for one in fields(kind)}
    return {**types, "devices": list} if "devices" in types else types


_TYPES = {kind: _types(kind) for kind in (AgentView, CallView)}
