"""How often caller IDs are shown in a day."""

from __future__ import annotations

from collections import Counter
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.domain.shown_today import ShownToday

DAY, NEXT = date(2026, 11, 26), date(2026, 11, 27)


def test_a_number_is_spent_at_its_limit_and_new_the_next_day() -> None:
    days = [DAY]
    shown = ShownToday(lambda: days[-1])
    for _ in range(2):
        assert shown.spent("acme", 2) == frozenset()
        shown.count("acme", "27110001234")
    assert shown.spent("acme", 2) == {"27110001234"}
    assert shown.spent("acme", 3) == shown.spent("acme", None) == frozenset()
    assert shown.spent("globex", 1) == frozenset()
    days.append(NEXT)
    assert shown.spent("acme", 1) == frozenset()
    assert shown.untold("acme") == {}


def test_what_was_counted_yesterday_is_not_learnt_today() -> None:
    days = [DAY]
    shown = ShownToday(lambda: days[-1])
    shown.count("acme", "27110001234")
    told = shown.untold("acme")
    days.append(NEXT)
    shown.learn("acme", DAY, told, {"27110001234": 5})
    assert shown.spent("acme", 1) == frozenset()


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["count", "tell", "ask", "answer"]))))
def test_servers_agree_once_all_have_told(steps: list[tuple[int, str]]) -> None:
    """Whatever was counted between a question to Redis and its answer."""
    servers = [ShownToday(lambda: DAY) for _ in range(3)]
    asked: dict[int, tuple[dict[str, int], dict[str, int]]] = {}
    redis: Counter[str] = Counter()
    counted = 0

    def ask(which: int) -> None:
        told = dict(servers[which].untold("acme"))
        redis.update(told)
        asked[which] = told, dict(redis)

    def answer(which: int) -> None:
        told, totals = asked.pop(which)
        servers[which].learn("acme", DAY, told, totals)

    for which, step in steps:
        if step == "count":
            servers[which].count("acme", "n")
            counted += 1
        elif step == "ask" and which not in asked:
            ask(which)
        elif step == "answer" and which in asked:
            answer(which)
        elif step == "tell" and which not in asked:
            ask(which)
            answer(which)
    for which in [*asked]:
        answer(which)
    for _ in range(2):
        for which in range(3):
            ask(which)
            answer(which)
    assert redis["n"] == counted
    for server in servers:
        assert bool(server.spent("acme", max(counted, 1))) == (counted > 0)
        assert not server.spent("acme", counted + 1)
