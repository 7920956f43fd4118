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
    silent = []
    for key, address in config.listeners():
        owner = owner_of_port(address.port)
        if owner.startswith(_OURS) or (not owner and os.geteuid() and _answers(address)):
            continue
        if not owner:
            silent.append((key, address))
            continue
        level = Level.DANGER if key == "agi.listen" else Level.WARNING
        what = f"{key}: {address} is taken by {owner}"
        yield Finding(level, "port-taken", what, *_reason(key, owner))
    if silent:
        where = ", ".join(f"{address} ({key})" for key, address in silent)
        calls = any(key == "agi.listen" for key, _ in silent)
        yield Finding(
            Level.DANGER if calls else Level.WARNING,
            "not-listening",
            f"nothing listens on {where}",
            "the service does not run" if calls else "the service runs without",
            "click2dial-agi check-config; systemctl restart click2dial-agi; "
            "journalctl -u click2dial-agi -n 50",
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
