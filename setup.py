"""Compiles, with mypyc, the protocol, the rules and the call handlers.  All else is in setup.cfg.

A wheel is compiled, and so is what `pip install .` installs.  An editable install is not: there the
sources run as they stand.  A machine without a C compiler or Python's headers gets a wheel of
sources alone; `click2dial-agi version` tells which one it is.
"""

import sys
from pathlib import Path
from typing import Any

from setuptools import errors, setup
from setuptools.command.build_ext import build_ext

# Not the AGI server nor the log, although a session runs through them too: their classes inherit
# from the standard library's, over whose fields mypyc lays its own.  A compiled log handler ended
# the process with a segmentation fault (mypy 2.4); tests/test_compiled.py looks after it.
MODULES = """
    agi/commands agi/connection agi/environment agi/limits agi/replies
    domain/calls domain/dispositions domain/facts domain/headers domain/inbound domain/numbers
    domain/records domain/variables
    app/handlers
"""

# The types come from our own sources, whatever else is installed where the wheel is built.
MYPY = ["--config-file=", "--no-site-packages", "--ignore-missing-imports"]


class BuildAllOrNothing(build_ext):
    """Leaves in the wheel what this build compiled: all modules, or none of them."""

    def run(self) -> None:
        self._remove_compiled()  # an earlier build's, of modules that may not be compiled any more
        try:
            super().run()
        except (errors.CCompilerError, errors.ExecError, errors.PlatformError) as error:
            self._remove_compiled()
            self.warn(f"not compiled, but as good otherwise: {error}")

    def _remove_compiled(self) -> None:
        for path in Path(self.build_lib).rglob("*.so"):
            path.unlink()


def extensions() -> list[Any]:
    """Return what there is to compile; that takes a few seconds, so only where it is needed."""
    if "bdist_wheel" not in sys.argv:
        return []
    from mypyc.build import mypycify

    sources = [f"click2dial_agi/{module}.py" for module in MODULES.split()]
    try:
        return mypycify([*MYPY, *sources], opt_level="3", group_name="click2dial_agi")
    except SystemExit:  # a mypy to come may find fault with types that are good today
        print("not compiled, but as good otherwise: see mypy's errors", file=sys.stderr)
        return []


setup(ext_modules=extensions(), cmdclass={"build_ext": BuildAllOrNothing})
