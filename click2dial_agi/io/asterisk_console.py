"""Asterisk's console, where it runs on this machine and we may use it: for doctor."""

import re
import subprocess
from collections.abc import Sequence

__all__ = ["ASTERISK", "AsteriskConsole"]

#: The command line of a console of Debian's Asterisk.
ASTERISK = ("asterisk",)

_TIMEOUT = 5.0
_CONTACT = re.compile(r"^  Contact:  (\S+?)/(sips?:\S+) ", re.MULTILINE)


class AsteriskConsole:
    """Runs console commands; ``argv`` is what starts it, without ``-rx``."""

    def __init__(self, argv: Sequence[str] = ASTERISK) -> None:
        self._argv = tuple(argv)

    def ask(self, command: str) -> str | None:
        """Return what a command prints, None if there is no console for us."""
        try:
            done = subprocess.run(
                [*self._argv, "-rx", command],
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=_TIMEOUT,
                check=False,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None

    def contacts(self) -> list[tuple[str, str]]:
        """Return the AOR and the SIP URI of each contact.

        The console cuts long URIs (at 40 characters); what is left tells the host of most.
        """
        return _CONTACT.findall(self.ask("pjsip show contacts") or "")
