"""``click2dial-agi forget-pbx``: gives up the created calls of a PBX that does not come back.

The calls are marked, and a server that runs records them as it does all others that are lost.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.exceptions import PBXThere
from click2dial_agi.io.call_store import CallStore, Mark

__all__ = ["forget"]


async def forget(integrators: Sequence[Integrator], pbx: str, tell: Callable[[str], None]) -> int:
    """Give up the calls of a PBX by its name, or by its run where it has none; return how many.

    Raises :exc:`PBXThere` if a server has seen it lately, and :exc:`NotificationError`.
    """
    async with AsyncExitStack() as stack:
        stores = {
            one.name: CallStore(one.redis, one.key_prefix, one.cdr_list) for one in integrators
        }
        for store in stores.values():
            stack.push_async_callback(store.close)
        known = [(name, one) for name in stores for one in (await stores[name].live()).values()]
        # Of one without a run, not rung yet or an older version's, nobody can tell whether its PBX
        # is there; it is over when all PBXs say so.
        calls = [(name, one) for name, one in known if one.run]
        chosen = [(name, one) for name, one in calls if pbx and pbx in (one.pbx, one.run)]
        for name, run in {(name, one.run) for name, one in chosen}:
            if await stores[name].is_present(run):
                raise PBXThere(f"{pbx} is there: a server has seen it within the last seconds")
        for name, one in chosen:
            await stores[name].mark(one.call_ref, Mark.FORGOTTEN)
    for name, count in Counter(name for name, _ in chosen).items():
        tell(f"{name}: {count} calls; a server that runs records them as failed within seconds")
    if not chosen:
        others = sorted({one.pbx or one.run for _, one in calls} - {""})
        tell(f"no call is at {pbx}; there are calls at: {', '.join(others) or 'none'}")
    return len(chosen)
