"""`make demo`: real calls through a private Asterisk, and what the CRM gets to know of them."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import redis

from sandbox import ports
from sandbox.astconf import agent_password
from sandbox.asterisk import Asterisk
from sandbox.demo_calls import (
    AGENT,
    CDR_LIST,
    OUTBOUND_ID,
    bad_call,
    console,
    created_call,
    good_call,
)
from sandbox.phone import Phone
from sandbox.process import until
from sandbox.redis import LocalRedis
from sandbox.server import Server
from sandbox.tree import asterisk_tree
from sandbox.trunk import Trunk

ROOT = Path(__file__).parents[1]
DIALPLAN = ROOT / "dialplan" / "click2dial.conf"
CRM = ROOT / "examples" / "python" / "button.py"
SOFTPHONE_AGENT = "1200"
ECHO = "0820000191"
API_KEY, SUPERVISOR_KEY = "key-of-the-demo", "supervisors-key-of-the-demo"

# The world: somebody who says back what he hears, and the trunk.
WORLD = f"""
    [world]
    exten => _X.,1,Dial(PJSIP/${{EXTEN}}@trunk,,g)
     same => n,Hangup(${{HANGUPCAUSE}})
    exten => {ECHO},1,Answer()
     same => n,Echo()
    """


def main() -> None:
    """Start everything on free ports, place the calls, stop everything."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave it running until Ctrl-C")
    keep = parser.parse_args().keep
    # SIGTERM ends the `with` blocks below as Ctrl-C does, so nothing is left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), contextlib.ExitStack() as stack:
        started = time.monotonic()
        store = LocalRedis()
        stack.callback(store.close)
        store.start()
        console.print(f"[green]✓[/] Redis            {store.url}")
        server = Server(store.url)
        trunk = stack.enter_context(Trunk())
        pbx = stack.enter_context(
            Asterisk(
                asterisk_tree(),
                include=DIALPLAN,
                c2d_agi=server.agi_url,
                trunk_port=trunk.port,
                extra_extensions=WORLD,
            )
        )
        http, crm_port = ports.free_port(), ports.free_port()
        add_http(server, pbx, http, crm_port)
        stack.enter_context(server)
        url = f"http://127.0.0.1:{http}"
        console.print(f"[green]✓[/] click2dial-agi   {server.agi_url}, {url}")
        version = pbx.cli("core show version").split(" built")[0]
        console.print(f"[green]✓[/] {version}, SIP on 127.0.0.1:{pbx.sip_port}")
        phone = stack.enter_context(Phone(pbx, AGENT, mode="answer-late"))
        until(lambda: pbx.is_registered(AGENT), 10, f"the registration of {AGENT}")
        console.print(f"[green]✓[/] phones           agent {AGENT}, and the world behind a trunk")
        crm = redis.Redis.from_url(store.url, decode_responses=True)
        stack.callback(crm.close)
        good_call(pbx, trunk, crm)
        bad_call(pbx, crm)
        created_call(url, phone, trunk, crm)
        console.print(f"\nAll of it took {time.monotonic() - started:.1f} s.")
        explain(pbx, server, store.url, url, crm_port)
        if keep:
            stack.callback(crm_server(url, crm_port).terminate)
            console.print("\nRunning until Ctrl-C.")
            threading.Event().wait()


def crm_server(url: str, port: int) -> subprocess.Popen[bytes]:
    """Run the example of a CRM whose page has numbers to call."""
    keys = {"C2D_URL": url, "C2D_KEY": API_KEY}
    quiet = subprocess.DEVNULL
    command = [sys.executable, str(CRM), str(port)]
    return subprocess.Popen(command, env={**os.environ, **keys}, stdout=quiet, stderr=quiet)


def add_http(server: Server, pbx: Asterisk, http: int, crm: int) -> None:
    """Configure the API, the edge, the pages on port `http`, and a CRM on port `crm`."""
    edge = ports.free_port()
    (integrator,) = server.config["integrators"]
    server.config |= {
        "asterisk": {
            "ari_url": pbx.ari_url,
            "ari_username": pbx.ari_username,
            "ari_password": pbx.ari_password,
            **pbx.manager,
        },
        "edge": {"listen": f"127.0.0.1:{edge}", "upstream": pbx.ws_url},
        "integrators": [
            integrator
            | {
                "http": f"127.0.0.1:{http}",
                "allow_from": ["127.0.0.0/8"],
                "api_keys": [API_KEY],
                "supervisor_keys": [SUPERVISOR_KEY],
                "cors_origins": [f"http://localhost:{crm}"],
                "default_outbound_id": OUTBOUND_ID,
                "softphone": True,
                "console": True,
                "trunk_dial": "Local/{number}@world",
            }
        ],
    }
    server.write(server.config)


def explain(pbx: Asterisk, server: Server, redis_url: str, url: str, crm: int) -> None:
    """Say how to go on from here."""
    addresses = [url.removeprefix("http://"), server.config["edge"]["listen"], f"127.0.0.1:{crm}"]
    forward = " ".join(f"-L {address.split(':')[1]}:{address}" for address in addresses)
    console.rule("[bold]Calls that you create[/] (with make demo KEEP=1)")
    console.print(
        f"  The phone of agent {AGENT} stays, and this machine needs no key: send the curl above\n"
        "  yourself. Both answer and talk until you hang up, with the Location of your call:\n"
        f"    curl -X DELETE {url}/click2dial/calls/...\n"
        f"  Or in your browser: {url}/docs"
    )
    console.rule("[bold]A softphone in your browser[/] (with make demo KEEP=1)")
    console.print(
        f"  {url}/softphone\n"
        f"  extension {SOFTPHONE_AGENT}, password {agent_password(SOFTPHONE_AGENT)}; caller ID"
        " random, or as above.\n"
        f"  Dial {ECHO} and hear yourself, or 12345 and see what is wrong with it.\n"
        f"  If this machine is not yours: ssh {forward} {socket.gethostname()}\n"
        "  (browsers give the microphone to localhost and to https only)"
    )
    console.rule("[bold]A supervisor, and a CRM's page[/] (with make demo KEEP=1)")
    console.print(
        f"  {url}/console\n"
        f"  key {SUPERVISOR_KEY}: who talks with whom. To listen, sign in to the softphone\n"
        f"  in another tab: your extension is {SOFTPHONE_AGENT}.\n"
        f"  http://localhost:{crm}\n"
        f"  a CRM with a number to call, for agent {AGENT}: press Call, and watch the console."
    )
    console.rule("[bold]Your own phone, your own PBX[/]")
    console.print(
        "  make demo KEEP=1 leaves all this running. Then register a SIP phone on this machine as\n"
        f"  1100, password secret-1100, at 127.0.0.1:{pbx.sip_port} (UDP; the port is new each"
        " time), dial, and watch:\n"
        f"    click2dial-agi tail --config {server.config_path}\n"
        f"    redis-cli -u {redis_url} BRPOP {CDR_LIST} 0\n"
        "  For your PBX: #include dialplan/click2dial.conf in extensions.conf, give the agents'\n"
        "  endpoints context=click2dial, and run click2dial-agi serve with a copy of\n"
        "  etc/click2dial.yaml. README.md has it step by step."
    )


if __name__ == "__main__":
    main()
