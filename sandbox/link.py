"""The link between Kamailios and an Asterisk, to be cut: what either sends is lost, in silence."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterable, Iterator

from sandbox.asterisk import Asterisk
from sandbox.kamailio import Kamailio
from sandbox.process import require


@contextlib.contextmanager
def cut(kamailios: Iterable[Kamailio], pbx: Asterisk) -> Iterator[None]:
    """Drop the SIP between them while it lasts; calls to the trunk and to servers go through."""
    with contextlib.ExitStack() as mended:
        for one in kamailios:
            for side in ("-s", "-d"):
                ends = ["--dport" if side == "-s" else "--sport", str(pbx.sip_port)]
                rule = ["INPUT", "-p", "udp", side, one.inner_host, *ends, "-j", "DROP"]
                _iptables("-I", *rule)
                mended.callback(_iptables, "-D", *rule)
        yield


def _iptables(*rule: str) -> None:
    subprocess.run([require("iptables", "iptables"), "-w", *rule], check=True)
