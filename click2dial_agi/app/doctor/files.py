"""Files: may those write who must, and can those not read who must not."""

import contextlib
import grp
import os
import pwd
import shutil
import ssl
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path

from click2dial_agi.app.doctor.findings import Finding, Level
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.config_types import Address
from click2dial_agi.domain.integrators import TLS
from click2dial_agi.exceptions import StartupError
from click2dial_agi.io.config_file import holds_secrets, secret_files
from click2dial_agi.io.port_owner import users_of_port
from click2dial_agi.io.tls import certificate_end, lacks_chain

__all__ = [
    "SERVICE_USER",
    "check_directories",
    "check_secrets",
    "check_served_certificates",
    "check_tls",
]

#: Asterisk's user on Debian and FreePBX, which the unit runs us as.
SERVICE_USER = "asterisk"

_TLS_SOON = 21 * 24 * 3600
_LITTLE = 500 * 1024 * 1024

_RECORDS = "a record that no Redis takes has nowhere to go"
_OPEN = stat.S_IROTH | stat.S_IWOTH


def check_directories(config: Config) -> Iterator[Finding]:
    """Write into spool and recordings as who we are, and as Asterisk's user where we may."""
    places = [(config.spool_dir, "spool_dir", _RECORDS)]
    if any(one.record for one in config.integrators):
        why = "recordings are not written, or cannot be fetched"
        places.append((config.recordings_dir, "recordings_dir", why))
    for path, key, why in places:
        yield from _directory(path, key, why)
    yield from _of_root(config)
    with contextlib.suppress(OSError):
        free = shutil.disk_usage(config.spool_dir).free
        if free < _LITTLE:
            yield Finding(
                Level.WARNING,
                "disk-full",
                f"spool_dir: {config.spool_dir} has {free // 1024**2} MiB free",
                "journal, spool and recordings need room while a Redis is away",
                f"df -h {config.spool_dir}",
            )


def _directory(path: Path, key: str, why: str) -> Iterator[Finding]:
    cure = f"install -d -o {SERVICE_USER} -g {SERVICE_USER} -m 0750 {path}"
    try:
        problem = "" if stat.S_ISDIR(path.stat().st_mode) else "is no directory"
    except (FileNotFoundError, NotADirectoryError):
        problem = "does not exist"
    except OSError as error:  # below a directory that is not ours to enter
        what = f"{key}: {path} cannot be reached: {error.strerror}"
        yield Finding(Level.DANGER, "directory-away", what, why, f"namei -l {path}; run as root")
        return
    if problem:
        yield Finding(Level.DANGER, "directory-missing", f"{key}: {path} {problem}", why, cure)
        return
    for user in _users():
        problem = _write_as(user, path)
        if problem:
            who = user or "this process"
            yield Finding(
                Level.DANGER,
                "directory-not-writable",
                f"{key}: {path} cannot be written by {who}: {problem}",
                why,
                _writable(path, problem),
            )
    if _mode(path) & _OPEN:
        yield Finding(
            Level.WARNING,
            "open-directory",
            f"{key}: every user of this machine can read {path}",
            "records and recordings are personal data",
            f"chmod o= {path}",
        )


def _of_root(config: Config) -> Iterator[Finding]:
    """Look for files that a server which is not root's cannot write."""
    # One that somebody runs by hand; the dialplan's own file is Asterisk's to write all the same.
    by_root = 0 in users_of_port(config.agi.listen.port)
    spool, ours = config.spool_path, ("calls.spool*", "journal.db*")
    try:
        found = sorted(one for name in ours for one in config.spool_dir.glob(name))
    except OSError:  # not ours to enter, which is told by now
        return
    for owned in found:
        if by_root and owned != spool:
            continue
        owner = _owner(owned)
        if owner == "root" if os.geteuid() == 0 else not os.access(owned, os.R_OK | os.W_OK):
            yield Finding(
                Level.DANGER,
                "file-of-root",
                f"spool_dir: {owned} belongs to {owner}, and the service cannot write it",
                "what must be added to it waits, and so do later records",
                f"chown {SERVICE_USER}: {owned}",
            )


def _writable(path: Path, problem: str) -> str:
    """Return what makes a directory writable, by why it is not."""
    match problem:
        case "No space left on device" | "Disk quota exceeded":
            return f"df -h {path}; df -i {path}; what may go: du -xh --max-depth=2 {path} | sort -h"
        case "Read-only file system":
            return (
                f"findmnt -T {path}; dmesg | tail (a disk that fails is mounted read-only); with "
                "systemd also ReadWritePaths= where it is outside /var/spool"
            )
    return f"chown {SERVICE_USER}: {path} && chmod 0750 {path}"


def _users() -> list[str]:
    """Return as whom to try: ourselves (empty), and for root the service's user."""
    if os.geteuid() != 0:
        return [""]
    with contextlib.suppress(KeyError):
        pwd.getpwnam(SERVICE_USER)
        return [SERVICE_USER]
    return [""]


def _write_as(user: str, path: Path) -> str:
    """Write and remove a file as a user; return what went wrong, or nothing."""
    return _as(user, partial(_write, path)) if user else _write(path)


def _as(user: str, work: Callable[[], str]) -> str:
    """Do something as a user, in a child of ours, and return what it returns."""
    entry = pwd.getpwnam(user)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover (coverage does not follow)
        try:
            os.setgroups([one.gr_gid for one in grp.getgrall() if user in one.gr_mem])
            os.setgid(entry.pw_gid)
            os.setuid(entry.pw_uid)
            os.write(writing, work().encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, encoding="utf-8") as answer:
        problem = answer.read()
    os.waitpid(child, 0)
    return problem


def _write(path: Path) -> str:
    try:
        with tempfile.TemporaryFile(dir=path) as file:
            file.write(b"x")
            file.flush()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def check_secrets(config_path: Path) -> Iterator[Finding]:
    """The configuration and the files of secrets beside it are the service's, and nobody else's."""
    with contextlib.suppress(OSError):
        for path in sorted({config_path, *secret_files(config_path)}):
            for user in filter(None, _users()):
                if problem := _as(user, partial(_read, path)):
                    yield Finding(
                        Level.DANGER,
                        "secret-unreadable",
                        f"{path} cannot be read by {user}: {problem}",
                        "the service runs as that user, and will not start again",
                        f"chgrp {SERVICE_USER} {path} && chmod 0640 {path}; namei -l {path}",
                    )
            secret = path != config_path or holds_secrets(path)
            if secret and path.exists() and _mode(path) & _OPEN:
                yield Finding(
                    Level.WARNING,
                    "open-secret",
                    f"every user of this machine can read {path}",
                    "it holds passwords or keys",
                    f"chgrp {SERVICE_USER} {path} && chmod 0640 {path}",
                )


def _read(path: Path) -> str:
    try:
        path.open("rb").close()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def check_tls(config: Config) -> Iterator[Finding]:
    """Every certificate can be read, goes with its key, and is good for some weeks."""
    for key, tls, _ in _certificates(config):
        cure = f"openssl x509 -in {tls.cert} -noout -dates, and renew it; then systemctl reload"
        try:
            end = certificate_end(tls, key)
        except StartupError as error:
            yield Finding(
                Level.DANGER,
                "tls-unusable",
                str(error),
                "this listener does not start",
                f"ls -l {tls.cert} {tls.key}",
            )
            continue
        left = end - time.time()
        when = datetime.fromtimestamp(end).astimezone().strftime("%Y-%m-%d %H:%M")
        if left < 0:
            what = f"{key}: {tls.cert} has expired"
            yield Finding(Level.DANGER, "tls-expired", what, "clients refuse it", cure)
        elif left < _TLS_SOON:
            what = f"{key}: {tls.cert} expires on {when}"
            yield Finding(Level.WARNING, "tls-expires", what, "then clients refuse it", cure)
        if left > 0 and lacks_chain(tls, key):
            yield Finding(
                Level.WARNING,
                "tls-chain",
                f"{key}: {tls.cert} holds the certificate without those of its issuers",
                "many browsers fetch what is missing; programs, a CRM's too, refuse it",
                "the file with the whole chain (Let's Encrypt: fullchain.pem, not cert.pem), then "
                "systemctl reload click2dial-agi",
            )


def check_served_certificates(config: Config) -> Iterator[Finding]:
    """What is served is what lies there: who renews a certificate may forget the reload."""
    for key, tls, address in _certificates(config):
        if address is None:
            continue
        with contextlib.suppress(OSError, ValueError):  # of which the other checks tell
            host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)
            served = ssl.get_server_certificate((host, address.port), timeout=2)
            first = Path(tls.cert).read_text("ascii", "replace").partition(ssl.PEM_FOOTER)[0]
            there = first[first.index(ssl.PEM_HEADER) :] + ssl.PEM_FOOTER
            if ssl.PEM_cert_to_DER_cert(served) != ssl.PEM_cert_to_DER_cert(there):
                yield Finding(
                    Level.WARNING,
                    "tls-stale",
                    f"{key}: {address} serves another certificate than {tls.cert} is",
                    "it was renewed, and the service goes on with the old one until that expires",
                    "systemctl reload click2dial-agi, also by whatever renews it",
                )


def _certificates(config: Config) -> Iterator[tuple[str, TLS, Address | None]]:
    """Yield each certificate, and where it is served."""
    if config.edge is not None and config.edge.tls is not None:
        yield "edge.tls", config.edge.tls, config.edge.listen
    for one in config.integrators:
        if one.tls is not None:
            yield f"integrators.{one.name}.tls", one.tls, one.http


def _mode(path: Path) -> int:
    return path.stat().st_mode


def _owner(path: Path) -> str:
    with contextlib.suppress(KeyError, OSError):
        return pwd.getpwuid(path.stat().st_uid).pw_name
    return ""
