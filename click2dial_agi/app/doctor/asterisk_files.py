"""Asterisk's own configuration files, where they are on this machine and we may read them."""

import glob
import os
import re
from collections.abc import Iterator
from pathlib import Path

from click2dial_agi.app.doctor.findings import Finding, Level
from click2dial_agi.domain.config import Config
from click2dial_agi.domain.live.board import HEARD

__all__ = ["ASTERISK_ETC", "check_asterisk_files"]

ASTERISK_ETC = Path("/etc/asterisk")

_INCLUDE = re.compile(r"^\s*#(t?)include\s+[\"<]?([^\">;\r\n]+?)[\">]?\s*(?:;.*)?$", re.MULTILINE)
_OPTION = re.compile(r"^\s*([a-z_]+)\s*=>?\s*([^;\s]+)", re.MULTILINE)

_SECTION = re.compile(r"^\s*\[([^\]]+)\]", re.MULTILINE)
_FILTER = re.compile(r"^\s*eventfilter\b([^;\n]*)", re.MULTILINE)
# All of one name, or of devices those that an agent may have.
_LETS_IN = re.compile(
    r"\(action\(include\),name\((\w+)\)"
    r"(?:\)\s*=|,header\(Device\),method\(starts_with\)\)\s*=\s*PJSIP/)\s*"
)
_DISABLED = re.compile(r"^\s*disabledevents\s*=>?\s*([^;\n]*)", re.MULTILINE)

# http.c: DEFAULT_SESSION_LIMIT
_SESSION_LIMIT = 100
_MAX_DEPTH = 20


def check_asterisk_files(config: Config, etc: Path = ASTERISK_ETC) -> Iterator[Finding]:
    """Look for includes that Asterisk cannot read, a limit on softphones, and events left out."""
    yield from _includes(etc / "extensions.conf", etc, 0)
    yield from _session_limit(config, etc / "http.conf")
    for user in dict.fromkeys(pbx.ami_username for pbx in config.pbxs if pbx.ami is not None):
        yield from _filtered(user or "", etc / "manager.conf")


def _includes(path: Path, etc: Path, depth: int) -> Iterator[Finding]:
    """Follow #include as config.c does: relative to Asterisk's directory, with wildcards."""
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        return
    for match in _INCLUDE.finditer(text):
        optional, name = match[1] == "t", match[2].strip()
        target = name if name.startswith("/") else str(etc / name)
        found = sorted(glob.glob(target))
        line = text.count("\n", 0, match.start(2)) + 1
        if not found and not optional:
            yield _unreadable(path, line, name, "does not exist")
        for one in found:
            if not _asterisk_reads(Path(one), etc):
                yield _unreadable(path, line, one, "cannot be read by Asterisk")
            elif depth < _MAX_DEPTH:
                yield from _includes(Path(one), etc, depth + 1)


def _unreadable(path: Path, line: int, name: str, problem: str) -> Finding:
    return Finding(
        Level.DANGER,
        "include-unreadable",
        f"{path}, line {line}: #include of {name}, which {problem}",
        "a running Asterisk says nothing and keeps its dialplan; at its next start it has none",
        f"the right path in that line; chmod o+r it and chmod o+x its directories: namei -l {name}",
    )


def _asterisk_reads(path: Path, etc: Path) -> bool:
    """Tell whether Asterisk's user, who owns its directory, can read a file and come there."""
    if os.geteuid() != 0:
        return os.access(path, os.R_OK)
    owner = etc.stat()
    above = [] if etc in path.parents else path.resolve().parents
    return _may(path, owner.st_uid, owner.st_gid, 4) and all(
        _may(parent, owner.st_uid, owner.st_gid, 1) for parent in above
    )


def _may(path: Path, uid: int, gid: int, bit: int) -> bool:
    status = path.stat()
    if status.st_uid == uid:
        return bool(status.st_mode & (bit << 6))
    if status.st_gid == gid:
        return bool(status.st_mode & (bit << 3))
    return bool(status.st_mode & bit)


def _session_limit(config: Config, path: Path) -> Iterator[Finding]:
    try:
        options = dict(_OPTION.findall(path.read_text("utf-8", "replace")))
    except OSError:
        return
    limit = options.get("sessionlimit", str(_SESSION_LIMIT))
    if config.edge is None or not limit.isdecimal():
        return
    if int(limit) < config.edge.max_connections and int(limit) <= _SESSION_LIMIT:
        yield Finding(
            Level.WARNING,
            "session-limit",
            f"{path}: sessionlimit is {limit}, and edge.max_connections "
            f"{config.edge.max_connections}",
            "softphones beyond it are turned away, and ARI with them",
            f"sessionlimit = {config.edge.max_connections} in it, then "
            "asterisk -rx 'module reload http'",
        )


def _filtered(user: str, path: Path) -> Iterator[Finding]:
    """Look which events of ours the manager keeps from our user."""
    try:
        sections = _sections(path.read_text("utf-8", "replace"))
    except OSError:
        return
    if user not in sections or sections[user].startswith("("):  # a template may say more
        return
    disabled = _DISABLED.search(sections.get("general", ""))
    missing = {name.strip() for name in disabled[1].split(",")} & set(HEARD) if disabled else set()
    filters = _FILTER.findall(sections[user])
    let_in = [_LETS_IN.fullmatch(one.strip()) for one in filters]
    if filters and all(let_in):  # others may let in whatever they do
        missing |= set(HEARD) - {match[1] for match in let_in if match}
    if missing:
        names = ", ".join(name for name in HEARD if name in missing)
        yield Finding(
            Level.WARNING,
            "manager-filter",
            f"{path}: [{user}] is not told of {names}",
            "agents or calls stay as they were when that happens",
            f"the eventfilter lines of etc/asterisk/manager.conf in [{user}], none of these names "
            "in disabledevents; asterisk -rx 'manager reload', systemctl restart click2dial-agi",
        )


def _sections(text: str) -> dict[str, str]:
    """Return what stands in each section."""
    starts = [*_SECTION.finditer(text)]
    ends = [one.start() for one in starts[1:]] + [len(text)]
    return {one[1]: text[one.end() : end] for one, end in zip(starts, ends, strict=True)}
