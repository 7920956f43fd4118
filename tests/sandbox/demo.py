"""`make demo`: two real calls through a private Asterisk, and what the CRM gets to know of them."""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import socket
import threading
import time
from pathlib import Path

import redis
from rich.console import Console

from tests.sandbox import ports
from tests.sandbox.astconf import agent_password
from tests.sandbox.asterisk import Asterisk
from tests.sandbox.calls import HangUp, call
from tests.sandbox.redis import LocalRedis
from tests.sandbox.result import CallResult
from tests.sandbox.server import Server
from tests.sandbox.tree import asterisk_tree
from tests.sandbox.trunk import Trunk

DIALPLAN = Path(__file__).parents[2] / "dialplan" / "click2dial.conf"
AGENT = "1000"
SOFTPHONE_AGENT = "1200"
ECHO = "0820000191"

# The world: somebody who says back what he hears, and the trunk.
WORLD = f"""
    [world]
    exten => _X.,1,Dial(PJSIP/${{EXTEN}}@trunk,,g)
     same => n,Hangup(${{HANGUPCAUSE}})
    exten => {ECHO},1,Answer()
     same => n,Echo()
    """
CDR_LIST = "enigma:notifications:cdr"

console = Console(highlight=False, soft_wrap=True)


def main() -> None:
    """Start everything on free ports, place the calls, stop everything."""
    parser = argparse.ArgumentParser(prog="python -m tests.sandbox.demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave it running until Ctrl-C")
    keep = parser.parse_args().keep
    # SIGTERM ends the `with` blocks below as Ctrl-C does, so nothing is left behind.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
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
        softphone = add_softphone(server, pbx)
        stack.enter_context(server)
        console.print(f"[green]✓[/] click2dial-agi   {server.agi_url}")
        version = pbx.cli("core show version").split(" built")[0]
        console.print(f"[green]✓[/] {version}, SIP on 127.0.0.1:{pbx.sip_port}")
        console.print(f"[green]✓[/] phones           agent {AGENT}, and the world behind a trunk")
        crm = redis.Redis.from_url(store.url, decode_responses=True)
        stack.callback(crm.close)
        good_call(pbx, trunk, crm)
        bad_call(pbx, crm)
        console.print(f"\nAll of it took {time.monotonic() - started:.1f} s.")
        explain(pbx, server, store.url, softphone)
        if keep:
            console.print("\nRunning until Ctrl-C.")
            threading.Event().wait()


def add_softphone(server: Server, pbx: Asterisk) -> str:
    """Configure the edge, the HTTP port and the softphone; return the softphone's address."""
    http, edge = (f"127.0.0.1:{ports.free_port()}" for _ in range(2))
    (integrator,) = server.config["integrators"]
    server.config |= {
        "asterisk": {
            "ari_url": pbx.ari_url,
            "ari_username": pbx.ari_username,
            "ari_password": pbx.ari_password,
        },
        "edge": {"listen": edge, "upstream": pbx.ws_url},
        "integrators": [
            integrator
            | {
                "http": http,
                "allow_from": ["127.0.0.0/8"],
                "softphone": True,
                "trunk_dial": "Local/{number}@world",
            }
        ],
    }
    server.write(server.config)
    return f"http://{http}/softphone"


def good_call(pbx: Asterisk, trunk: Trunk, crm: redis.Redis) -> None:
    """Agent dials, callee answers, agent hangs up after a second."""
    console.rule("[bold]A call[/]: the agent's phone dials 082 000 0100, showing 27 82 000 1234")
    show_call(
        pbx,
        "0820000100",
        [("X-Teleforge-Outbound-ID", "27820001234"), ("X-Teleforge-Contact-Ref", "client-4711")],
    )
    invite = trunk.wait_invite("0820000100", timeout=5)
    console.print(f"  the callee's phone showed [cyan]{invite.from_user}[/]")
    show_record(crm)


def bad_call(pbx: Asterisk, crm: redis.Redis) -> None:
    """Agent dials what is no number; nobody is rung."""
    console.rule("[bold]A mistake[/]: the same agent dials 08200, which is no number")
    show_call(pbx, "08200", [("X-Teleforge-Outbound-ID", "27820001234")])
    show_record(crm)


def show_call(pbx: Asterisk, callee: str, headers: list[tuple[str, str]]) -> CallResult:
    """Place a call and print what went over the wire."""
    console.print(f"  > INVITE sip:{callee}@pbx")
    for name, value in headers:
        console.print(f"    {name}: {value}")
    result = call(pbx, agent=AGENT, callee=callee, headers=headers, then=HangUp(1.0))
    for response in result.responses:
        reason = response.header("Reason")
        console.print(
            f"  < {response.status} {response.phrase}{f'   Reason: {reason}' if reason else ''}"
        )
    if result.status == 200:
        console.print("  > BYE, one second later")
    return result


def show_record(crm: redis.Redis) -> None:
    """Pop one notification as a CRM does, and print it."""
    popped = crm.brpop([CDR_LIST], timeout=10)
    assert isinstance(popped, tuple | list), "no record within 10 s"
    console.print(f"\n  BRPOP {CDR_LIST}")
    console.print_json(str(popped[1]), indent=2)
    assert json.loads(popped[1])["type"] == "cdr"


def explain(pbx: Asterisk, server: Server, redis_url: str, softphone: str) -> None:
    """Say how to go on from here."""
    ports_used = (softphone.split(":")[2].split("/")[0], server.config["edge"]["listen"][10:])
    forward = " ".join(f"-L {port}:127.0.0.1:{port}" for port in ports_used)
    console.rule("[bold]A softphone in your browser[/] (with make demo KEEP=1)")
    console.print(
        f"  {softphone}\n"
        f"  extension {SOFTPHONE_AGENT}, password {agent_password(SOFTPHONE_AGENT)}; caller ID"
        " random, or as above.\n"
        f"  Dial {ECHO} and hear yourself, or 12345 and see what is wrong with it.\n"
        f"  If this machine is not yours: ssh {forward} {socket.gethostname()}\n"
        "  (browsers give the microphone to localhost and to https only)"
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
