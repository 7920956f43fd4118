"""`make demo`: two real calls through a private Asterisk, and what the CRM gets to know of them."""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import threading
import time
from pathlib import Path

import redis
from rich.console import Console

from tests.sandbox.asterisk import Asterisk
from tests.sandbox.calls import CallResult, HangUp, call
from tests.sandbox.redis import LocalRedis
from tests.sandbox.server import Server
from tests.sandbox.tree import asterisk_tree
from tests.sandbox.trunk import Trunk

DIALPLAN = Path(__file__).parents[2] / "dialplan" / "click2dial.conf"
AGENT = "1000"
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
        server = stack.enter_context(Server(store.url))
        console.print(f"[green]✓[/] click2dial-agi   {server.agi_url}")
        trunk = stack.enter_context(Trunk())
        pbx = stack.enter_context(
            Asterisk(
                asterisk_tree(),
                include=DIALPLAN,
                c2d_agi=server.agi_url,
                trunk_port=trunk.port,
            )
        )
        version = pbx.cli("core show version").split(" built")[0]
        console.print(f"[green]✓[/] {version}, SIP on 127.0.0.1:{pbx.sip_port}")
        console.print(f"[green]✓[/] phones           agent {AGENT}, and the world behind a trunk")
        crm = redis.Redis.from_url(store.url, decode_responses=True)
        stack.callback(crm.close)
        good_call(pbx, trunk, crm)
        bad_call(pbx, crm)
        console.print(f"\nAll of it took {time.monotonic() - started:.1f} s.")
        explain(pbx, server, store.url)
        if keep:
            console.print("\nRunning until Ctrl-C.")
            threading.Event().wait()


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


def show_call(pbx: Asterisk, callee: str, headers: list[tuple[str, str | bytes]]) -> CallResult:
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
    console.print_json(popped[1], indent=2)
    assert json.loads(popped[1])["type"] == "cdr"


def explain(pbx: Asterisk, server: Server, redis_url: str) -> None:
    """Say how to go on from here."""
    console.rule("[bold]Your own phone, your own PBX[/]")
    console.print(
        "  make demo KEEP=1 leaves all this running. Then register a SIP phone on this machine as\n"
        f"  1100, password secret-1100, at 127.0.0.1:{pbx.sip_port} (UDP; the port is new each time),"
        " dial, and watch:\n"
        f"    click2dial-agi tail --config {server.config_path}\n"
        f"    redis-cli -u {redis_url} BRPOP {CDR_LIST} 0\n"
        "  For your PBX: #include dialplan/click2dial.conf in extensions.conf, give the agents'\n"
        "  endpoints context=click2dial, and run click2dial-agi serve with a copy of\n"
        "  etc/click2dial.yaml. README.md has it step by step."
    )


if __name__ == "__main__":
    main()
