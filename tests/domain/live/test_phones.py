"""Who has a phone, as Kamailios tell of it that may be away or not know."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.domain.config import parse_config
from click2dial_agi.domain.live.board import Board
from click2dial_agi.domain.live.phones import Answer, Phones, as_reached
from click2dial_agi.domain.live.states import AgentState

ONE, TWO = "k1", "k2"
SILENT: Answer = {}
YES, NO, AWAY = ({"1000": there} for there in (True, False, None))


def _told(*rounds: tuple[Answer, Answer], every: float = 4.0, after: float = 0.0) -> bool | None:
    phones = Phones()
    now = 0.0
    for now, (one, two) in zip((every * n for n in range(len(rounds))), rounds, strict=True):
        phones.hear(["1000"], {ONE: one, TWO: two}, now)
    return phones.there(["1000"], now + after)["1000"]


@pytest.mark.case("P15")
@pytest.mark.parametrize(
    ("rounds", "expected"),
    [
        ([], None),
        ([(YES, YES)], True),
        ([(NO, YES)], True),
        ([(NO, NO)], False),
        ([(NO, SILENT)], False),  # as a POST has it
        ([(AWAY, NO)], None),
        ([(AWAY, SILENT)], None),
        ([(SILENT, SILENT)], None),
        ([(YES, YES), (NO, NO)], False),
        ([(YES, YES), (SILENT, SILENT)], True),
        ([(YES, YES), *3 * [(SILENT, SILENT)]], None),
        # The second alone knew, and is silent.
        ([(NO, YES), (NO, SILENT)], True),
        ([(NO, YES), *3 * [(NO, SILENT)]], None),
        ([(NO, YES), *9 * [(NO, SILENT)], (NO, NO)], False),
        ([(NO, YES), (YES, SILENT), (NO, SILENT)], False),
        # Both knew: the first has heard that it has gone.
        ([(YES, YES), (NO, SILENT)], False),
        # It is at the second, which has died; its registration ends.
        ([(YES, YES), (AWAY, SILENT)], True),
        ([(YES, YES), *3 * [(AWAY, SILENT)]], None),
        ([(YES, YES), *3 * [(AWAY, SILENT)], (NO, SILENT)], False),
        ([(YES, YES), *3 * [(AWAY, SILENT)], (YES, SILENT)], True),
        ([(NO, NO), *3 * [(NO, SILENT)]], False),
        ([(NO, NO), *3 * [(SILENT, SILENT)]], None),
    ],
)
def test_what_nodes_say_together(
    rounds: list[tuple[Answer, Answer]], expected: bool | None
) -> None:
    assert _told(*rounds) is expected


def test_it_is_kept_for_ten_seconds() -> None:
    assert _told((YES, NO), after=10.0) is True
    assert _told((YES, NO), after=10.1) is None


answers = st.sampled_from([YES, NO, AWAY, SILENT])


@given(st.lists(st.tuples(answers, answers), min_size=1, max_size=12))
def test_one_word_is_enough_and_silence_says_nothing(
    rounds: list[tuple[Answer, Answer]],
) -> None:
    found, last = _told(*rounds), rounds[-1]
    certain = [there for one in rounds for some in one for there in some.values()]
    if YES in last:
        assert found is True
    elif last == (NO, NO):
        assert found is False
    elif NO not in last:  # as it was, or nobody knows
        assert found in (None, _told(*rounds[:-1]))
    if found is not None:
        assert found in certain
    assert _told(*rounds, *3 * [(SILENT, SILENT)]) is None


@given(st.sampled_from(AgentState), st.sampled_from([True, False, None]))
def test_it_says_only_of_the_idle_how_they_stand(state: AgentState, there: bool | None) -> None:
    reached = as_reached(state, there)
    if state is AgentState.IDLE:
        expected = {True: "idle", False: "offline", None: "unknown"}
        assert reached == expected[there]
    else:
        assert reached is state


def _board(*, behind: bool) -> Board:
    config = {
        "asterisk": {"ari_password": "p"},
        "integrators": [{"name": "acme", "extensions": ["1000-1001"], "endpoints": {"1001": "al"}}],
    }
    if behind:
        node = {"name": "k1", "phones": "10.0.0.1:5060", "inner": "10.0.0.1:5070"}
        part = {"nodes": [node], "asterisks": ["10.0.0.2:5060"], "secret": "0123456789abcdef"}
        config |= {"kamailio": part, "errors_redis": "redis://10.0.0.1"}
    board = Board(parse_config(config), "one")
    board.seat({"1000": "online", "al": "online", "trunk": "online"}, 1)
    return board


def _states(board: Board) -> dict[str, str]:
    return {one: view.state.value for one, view in board.agents_of("acme").items()}


@pytest.mark.case("P15")
def test_behind_kamailio_nobody_is_idle_of_whom_nobody_tells() -> None:
    board = _board(behind=True)
    assert sorted(board.endpoints) == ["1000", "al"]
    assert _states(board) == {"1000": "unknown", "1001": "unknown"}
    board.reach({"1000": True, "al": False, "1005": True}, 2)
    assert _states(board) == {"1000": "idle", "1001": "offline"}
    board.changes()
    board.reach({"1000": True, "al": True}, 3)
    assert [(one.key, one.view.state, one.view.since) for one in board.changes()] == [
        ("1001", "idle", 3)
    ]
    paused = {"Interface": "PJSIP/al", "Queue": "q", "Paused": "1"}
    board.apply("QueueMemberPause", paused, 4)
    board.apply("DeviceStateChange", {"Device": "PJSIP/1000", "State": "INUSE"}, 4)
    board.reach({"1000": False, "al": True}, 5)
    assert _states(board) == {"1000": "talking", "1001": "paused"}
    board.reach({"1000": False, "al": None}, 6)
    board.apply("DeviceStateChange", {"Device": "PJSIP/1000", "State": "NOT_INUSE"}, 6)
    assert _states(board) == {"1000": "offline", "1001": "unknown"}


def test_without_kamailio_the_pbx_is_believed() -> None:
    board = _board(behind=False)
    board.reach({"1000": False, "al": None}, 2)
    assert _states(board) == {"1000": "idle", "1001": "idle"}
