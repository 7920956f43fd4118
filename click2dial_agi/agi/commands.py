"""Commands on their way to Asterisk: the one place where they become bytes.

pystrix's action objects are the vocabulary.  Its own ``quote()`` escapes nothing and its
``command`` property passes newlines, so neither is used: :func:`serialize` takes an action apart
and writes it again.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pystrix.agi import core

from click2dial_agi.agi import limits
from click2dial_agi.agi.private import Action, AGIException, parts_of
from click2dial_agi.agi.replies import Reply
from click2dial_agi.exceptions import ApplicationFailed, UnsafeCommand

__all__ = [
    "Action",
    "check_variables",
    "read_text",
    "read_variable",
    "result_of",
    "serialize",
    "set_variables",
]

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BARE_WORD = re.compile(r"[^\s\"\\]+")
_VARIABLE_NAME = re.compile(r"(?:__)?[A-Z][A-Z0-9_]*(?:\([a-z]+\))?")

# What a value may hold to pass MSet, the dialplan's variable substitution and app arguments as
# plain data: no comma, quote, backslash, dollar, brace, bracket, semicolon or white space.
_PLAIN = re.compile(r"[A-Za-z0-9_.~:/@+&=%|*#-]*")


def serialize(action: Action) -> bytes:
    """Return the line for ``action``, with its newline.

    Arguments that pystrix put in quotes are quoted anew, with ``"`` and ``\\`` escaped as
    ``parse_args`` in res_agi.c reads them; the others must be single words.

    Raises :exc:`UnsafeCommand` for control characters, text that has no bytes (a lone surrogate),
    a bare argument that is not one word, more words than Asterisk reads, or a line longer than its
    buffer.
    """
    command, arguments = parts_of(action)
    words = command.split()
    words += [_word(str(argument)) for argument in arguments if argument not in (None, "")]
    line = " ".join(words)
    if not line.isprintable() and _CONTROL.search(line):
        raise UnsafeCommand("a command must not hold control characters")
    if len(words) > limits.MAX_COMMAND_WORDS:
        raise UnsafeCommand(f"a command has at most {limits.MAX_COMMAND_WORDS} words")
    try:
        encoded = line.encode("utf-8", "surrogateescape") + b"\n"
    except UnicodeEncodeError:
        raise UnsafeCommand("a command must not hold lone surrogates") from None
    if len(encoded) > limits.MAX_COMMAND:
        raise UnsafeCommand(f"a command has at most {limits.MAX_COMMAND} bytes")
    return encoded


def result_of(action: Action, reply: Reply) -> Any:
    """Return what an action makes of its reply.

    Raises :exc:`CommandRejected` for a reply that says no, be it by its code or by its result.
    """
    reply.raise_for_code()
    try:
        return action.process_response(reply)
    except AGIException:
        raise ApplicationFailed(reply.code, reply.raw) from None


def set_variables(variables: Mapping[str, str]) -> Action:
    """Set several channel variables or functions in one round trip (``EXEC MSet``).

    Raises :exc:`UnsafeCommand` as :func:`check_variables` does.
    """
    check_variables(variables)
    return core.Exec("MSet", [",".join([f"{name}={value}" for name, value in variables.items()])])


def check_variables(variables: Mapping[str, str]) -> None:
    """Refuse what the dialplan could read as more than data, with :exc:`UnsafeCommand`.

    MSet splits at commas and the dialplan expands ``${}``, so names and values are held to an
    alphabet in which neither can occur.  What ARI sets is held to the same.
    """
    for name in variables:
        if not _is_name(name):
            raise UnsafeCommand(f"not a channel variable's name: {name!r}")
    # An alphabet holds for values one by one or all together, and one look is quicker.
    if _PLAIN.fullmatch("".join(variables.values())):
        return
    name = next(name for name, value in variables.items() if not _PLAIN.fullmatch(value))
    raise UnsafeCommand(f"{name}: the value holds characters that the dialplan would read")


@lru_cache(maxsize=64)
def _is_name(name: str) -> bool:
    return _VARIABLE_NAME.fullmatch(name) is not None


def read_variable(name: str) -> Action:
    """Read a channel variable or function (``GET FULL VARIABLE``): its text, None if it has none.

    Text that a phone chose comes back as it is; nothing in it is expanded.
    """
    return read_text(f"${{{name}}}")


def read_text(template: str) -> Action:
    """Read a text with ``${…}`` in it, several variables in one round trip."""
    return core.GetFullVariable(template)


def _word(argument: str) -> str:
    if len(argument) >= 2 and argument[0] == argument[-1] == '"':
        inner = argument[1:-1]
        if '"' in inner or "\\" in inner:
            inner = inner.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{inner}"'
    if not _BARE_WORD.fullmatch(argument):
        raise UnsafeCommand(f"an argument without quotes must be one word: {argument[:40]!r}")
    return argument
