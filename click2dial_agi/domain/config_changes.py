"""Which changes of the configuration wait for a restart.  The keys say it themselves."""

from collections.abc import Iterator
from enum import Enum, auto

from pydantic import BaseModel

__all__ = ["AtStart", "needing_restart"]


class AtStart(Enum):
    """What a field's annotation may hold: what of it is read at the start and only then."""

    VALUE = auto()
    #: Whether there is one at all: parts that are there take a new value, none come or go.
    PRESENCE = auto()


def needing_restart(running: BaseModel, wanted: BaseModel, path: str = "") -> Iterator[str]:
    """Return the dotted paths of keys that differ and that a reload cannot change.

    Items of lists that are known by a name, integrators, are compared by it.
    """
    for name, field in type(wanted).model_fields.items():
        before, after = getattr(running, name), getattr(wanted, name)
        if before == after:
            continue
        if AtStart.VALUE in field.metadata or (
            AtStart.PRESENCE in field.metadata and (before is None) != (after is None)
        ):
            yield f"{path}{name}"
        else:
            yield from _below(before, after, f"{path}{name}")


def _below(before: object, after: object, path: str) -> Iterator[str]:
    if isinstance(before, BaseModel) and isinstance(after, BaseModel):
        yield from needing_restart(before, after, f"{path}.")
    elif isinstance(before, tuple) and isinstance(after, tuple):
        known = {getattr(one, "name", None): one for one in before}
        for one in after:
            name = getattr(one, "name", None)
            if name is not None:
                yield from _below(known.get(name), one, f"{path}.{name}")
