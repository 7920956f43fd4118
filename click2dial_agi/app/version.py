"""Which build this is."""

from click2dial_agi import __version__
from click2dial_agi.agi import connection

__all__ = ["describe_build"]


def describe_build() -> str:
    """Return the version, and whether it was compiled (setup.py)."""
    compiled = not connection.__file__.endswith(".py")
    return f"{__version__}, {'compiled' if compiled else 'not compiled'}"
