"""Who has a phone, where Kamailios know of it and the PBX does not."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from click2dial_agi.domain.live.states import AgentState

__all__ = ["Answer", "Phones", "as_reached"]

#: What a Kamailio says of names: whether each has a phone, None for a phone of another Kamailio
#: that is away.  Of a name that is not in it, it has said nothing.
Answer = Mapping[str, bool | None]

# Seconds for which one who is not told of any more is taken for what he was: one answer that does
# not come in time makes nobody unknown.
_KEEPS = 10.0


@dataclass(slots=True)
class _Phone:
    there: bool
    at: float  # when it was certain last
    by: frozenset[str]  # the nodes that knew of it then


class Phones:
    """What all Kamailios have said, put together."""

    def __init__(self) -> None:
        self._phones: dict[str, _Phone] = {}

    def hear(self, names: Iterable[str], answers: Mapping[str, Answer], now: float) -> None:
        """Take what the nodes answer to one question, by their names; silence is no answer.

        One that knows of a phone is enough.  There is none if one that knew of it last says so: a
        word between them may be lost, so the others cannot answer for one that is silent.
        """
        for name in names:
            said = [(node, answer[name]) for node, answer in answers.items() if name in answer]
            knowing = frozenset(node for node, there in said if there)
            denying = {node for node, there in said if there is False}
            known = self._phones.get(name)
            if knowing:
                self._phones[name] = _Phone(True, now, knowing)
            elif len(denying) < len(said) or not denying:
                pass  # it has one that is away, or nobody has answered
            elif known is None or not known.there or known.by & denying:
                self._phones[name] = _Phone(False, now, frozenset())

    def there(self, names: Iterable[str], now: float) -> dict[str, bool | None]:
        """Return who has a phone; None for those of whom nobody can tell."""
        found: dict[str, bool | None] = {}
        for name in names:
            known = self._phones.get(name)
            fresh = known is not None and now <= known.at + _KEEPS
            found[name] = known.there if known is not None and fresh else None
        return found


def as_reached(state: AgentState, there: bool | None) -> AgentState:
    """Return how somebody stands whom the PBX takes for idle, as it does all behind Kamailio.

    Whatever else it says, a call that there is above all, is so.
    """
    if state is not AgentState.IDLE or there:
        return state
    return AgentState.UNKNOWN if there is None else AgentState.OFFLINE
