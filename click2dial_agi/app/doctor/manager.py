"""Asterisk's manager: is it there, does it take our password, and may we do there what we must."""

import re
from collections.abc import Iterator

from click2dial_agi.app.control.manager import Unhearing
from click2dial_agi.app.doctor.findings import Finding, Level
from click2dial_agi.domain.pbxs import PBX
from click2dial_agi.exceptions import PBXUnreachable
from click2dial_agi.io.ami import AMI, AMIConnection, LoginRefused
from click2dial_agi.io.asterisk_console import AsteriskConsole

__all__ = ["check_hearing", "check_manager", "check_music"]

_WHY = "agents and calls are unknown to all who ask, and no call can be steered"

# What the reader of events and the steering of calls have done.  PlayDTMF and MixMonitorMute go by
# the same rights, and are missing where a module of the PBX's is.
_ACTIONS = {"Status", "Getvar", "Setvar", "BlindTransfer"}

# What its events are of.
_CLASSES = {"call", "agent"}
_MUSIC = re.compile(r"^Class: default\b", re.MULTILINE)
_READS = re.compile(r"^\s*read perm:\s*(\S+)", re.MULTILINE)


class _Visitor(Unhearing):
    """Looks at what the manager would let us do."""

    def __init__(self) -> None:
        self.actions: set[str] = set()

    async def began(self, connection: AMIConnection) -> None:
        """Ask for the actions that this user may have done."""
        await super().began(connection)
        self.actions = set((await connection.action("ListCommands")).fields)


async def check_manager(pbx: PBX) -> list[Finding]:
    """Log in for a moment; nothing is found if that works, or if there is no ``asterisk.ami``."""
    if pbx.ami is None or pbx.ami_username is None or pbx.ami_password is None:
        return []
    user, visitor = pbx.ami_username, _Visitor()
    try:
        await AMI(pbx.ami.host, pbx.ami.port, user, pbx.ami_password).once(visitor)
    except LoginRefused:
        what = (
            f"asterisk.ami_password: Asterisk's manager does not let {user} in with this password"
        )
        cure = (
            f"[{user}] in manager.conf with that password and a permit for this host, then"
            " asterisk -rx 'manager reload'"
        )
        return [Finding(Level.WARNING, "manager-password", what, _WHY, cure)]
    except PBXUnreachable as error:
        what = f"asterisk.ami: no manager at {pbx.ami}: {error}"
        cure = (
            "enabled = yes and this port in manager.conf (etc/asterisk/manager.conf shows it), then"
            " asterisk -rx 'manager reload'"
        )
        return [Finding(Level.WARNING, "manager-away", what, _WHY, cure)]
    missing = sorted(_ACTIONS - visitor.actions)
    if not missing:
        return []
    what = f"asterisk.ami_username: {user} may not {', '.join(missing)}"
    cure = f"read = call,agent and write = call,agent in [{user}] of manager.conf, then"
    cure += " asterisk -rx 'manager reload'"
    return [Finding(Level.WARNING, "manager-rights", what, _WHY, cure)]


def check_hearing(pbx: PBX, console: AsteriskConsole) -> Iterator[Finding]:
    """Look whether our user of the manager is told of calls and agents; to him it does not say."""
    if pbx.ami is None:
        return
    user = pbx.ami_username
    told = _READS.search(console.ask(f"manager show user {user}") or "")
    missing = sorted(_CLASSES - set(told[1].split(","))) if told else []
    if missing:
        yield Finding(
            Level.WARNING,
            "manager-deaf",
            f"asterisk.ami_username: {user} is told no events of {' and '.join(missing)}",
            "agents and calls stay as they were when the server logged in, whatever happens",
            f"read = call,agent in [{user}] of manager.conf, then asterisk -rx 'manager reload' "
            "and systemctl restart click2dial-agi: rights are those of the login",
        )


def check_music(pbx: PBX, console: AsteriskConsole) -> Iterator[Finding]:
    """Look for the music that clients hear who are on hold by the API, or while an agent asks."""
    shown = console.ask("moh show classes") if pbx.ami is not None else None
    if shown is not None and not _MUSIC.search(shown):
        yield Finding(
            Level.WARNING,
            "music-missing",
            "Asterisk has no music on hold of the class default",
            "a client on hold by the API hears nothing, and takes it for the end of the call",
            "[default] in musiconhold.conf with a directory of sounds, then asterisk -rx 'moh "
            "reload'; asterisk -rx 'moh show classes'",
        )
