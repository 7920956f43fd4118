"""A PBX to which a trunk sends calls, with a queue, and agents who answer, or not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.asterisk import Asterisk
from sandbox.redis import RedisServer
from sandbox.server import Server
from sandbox.trunk import Trunk
from tests.e2e.calls.conftest import DIALPLAN
from tests.e2e.records import CRM

CALLER = "27820007777"
ONE_AGENT, TWO_AGENTS, QUEUE, SHORT_QUEUE, EMPTY_QUEUE, KNOWN, FOREIGN, VOICEMAIL = (
    f"2721555010{digit}" for digit in range(8)
)
ASKED = "27215550108"  # by the example IVR
STRANGE = "27215559999"  # nobody's

# As an operator writes it, a trunk's numbers one by one.
IVR = (Path(__file__).parents[3] / "etc" / "asterisk" / "ivr.conf").read_text("utf-8")
EXTENSIONS = f"""
    [from-trunk]
    exten => {ONE_AGENT},1,Set(C2D_AGENTS=PJSIP/1001)
     same => n,Goto(click2dial-inbound,${{EXTEN}},1)
    exten => {TWO_AGENTS},1,Set(C2D_AGENTS=PJSIP/1001&PJSIP/1002)
     same => n,Set(C2D_RING_TIMEOUT=2)
     same => n,Goto(click2dial-inbound,${{EXTEN}},1)
    exten => +{TWO_AGENTS},1,Goto({TWO_AGENTS},1)
    exten => {QUEUE},1,Answer(,i)
     same => n,Set(C2D_QUEUE=support)
     same => n,Goto(click2dial-inbound,${{EXTEN}},1)
    exten => {SHORT_QUEUE},1,Set(C2D_QUEUE=support)
     same => n,Set(C2D_QUEUE_TIMEOUT=1)
     same => n,Goto(click2dial-inbound,${{EXTEN}},1)
    exten => {EMPTY_QUEUE},1,Set(C2D_QUEUE=empty)
     same => n,Goto(click2dial-inbound,${{EXTEN}},1)
    exten => {KNOWN},1,Set(C2D_AGENTS=PJSIP/1001)
     same => n,Set(C2D_CONTACT_REF=${{PJSIP_HEADER(read,X-Account)}})
     same => n,Goto(click2dial-inbound,${{EXTEN}},1)
    exten => {FOREIGN},1,Set(C2D_AGENTS=PJSIP/2000)
     same => n,Goto(click2dial-inbound,${{EXTEN}},1)
    exten => {VOICEMAIL},1,Set(C2D_AGENTS=PJSIP/1001)
     same => n,Set(C2D_RING_TIMEOUT=1)
     same => n,Set(C2D_NEXT=from-trunk,voicemail,1)
     same => n,Goto(click2dial-inbound,${{EXTEN}},1)
    exten => voicemail,1,Answer(,i)
     same => n,Wait(10)
    exten => {ASKED},1,Set(C2D_AGENTS=PJSIP/1001)
     same => n,Goto(click2dial-ivr,${{EXTEN}},1)
    exten => {STRANGE},1,Set(C2D_AGENTS=PJSIP/1001)
     same => n,Goto(click2dial-inbound,${{EXTEN}},1)
    """

QUEUES = """
    [general]
    [support]
    strategy = ringall
    timeout = 30
    joinempty = yes
    member => PJSIP/1001
    member => PJSIP/1002
    [empty]
    joinempty = no
    """

PJSIP = f"""
    [{CALLER}](common)
    context = from-trunk
    aors =

    [anonymous](common)
    context = from-trunk
    aors =

    [carrier](common)
    context = from-trunk
    aors =
    trust_id_inbound = yes

    [straight](common)
    context = click2dial-inbound
    aors =
    set_var = C2D_AGENTS=PJSIP/1001

    [2000](agent)
    aors = 2000
    [2000](aor)
    """


@pytest.fixture(scope="session")
def inbound_server(redis: RedisServer) -> Iterator[Server]:
    """The server, with the trunk's numbers as the integrator's DIDs."""
    with Server(redis.url, integrator={"dids": ["02155501*"]}) as server:
        yield server


@pytest.fixture(scope="session")
def switchboard(tree: Path, trunk: Trunk, inbound_server: Server) -> Iterator[Asterisk]:
    """The PBX."""
    with Asterisk(
        tree,
        include=DIALPLAN,
        c2d_agi=inbound_server.agi_url,
        trunk_port=trunk.port,
        extra_extensions=f"{EXTENSIONS}\n{IVR}",
        extra_pjsip=PJSIP,
        queues=QUEUES,
    ) as pbx:
        yield pbx


def _crm(redis: RedisServer, list_name: str) -> Iterator[CRM]:
    with CRM(redis.url, f"enigma:notifications:{list_name}") as crm:
        crm.clear()
        yield crm
        assert crm.waiting() == 0


@pytest.fixture
def records(redis: RedisServer) -> Iterator[CRM]:
    """The cdr list; a test must pop all that its calls made, no more."""
    yield from _crm(redis, "cdr")


@pytest.fixture
def answers(redis: RedisServer) -> Iterator[CRM]:
    """The list of inbound calls that an agent answered."""
    yield from _crm(redis, "inbound")


@pytest.fixture
def joined(redis: RedisServer) -> Iterator[CRM]:
    """The list of the agents' own calls that were answered."""
    yield from _crm(redis, "c2d")
