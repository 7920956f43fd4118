"""What is used of pystrix beyond what it promises; of other libraries: ``io/private.py``.

``tests/io/test_private.py`` fails, and names the piece, where a new version has dropped one.

An action's base class and its parts have no public names.  ``command``, which has, is one text in
which a quote or a newline of a value can no more be told from ours.
"""

from typing import Any

from pystrix.agi.agi_core import AGIException
from pystrix.agi.agi_core import _Action as Action

__all__ = ["AGIException", "Action", "parts_of"]


def parts_of(action: Action) -> tuple[str, tuple[Any, ...]]:
    """Return the words of an action's command, and its arguments: None for those left out."""
    return action._command, action._arguments
