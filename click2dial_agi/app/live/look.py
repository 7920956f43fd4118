"""What is there on a PBX at a login: channels, what they carry, who is on hold, who is paused."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

from click2dial_agi.domain.live.board import Board, Question
from click2dial_agi.exceptions import PBXUnanswered, PBXUnreachable
from click2dial_agi.io.ami import AMIConnection

__all__ = ["ask", "look"]

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


async def ask(connection: AMIConnection, question: Question) -> str:
    """Return the value of a channel's variable, empty if either is not there."""
    answer = await connection.action("Getvar", Channel=question.channel, Variable=question.variable)
    return answer.get("Value") if answer.succeeded else ""


async def _answers(
    connection: AMIConnection, questions: Iterable[Question]
) -> list[tuple[Question, str]]:
    asking = asyncio.Semaphore(_AT_ONCE)

    async def one(question: Question) -> tuple[Question, str]:
        async with asking:
            return question, await ask(connection, question)

    return await asyncio.gather(*map(one, questions))
