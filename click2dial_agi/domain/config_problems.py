"""What is wrong with the configuration: of which key, and what was expected."""

import re
from typing import Any

__all__ = ["CHOICES", "HIDDEN_KEY", "SHOWN_KEY", "WrongKey", "describe_problem"]

# How fields that take one section or a list of them mark the two (pydantic's Tag).
CHOICES = ("[one]", "[several]")


class WrongKey(ValueError):
    """One key of a section is wrong, which only a look at others of its keys told.

    ``key`` is its path within the section, such as ``caller_ids.owned[0]``.
    """

    def __init__(self, key: str, expected: str) -> None:
        super().__init__(f"{key}: {expected}")
        self.key = key
        self.expected = expected


#: What a mistyped key looks like, and passwords do not.
SHOWN_KEY = re.compile(r"[A-Za-z_]{1,40}")

#: How another is called.
HIDDEN_KEY = "(a key)"

# Marks of pydantic's in a path that are none: "the key itself", which it names, and a choice.
_NO_KEYS = ("[key]", *CHOICES)

# Where pydantic would say it in Python's words.
_MESSAGES = {
    "dict_type": "a mapping",
    "extra_forbidden": "unknown key",
    "missing": "this key is required",
    "model_type": "a mapping",
    "path_type": "a path",
    "tuple_type": "a list",
}


def describe_problem(details: Any) -> tuple[str, str]:
    """Return the dotted path of a wrong key, and what was expected, of what pydantic found."""
    path = ""
    for key in details["loc"]:
        if key not in _NO_KEYS:
            path += f"[{key}]" if isinstance(key, int) else f".{key}"
    kind = details["type"]
    if kind == "extra_forbidden" and not SHOWN_KEY.fullmatch(str(details["loc"][-1])):
        path = f"{path.rpartition('.')[0]}.{HIDDEN_KEY}"  # a password, where a colon was forgotten
    message = _MESSAGES.get(kind, details["msg"])
    if kind == "value_error":
        error = details["ctx"]["error"]
        if isinstance(error, WrongKey):
            return f"{path}.{error.key}".removeprefix("."), error.expected
        message = str(error)
        if not path:  # a rule over the whole document names its key itself
            path, _, message = message.partition(": ")
    return path.removeprefix("."), message[:1].lower() + message[1:]
