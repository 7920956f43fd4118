"""The load generator, the limit and the peers that we are compared with.

They are not part of this project: `$C2D_YARDSTICK` names their folder, else ../shared/bench.
"""

from __future__ import annotations

import contextlib
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from sandbox import ports
from sandbox.process import Process, require, until

FOLDER = Path(os.environ.get("C2D_YARDSTICK") or Path(__file__).parents[2] / "shared" / "bench")
CONCURRENCY = 32
RUNS = 5

# agiload sends one text in every session, so every call would be the same call.  This counts up in
# the digits that the text leaves for it, on the way out of the unchanged program.
_COUNTER = """\
#include <stdio.h>
#include <string.h>
#include <unistd.h>
static char *c2d_mark; static long c2d_count;
static inline ssize_t c2d_write(int fd, char *text, size_t size) {
  if (size > 200) {
    if (!c2d_mark && (c2d_mark = strstr(text, "000000000000"))) {}
    if (c2d_mark) { char digits[13]; snprintf(digits, sizeof digits, "%012ld", ++c2d_count);
      memcpy(c2d_mark, digits, 12); }
  }
  return write(fd, text, size);
}
"""


def folder() -> Path:
    """Return the yardstick's folder, or end with one clear line."""
    if not (FOLDER / "agiload.c").is_file():
        sys.exit(
            f"no yardstick in {FOLDER}: C2D_YARDSTICK names the folder of agiload.c and noop.c"
        )
    return FOLDER


def build(where: Path) -> tuple[Path, Path]:
    """Compile the load generator and the limit; return their paths."""
    compiler = require("gcc", "gcc")
    (where / "counter.h").write_text(_COUNTER)
    agiload, noop = where / "agiload", where / "noop"
    source = (folder() / "agiload.c").read_text()
    (where / "agiload.c").write_text(
        source.replace("write(c->fd,env,strlen(env))", "c2d_write(c->fd,env,strlen(env))")
    )
    flags = ["-O2", "-w", "-D_GNU_SOURCE", "-include", str(where / "counter.h")]
    subprocess.run([compiler, *flags, "-o", agiload, where / "agiload.c"], check=True)
    subprocess.run([compiler, "-O2", "-w", "-o", noop, folder() / "noop.c"], check=True)
    return agiload, noop


def start_peer(stack: contextlib.ExitStack, where: Path, *command: str | Path) -> int:
    """Run a server until the stack is left, and return the port that replaced ``{port}``."""
    port = ports.free_port()
    argv = [str(arg).format(port=port) for arg in command]
    process = Process(argv, output=where / f"{port}.log")
    stack.callback(process.kill)
    until(partial(_listens, port, process), 15, f"the start of {argv[0]}")
    return port


def _listens(port: int, process: Process) -> bool:
    """Look without connecting: a peer that reads on after the end of file would never stop."""
    process.check_alive()
    sockets = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(
        fields[1].endswith(f":{port:04X}") and fields[3] == "0A"  # LISTEN
        for fields in (line.split() for line in sockets)
    )


def sessions_per_second(agiload: Path, port: int, script: str, sessions: int) -> float:
    """Run a closed loop of sessions against one server; RuntimeError if any failed."""
    done = subprocess.run(
        [agiload, "127.0.0.1", str(port), str(sessions), str(CONCURRENCY), script],
        capture_output=True,
        text=True,
        check=False,
    )
    rate = re.search(r"failed=(\d+) .*rate=(\d+)/s", done.stdout)
    if rate is None or rate[1] != "0" or done.returncode:
        raise RuntimeError(f"agiload {script} on port {port}: {done.stdout}{done.stderr}")
    return float(rate[2])


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has had, in user and kernel mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def all_cpu_seconds() -> float:
    """Return the CPU time of all processes but this one, of its children that have ended too.

    The kernel's own total, in /proc/stat, misses what is shorter than one of its ticks.
    """
    ended = os.times()
    total = ended.children_user + ended.children_system
    for process in Path("/proc").glob("[0-9]*"):
        if process.name != str(os.getpid()):
            with contextlib.suppress(OSError):  # it has just ended
                total += cpu_seconds(int(process.name))
    return total


def alternate(
    measures: Sequence[tuple[str, Callable[[], float]]], runs: int = RUNS
) -> dict[str, float]:
    """Measure each in turn, `runs` times over, and return the medians."""
    found: dict[str, list[float]] = {name: [] for name, _ in measures}
    for run in range(runs):
        print(f"run {run + 1} of {runs}", file=sys.stderr)
        for name, measure in measures:
            found[name].append(measure())
    return {name: statistics.median(values) for name, values in found.items()}
