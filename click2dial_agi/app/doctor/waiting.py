"""What waits on this machine's disk: a minute is usual, more has a reason."""

import time
from collections.abc import Iterator
from datetime import datetime

from click2dial_agi.app.doctor.findings import Finding, Level
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.webhooks import queue_names, shown_queue
from click2dial_agi.exceptions import NotificationError
from click2dial_agi.io.journal import Waiting, read_waiting
from click2dial_agi.io.spool import Spool

__all__ = ["check_waiting"]

# Younger ones are on their way.
_USUAL = 60.0


def check_waiting(config: Config) -> Iterator[Finding]:
    """Look at the journal, and at lines of the spool that nobody could store."""
    try:
        waiting = read_waiting(config.journal_path)
    except NotificationError as error:
        cure = "its owner and mode; the server moves a damaged one aside by itself"
        yield Finding(Level.WARNING, "journal-unread", str(error), "", cure)
        return
    known = queue_names(config.integrators)
    old = [one for one in waiting if time.time() - one.since > _USUAL]
    yield from (_waits(one, known=one.queue in known) for one in old)
    for path in Spool(config.spool_path).put_aside():
        what = f"{path} holds lines that could not be stored"
        cure = "the log says why; docs/reliability.md, Torn lines"
        yield Finding(Level.WARNING, "spool-rejected", what, "each is the record of a call", cure)


def _waits(one: Waiting, *, known: bool) -> Finding:
    since = f"{datetime.fromtimestamp(one.since).astimezone():%Y-%m-%d %H:%M:%S}"
    name = shown_queue(one.queue)
    what = f"{one.records} notifications of {one.list_name} wait for {name} since {since}"
    if not known:
        cure = f"{name} in the configuration again, and a reload"
        return Finding(Level.WARNING, "journal-stranger", what, "it is not configured", cure)
    if "/" in name:
        why, cure = "its webhook does not take them", "journalctl -u click2dial-agi -g webhook"
        return Finding(Level.WARNING, "webhook-waits", what, why, cure)
    why, cure = "its Redis does not take them", "click2dial-agi spool --flush says why"
    return Finding(Level.DANGER, "journal-waits", what, why, cure)
