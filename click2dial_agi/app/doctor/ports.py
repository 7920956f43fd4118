"""Ports: is the server there, and has somebody else what is to be ours."""

import os
import socket
from collections.abc import Iterator

from click2dial_agi.app.doctor.findings import Finding, Level
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.config_types import Address
from click2dial_agi.io.port_owner import owner_of_port

__all__ = ["check_ports"]

# The name of our process (comm), as started by the console script or by python -m.
_OURS = ("click2dial-agi", "python", "systemd")


def check_ports(config: Config) -> Iterator[Finding]:
    """Each listener is ours; of one that is not, who has it."""
    for key, address in config.listeners():
        owner = owner_of_port(address.port)
        if owner.startswith(_OURS) or (not owner and os.geteuid() and _answers(address)):
            continue
        level = Level.DANGER if key == "agi.listen" else Level.WARNING
        if not owner:
            what = f"{key}: nothing listens on {address}"
            cure = "systemctl start click2dial-agi; journalctl -u click2dial-agi -n 20"
            yield Finding(level, "not-listening", what, "the service does not run", cure)
        else:
            yield Finding(
                level, "port-taken", f"{key}: {address} is taken by {owner}", *_reason(key, owner)
            )


def _reason(key: str, owner: str) -> tuple[str, str]:
    if key == "edge.listen" and owner.startswith("asterisk"):
        why = "browsers reach Asterisk itself and do not learn why a call was refused"
        return why, "bindport = 8087 in http.conf, then asterisk -rx 'module reload http'"
    return "the service cannot listen there", f"another address for {key}, or end {owner}"


def _answers(address: Address) -> bool:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)
    try:
        socket.create_connection((host, address.port), 1).close()
    except OSError:
        return False
    return True
