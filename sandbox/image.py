"""Container images made from Debian packages by debootstrap: no registry is needed."""

from __future__ import annotations

import functools
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from sandbox import tree
from sandbox.process import require

REDIS_COMMAND = "redis-server --bind 0.0.0.0 --protected-mode no"
REDIS_IMAGE = f"click2dial-test-redis:{tree.RECIPE}"
DEBIAN_IMAGE = f"click2dial-test-debian:{tree.RECIPE}"


@functools.cache
def engine_answers() -> bool:
    """Say whether a Docker engine runs here."""
    if shutil.which("docker") is None:
        return False
    argv = ["docker", "version", "--format", "{{.Server.Version}}"]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


def redis_image() -> str:
    """Return the name of the tests' Redis, importing it if the engine does not have it."""
    words = ", ".join(f'"{word}"' for word in REDIS_COMMAND.split())
    return _image(REDIS_IMAGE, tree.redis_tree, "-c", f"CMD [{words}]", "-c", "EXPOSE 6379")


def debian_image() -> str:
    """Return the name of a bare sid, importing it if the engine does not have it."""
    return _image(DEBIAN_IMAGE, tree.debian_tree)


def _image(name: str, root: Callable[[], Path], *changes: str) -> str:
    """Have a tree as an image of one layer."""
    with tree.locked(f"{name.partition(':')[0].rpartition('-')[2]}-image"):
        argv = [require("docker", "docker.io"), "image", "inspect", name]
        if subprocess.run(argv, capture_output=True, check=False).returncode != 0:
            _import(name, root(), changes)
    return name


def _import(name: str, root: Path, changes: tuple[str, ...]) -> None:
    with subprocess.Popen(
        ["tar", "-C", str(root), "--exclude=./proc/*", "--exclude=./sys/*", "-c", "."],
        stdout=subprocess.PIPE,
    ) as tar:
        importing = ["docker", "import", *changes, "-", name]
        done = subprocess.run(importing, stdin=tar.stdout, capture_output=True, check=False)
    if tar.returncode or done.returncode:
        raise RuntimeError(f"docker import of {name} failed: {done.stderr.decode()}")
