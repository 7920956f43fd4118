"""An office with softphones: PBX, server, edge and CRM, and a world that can be called."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sandbox import ports
from sandbox.asterisk import Asterisk
from sandbox.redis import RedisServer
from sandbox.server import Server
from sandbox.trunk import Trunk
from tests.browser.extension import EXTENSION_ORIGIN
from tests.e2e.records import CRM

ROOT = Path(__file__).parents[2]
DIALPLAN = ROOT / "dialplan" / "click2dial.conf"

API_KEY = "browser-tests-key"
SUPERVISOR_KEY = "browser-tests-supervisors-key"
HOST = "127.0.0.1"

#: Numbers that Asterisk itself answers, so that there is somebody who speaks; all others go to
#: the trunk, where SIPp sends no audio.
ECHO = "0820000191"  # says back what it hears
HANGS_UP = "0820000192"  # answers and hangs up a moment later
PAUSES = "0820000194"  # speaks, is silent for 12 s, without a packet, and speaks again
TONES = "0820000193"  # takes four DTMF tones; `tones` returns them

WORLD = f"""
    [world]
    exten => _X.,1,Dial(PJSIP/${{EXTEN}}@trunk,,g)
     same => n,Hangup(${{HANGUPCAUSE}})
    exten => {ECHO},1,Answer()
     same => n,Echo()
    exten => {HANGS_UP},1,Answer()
     same => n,Wait(0.5)
     same => n,Hangup()
    exten => {PAUSES},1,Answer()
     same => n,PlayTones(440)
     same => n,Wait(2)
     same => n,StopPlayTones()
     same => n,Wait(12)
     same => n,PlayTones(440)
     same => n,Wait(60)
    exten => {TONES},1,Answer()
     same => n,Read(HEARD,,4,,,20)
     same => n,Set(GLOBAL(TONES)=${{HEARD}})
     same => n,Echo()
    """

#: Who calls from outside, and the number that is rung at agent 1200.
CLIENT, DID = "27820007777", "27215550100"

#: The header of a call that comes from that client's provider, whoever its From names.
PROVIDER = b"X-Provider: yes"
WORLD += f"""
    [from-trunk]
    exten => {DID},1,Set(C2D_AGENTS=PJSIP/1200)
     same => n,Set(C2D_CONTACT_REF=client-4711)
     same => n,Goto(click2dial-inbound,{DID},1)
    """
OUTSIDE = f"""
    [{CLIENT}](common)
    context = from-trunk
    aors =
    [{CLIENT}-whatever-from-says]
    type = identify
    endpoint = {CLIENT}
    match_header = {PROVIDER.decode()}
    """


@dataclass(frozen=True)
class Office:
    """What the tests need of it."""

    pbx: Asterisk
    server: Server
    trunk: Trunk
    crm: CRM
    http_port: int
    edge_port: int
    #: Where a CRM's own pages may be.
    crm_port: int
    scheme: str

    @property
    def page(self) -> str:
        """The softphone's address."""
        return f"{self.scheme}://{HOST}:{self.http_port}/softphone"

    @property
    def console(self) -> str:
        """The console's address."""
        return f"{self.scheme}://{HOST}:{self.http_port}/console"

    def tones(self) -> str:
        """What TONES was told last."""
        shown = self.pbx.cli("dialplan show globals")
        return shown.partition("TONES=")[2].partition("\n")[0].strip()


@contextlib.contextmanager
def office(
    tree: Path,
    trunk: Trunk,
    redis: RedisServer,
    *,
    edge: bool = True,
    tls: dict[str, str] | None = None,
) -> Iterator[Office]:
    """Start everything on free ports; without the edge, browsers connect to Asterisk itself."""
    http_port, edge_port, crm_port = (ports.free_port() for _ in range(3))
    server = Server(redis.url)
    pbx = Asterisk(
        tree,
        include=DIALPLAN,
        c2d_agi=server.agi_url,
        trunk_port=trunk.port,
        extra_extensions=WORLD,
        extra_pjsip=OUTSIDE,
    )
    integrator = server.config["integrators"][0] | {
        "http": f"{HOST}:{http_port}",
        "api_keys": [API_KEY],
        "trunk_dial": "Local/{number}@world",
        "softphone": True,
        "console": True,
        "supervisor_keys": [SUPERVISOR_KEY],
        "hosts": ["pbx.example.com", "::1"],
        "dids": [DID],
        "cors_origins": [f"http://{HOST}:{crm_port}", EXTENSION_ORIGIN],
    }
    asterisk = {
        "ari_url": pbx.ari_url,
        "ari_username": pbx.ari_username,
        "ari_password": pbx.ari_password,
        **pbx.manager,
    }
    config = server.config | {"integrators": [integrator], "asterisk": asterisk}
    if edge:
        config["edge"] = {
            **{"listen": f"{HOST}:{edge_port}", "upstream": pbx.ws_url},
            "hosts": ["pbx.example.com"],
        }
    else:
        edge_port = pbx.http_port
        integrator["softphone_ws"] = pbx.ws_url
    if tls is not None:
        integrator["tls"] = config["edge"]["tls"] = tls
    server.config = config
    server.write(config)
    with pbx, server, CRM(redis.url) as crm:
        scheme = "https" if tls else "http"
        yield Office(pbx, server, trunk, crm, http_port, edge_port, crm_port, scheme)
