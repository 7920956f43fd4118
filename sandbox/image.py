"""The container image of the tests' Redis, made from Debian packages: no registry is needed."""

from __future__ import annotations

import functools
import shutil
import subprocess

from sandbox import tree
from sandbox.process import require

REDIS_COMMAND = "redis-server --bind 0.0.0.0 --protected-mode no"
REDIS_IMAGE = f"click2dial-test-redis:{tree.RECIPE}"


@functools.cache
def engine_answers() -> bool:
    """Say whether a Docker engine runs here."""
    if shutil.which("docker") is None:
        return False
    argv = ["docker", "version", "--format", "{{.Server.Version}}"]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


def redis_image() -> str:
    """Return the name of the image, building and importing it if the engine does not have it."""
    with tree.locked("redis-image"):
        argv = [require("docker", "docker.io"), "image", "inspect", REDIS_IMAGE]
        if subprocess.run(argv, capture_output=True, check=False).returncode != 0:
            _import()
    return REDIS_IMAGE


def _import() -> None:
    """Import the tree as an image of one layer."""
    words = ", ".join(f'"{word}"' for word in REDIS_COMMAND.split())
    changes = ("-c", f"CMD [{words}]", "-c", "EXPOSE 6379")
    with subprocess.Popen(
        ["tar", "-C", str(tree.redis_tree()), "--exclude=./proc/*", "--exclude=./sys/*", "-c", "."],
        stdout=subprocess.PIPE,
    ) as tar:
        importing = ["docker", "import", *changes, "-", REDIS_IMAGE]
        done = subprocess.run(importing, stdin=tar.stdout, capture_output=True, check=False)
    if tar.returncode or done.returncode:
        raise RuntimeError(f"docker import of {REDIS_IMAGE} failed: {done.stderr.decode()}")
