"""The dialplan as Asterisk has loaded it: its globals, its version, and its clock."""

import re
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

from click2dial_agi import __version__
from click2dial_agi.app.doctor.findings import Finding, Level
from click2dial_agi.domain.config import Config
from click2dial_agi.io.asterisk_console import AsteriskConsole

__all__ = ["GLOBALS", "check_clock", "check_dialplan", "check_loaded", "is_local"]

#: What is asked of Asterisk.  The second line may be missing: older dialplans have none.
GLOBALS = (
    *("C2D_AGI", "C2D_SPOOL", "C2D_RECORDINGS"),
    *("C2D_VERSION", "C2D_SECRET", "C2D_EMERGENCY", "C2D_UNKEPT"),
)

_AGI = re.compile(r"agi://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?(?:/.*)?")
_AGI_PORT = 4573  # res_agi.c: AGI_PORT
_RELOAD = "asterisk -rx 'dialplan reload'"
_INCLUDED = (
    "#include /opt/click2dial/share/click2dial/dialplan/click2dial.conf in extensions.conf, then "
    + _RELOAD
)

_LOOPBACK = ("127.0.0.1", "::1", "localhost")

# Less is the second to which EPOCH is cut, and the way there and back.
_CLOCKS = 2.0


def check_dialplan(
    config: Config, given: Mapping[str, str], *, elsewhere: bool = False
) -> Iterator[Finding]:
    """Compare Asterisk's globals with the configuration.

    A PBX ``elsewhere``, one of several, has servers of its own, and may have one beside it.
    """
    if not given["C2D_SPOOL"] and not given["C2D_RECORDINGS"]:
        yield _missing()
        return
    yield from _version(given["C2D_VERSION"])
    yield from _agi(config, given["C2D_AGI"], elsewhere)
    yield from _secret(config, given["C2D_SECRET"])
    yield from _emergency(config, given["C2D_EMERGENCY"])
    yield from _unkept(given["C2D_SPOOL"], given["C2D_UNKEPT"])
    yield from _path("C2D_SPOOL", given["C2D_SPOOL"], config.spool_path, "spool_dir", Level.DANGER)
    records = any(one.record for one in config.integrators)
    yield from _path(
        *("C2D_RECORDINGS", given["C2D_RECORDINGS"], config.recordings_dir, "recordings_dir"),
        Level.DANGER if records else Level.NOTE,
    )


def check_loaded(console: AsteriskConsole) -> Iterator[Finding]:
    """Look for the contexts themselves: globals stay when a reload has taken the dialplan away."""
    if console.ask("core show uptime") is None:
        return
    if "=>" not in (console.ask("dialplan show click2dial-ask") or ""):
        yield _missing()


def _missing() -> Finding:
    return Finding(
        Level.DANGER,
        "dialplan-missing",
        "Asterisk has not loaded dialplan/click2dial.conf",
        "no call reaches this server, and none is recorded",
        _INCLUDED,
    )


def check_clock(difference: float) -> Iterator[Finding]:
    """Tell of clocks that differ; ``difference`` is the PBX's less ours, in seconds."""
    if abs(difference) >= _CLOCKS:
        way = "ahead of" if difference > 0 else "behind"
        yield Finding(
            Level.WARNING,
            "clocks-differ",
            f"Asterisk's clock is {abs(difference):.0f} s {way} this server's",
            "times in records are the PBX's, those of webhooks and logs this machine's",
            "timedatectl set-ntp true, on both",
        )


def _version(version: str) -> Iterator[Finding]:
    if not version:
        yield Finding(
            Level.NOTE, "dialplan-version", "the dialplan does not tell its version", "", _RELOAD
        )
    elif version != __version__:
        yield Finding(
            Level.WARNING,
            "dialplan-version",
            f"Asterisk's dialplan is version {version}, this server {__version__}",
            "what one of them does not know of the other is not done",
            f"{_RELOAD}; the file that extensions.conf includes must be this server's",
        )


def _agi(config: Config, servers: str, elsewhere: bool) -> Iterator[Finding]:
    ours = config.agi.listen
    reached, others = False, 0
    for server in servers.split():
        match = _AGI.fullmatch(server)
        if match is None:
            yield Finding(
                Level.DANGER,
                "agi-address",
                f"C2D_AGI: {server[:60]!r} is no agi://HOST:PORT",
                "Asterisk cannot ask it, and calls wait for the attempt",
                "C2D_AGI in [globals] of extensions.conf",
            )
            continue
        host, port = match[1].strip("[]"), int(match[2] or _AGI_PORT)
        if (
            port == ours.port and is_local(host) and not (elsewhere and host in _LOOPBACK)
        ):  # whether it listens is check_ports' affair
            reached = True
            continue
        others += 1
        if elsewhere and host in _LOOPBACK:
            continue
        problem = _connect(host, port)
        if problem:
            yield Finding(
                Level.WARNING,
                "agi-unreachable",
                f"C2D_AGI: {server} does not answer from here: {problem}",
                "each call that asks it first waits",
                f"C2D_AGI in [globals] of extensions.conf without it; {_RELOAD}",
            )
    if others and config.edge is not None and config.edge.redis is None:
        yield Finding(
            Level.WARNING,
            "edge-alone",
            "C2D_AGI names other servers, and edge.redis is not set",
            "a call that another one refuses reaches its phone without the error headers",
            "edge.redis in click2dial.yaml, the same Redis for all servers",
        )
    if not reached and not (elsewhere and others):
        yield Finding(
            Level.DANGER,
            "agi-elsewhere",
            f"C2D_AGI ({servers[:200]}) does not lead to this server, which listens on {ours}",
            "calls are refused, or decided and recorded by somebody else",
            f"C2D_AGI = agi://HOST:{ours.port} in [globals] of extensions.conf; {_RELOAD}",
        )


def _secret(config: Config, secret: str) -> Iterator[Finding]:
    ours = config.agi.secret or ""
    if ours == secret:
        return
    same = "the same text in [globals] of extensions.conf and in click2dial.yaml"
    if secret and secret == ours.partition(";")[0].rstrip():
        same = r"write \; for each ; of it in extensions.conf, where a ; begins a comment"
    yield Finding(
        Level.DANGER,
        "secret-differs",
        "C2D_SECRET and agi.secret are not the same",
        "what the dialplan tells is not believed",
        f"{same}; {_RELOAD}",
    )


def _emergency(config: Config, theirs: str) -> Iterator[Finding]:
    """Phones dial by the dialplan's list; REST, transfers and all checks go by the server's."""
    ours, dialled = set(config.emergency_numbers), set(theirs.split())
    if not dialled or ours == dialled:
        return
    numbers = " ".join(config.emergency_numbers)
    only = [(ours - dialled, "C2D_EMERGENCY lacks"), (dialled - ours, "emergency: lacks")]
    missing = "; ".join(f"{what} {', '.join(sorted(some))}" for some, what in only if some)
    yield Finding(
        Level.DANGER if ours - dialled else Level.WARNING,
        "emergency-differs",
        f"the dialplan's emergency numbers are not the server's: {missing}",
        "a number that one of them does not know is treated as any other there",
        f"C2D_EMERGENCY = {numbers} in [globals] of extensions.conf, or emergency: in "
        f"click2dial.yaml; {_RELOAD}",
    )


def _unkept(spool: str, count: str) -> Iterator[Finding]:
    if count.strip("0") and count.isdecimal():
        yield Finding(
            Level.DANGER,
            "calls-unkept",
            f"records of calls are lost: {count} times no server took one and Asterisk could not "
            f"write {spool[:200]}",
            "each call that ends while no server answers is lost, too",
            f"runuser -u asterisk -- touch {spool[:200]} tells why; Asterisk's log has the calls "
            "(func_env.c). Mended: asterisk -rx 'dialplan set global C2D_UNKEPT 0'",
        )


def _path(name: str, theirs: str, ours: Path, key: str, level: Level) -> Iterator[Finding]:
    if Path(theirs) != ours:
        yield Finding(
            level,
            "spool-elsewhere" if name == "C2D_SPOOL" else "recordings-elsewhere",
            f"{name} is {theirs}, and {key} makes it {ours} here",
            "what Asterisk writes there is never read",
            f"{name} = {ours} in [globals] of extensions.conf; {_RELOAD}",
        )


def _connect(host: str, port: int) -> str:
    try:
        socket.create_connection((host, port), 2).close()
    except OSError as error:
        return error.strerror or str(error) or "no answer in time"
    return ""


def is_local(host: str) -> bool:
    """Tell whether a host is this machine: an address of it can be bound."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return False
    return True
