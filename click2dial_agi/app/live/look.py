"""What is there on a PBX at a login: channels, what they carry, who is on hold, who is paused."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping

from click2dial_agi.ami import Message
from click2dial_agi.domain.live.board import Board
from click2dial_agi.domain.live.questions import Question
from click2dial_agi.exceptions import PBXUnanswered, PBXUnreachable, UnsafeCommand
from click2dial_agi.io.ami import AMIConnection

__all__ = ["ask", "look"]

log = logging.getLogger(__name__)

# How many channels are asked at a time; each answer takes 0.1 ms.
_AT_ONCE = 64

# 1 on the channel of who has put the other on hold.
_HOLD = "CHANNEL(rtp,hold)"

Endpoints = Callable[[], Awaitable[Mapping[str, str]]]


async def look(
    connection: AMIConnection, endpoints: Endpoints, board: Board, now: Callable[[], int]
) -> None:
    """Tell a new board what is there.  Raises :exc:`PBXUnreachable`.

    What happens meanwhile must be told to it afterwards, in its order.
    """
    channels = await connection.listing("Status")
    for channel in channels:
        board.place(channel.fields)
    talking = [
        Question(one.get("Uniqueid"), one.get("Channel"), _HOLD)
        for one in channels
        if one.get("BridgeID") and one.get("Channel").startswith("PJSIP/")
    ]
    for question, value in await _answers(connection, talking):
        if value == "1":
            board.hold(question.uniqueid)
    for question, value in await _answers(connection, board.questions()):
        board.learn(question.uniqueid, value, now())
    try:
        for member in await connection.listing("QueueStatus"):
            board.apply(member.event, member.fields, now())
    except PBXUnanswered:
        raise
    except PBXUnreachable:
        pass  # a PBX without queues does not know the action
    board.seat(await endpoints(), now())


async def _ask(connection: AMIConnection, question: Question) -> str:
    """Return the value of a channel's variable, empty if either is not there."""
    return _value(await connection.action("Getvar", **_fields(question)))


def ask(connection: AMIConnection, question: Question, learn: Callable[[str], None]) -> None:
    """Have ``learn`` called with what :func:`_ask` returns, also if there is no answer."""
    try:
        connection.ask("Getvar", lambda answer: learn(_value(answer)), **_fields(question))
    except UnsafeCommand as error:
        log.debug("what %r carries: %s", question.channel, error)
        learn("")


def _fields(question: Question) -> dict[str, str]:
    return {"Channel": question.channel, "Variable": question.variable}


def _value(answer: Message | None) -> str:
    return answer.get("Value") if answer is not None and answer.succeeded else ""


async def _answers(
    connection: AMIConnection, questions: Iterable[Question]
) -> list[tuple[Question, str]]:
    asking = asyncio.Semaphore(_AT_ONCE)

    async def one(question: Question) -> tuple[Question, str]:
        async with asking:
            return question, await _ask(connection, question)

    return await asyncio.gather(*map(one, questions))
