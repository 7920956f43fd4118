"""The log: one line an event, numbers masked."""

from __future__ import annotations

import json
import logging
import os
import re
import threading
from collections.abc import Iterator

import pytest

from click2dial_agi.app.logs import configure_logging, mask


@pytest.fixture(autouse=True)
def logger() -> Iterator[logging.Logger]:
    """Put logging back as it was for the tests that follow."""
    logger = logging.getLogger("click2dial_agi")
    before = (logger.handlers, logger.propagate, logger.level)
    yield logger
    logger.handlers, logger.propagate = before[:2]
    logger.setLevel(before[2])


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


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_journal_is_told_how_bad_each_line_is(
    form: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`journalctl -p err` shows what is wrong, and nothing else."""
    configure_logging("DEBUG", form)
    log = logging.getLogger("click2dial_agi")
    stream = os.fstat(2)
    monkeypatch.setenv("JOURNAL_STREAM", f"{stream.st_dev}:{stream.st_ino}")
    for level in (10, 20, 30, 40, 50):
        log.log(level, "said")
    try:
        raise KeyError("oops")
    except KeyError:
        log.exception("failed")
    lines = capfd.readouterr().err.splitlines()
    marks = [line[:3] for line in lines]
    assert marks[:5] == ["<7>", "<6>", "<4>", "<3>", "<2>"]
    assert set(marks[5:]) == {"<3>"}
    assert len(lines) == 6 or form == "text"
    monkeypatch.setenv("JOURNAL_STREAM", "1:1")  # another's: a shell that a service started
    log.info("said")
    assert capfd.readouterr().err[0] != "<"


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


@pytest.mark.case("K1")
def test_no_line_is_lost_between_threads(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO")
    log = logging.getLogger("click2dial_agi")

    def write() -> None:
        for _ in range(4000):
            log.info("line")

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert capfd.readouterr().err.count("INFO line\n") == 8000


@pytest.mark.case("O23")
@pytest.mark.parametrize("length", [10, 50_000])
def test_who_does_not_read_the_log_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    """A pipe holds 64 KiB; what is behind it may hang."""
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=0) as reader, open(writing, "w") as stream:
        monkeypatch.setattr("sys.stderr", stream)
        configure_logging("INFO")
        log = logging.getLogger("click2dial_agi")
        for number in range(200 + 200_000 // length):
            log.info("%d%s", number, "x" * length)
        os.set_blocking(reading, False)
        before = b"".join(iter(lambda: reader.read(65536), None))
        assert b"INFO 0x" in before
        log.info("heard again")
        missing, heard = reader.read(65536).splitlines()[-2:]
    assert heard.endswith(b"INFO heard again")
    assert re.search(rb"WARNING [0-9]+ lines of this log are missing", missing)


@pytest.mark.case("K1")
def test_others_loggers_and_formatters_are_left_alone(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO")
    theirs = logging.getLogger("somebody.else")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(threadName)s %(process)d %(module)s %(message)s"))
    theirs.addHandler(handler)
    try:
        theirs.warning("heard")
    finally:
        theirs.removeHandler(handler)
    assert re.fullmatch(r"MainThread [0-9]+ test_logs heard\n", capfd.readouterr().err)


def test_configuring_twice_does_not_log_twice(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logging("DEBUG")
    configure_logging("WARNING")
    logging.getLogger("click2dial_agi").warning("once")
    logging.getLogger("click2dial_agi").info("unseen")
    assert capfd.readouterr().err.count("\n") == 1


def test_an_event_may_be_a_json_object(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", "json")
    log = logging.getLogger("click2dial_agi.calls")
    log.info('%s said "yes"\n', "1000")
    try:
        raise LookupError("nobody")
    except LookupError:
        log.exception("failed")
    first, second = map(json.loads, capfd.readouterr().err.splitlines())
    assert first.pop("time")[-6:] == "+00:00"
    assert first == {
        "level": "INFO",
        "logger": "click2dial_agi.calls",
        "message": '1000 said "yes"\n',
    }
    assert second["traceback"].endswith("LookupError: nobody")
