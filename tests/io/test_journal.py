"""The journal: durable before it says so, in order, and never the server's end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from click2dial_agi.domain.notifications import Notification
from click2dial_agi.exceptions import NotificationError
from click2dial_agi.io import journal_file
from click2dial_agi.io.journal import Journal, read_waiting
from tests.io import running
from tests.io.conftest import Run

LIST = "enigma:notifications:cdr"


def note(number: int, list_name: str = LIST) -> Notification:
    return Notification(list_name, str(UUID(int=number)), f'{{"n": {number}}}')


@contextlib.asynccontextmanager
async def journal(path: Path, **options: int) -> AsyncIterator[Journal]:
    made = Journal(path, **options)
    try:
        yield made
    finally:
        await made.close()


async def held(one: Journal, integrator: str = "acme", after: int = 0) -> list[Notification]:
    return [entry.notification for entry in await one.oldest(integrator, 10_000, after)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool" / "journal.db"


def test_what_was_appended_is_there_in_order_after_a_restart(run: Run, path: Path) -> None:
    async def scenario() -> None:
        async with journal(path) as first:
            for number in (3, 1, 2):
                assert await first.append("acme", note(number))
        async with journal(path) as second:
            assert await held(second) == [note(3), note(1), note(2)]

    run(scenario())


def test_a_record_is_kept_once_for_each_list_and_integrator(run: Run, path: Path) -> None:
    async def scenario() -> None:
        async with journal(path) as one:
            assert await one.append("acme", note(1))
            assert not await one.append("acme", note(1))
            assert await one.append("acme", note(1, "other"))
            assert await one.append("beta", note(1))
            assert await held(one) == [note(1), note(1, "other")]
            assert await held(one, "beta") == [note(1)]

    run(scenario())


def test_what_is_forgotten_is_gone_and_nothing_else(run: Run, path: Path) -> None:
    async def scenario() -> None:
        async with journal(path) as one:
            for number in range(5):
                await one.append("acme", note(number))
                await one.append("beta", note(number))
            entries = await one.oldest("acme", 3)
            await one.forget("acme", entries[-1].number)
            assert await held(one) == [note(3), note(4)]
            assert await held(one, after=entries[-1].number) == [note(3), note(4)]
            assert await held(one, "beta") == [note(number) for number in range(5)]

    run(scenario())


def test_nothing_is_opened_before_something_is_kept(run: Run, path: Path) -> None:
    async def scenario() -> None:
        async with journal(path) as one:
            assert await held(one) == []
            assert await one.waiting() == []
            assert not one.exists
            assert not path.parent.exists()

    run(scenario())
    assert read_waiting(path) == []


def test_what_waits_can_be_read_while_a_server_writes(run: Run, path: Path) -> None:
    async def scenario() -> None:
        async with journal(path) as one:
            await one.append("acme", note(1))
            await one.append("acme", note(2))
            await one.append("beta", note(1, "b:cdr"))
            waiting = read_waiting(path)
            assert waiting == await one.waiting()
            assert [tuple(row)[:3] for row in waiting] == [("acme", LIST, 2), ("beta", "b:cdr", 1)]

    run(scenario())


def test_a_burst_is_a_few_commits(run: Run, path: Path) -> None:
    async def scenario() -> None:
        async with journal(path) as one:
            commits = 0
            await one.append("acme", note(0))
            commit = one._commit

            def counting(works: object) -> None:
                nonlocal commits
                commits += 1
                commit(works)  # type: ignore[arg-type]

            one._commit = counting  # type: ignore[method-assign]
            await asyncio.gather(*(one.append("acme", note(n)) for n in range(1, 500)))
            assert await held(one) == [note(n) for n in range(500)]
            assert commits < 50

    run(scenario())


def test_one_that_gave_up_waiting_does_not_harm_the_others(run: Run, path: Path) -> None:
    async def scenario() -> None:
        async with journal(path) as one:
            impatient = asyncio.create_task(one.append("acme", note(1)))
            patient = asyncio.create_task(one.append("acme", note(2)))
            await asyncio.sleep(0)
            impatient.cancel()
            assert await patient
            assert note(2) in await held(one)

    run(scenario())


def test_a_full_journal_says_so_once_and_takes_more_when_there_is_room(
    run: Run, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        caplog.clear()
        async with journal(path, max_records=2) as one:
            await one.append("acme", note(1))
            await one.append("acme", note(2))
            for number in (3, 4):
                with pytest.raises(NotificationError, match="it holds 2 records, its most"):
                    await one.append("acme", note(number))
            await one.forget("acme", 1)
            await one.append("acme", note(3))
        assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]

    run(scenario())
    assert "journal: it holds 2 records, its most" in caplog.text
    assert "journal: works again" in caplog.text


def test_an_unwritable_directory_is_an_error_until_it_is_mended(
    run: Run, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        caplog.clear()
        path.parent.unlink(missing_ok=True)
        path.parent.write_text("a file where a directory should be")
        async with journal(path) as one:
            for _ in range(3):
                with pytest.raises(NotificationError, match="journal: "):
                    await one.append("acme", note(1))
            path.parent.unlink()
            assert await one.append("acme", note(1))
        assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
        path.unlink()
        path.parent.rmdir()

    run(scenario())


def damage(path: Path, how: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(path.read_bytes())
    if how == "a column's name":
        data = data.replace(b"number INTEGER", b"numter INTEGER")
    if how == "header":
        data[:100] = b"\0" * 100
    elif how == "pages":  # the last of the table
        data[-8000:] = os.urandom(8000)
    path.write_bytes(data)


@pytest.mark.parametrize("how", ["header", "pages", "a column's name"])
def test_a_damaged_database_is_moved_aside_and_a_new_one_works(
    run: Run, path: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with journal(path) as one:
            await asyncio.gather(*(one.append("acme", note(n)) for n in range(500)))
        damage(path, how)
        async with journal(path) as one:
            # Whoever meets the damage first, a reader or a writer.
            await held(one)
            await one.append("acme", note(1000))
            kept = await held(one)
            assert note(1000) in kept
            assert how != "a column's name" or note(5) in kept  # it has all that it had
        assert list(path.parent.glob("journal.db.damaged.*"))
        for left in path.parent.iterdir():
            left.unlink()

    run(scenario())
    assert f"journal: {path} is damaged" in caplog.text


def test_an_index_that_is_not_the_tables_is_found_when_it_is_opened(path: Path) -> None:
    """A notification that it names would be taken for one that is there, and never come back."""
    with contextlib.closing(journal_file.open_database(path)) as database:
        assert journal_file.add(database, "acme", note(1))
        database.execute("CREATE TABLE other AS SELECT * FROM records LIMIT 0")
        database.execute("PRAGMA writable_schema = ON")
        root = "(SELECT rootpage FROM sqlite_master WHERE name = 'other')"
        database.execute(f"UPDATE sqlite_master SET rootpage = {root} WHERE name = 'records'")
    with pytest.raises(sqlite3.DatabaseError) as caught:
        journal_file.open_database(path)
    assert journal_file.is_damaged(caught.value)


def test_a_database_that_somebody_removed_is_made_anew(run: Run, path: Path) -> None:
    async def scenario() -> None:
        async with journal(path) as one:
            await one.append("acme", note(1))
            for left in path.parent.iterdir():
                left.unlink()
            await one.append("acme", note(2))
            assert await held(one) == [note(2)]
            assert path.exists()

    run(scenario())


def test_two_servers_may_share_one(run: Run, path: Path) -> None:
    async def scenario() -> None:
        async with journal(path) as one, journal(path) as other:
            await asyncio.gather(
                *(one.append("acme", note(n)) for n in range(0, 100)),
                *(other.append("acme", note(n)) for n in range(50, 150)),
            )
            kept = await held(one)
            assert len(kept) == 150
            assert set(kept) == {note(n) for n in range(150)}

    run(scenario())


_KILLED = """
import asyncio, os, sys
from pathlib import Path
from click2dial_agi.domain.notifications import Notification
from click2dial_agi.io.journal import Journal

async def main():
    journal = Journal(Path(sys.argv[1]))
    n = 0
    while True:
        await asyncio.gather(*(journal.append("acme", Notification("l", f"{n + m}", "{}")) for m in range(5)))
        n += 5
        os.write(1, b"%d\\n" % n)

asyncio.run(main())
"""  # noqa: E501


def test_what_was_confirmed_survives_a_kill(run: Run, path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(path)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        for _ in range(20):
            process.stdout.readline()
        process.kill()
        confirmed = 100 + 5 * len(process.stdout.read().splitlines())

    async def scenario() -> None:
        async with journal(path) as one:
            kept = [int(notification.call_ref) for notification in await held(one)]
            assert kept == list(range(len(kept)))
            assert len(kept) >= confirmed
        for left in path.parent.iterdir():
            left.unlink()

    if not path.exists():
        pytest.fail("the process wrote nothing")
    run(scenario())


@pytest.mark.case("O13")
@pytest.mark.parametrize("existing", [False, True])
def test_only_its_user_and_group_may_read_it(run: Run, path: Path, existing: bool) -> None:
    async def scenario() -> None:
        before = os.umask(0)
        try:
            path.parent.mkdir(exist_ok=True)
            path.unlink(missing_ok=True)
            if existing:  # as an earlier version made it
                path.touch(0o644)
            async with journal(path) as one:
                await one.append("acme", note(1))
                modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
        finally:
            os.umask(before)
        assert set(modes.values()) == {0o640}
        assert "journal.db-wal" in modes

    run(scenario())


@given(st.binary(max_size=400), st.sampled_from(["journal.db", "journal.db-wal"]))
def test_any_bytes_on_disk_are_read_or_moved_aside(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, name: str
) -> None:
    """Whatever a disk made of it: what is offered next is kept."""
    directory = tmp_path_factory.mktemp("any")
    (directory / name).write_bytes(data)

    async def scenario() -> None:
        async with journal(directory / "journal.db") as one:
            assert await one.append("acme", note(1))
            assert await held(one) == [note(1)]

    running.run(scenario())
