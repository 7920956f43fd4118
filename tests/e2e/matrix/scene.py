"""A cell's stage: one client, a team, and what has been seen of them so far."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from urllib.parse import quote

from sandbox.notifications import Notification
from sandbox.office import Office, Team
from sandbox.office_conf import DEFAULT_OUTBOUND_ID, OUTBOUND_ID
from sandbox.phone_call import PhoneCall
from sandbox.ua import answer
from sandbox.waiting import patience
from tests.e2e.matrix.cells import Cell, Move, Origin
from tests.e2e.matrix.expected import AGENT_HUNG_UP, CLIENT_HUNG_UP, Ends, Expected

#: How long they talk after the move: a record cut there must be seen to be too short, and one that
#: begins there, too, so it is more than the second that times may be off.
TALK = 2.2
SCENE = "scene-"  # how each contact_ref begins
QUEUED = 1.2  # how long a phone rings that a queue calls


class Scene:
    """The parties of one run of a cell.

    `client` and `agent` are the two ends of the client's call: the phone outside, and that of the
    team's first agent. `expected` grows with what happens.
    """

    def __init__(self, office: Office, team: Team, cell: Cell) -> None:
        self.office = office
        self.team = team
        self.cell = cell
        self.number = office.number()
        self.partner = office.number()
        self.ref = f"{SCENE}{secrets.token_hex(6)}"
        self.created = time.time()
        self.expected: list[Expected] = []
        self.remarks: list[str] = []
        self.call_ref = ""  # of a created call
        self.kind = 2 if cell.origin is Origin.QUEUE else 1  # of the DID; office_conf.did
        self.leg_shown = self.shown_for_agent
        self.began = self.answered = 0.0
        self.announced = True
        self.client: PhoneCall
        self.agent: PhoneCall
        for phone in team.all_phones():
            phone.forget()
            phone.rule = answer()

    # The beginning

    def headers(self, ref: str) -> list[tuple[str, str]]:
        return [("X-Teleforge-Outbound-ID", OUTBOUND_ID), ("X-Teleforge-Contact-Ref", ref)]

    async def begin(self) -> None:
        """Bring agent and client together, and let them hear each other."""
        await self.place()
        if self.cell.origin is Origin.QUEUE:
            self.team.first.rule = answer(QUEUED)
        if self.cell.origin is Origin.PHONE:
            self.client = await self.office.trunk.next_call(number=self.number)
        else:
            self.agent = await self.team.first.next_call()
            if self.cell.origin is Origin.CREATED:
                self.client = await self.office.trunk.next_call(number=self.number)
        await self.agent.up()
        await self.client.up()
        self.answered = max(self.agent.answered_at, self.client.answered_at)
        await self.hear(self.agent)

    async def place(self) -> None:
        """Place the call, and wait for nothing."""
        office, team = self.office, self.team
        self.began = time.time()
        match self.cell.origin:
            case Origin.PHONE:
                self.agent = await team.first.call(self.number, self.headers(self.ref))
            case Origin.CREATED:
                response = await office.create(team, self.number, self.ref)
                assert response.status_code == 201, response.text
                self.call_ref = response.json()["call_ref"]
            case Origin.DID:
                self.client = await office.dial_in(team.did(), self.number, self.ref)
            case Origin.QUEUE:
                self.client = await office.dial_in(team.did(self.kind), self.number, self.ref)

    # The middle

    async def consult(self, user: str) -> PhoneCall:
        """The agent puts the client on hold and calls somebody, who rings."""
        await self.agent.hold()
        call = await self.team.first.call(user, self.headers(f"{self.ref}-c"))
        await call.wait_status(180)
        return call

    async def put_together(self, consultation: PhoneCall, user: str) -> None:
        """The agent presses the transfer key during a consultation."""
        replaces = quote(consultation.replaces(), safe="")
        async with self.office.masquerade:
            response = await self.agent.refer(f"<{self.agent.ua.uri(user)}?Replaces={replaces}>")
            assert response.status == 202, response.start_line
            await self.agent.leave()
            # The PBX ends a consultation that still rings; a phone gives up what it does not.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await consultation.over()
        if not consultation.ended.is_set() and not consultation.final_status:
            consultation.cancel()
        await consultation.over()

    async def hear_each_other(self, one: PhoneCall, other: PhoneCall) -> None:
        """Return when the PBX has joined two calls, which it tells a moment before it has."""
        await asyncio.gather(one.media.hear(other.media.mark), other.media.hear(one.media.mark))

    async def arrival(self, shown: str = OUTBOUND_ID) -> PhoneCall:
        """Return the call at the phone that the move leads to; outside, what it shows matters."""
        if not self.cell.target.outside:
            twice = self.cell.move is Move.TWICE
            return await (self.team.third if twice else self.team.second).next_call()
        call = await self.office.trunk.next_call(number=self.partner)
        assert call.invite is not None
        if call.invite.from_user != shown:
            self.remarks.append(f"{call.invite.from_user} is shown, not {shown}")
        if leaked := [name for name, _ in call.invite.headers if name.lower().startswith("x-")]:
            self.remarks.append(f"the trunk was told {leaked}")
        return call

    @property
    def shown_for_agent(self) -> str:
        """The number that a leg shows which the agent did not dial."""
        return DEFAULT_OUTBOUND_ID if self.cell.origin.inbound else OUTBOUND_ID

    async def hear(self, other: PhoneCall) -> None:
        """Return when client and somebody hear each other."""
        await self.hear_each_other(self.client, other)

    async def talk(self, other: PhoneCall, seconds: float = TALK) -> None:
        """Let client and somebody talk, and nobody else hear them."""
        await other.up()
        await self.hear(other)
        await asyncio.sleep(seconds)
        await self.hear(other)
        for one, two in ((self.client, other), (other, self.client)):
            if others := one.media.lately(min(1.0, 0.6 * seconds)) - {two.media.mark}:
                self.remarks.append(f"{one.media.mark} hears {others}, not {two.media.mark} alone")

    # The end

    async def end(self, other: PhoneCall, extension: str | None = None) -> None:
        """Talk; the client hangs up; the record names the last agent."""
        await self.talk(other)
        await self.look()
        await self.client.hang_up()
        await other.over()
        self.expect_client(extension or other.ua.name, CLIENT_HUNG_UP, self.client.ended_at)

    async def left(self, other: PhoneCall, extension: str | None = None) -> None:
        """Talk; the other one hangs up, and the client's call ends with it."""
        await self.talk(other)
        await self.look()
        await other.hang_up()
        await self.client.over()
        self.expect_client(extension or other.ua.name, AGENT_HUNG_UP, self.client.ended_at)

    async def look(self) -> None:
        """What the API says of a created call while the client talks; it may hear of it later."""
        deadline, state = time.monotonic() + patience(1.0), ""
        while self.call_ref and state != "up":
            state = str((await self.office.state(self.team, self.call_ref)).get("state"))
            if state != "up" and time.monotonic() > deadline:
                self.remarks.append(f"GET says {state}, not up")
                return

    def expect_client(self, extension: str, ends: Ends, ended: float) -> None:
        inbound = self.cell.origin.inbound
        waited = (self.answered or ended) - self.began
        self.expected.append(
            Expected(
                what="client's call",
                extension=extension,
                number=self.number,
                dial_number=self.team.did(self.kind) if inbound else OUTBOUND_ID,
                contact_ref=self.ref,
                call_dir="inbound" if inbound else "outbound",
                ends=ends,
                began=self.began,
                ended=ended,
                held=waited if self.cell.origin is Origin.QUEUE else 0.0,
                answered=self.answered,
            )
        )

    def expect_consultation(
        self, call: PhoneCall, ends: Ends, ended: float, answered: float | None = None
    ) -> None:
        """The call to the target before an attended transfer is one of the agent's own."""
        outside = self.cell.target.outside
        agent = self.team.first.name
        self.expected.append(
            Expected(
                what="consultation",
                extension=agent,
                number=self.partner if outside else self.team.second.name,
                dial_number=OUTBOUND_ID if outside else agent,
                contact_ref=f"{self.ref}-c",
                call_dir="outbound" if outside else "internal",
                ends=ends,
                began=call.began_at,
                ended=ended,
                answered=answered,
            )
        )

    def expect_leg(self, began: float, ends: Ends, extension: str, call_type: str) -> None:
        """A leg to outside that a transfer or a forward placed is a call of its own."""
        self.expected.append(
            Expected(
                what="leg",
                extension=extension,
                number=self.partner,
                dial_number=self.leg_shown,
                contact_ref=self.ref,
                call_dir="outbound",
                ends=ends,
                began=began,
                ended=self.client.ended_at,
                call_type=call_type,
            )
        )

    # What belongs to whom

    def names(self) -> set[str]:
        """All that a channel of this scene may be known by."""
        phones = {phone.name for phone in self.team.all_phones()}
        phones |= {self.team.twice, *self.team.named}
        return {self.number, self.partner, *phones, *(self.team.did(kind) for kind in (1, 2, 3))}

    def owns(self, one: Notification) -> bool:
        """Say whether a notification is of this scene, by its reference or, if made, its names."""
        ref = one.payload["contact_ref"]
        if ref.startswith(SCENE):
            return bool(ref.startswith(self.ref))
        values = {one.payload.get(key) for key in ("number", "extension", "ref")}
        return one.at >= self.created and bool(values & self.names())

    def is_record(self, one: Notification) -> bool:
        return one.list_name == self.team.plan.cdr_list and self.owns(one)

    async def clear(self) -> list[str]:
        """Hang up what is left and return what should not have been."""
        left: list[str] = []
        deadline, phones = time.monotonic() + patience(2.0), self.team.all_phones()
        # A channel is gone before its phone has read the BYE.
        while (found := await self.office.channels_of(self.names())) or any(
            phone.calls_up() for phone in phones
        ):
            if time.monotonic() > deadline:
                left = found
                break
            await asyncio.sleep(0.1)
        for channel in left:
            await self.office.cli(f"channel request hangup {channel}")
        for phone in phones:
            for call in phone.calls_up():
                left.append(f"{phone.name} still has a call\n{call.ladder}")
                call.bye()
        return left
