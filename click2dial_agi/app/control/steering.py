"""What one integrator may do to its calls while they are up (docs/control.md)."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from uuid import uuid4

from click2dial_agi.app.control import (
    consulting,
    holding,
    outside,
    recording,
    sound,
    supervision,
    transfer,
)
from click2dial_agi.app.control.found import NOT_UP, SteeredCall, look_at
from click2dial_agi.app.control.standing import control_of, is_held
from click2dial_agi.app.logs import mask
from click2dial_agi.app.pbxs import LivePBX, PBXs
from click2dial_agi.app.snapshot import Snapshot
from click2dial_agi.domain.call_refused import CallRefused, Why
from click2dial_agi.domain.integrators import Integrator
from click2dial_agi.domain.numbers import FieldError, is_call_ref
from click2dial_agi.domain.payloads import listen_notification
from click2dial_agi.domain.steering import Control, Listening
from click2dial_agi.exceptions import PBXUnanswered, PBXUnreachable
from click2dial_agi.io.steering_store import KeyUse, SteeringStore

__all__ = ["Steering"]

log = logging.getLogger(__name__)

# How often another's action on the same call is waited for, and the seconds between.
_LOOKS = 40
_PAUSE = 0.05

# For all that one action asks of a PBX, in seconds: less than a call is held for
# (io/steering_store.py), so that nobody else steers it meanwhile.
_DEADLINE = 8.0

_NO_MANAGER = CallRefused(
    Why.NOT_SET_UP,
    (FieldError("asterisk.ami", "set, with ami_username and ami_password; it is not configured"),),
)
_UNKNOWN = CallRefused(Why.UNKNOWN, (FieldError("call_ref", "a call of this integrator"),))
_NOBODY_TALKS = CallRefused(
    Why.NOT_NOW,
    (FieldError("call_ref", "a call whose agent talks to whom he asks (transfer, type consult)"),),
)
_STEERED = CallRefused(
    Why.BUSY, (FieldError("call_ref", "a call that nobody else steers at this moment"),), 1
)

_OTHER_BODY = CallRefused(Why.WRONG, (FieldError("idempotency-key", "a new one for another body"),))

# Tells whether calls of an agent are the affair of who asks.
MaySee = Callable[[str], bool]

_Do = Callable[[], Awaitable[None]]


def _anybody(_: str) -> bool:
    return True


def _is_used(use: KeyUse) -> bool:
    if use is KeyUse.OTHER:
        raise _OTHER_BODY
    return use is KeyUse.SAME


class Steering:
    """Steers the calls of one integrator.

    Every method raises :exc:`CallRefused`, or :exc:`PBXUnreachable` or :exc:`NotificationError`
    while a PBX or Redis is away; each may be asked again.
    """

    def __init__(
        self,
        current: Snapshot,
        integrator: Integrator,
        pbxs: PBXs,
        store: SteeringStore,
    ) -> None:
        self._current = current
        self.integrator = integrator
        self._pbxs = pbxs
        self._calls = current.stores[integrator.name]
        self._store = store
        self._notifier = current.notifiers[integrator.name]
        self._counts = current.counts

    def check(self) -> None:
        """Raise :exc:`CallRefused` where no PBX has a manager that could be asked."""
        if all(one.manager is None for one in self._pbxs):
            raise _NO_MANAGER

    async def mute(self, call_ref: str, may_see: MaySee, *, muted: bool) -> Control:
        """Let the client hear the agent, or not."""
        async with self._steered(call_ref, may_see) as call:
            held = await is_held(call)
            await sound.mute(call, muted=muted, held=held)
            if held and not await is_held(call):  # what ends by itself has, a moment ago
                await sound.mute(call, muted=muted, held=False)
            return await control_of(call)

    async def hold(self, call_ref: str, may_see: MaySee, *, held: bool) -> Control:
        """Put the client on hold, or let him and the agent talk again.

        One who waits while the agent asks a colleague is on hold, and afterwards nobody is asked.
        """
        async with self._steered(call_ref, may_see) as call:
            if not held:
                await self._talk_again(call)
            elif await consulting.asked(call) is None:
                await consulting.end(call)
                await holding.hold(call)
            log.info("%s: %s", call_ref, "on hold" if held else "no longer on hold")
            return await control_of(call)

    async def press(self, call_ref: str, may_see: MaySee, digits: str, key: str | None) -> Control:
        """Press keys for the agent; with an Idempotency-Key (``key``) once only."""
        was_done = await self._was_done(call_ref, "dtmf", key, digits)
        if was_done and await self._find_again(call_ref, may_see) is None:
            return Control()
        async with self._steered(call_ref, may_see) as call:
            keys = [partial(sound.press, call, digit) for digit in digits]
            await self._once(call_ref, "dtmf", key, digits, keys)
            return await control_of(call)

    async def transfer(
        self, call_ref: str, may_see: MaySee, callee: str, key: str | None
    ) -> Control:
        """Send the client elsewhere; with an Idempotency-Key (``key``) once only."""
        async with self._sent_once(call_ref, may_see, "transfer", key, callee) as call:
            if call is None:
                return await self._after(call_ref, may_see)
            target = transfer.target_of(call, callee, self.integrator, self._counts)
            if await is_held(call):  # he is to hear who is called, and no music
                await self._talk_again(call)
            send_on = partial(transfer.send_on, call, target)
            await self._once(call_ref, "transfer", key, callee, [send_on])
            await self._resume_for_who_is_next(call)
            log.info("%s: %s sends the client to %s", call_ref, mask(call.agent), mask(target))
            return Control()

    async def consult(self, call_ref: str, may_see: MaySee, callee: str) -> Control:
        """Let the agent ask somebody while the client hears music; who is asked stays so."""
        async with self._steered(call_ref, may_see) as call:
            who, leg = await transfer.consulted(call, callee, self.integrator, self._counts)
            if leg is None:
                await consulting.begin(call, who, self.integrator, self._current.config, self._pbxs)
            else:
                await outside.begin(call, who, leg, self.integrator, self._current)
            log.info("%s: %s asks %s", call_ref, mask(call.agent), mask(who))
            return await control_of(call)

    async def complete(self, call_ref: str, may_see: MaySee, key: str | None) -> Control:
        """Give the client to whom the agent asks; with an Idempotency-Key (``key``) once only."""
        async with self._sent_once(call_ref, may_see, "complete", key, "") as call:
            if call is None:
                return await self._after(call_ref, may_see)
            asked = await consulting.asked(call)
            if asked is None and await consulting.has_given(call):
                return await control_of(call)
            if asked is None or not asked.channel:
                raise _NOBODY_TALKS
            target = transfer.given_to(call, asked.callee, self.integrator, self._counts)
            give = partial(self._give, call, asked, target)
            await self._once(call_ref, "complete", key, "", [give])
            await self._resume_for_who_is_next(call)
            await consulting.silence(call)
            log.info("%s: %s gives the client to %s", call_ref, mask(call.agent), mask(target))
            return Control()

    async def _give(self, call: SteeredCall, asked: consulting.Asked, target: str) -> None:
        await consulting.give(call, asked, target)
        try:
            await transfer.send_on(call, target)
        except (CallRefused, PBXUnreachable) as error:
            if not isinstance(error, PBXUnanswered):  # else it may have been done
                await consulting.keep(call, asked)
            raise

    async def cancel(self, call_ref: str, may_see: MaySee) -> Control:
        """Let the colleague go, if one is asked, and agent and client talk again."""
        async with self._steered(call_ref, may_see) as call:
            await consulting.end(call)
            return await control_of(call)

    async def _talk_again(self, call: SteeredCall) -> None:
        await consulting.end(call)
        await holding.unhold(call)

    async def listen(self, call_ref: str, listening: Listening) -> Control:
        """Ring a supervisor's phone, to hear the call; nothing if it rings or hears already."""
        async with self._steered(call_ref, _anybody) as call:
            extension = listening.extension
            if not self.integrator.owns(extension) or not await supervision.is_there(
                call, extension, self.integrator
            ):
                await supervision.check(call, extension, self.integrator)
                # Without the manager there is no answer, and so nobody rings either.
                await call.reach()
                await self._tell_of(call, listening)
                await supervision.ring(call, listening, self.integrator)
            return await control_of(call)

    async def _tell_of(self, call: SteeredCall, listening: Listening) -> None:
        """Log that somebody will hear a call, and notify; if that cannot be, nobody does."""
        log.warning(
            "%s: supervisor %s: %s to agent %s",
            *(call.call_ref, listening.extension, listening.mode, call.agent),
        )
        at, ref = int(time.time()), str(uuid4())
        told = listen_notification(call.known.call, call.agent, listening, self.integrator, at, ref)
        await self._notifier.notify(told)

    async def _after(self, call_ref: str, may_see: MaySee) -> Control:
        """Return how a call stands to whom had something done before."""
        call = await self._find_again(call_ref, may_see)
        return Control() if call is None else await control_of(call)

    async def _find_again(self, call_ref: str, may_see: MaySee) -> SteeredCall | None:
        """Find a call for whom had something done to it; None if it has ended, or gone on.

        What was done is no secret to who knows the key of it, though the call may be another
        agent's by now.
        """
        try:
            return await self._find(call_ref, may_see)
        except CallRefused as refused:
            if refused.why not in (Why.NOT_NOW, Why.UNKNOWN):
                raise
            return None

    async def pause(self, call_ref: str, may_see: MaySee) -> Control:
        """Record silence."""
        async with self._steered(call_ref, may_see) as call:
            # Before it is paused: what nobody looks after might never go on.
            await self._store.keep_paused(call_ref, call.agent_leg.uniqueid)
            await recording.pause(call)
            log.info("%s: recording paused", call_ref)
            return await control_of(call)

    async def resume(self, call_ref: str, may_see: MaySee) -> Control:
        """Record what is said."""
        async with self._steered(call_ref, may_see) as call:
            await self._resume(call)
            return await control_of(call)

    async def _resume_for_who_is_next(self, call: SteeredCall) -> None:
        """Let a paused recording go on once the client is sent on, and not if that was refused.

        Where it cannot, ``look_after_pauses`` does as soon as another agent has him.
        """
        try:
            pauses = await recording.pauses_of(call)
            if pauses.open_from is not None and self.integrator.recording_resumes:
                await self._resume(call)
        except (CallRefused, PBXUnreachable) as error:
            log.warning("%s: the recording is paused yet: %s", call.call_ref, error)

    async def _resume(self, call: SteeredCall) -> None:
        await recording.resume(call)
        await self._store.drop_paused(call.call_ref)
        log.info("%s: recording goes on", call.call_ref)

    async def look_after_pauses(self) -> None:
        """Let recordings go on whose client another agent has; forget those that are over."""
        if all(one.manager is None for one in self._pbxs):
            return
        for call_ref, paused_by in (await self._store.paused()).items():
            try:
                call = await self._find(call_ref, _anybody)
                if not self.integrator.recording_resumes or call.agent_leg.uniqueid == paused_by:
                    continue
                async with self._steered(call_ref, _anybody) as call:
                    if call.agent_leg.uniqueid != paused_by:
                        await self._resume(call)
            except CallRefused as refused:
                over = refused.why is Why.UNKNOWN or await self._calls.record(call_ref) is not None
                if over:
                    await self._store.drop_paused(call_ref)
            except PBXUnreachable as error:  # those on other PBXs must not wait for it
                log.debug("%s: paused, and its PBX is away: %s", call_ref, error)

    async def _was_done(self, call_ref: str, action: str, key: str | None, wanted: str) -> bool:
        """Tell whether a key has had an action done; raises as :meth:`_once`."""
        if key is None:
            return False
        return _is_used(await self._store.key_use(call_ref, action, key, wanted))

    async def _once(
        self, call_ref: str, action: str, key: str | None, wanted: str, steps: Sequence[_Do]
    ) -> None:
        """Do all steps, if that key has not had it done before.

        The key is good for another try only if surely nothing was done.  Raises
        :exc:`CallRefused` if it has had done something else than what is ``wanted`` now.
        """
        if key is not None and _is_used(await self._store.use_key(call_ref, action, key, wanted)):
            return
        for number, do in enumerate(steps):
            try:
                await do()
            except (CallRefused, PBXUnreachable) as error:
                nothing_done = number == 0 and not isinstance(error, PBXUnanswered)
                if key is not None and nothing_done:
                    await self._store.forget(call_ref, action, key)
                raise

    @asynccontextmanager
    async def _sent_once(
        self, call_ref: str, may_see: MaySee, action: str, key: str | None, wanted: str
    ) -> AsyncIterator[SteeredCall | None]:
        """Steer as :meth:`_steered`; None if the key has sent the client on, also at this moment.

        Who asks twice at once finds the two sides no longer joined.
        """
        if await self._was_done(call_ref, action, key, wanted):
            yield None
            return
        async with AsyncExitStack() as stack:
            try:
                call = await stack.enter_async_context(self._steered(call_ref, may_see))
            except CallRefused:
                if not await self._was_done(call_ref, action, key, wanted):
                    raise
                call = None
            yield call

    @asynccontextmanager
    async def _steered(self, call_ref: str, may_see: MaySee) -> AsyncIterator[SteeredCall]:
        """Find a call and be the one who steers it, until the deadline."""
        self.check()
        if not is_call_ref(call_ref):
            raise _UNKNOWN
        await self._find(call_ref, may_see)
        mine, until = await self._hold(call_ref)
        try:
            async with asyncio.timeout_at(until):
                # As it is now: whoever steered it before may have handed it over.
                yield await self._find(call_ref, may_see)
        except TimeoutError:
            raise PBXUnanswered(f"{call_ref}: not steered in {_DEADLINE:g} s") from None
        finally:
            await self._store.give(call_ref, mine)
        log.debug("%s was steered", call_ref)

    async def _hold(self, call_ref: str) -> tuple[str, float]:
        """Be the one who steers a call; return what to give back, and the deadline (loop time)."""
        for _ in range(_LOOKS):
            until = asyncio.get_running_loop().time() + _DEADLINE
            mine = await self._store.take(call_ref)
            if mine is not None:
                return mine, until
            await asyncio.sleep(_PAUSE)
        raise _STEERED

    async def _find(self, call_ref: str, may_see: MaySee) -> SteeredCall:
        live = await self._calls.live_call(call_ref)
        found = await self._pbxs.find(call_ref, live)
        if found.pbx is not None:
            call = await self._look(found.pbx, call_ref)
            if call is not None:
                if not may_see(call.agent):
                    raise _UNKNOWN
                return call
        if live is not None:
            if not may_see(live.agent):
                raise _UNKNOWN
            if found.pbx is None and not found.gone:
                raise PBXUnreachable(f"{call_ref}: its PBX {live.pbx} cannot be asked")
            raise NOT_UP
        record = await self._calls.record(call_ref)
        if record is not None and may_see(str(record.get("extension"))):
            raise NOT_UP
        raise _UNKNOWN

    async def _look(self, pbx: LivePBX, call_ref: str) -> SteeredCall | None:
        if pbx.manager is None:
            raise _NO_MANAGER
        return await look_at(pbx, pbx.manager, call_ref, self._current.config, self.integrator)
