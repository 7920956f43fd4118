"""Looks for created calls that were lost with the PBX or the server that had them.

One record for each: a call is given up only where it is certain that it is over, which takes the
PBX that had it, or that one started anew.  Of a call whose PBX is away, or none of this server's,
nothing is known: it lets go of its agent, and waits.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

from click2dial_agi.app.created_calls import CreatedCalls
from click2dial_agi.app.pbxs import Found, LivePBX, PBXs
from click2dial_agi.app.rounds import Rounds
from click2dial_agi.app.times import Times
from click2dial_agi.domain.live_calls import LiveCall
from click2dial_agi.exceptions import NotificationError, PBXUnreachable
from click2dial_agi.io.call_store import CallStore, Mark

__all__ = ["look_forever", "reap", "reap_forever"]

log = logging.getLogger(__name__)

# Seconds between two looks at a PBX that does not answer.
_AWAY = 1.0


async def look_forever(
    pbxs: Callable[[], PBXs], stores: Callable[[], Mapping[str, CallStore]], times: Times
) -> None:
    """Ask all PBXs now and again whether they are there, and tell all servers; until cancelled.

    ``stores`` are the integrators', by name; one that hangs holds up no look.
    """
    rounds = Rounds(_show_present)
    try:
        while True:
            there = pbxs()
            try:
                await there.look()
                runs = [str(one.run) for one in there if one.serves and one.run.entity_id]
                if runs:
                    told = stores().items()
                    rounds.begin({name: (store, runs, times.present) for name, store in told})
            except Exception:  # whatever a PBX answers
                log.exception("looking at the PBXs")
            all_serve = all(one.serves for one in there)
            await asyncio.sleep(times.look_every if all_serve else min(_AWAY, times.look_every))
    finally:
        await rounds.cancel()


async def _show_present(wanted: tuple[CallStore, Sequence[str], float]) -> None:
    store, runs, seconds = wanted
    try:
        await store.show_present(runs, seconds)
    except NotificationError as error:
        log.debug("which PBXs are there is not told: %s", error)


async def reap_forever(
    calls: Callable[[], Iterable[CreatedCalls]],
    spool_waits: Callable[[], bool],
    every: float,
    stopping: asyncio.Event,
) -> None:
    """Record and count out the lost calls of all integrators, now and again.

    Not while ``spool_waits``: a record there knows better how its call ended.

    What is being done is finished: cancelled, it would leave requests half done.
    """
    rounds = Rounds(_reap)
    while not stopping.is_set():
        if not spool_waits():
            rounds.begin({one.integrator.name: one for one in calls()})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(every):
                await stopping.wait()
    await rounds.finish()


async def _reap(calls: CreatedCalls) -> None:
    try:
        await reap(calls)
    except (PBXUnreachable, NotificationError) as error:
        log.debug("%s: looking for lost calls: %s", calls.integrator.name, error)
    except Exception:  # one call that cannot be read must not hold all agents for ever
        log.exception("%s: looking for lost calls", calls.integrator.name)


async def reap(calls: CreatedCalls) -> None:
    """Record the calls that nobody else will: their PBX or their creator died.

    Also end those that ring although their creator had to say that they do not, and free the
    agents whose clients go on without them.
    """
    known = await calls.store.live()
    calls.sightings.note(known)
    if not known:
        return
    if not all(one.run.entity_id for one in calls.pbxs):
        await calls.pbxs.look()
    # In this order: a channel stays until its hangup handler is through with the record.
    found = await calls.pbxs.find_all(known)
    for call_ref, live in known.items():
        where = found[call_ref]
        if where.pbx is None:
            await _reap_absent(calls, live, where)
        else:
            await _reap_present(calls, live, where, where.pbx)


async def _reap_present(calls: CreatedCalls, live: LiveCall, where: Found, pbx: LivePBX) -> None:
    """See to a call that goes on."""
    await calls.keep_at(live, pbx)
    if await calls.store.take_mark(live.call_ref, Mark.FORGOTTEN):
        log.warning("%s: PBX %s is back with the call; it is not given up", live.call_ref, pbx)
    if await calls.store.take_mark(live.call_ref, Mark.ABANDONED):
        await calls.hang_up(live.call_ref)
    elif not pbx.where.agents(where.channels):
        await calls.free_agent(live.call_ref)


async def _reap_absent(calls: CreatedCalls, live: LiveCall, where: Found) -> None:
    """See to a call that is nowhere as far as this server can tell."""
    forgotten = await _is_forgotten(calls, live)
    if not forgotten and not calls.sightings.is_old(live, calls.times.lost_after):
        return
    at_home = calls.pbxs.home(live) is not None or not live.run
    if forgotten or (where.gone and at_home):
        await _give_up(calls, live)
    elif live.run and await calls.store.is_present(live.run):
        pass  # another server's PBX, or it does not answer since just now
    elif where.gone:
        await _give_up(calls, live)
    elif await calls.store.set_aside(live.call_ref):
        log.warning(
            "%s: its PBX%s was not seen for a while; its agent is free again",
            live.call_ref,
            live.pbx and f" {live.pbx}",
        )


async def _is_forgotten(calls: CreatedCalls, live: LiveCall) -> bool:
    """Tell whether an operator gave up its PBX, which is not back since."""
    marked = await calls.store.has_mark(live.call_ref, Mark.FORGOTTEN)
    return marked and not (live.run and await calls.store.is_present(live.run))


async def _give_up(calls: CreatedCalls, live: LiveCall) -> None:
    """See to a call that is over: just recorded, or lost."""
    if await calls.store.record(live.call_ref) is not None:
        await calls.release(live.call_ref)
        return
    if await calls.store.mark(live.call_ref, Mark.LOST):
        log.warning("%s has neither channel nor record; recorded as failed", live.call_ref)
    # Also if another server has marked it: it may have died since, and a list takes each once.
    await calls.end_lost(live)
