"""The log: one line an event, numbers masked."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterator

import pytest

from click2dial_agi.app.logs import configure_logging, mask

SWITCHES = ("logThreads", "logProcesses", "logMultiprocessing", "_srcfile")


@pytest.fixture(autouse=True)
def logger() -> Iterator[logging.Logger]:
    """Put logging back as it was for the tests that follow."""
    logger = logging.getLogger("click2dial_agi")
    before = (logger.handlers, logger.propagate, logger.level)
    factory = logging.getLogRecordFactory()
    switches = {name: vars(logging)[name] for name in SWITCHES}
    yield logger
    logger.handlers, logger.propagate = before[:2]
    logger.setLevel(before[2])
    vars(logging).update(switches)
    logging.setLogRecordFactory(factory)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("", ""),
        ("100", "100"),
        ("1000", "1000"),
        ("0820000100", "082***100"),
        ("27820001234", "278***234"),
        ("0044123456789012", "004***012"),
    ],
)
def test_the_middle_of_a_number_is_masked(number: str, shown: str) -> None:
    assert mask(number) == shown


def test_an_event_is_one_line_with_its_time(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO")
    log = logging.getLogger("click2dial_agi.calls")
    log.info("%s ended", "call")
    log.info("%(who)s called", {"who": "1000"})
    log.debug("unseen")
    first, second = capfd.readouterr().err.splitlines()
    time = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[+-][0-9]{4}"
    assert re.fullmatch(rf"{time} INFO call ended", first)
    assert re.fullmatch(rf"{time} INFO 1000 called", second)


def test_an_exception_comes_with_its_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO")
    try:
        raise KeyError("oops")
    except KeyError:
        logging.getLogger("click2dial_agi").exception("failed")
    lines = capfd.readouterr().err.splitlines()
    assert lines[0].endswith(" ERROR failed")
    assert lines[1].startswith("Traceback ")
    assert lines[-1] == "KeyError: 'oops'"


def test_one_turn_of_the_loop_is_written_at_once_and_in_order(
    capfd: pytest.CaptureFixture[str],
) -> None:
    configure_logging("INFO")
    log = logging.getLogger("click2dial_agi")
    written = []

    async def scenario() -> None:
        log.info("one")
        log.info("two")
        written.append(capfd.readouterr().err)
        await asyncio.sleep(0)
        written.append(capfd.readouterr().err)
        log.info("three")
        log.warning("four")  # does not wait, nor does what came before it
        written.append(capfd.readouterr().err)
        log.info("five")

    asyncio.run(scenario())
    written.append(capfd.readouterr().err)
    messages = [[line.split()[-1] for line in text.splitlines()] for text in written]
    assert messages == [[], ["one", "two"], ["three", "four"], ["five"]]


def test_configuring_twice_does_not_log_twice(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logging("DEBUG")
    configure_logging("WARNING")
    logging.getLogger("click2dial_agi").warning("once")
    logging.getLogger("click2dial_agi").info("unseen")
    assert capfd.readouterr().err.count("\n") == 1
