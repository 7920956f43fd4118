"""One configuration and what was made of it: what a session or a request begins and ends with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from click2dial_agi.app.census import Census
from click2dial_agi.app.formers import Formers
from click2dial_agi.app.notify import Notifier
from click2dial_agi.app.pbxs import PBXs
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.counts import Counts
from click2dial_agi.io.call_store import CallStore

__all__ = ["Snapshot"]


@dataclass(frozen=True)
class Snapshot:
    """A reload replaces it whole; whoever holds an earlier one may go on with it.

    ``notifiers`` and ``stores`` are by the integrator's name.  ``counts`` and ``formers``
    outlive reloads.  ``census`` makes the counts true; None where no PBX can be asked.  ``pbxs``
    are all that there are.
    """

    config: Config
    notifiers: Mapping[str, Notifier]
    stores: Mapping[str, CallStore] = field(default_factory=lambda: MappingProxyType({}))
    counts: Counts = field(default_factory=Counts)
    census: Census | None = None
    pbxs: PBXs | None = None
    formers: Formers = field(default_factory=Formers)
