"""Calls that are over and that no record has come of: somebody is to hear of it.

A server knows of a call from its decision on it, or from the answer of one from outside.  Then its
end is the dialplan's to tell; what keeps that from it (the dialplan is gone, Asterisk died, a
module is missing) keeps it from saying so.
"""

import asyncio
import logging
from collections.abc import Callable

from click2dial_agi.app.logs import mask
from click2dial_agi.app.metrics import LOST
from click2dial_agi.app.snapshot import Snapshot
from click2dial_agi.domain.counts import Counted
from click2dial_agi.exceptions import NotificationError

__all__ = ["tell_forever"]

log = logging.getLogger(__name__)

# Seconds from when the PBX has a call no more.  Sessions at a call's end take less, and so does the
# way through the spool.
_GRACE = 10.0
_EVERY = 5.0


async def tell_forever(current: Callable[[], Snapshot]) -> None:
    """Tell of each call without a record, until cancelled."""
    while True:
        await asyncio.sleep(_EVERY)
        try:
            await tell(current(), _GRACE)
        except Exception:  # a defect of ours must not end the looking
            log.exception("looking for calls without a record")


async def tell(current: Snapshot, grace: float) -> None:
    """Tell of calls that have been over for so many seconds; each once."""
    for call_ref, call in current.counts.unheard(grace):
        if await _may_be_recorded(current, call_ref, call):
            continue
        current.counts.leave(call_ref)
        LOST.labels(call.integrator).inc()
        log.error(
            "%s of %s (agent %s) is over and has no record: nobody has told of its end "
            "(Asterisk died, or lost its dialplan or a module); to mend it: click2dial-agi doctor; "
            "asterisk -rx 'core show uptime'; Asterisk's own log",
            call_ref,
            call.integrator,
            mask(call.agent) or "unknown",
        )


async def _may_be_recorded(current: Snapshot, call_ref: str, call: Counted) -> bool:
    """Tell whether another server may have taken the record, or this one may not know yet."""
    notifier = current.notifiers.get(call.integrator)
    if notifier is None:
        return False
    if notifier.failing:  # another server's journal may have it
        return True
    try:
        known = await notifier.lists.knows(notifier.integrator.cdr_list, call_ref)
    except NotificationError:
        return True
    if known:
        current.counts.leave(call_ref)
    return known
