"""Attempts to bring one call to one Asterisk: Kamailio makes another where one is silent."""

import re
from collections.abc import Mapping

from click2dial_agi.domain.names import Fact

__all__ = ["late_attempt"]

# X-C2D-Attempt: when it was sent, in Unix seconds of Kamailio's clock, and its name.
_ATTEMPT = re.compile(r"([0-9]{1,12}) ([0-9a-f]{64})")
_SECONDS = re.compile(r"[0-9]{1,12}")


def late_attempt(facts: Mapping[str, str]) -> str:
    """Return the name of an attempt that may have been given up, empty for one in time.

    Kamailio waits 1.5 s for an Asterisk's first word, so whatever began in the next second, by
    clocks that count whole ones, may be late.  So is all where Kamailio's clock is behind.
    """
    attempt = _ATTEMPT.fullmatch(facts.get(Fact.ATTEMPT, ""))
    dialed_at = facts.get(Fact.DIALED_AT, "")
    if attempt is None or not _SECONDS.fullmatch(dialed_at):
        return ""
    return attempt[2] if int(dialed_at) > int(attempt[1]) else ""
