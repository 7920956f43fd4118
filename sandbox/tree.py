"""Root file systems made by debootstrap, built once and cached outside the checkout.

Debian 12 has no asterisk package, so the tests run Debian unstable's in a tree of its own. Building
takes about 40 s and 500 MB; a clean clone on the same machine finds the cached tree.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from sandbox.process import require

RECIPE = "1"  # raise it when what is inside a tree changes: older trees are then left alone
PROGRESS_EVERY = 3.0  # seconds between lines, so that a CI log shows life and stays short


def cache() -> Path:
    """Return the cache directory: `$C2D_CACHE`, else `~/.cache/click2dial`."""
    return Path(os.environ.get("C2D_CACHE") or "~/.cache/click2dial").expanduser()


def asterisk_tree() -> Path:
    """Return a tree with Asterisk 22, building it if need be."""
    return _cached(
        f"asterisk22-{RECIPE}",
        lambda where: _debootstrap(where, "sid", ("asterisk", "asterisk-core-sounds-en-gsm")),
        _finish_asterisk,
    )


def redis_tree() -> Path:
    """Return a bookworm tree with redis-server, building it if need be."""
    return _cached(
        f"redis-{RECIPE}", lambda where: _debootstrap(where, "bookworm", ("redis-server",)), _trim
    )


def machine_tree(suite: str = "sid") -> Path:
    """Return a tree that boots: systemd, and in sid, the only one that has it, Asterisk."""
    packages = ["systemd", "systemd-sysv", "dbus"]
    if suite == "sid":
        packages += ["asterisk", "asterisk-core-sounds-en-gsm"]
    return _cached(
        f"machine-{suite}-{RECIPE}", lambda where: _debootstrap(where, suite, packages), _trim
    )


def debian_tree() -> Path:
    """Return a bare sid for container images, as `debian:sid-slim` is one.

    What packaging/container installs in it is at hand: a build fetches only what is newer.
    """
    return _cached(
        f"debian-sid-{RECIPE}", lambda where: _debootstrap(where, "sid", ()), _finish_debian
    )


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold a lock that other processes respect; it ends with the process, however that ends."""
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _cached(name: str, build: Callable[[Path], None], finish: Callable[[Path], None]) -> Path:
    """Return cache/name, built under a temporary name and renamed: a half tree is never used."""
    final = cache() / name
    if final.is_dir():
        return final
    with locked(name):
        if final.is_dir():  # another builder had the lock before us
            return final
        building = cache() / f"{name}.building"
        shutil.rmtree(building, ignore_errors=True)
        build(building)
        finish(building)
        building.rename(final)
    return final


def _debootstrap(where: Path, suite: str, packages: Sequence[str]) -> None:
    """Run debootstrap in its own mount and pid namespaces, so that nothing of it stays behind."""
    argv = [
        *(require("unshare", "util-linux"), "--mount", "--pid", "--fork", "--kill-child"),
        *(require("debootstrap", "debootstrap"), "--variant=minbase"),
        *((f"--include={','.join(packages)}",) if packages else ()),
        *(suite, str(where)),
    ]
    began = shown = time.monotonic()
    print(f"building {where.name}: debootstrap {suite} {' '.join(packages)}", file=sys.stderr)
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as child:
        assert child.stdout is not None
        last: list[str] = []
        for line in child.stdout:
            last = [*last[-20:], line.rstrip()]
            if time.monotonic() - shown > PROGRESS_EVERY:
                shown = time.monotonic()
                print(f"  {shown - began:3.0f} s {last[-1]}", file=sys.stderr, flush=True)
    if child.returncode:
        raise RuntimeError(f"debootstrap failed ({child.returncode}):\n" + "\n".join(last))
    print(f"  {time.monotonic() - began:3.0f} s done", file=sys.stderr, flush=True)


def _trim(tree: Path) -> None:
    """Drop the downloaded packages: half of the space, and nobody installs them again."""
    for package in (tree / "var/cache/apt/archives").glob("*.deb"):
        package.unlink()


# As Debian's own images have it, but for the first, which a mirror needs, and for the packages.
_IMAGE_CONF = {
    "etc/apt/apt.conf.d/99old": 'Acquire::Check-Valid-Until "false";\n',
    "etc/apt/apt.conf.d/99languages": 'Acquire::Languages "none";\n',
    "etc/dpkg/dpkg.cfg.d/unsafe-io": "force-unsafe-io\n",
}
_IMAGE_PACKAGES = (
    *("adduser", "python3", "redis-server", "sip-tester"),
    *("asterisk", "asterisk-core-sounds-en-gsm"),
)


def _finish_debian(tree: Path) -> None:
    """Fetch the packages that images install."""
    _trim(tree)
    for name, text in _IMAGE_CONF.items():
        (tree / name).write_text(text, "utf-8")
    for words in (["update"], ["install", "--download-only", "--yes", "--no-install-recommends"]):
        packages = _IMAGE_PACKAGES if len(words) > 1 else ()
        argv = ["chroot", str(tree), "apt-get", "-q", *words, *packages]
        subprocess.run(argv, check=True, capture_output=True)


def _finish_asterisk(tree: Path) -> None:
    """Check the version and add the mount points and directories that every instance uses."""
    version = subprocess.run(
        ["chroot", str(tree), "asterisk", "-V"], check=True, capture_output=True, text=True
    ).stdout
    if not version.startswith("Asterisk 22."):
        raise RuntimeError(f"Debian's unstable suite no longer has Asterisk 22 but {version!r}")
    (tree / "etc/hosts").touch()  # each instance mounts its own over it
    (tree / "srv/c2d").mkdir(parents=True, exist_ok=True)
    _trim(tree)


if __name__ == "__main__":
    asterisk_tree()
