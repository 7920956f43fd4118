"""Ten phones of a cluster, the calls that they place, and those that a CRM creates."""

from __future__ import annotations

import asyncio
import itertools
import time
from dataclasses import dataclass, field

import httpx

from sandbox.cluster import OUTBOUND, OUTBOUND_ID, PHONES, Cluster, password
from sandbox.kamailio import Kamailio
from sandbox.phone_call import PhoneCall
from sandbox.ua import UA

CALLS = "/click2dial/calls"

#: What the last two digits of a number outside make of a call.
OUTCOMES = {
    "answer": "00",  # answers, and waits for the other side to hang up
    "busy": "01",  # 486
    "hang-up": "05",  # answers, and hangs up after half a second
    "unknown": "07",  # 404
}
_REFUSALS = {"01": (486, "Busy Here"), "07": (404, "Not Found")}

#: A caller who hears nothing for so long gives up: seconds.
GIVE_UP = 20.0


@dataclass
class Placed:
    """One call.  Its number, which is its contact_ref, is no other call's; times are Unix times."""

    number: str
    agent: str
    node: str = ""  # the Kamailio of a phone; nothing for a created call
    began: float = 0.0
    ended: float = 0.0
    #: Final answer to the INVITE, or to the POST; 0 if there was none.
    status: int = 0
    #: How long that took, and which Asterisks had the call outside.
    seconds: float = 0.0
    pbxs: list[int] = field(default_factory=list)
    lasting: bool = False  # nobody hangs it up

    @property
    def created(self) -> bool:
        return not self.node


async def _outside(call: PhoneCall) -> None:
    """Do what the dialled number says, as the telephone network."""
    outcome = call.number[-2:]
    call.ring()
    await asyncio.sleep(0.05)
    if call.final_status:
        return
    if refusal := _REFUSALS.get(outcome):
        call.reply(*refusal)
        return
    call.answer()
    if outcome == OUTCOMES["hang-up"]:
        await asyncio.sleep(0.5)
        if not call.ended.is_set():
            call.bye()


class Desks:
    """Ten phones, half of them at each Kamailio; every method belongs into the cluster's loop."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.phones = [UA(str(name), 0, password=password(name)) for name in PHONES]
        #: At which Kamailio each is.
        self.nodes: dict[str, Kamailio] = {}
        #: All calls, in the order in which they were placed.
        self.placed: list[Placed] = []

    async def open(self) -> None:
        nodes = itertools.cycle(self.cluster.kamailios)
        for phone, node in zip(self.phones, nodes, strict=False):
            await phone.open()
            await self.register(phone, node)
        for trunk in self.cluster.trunks:
            trunk.rule = _outside
        self._api = httpx.AsyncClient(trust_env=False, timeout=15)

    async def close(self) -> None:
        await self._api.aclose()
        for phone in self.phones:
            await phone.close()

    async def register(self, phone: UA, node: Kamailio) -> None:
        phone.dial_through(node.phones_port)
        self.nodes[phone.name] = node
        answer = await phone.register()
        assert answer.status == 200, answer.start_line

    async def move(self, dead: Kamailio, other: Kamailio) -> None:
        """Do what phones do whose Kamailio says nothing any more."""
        left = [phone for phone in self.phones if self.nodes[phone.name] is dead]
        await asyncio.gather(*(self.register(phone, other) for phone in left))

    async def place(
        self, phone: UA, outcome: str = "answer", talk: float = 0.3, *, lasting: bool = False
    ) -> Placed:
        """Have a phone call somebody outside, and return when the call is over for it.

        A `lasting` call is over when the other side, or `hang_up`, ends it.
        """
        number = self.cluster.number(OUTCOMES[outcome])
        placed = Placed(number, phone.name, self.nodes[phone.name].name, time.time())
        placed.lasting = lasting
        self.placed.append(placed)
        call = await phone.call(number, [OUTBOUND, ("X-Teleforge-Contact-Ref", number)])
        try:
            async with asyncio.timeout(GIVE_UP):
                placed.status = (await call.final(GIVE_UP)).status
                placed.seconds = time.time() - placed.began
        except TimeoutError:
            call.cancel()
        if placed.status == 200 and lasting:
            await call.ended.wait()
        elif placed.status == 200:
            await self._talk(call, talk if outcome == "answer" else GIVE_UP)
        placed.ended = time.time()
        return placed

    def hang_up(self) -> None:
        """Hang up all calls that phones have placed."""
        for call in [call for phone in self.phones for call in phone.calls_up()]:
            if call.answered.is_set() and not call.ended.is_set():
                call.bye()

    async def create(self, agent: UA, first: int = 0, outcome: str = "hang-up") -> Placed:
        """Have a call created, by another server where one does not answer, or cannot."""
        number = self.cluster.number(OUTCOMES[outcome])
        placed = Placed(number, agent.name, began=time.time())
        self.placed.append(placed)
        body = {
            "agent": agent.name,
            "callee": number,
            "outbound_id": OUTBOUND_ID,
            "contact_ref": number,
        }
        ports = self.cluster.api_ports
        for port in ports[first:] + ports[:first]:
            url = f"http://127.0.0.1:{port}{CALLS}"
            try:
                answer = await self._api.post(url, json=body, headers={"Idempotency-Key": number})
            except httpx.TransportError:
                continue
            placed.status = answer.status_code
            placed.seconds = time.time() - placed.began
            if placed.status != 503:
                break
        placed.ended = time.time()
        return placed

    def note_pbxs(self) -> None:
        """Fill in which Asterisks had which call outside."""
        by_number = {placed.number: placed for placed in self.placed}
        for pbx, trunk in enumerate(self.cluster.trunks):
            for call in trunk.incoming:
                if (placed := by_number.get(call.number)) and pbx not in placed.pbxs:
                    placed.pbxs.append(pbx)

    @staticmethod
    async def _talk(call: PhoneCall, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await call.ended.wait()
        except TimeoutError:
            call.bye()
