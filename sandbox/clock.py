"""A process whose time of day is another than the machine's."""

from __future__ import annotations

from pathlib import Path

from sandbox.process import MissingToolError


def another_clock(file: Path) -> dict[str, str]:
    """Return the environment of a process whose clock is off by what a file says, such as +300.

    The file may change meanwhile; the monotonic clock goes on, as when a real clock is set.
    """
    for library in Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"):
        return {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_CACHE_DURATION": "0",
            "DONT_FAKE_MONOTONIC": "1",
        }
    raise MissingToolError("libfaketime is not installed: apt-get install faketime")
