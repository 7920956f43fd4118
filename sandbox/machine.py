"""A whole Debian machine with Asterisk: systemd as its first process, and a network of its own.

For what only a machine shows: units, packages, README's installation.  It runs from a cached tree
under an overlay, so each is new, and in namespaces of its own: its ports are nobody else's, and
nothing is left when it ends.  The world is reached through slirp4netns; from here it is reached by
entering its network: see :meth:`Machine.network`.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType

from sandbox.process import Process, require, until
from sandbox.tree import cache, machine_tree

BOOT_TIMEOUT = 60.0
_CLONE_NEWNET = 0x40000000

# In new namespaces: $1 is the tree, $2 the machine's own directory, $3 what pip keeps, $4 its name.
# systemd is told that it runs in a container, and so leaves kernel, devices and clock alone.
_BOOT = """
set -e
root=$2/root
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
for where in run tmp dev; do mount -t tmpfs tmpfs "$root/$where"; done
for device in null zero full random urandom tty; do
    touch "$root/dev/$device" && mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
mount -t tmpfs tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mkdir -p "$root/var/cache/pip"
mount --bind "$3" "$root/var/cache/pip"
hostname "$4"
echo "$4" >"$root/etc/hostname"
ip link set lo up
cd "$root"
pivot_root . mnt
exec chroot . /bin/sh -c 'umount -l /mnt &&
    exec env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd' \\
    </dev/null >/dev/null 2>&1
"""

# Those that we trust.  Not in Debian's own place, which its package writes anew.
_CERTIFICATES = "/etc/c2d-certificates.crt"

# Asterisk asks for its own name and that of a root server at each call.
_NAME = "click2dial-test"
_HOSTS = f"127.0.0.1 localhost {_NAME} A.ROOT-SERVERS.NET\n::1 localhost\n"


class Machine:
    """One machine, booted; use it as a context manager.

    ``files`` is its root directory as seen from here.  ``suite`` is Debian's; of bookworm, trixie
    and sid only the last has Asterisk.
    """

    def __init__(self, suite: str = "sid") -> None:
        self.suite = suite
        self._tree = machine_tree(suite)
        self._directory = Path(tempfile.mkdtemp(prefix="c2d-machine-"))
        self._cgroup = _cgroup_root() / f"c2d-machine-{secrets.token_hex(4)}"
        self._unshare: Process | None = None
        self._slirp: Process | None = None
        self.pid = 0
        self.seconds_to_install = 0.0

    @property
    def files(self) -> Path:
        return Path(f"/proc/{self.pid}/root")

    def __enter__(self) -> Machine:
        try:
            self._boot()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in (self._slirp, self._unshare):
            if process is not None:
                process.kill()  # its first process goes with it, and with that all others
        shutil.rmtree(self._directory, ignore_errors=True)
        with contextlib.suppress(OSError):
            until(lambda: not _processes(self._cgroup), 10, "the end of the machine's processes")
            for path in sorted(self._cgroup.rglob("*/"), reverse=True):
                path.rmdir()
            self._cgroup.rmdir()

    def run(
        self,
        script: str,
        *,
        check: bool = True,
        timeout: float = 120.0,
        directory: str = "/root",
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell script as root; with ``check``, AssertionError tells what a failed one said.

        ``PIP_…`` of our own environment is passed on: how pip reaches packages is the machine's
        owner's affair.
        """
        ours = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        given = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "LANG": "C.UTF-8",
            "DEBIAN_FRONTEND": "noninteractive",
            **ours,
            "PIP_CACHE_DIR": "/var/cache/pip",
            "PIP_CERT": _CERTIFICATES,
            **(environment or {}),
        }
        enter = ["nsenter", f"--target={self.pid}", *_NAMESPACES, f"--wdns={directory}"]
        variables = [f"{name}={value}" for name, value in given.items()]
        done = subprocess.run(
            [*enter, "env", "-i", *variables, "sh", "-ec", script],
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(
                f"status {done.returncode} of\n{script}\n{done.stdout}\n{done.stderr}\n"
                f"the machine's journal:\n{self.journal()}"
            )
        return done

    def journal(self, lines: int = 40) -> str:
        """Return the last lines of the journal."""
        return self.run(f"journalctl --no-pager -n {lines}", check=False).stdout

    def copy(self, source: Path, where: str) -> None:
        """Copy a file or a directory of ours to ``where``, owned by root."""
        to = self.files / where.lstrip("/")
        if source.is_dir():
            shutil.copytree(source, to, symlinks=True, dirs_exist_ok=True)
        else:
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, to)

    def write(self, where: str, text: str, *, mode: int = 0o644) -> None:
        """Write a file."""
        path = self.files / where.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        path.chmod(mode)

    @contextlib.contextmanager
    def network(self) -> Iterator[None]:
        """Let the calling thread, and what it starts meanwhile, live in the machine's network.

        Sockets made inside stay there, and others stay where they are.
        """
        with open("/proc/thread-self/ns/net") as ours, open(f"/proc/{self.pid}/ns/net") as theirs:
            _setns(theirs.fileno())
            try:
                yield
            finally:
                _setns(ours.fileno())

    def _boot(self) -> None:
        for name in ("root", "upper", "work"):
            (self._directory / name).mkdir()
        self._cgroup.mkdir()
        packages = cache() / "machine-pip"
        packages.mkdir(exist_ok=True)
        argv = [
            *("sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', str(self._cgroup)),
            *("unshare", "--mount", "--pid", "--cgroup", "--uts", "--ipc", "--net", "--fork"),
            *("--kill-child", "sh", "-c", _BOOT, "sh"),
            *(str(self._tree), str(self._directory), str(packages), _NAME),
        ]
        output = self._directory / "output"
        self._unshare = Process(argv, output=output)
        self.pid = until(self._first_process, 10, "the machine's first process")
        slirp = require("slirp4netns", "slirp4netns")
        until(self._has_pivoted, 10, "the machine's root directory")
        self._slirp = Process(
            [slirp, "--configure", "--disable-host-loopback", str(self.pid), "tap0"],
            output=self._directory / "slirp",
        )
        until(self._is_up, BOOT_TIMEOUT, "the machine's start")
        self._settle_in()

    def _first_process(self) -> int:
        assert self._unshare is not None
        self._unshare.check_alive()
        pid = self._unshare.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(children[0]) if children else 0

    def _has_pivoted(self) -> bool:
        assert self._unshare is not None
        self._unshare.check_alive()
        with contextlib.suppress(OSError):
            return Path(f"/proc/{self.pid}/comm").read_text().strip() == "systemd"
        return False

    def _is_up(self) -> bool:
        state = self.run("systemctl is-system-running", check=False).stdout.strip()
        return state in ("running", "degraded")

    def _settle_in(self) -> None:
        """Let the machine reach packages as we do."""
        self.write("/etc/resolv.conf", "nameserver 10.0.2.3\n")
        self.write("/etc/hosts", _HOSTS)
        # A mirror may be older than what Debian's own servers would still serve.
        self.write("/etc/apt/apt.conf.d/99old", 'Acquire::Check-Valid-Until "false";\n')
        for name in ("/etc/pip.conf", "~/.config/pip/pip.conf"):
            path = Path(name).expanduser()
            if path.exists():
                self.copy(path, name.replace("~", "/root"))
        certificates = Path("/etc/ssl/certs/ca-certificates.crt")
        if certificates.exists():
            self.copy(certificates, _CERTIFICATES)


_NAMESPACES = ("--mount", "--pid", "--cgroup", "--uts", "--ipc", "--net")


def _setns(descriptor: int) -> None:
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def _cgroup_root() -> Path:
    """Return where the unified hierarchy is mounted."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        place, _, kind = line.partition(" - ")
        if kind.startswith("cgroup2 "):
            return Path(place.split()[4])
    raise RuntimeError("no unified cgroup hierarchy is mounted")


def _processes(cgroup: Path) -> list[str]:
    return [pid for path in cgroup.rglob("cgroup.procs") for pid in path.read_text().split()]
