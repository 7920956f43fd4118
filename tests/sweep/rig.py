"""An installation under one roof, the calls that are placed there, and what became of each."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import httpx
from redis import Redis

from click2dial_agi.app.doctor import Level, examine
from click2dial_agi.io.asterisk_console import AsteriskConsole
from click2dial_agi.io.config_file import load_config
from click2dial_agi.io.journal import read_waiting
from click2dial_agi.io.spool import Spool
from sandbox.asterisk import Asterisk
from sandbox.calls import AwaitBye, Call, HangUp, place_call
from sandbox.phone import Phone
from sandbox.process import until
from sandbox.redis import LocalRedis
from sandbox.server import Server
from sandbox.trunk import Trunk
from tests.e2e.calls.desk import OUTBOUND_ID
from tests.e2e.records import CDR_LIST, Payload, read_cdr

CALLER, DID, DIDS = "27820007777", "27215550105", "02155501*"
KEY = "key-of-acme"
WRONG = "12345"
KINDS = ("phone", "refused", "inbound", "created")
UP = ("phone", "inbound")  # those that last until somebody hangs up
DESK, FRONT = "1100", "1002"  # whose phones are rung: by the API, and by calls from outside
AGENTS = {"phone": "1000", "refused": "1001", "created": DESK, "inbound": FRONT}

#: Seconds in which all is recorded, once a fault is mended.
RECORDED_IN = 30

#: A line of the server's log that somebody is woken up by.
ALARM = re.compile(r"^\S+ (?:WARNING|ERROR) (.*)$", re.MULTILINE)

#: By what a caller heard: how a record may say that his call ended.
ENDINGS = {
    200: {("hungup", 16)},
    484: {("error", 28)},
    487: {("hungup", 16), ("failed", 42)},
    503: {("error", 34), ("failed", 42)},
}


@dataclass
class Placed:
    """One call that was placed: how the caller heard it end, and whether anybody was rung."""

    kind: str
    ref: str
    extension: str
    number: str = ""
    status: int = 0
    went_out: bool = False


@dataclass
class Rig:
    """PBX, server and Redis, all of them right until a fault is made."""

    pbx: Asterisk
    server: Server
    redis: LocalRedis
    trunk: Trunk
    #: The directory of the spool, by the same path for Asterisk and the server.
    spool: Path
    phones: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def client(self) -> Redis:
        return Redis.from_url(self.redis.url, decode_responses=True)

    def register(self) -> None:
        """Put the phones on their desks, anew."""
        self.phones.close()
        for extension, password in ((DESK, f"secret-{DESK}"), (FRONT, None)):
            self.phones.enter_context(Phone(self.pbx, extension, password=password))
        for extension in (DESK, FRONT):
            until(lambda one=extension: self.pbx.is_registered(one), 10, "a phone")  # type: ignore[misc]

    def set_global(self, name: str, value: str) -> None:
        self.pbx.cli(f'dialplan set global {name} "{value}"')

    def heal(self) -> None:
        """Forget what an earlier fault has left behind; then all is as it was at the start."""
        for name, value in globals_of(self.pbx).items():
            if name.startswith(("C2D_AWAY_", "C2D_UNKEPT")) and value:
                self.set_global(name, "")
        with self.client as client:
            client.flushall()
        for left in self.spool.glob("calls.spool*"):
            left.unlink()

    # Calls.

    def place(self, kind: str, *, stay: bool = False) -> tuple[Placed, Call | None]:
        """Begin a call: ``phone``, ``refused`` and ``created`` by an agent, ``inbound`` to one.

        With ``stay`` the caller does not hang up by himself.
        """
        placed = Placed(kind, f"{kind}-{secrets.token_hex(4)}", AGENTS[kind])
        then = AwaitBye() if stay else HangUp(0.05)
        match kind:
            case "created":
                self._create(placed)
                return placed, None
            case "inbound":
                headers = [("X-Account", placed.ref)]
                placed.number = CALLER
                return placed, place_call(
                    self.pbx, agent=CALLER, callee=DID, headers=headers, then=then
                )
        placed.number = WRONG if kind == "refused" else self.trunk.number()
        return placed, place_call(
            self.pbx,
            agent=placed.extension,
            callee=placed.number,
            headers=[OUTBOUND_ID, ("X-Teleforge-Contact-Ref", placed.ref)],
            then=then,
        )

    def _create(self, placed: Placed) -> None:
        placed.number = self.trunk.number("hang-up")
        body = {"agent": DESK, "callee": placed.number, "outbound_id": OUTBOUND_ID[1]}
        url = f"http://{self.server.config['integrators'][0]['http']}/click2dial/calls"
        login = {"Authorization": f"Bearer {KEY}"}
        try:
            answer = httpx.post(
                url,
                json={**body, "contact_ref": placed.ref},
                headers=login,
                trust_env=False,
                verify=False,
            )
            placed.status = 200 if answer.status_code == 201 else answer.status_code
        except httpx.TransportError:
            placed.status = 503

    def finish(self, placed: Placed, call: Call | None) -> None:
        """Wait for what the caller hears; created calls are over when no channel is left."""
        if call is not None:
            placed.status = call.result().status

    def see(self, placed: Iterable[Placed]) -> None:
        """See which calls went out."""
        for one in placed:
            outside = one.kind in ("phone", "created") and self.trunk.invites(one.number)
            one.went_out = bool(outside) or (one.kind == "inbound" and one.status == 200)

    def quiet(self) -> None:
        """Wait until no channel is left, so that all hangup handlers are over."""
        until(lambda: "0 active channels" in self.pbx.cli("core show channels count"), 15, "quiet")

    # What is told.

    def doctor(self) -> dict[str, str]:
        """Return what doctor finds, each kind with its line; notes are left out."""
        path = self.server.config_path
        path.chmod(0o640)
        conf = f"{self.pbx.inside}/etc/asterisk.conf"
        console = AsteriskConsole(["chroot", str(self.pbx.tree), "asterisk", "-C", conf])
        config = load_config(path)
        found = asyncio.run(examine(config, path, console=console, etc=self.pbx.etc))
        return {one.check: one.line() for one in found if one.level is not Level.NOTE}

    def alarms(self, since: int) -> str:
        """Return the warnings and errors in the server's log from a place on."""
        return "\n".join(ALARM.findall(self.server.log()[since:]))

    def records(self, wanted: Set[str]) -> list[Payload]:
        """Return all records, once those that are wanted are there and nothing waits."""

        def come() -> bool:
            refs = {record["contact_ref"] for record in self._read()}
            return wanted <= refs and not self._waits()

        until(come, RECORDED_IN, f"records of {wanted}")
        return self._read()

    def _read(self) -> list[Payload]:
        with self.client as client:
            texts = cast("list[str]", client.lrange(CDR_LIST, 0, -1))
        return [read_cdr(text) for text in texts]

    def _waits(self) -> bool:
        journal = read_waiting(self.spool / "journal.db")
        lists = any(one.queue == "acme" for one in journal)  # others are webhooks'
        return lists or bool(Spool(self.spool / "calls.spool").waiting())


def globals_of(pbx: Asterisk) -> dict[str, str]:
    """Return the dialplan's global variables."""
    pairs = (line.strip().partition("=") for line in pbx.cli("dialplan show globals").splitlines())
    return {name: value for name, equals, value in pairs if equals}
