"""The exceptions: their tree, and messages that say what is wrong."""

from __future__ import annotations

import pytest

from click2dial_agi import exceptions
from click2dial_agi.exceptions import (
    Click2DialError,
    CommandRejected,
    ConfigError,
    DeadChannel,
    InvalidCommand,
    LimitExceeded,
    MalformedEnvironment,
    MalformedFacts,
    MalformedReply,
    ProtocolError,
    UnexpectedData,
    UsageError,
)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (LimitExceeded("bytes in a line", 16), "bytes in a line exceeds the limit of 16"),
        (MalformedReply("what?"), "not an AGI reply: 'what?'"),
        (MalformedReply("x" * 100), f"not an AGI reply: '{'x' * 80}'"),
        (DeadChannel(511, "Command Not Permitted"), "511 Command Not Permitted"),
        (MalformedFacts("call_ref", "a lower-case UUID"), "call_ref: a lower-case UUID"),
        (ConfigError("agi.listen", "host:port"), "agi.listen: host:port"),
    ],
)
def test_a_message_is_made_once_and_whole(error: Exception, message: str) -> None:
    assert str(error) == message


@pytest.mark.parametrize(
    "error", [LimitExceeded, MalformedEnvironment, MalformedReply, UnexpectedData]
)
def test_the_peers_fault_is_a_protocol_error(error: type[Exception]) -> None:
    assert issubclass(error, ProtocolError)


@pytest.mark.parametrize("error", [InvalidCommand, DeadChannel, UsageError])
def test_a_rejected_command_is_not(error: type[Exception]) -> None:
    assert issubclass(error, CommandRejected)
    assert not issubclass(error, ProtocolError)


@pytest.mark.parametrize("name", exceptions.__all__)
def test_every_exception_is_ours_and_in_the_tree(name: str) -> None:
    assert issubclass(getattr(exceptions, name), Click2DialError)
    assert f":exc:`{name}`" in str(exceptions.__doc__)
