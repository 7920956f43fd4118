"""The Asterisk Gateway Interface as a protocol: bytes in, events out, bytes to send.

Nothing in this package touches a socket, a clock or an event loop.  The server in
:mod:`click2dial_agi.io.agi_server` moves the bytes and keeps the deadlines.
"""

from click2dial_agi.agi.commands import (
    Action,
    check_variables,
    read_text,
    read_variable,
    result_of,
    serialize,
    set_variables,
)
from click2dial_agi.agi.connection import AGIConnection, Event, Hangup
from click2dial_agi.agi.environment import Environment
from click2dial_agi.agi.replies import Reply

__all__ = [
    "AGIConnection",
    "Action",
    "Environment",
    "Event",
    "Hangup",
    "Reply",
    "check_variables",
    "read_text",
    "read_variable",
    "result_of",
    "serialize",
    "set_variables",
]
