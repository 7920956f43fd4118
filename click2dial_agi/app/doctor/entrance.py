"""The name by which Asterisks find a Kamailio: does it lead to one."""

import asyncio
import socket

from click2dial_agi.app.doctor.findings import Finding, Level
from click2dial_agi.domain.config import Config

__all__ = ["check_entrance"]

_TIMEOUT = 3.0
_LOST = "Asterisks send calls for agents there, so no agent is rung"


async def check_entrance(config: Config) -> list[Finding]:
    """Resolve ``kamailio.entrance`` on this machine, where it is a name."""
    kamailio = config.kamailio
    if kamailio is None or kamailio.entrance is None:
        return []
    host, port = kamailio.entrance.host, kamailio.entrance.port
    nodes = {node.inner.host for node in kamailio.nodes}
    where = f"kamailio.entrance: {host}"
    cure = f"an A record for {host} with {' and '.join(sorted(nodes))}, or one of these in place"
    try:
        async with asyncio.timeout(_TIMEOUT):
            found = await asyncio.get_running_loop().getaddrinfo(
                host, port, family=socket.AF_INET, type=socket.SOCK_DGRAM
            )
    except (OSError, UnicodeError) as error:  # TimeoutError is one
        what = f"{where} leads nowhere from this machine: {str(error) or 'no answer in time'}"
        return [Finding(Level.DANGER, "entrance-unknown", what, _LOST, cure)]
    addresses = {str(one[4][0]) for one in found}
    astray = sorted(addresses - nodes - {host})
    if not astray:
        return []
    level = Level.WARNING if addresses & nodes else Level.DANGER
    what = f"{where} leads to {', '.join(astray)}, where no node listens"
    return [Finding(level, "entrance-astray", what, _LOST, cure)]
