"""The directory of one Asterisk inside the shared tree."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from sandbox import astconf
from sandbox.tree import locked

HOME = "srv/c2d"


class RunDirectory:
    """TREE/srv/c2d/<id>, locked while its owner lives: `inside` is how Asterisk names it."""

    def __init__(self, tree: Path) -> None:
        self._tree = tree
        self.inside = f"/{HOME}/{secrets.token_hex(4)}"
        self.path = tree / self.inside.lstrip("/")
        self._lock: IO[str] | None = None

    def make(self, files: Mapping[str, str], include: Path | None) -> None:
        """Make the directory and its configuration, all owned by the tree's asterisk user."""
        with locked("run-directories"):  # or two would sweep at once, or one the other's new lock
            self._sweep()
            self._lock = self.path.with_suffix(".lock").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        for name in ("click2dial", "lib/keys", "log", "run", "spool"):
            (self.path / name).mkdir(parents=True)
        etc = self.path / "etc"
        # Debian's own files first: without them dozens of modules complain or do not load.
        shutil.copytree(self._tree / "etc/asterisk", etc)
        (etc / "users.conf").unlink()  # deprecated, and its mere presence says so in the log
        for name, text in files.items():
            (etc / name).write_text(text)
        if include is not None:
            shutil.copy(include, etc / include.name)
        (self.path / "hosts").write_text(astconf.hosts())
        uid, gid = self._owner()
        for path in (self.path, *self.path.rglob("*")):
            os.chown(path, uid, gid)

    def remove(self, *, keep: bool) -> None:
        """Give the directory up, with its files unless they are to be kept."""
        if keep:
            print(f"Asterisk's files are kept in {self.path}")
        else:
            shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            Path(self._lock.name).unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    def _owner(self) -> tuple[int, int]:
        passwd = (self._tree / "etc/passwd").read_text().splitlines()
        uid, gid = next(line.split(":")[2:4] for line in passwd if line.startswith("asterisk:"))
        return int(uid), int(gid)

    def _sweep(self) -> None:
        """Remove what test runs that were killed left behind: their locks went with them."""
        for lock in (self._tree / HOME).glob("*.lock"):
            with lock.open("w") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
                lock.unlink(missing_ok=True)
