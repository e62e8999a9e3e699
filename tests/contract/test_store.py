"""What the ledger of builds keeps: folding decided inside the transaction, who wants to hear, what is still watched."""

import asyncio
import itertools
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from bot.builds import BuildLedger, BuildRow
from bot.database import Database
from bot.events import Ask
from bot.values import Place

T = TypeVar("T")
SHA, OTHER_SHA = "a" * 40, "b" * 40
ROW = BuildRow("r1", "k1", "ci", "docker-prs", "janky", "moby/moby", 7, SHA, "tianon", "asked", asked_s=1.0)
PLACE = Place("net", "#c", thread="t", to="tianon")
STATES = ("asked", "queued", "running", "lost", "finished", "void", "unsure")


class Ledger:
    """The ledger with its database, each step in a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.ledger = BuildLedger(database)

    async def do(self, write: Callable[[sqlite3.Connection], T]) -> T:
        return await self.database.write(write)

    async def insert(self, *rows: BuildRow) -> None:
        for row in rows:
            await self.do(lambda db, row=row: self.ledger.insert(db, row))  # type: ignore[misc]

    async def same_live(self, row: BuildRow) -> BuildRow | None:
        return await self.do(lambda db: self.ledger.same_live(db, row))

    async def get(self, request_id: str) -> BuildRow | None:
        return await self.do(lambda db: self.ledger.get(db, request_id))


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Ledger]:
    database = Database(folder / "gordon.db")
    try:
        yield Ledger(database)
    finally:
        await asyncio.to_thread(database.close)


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        pytest.param({}, True, id="same"),
        pytest.param({"person": "jess"}, True, id="another-person"),
        pytest.param({"sha": OTHER_SHA}, False, id="another-commit"),
        pytest.param({"sha": SHA[:-1] + "b"}, False, id="commit-with-the-same-beginning"),
        pytest.param({"pull": 8}, False, id="another-pull"),
        pytest.param({"repo": "moby/buildkit"}, False, id="another-repository"),
        pytest.param({"context": "lxc"}, False, id="another-context-of-the-job"),
        pytest.param({"job": "docker-prs-2"}, False, id="another-job"),
        pytest.param({"server": "ci2"}, False, id="another-server"),
        pytest.param({"pull": 0, "repo": ""}, False, id="no-pull"),
    ],
)
async def test_two_builds_are_one_if_job_context_pull_and_commit_are(
    tmp_path: Path, other: dict[str, object], is_same: bool
) -> None:
    """F24, A19: all forty characters of the commit count."""
    async with opened(tmp_path) as ledger:
        await ledger.insert(ROW)
        found = await ledger.same_live(replace(ROW, request_id="r2", **other))  # type: ignore[arg-type]
    assert found == (ROW if is_same else None)


@pytest.mark.parametrize("state", STATES)
async def test_only_a_live_build_is_adopted_and_counted(tmp_path: Path, state: str) -> None:
    """Once it has ended a rebuild builds; a lost one is not known to run."""
    async with opened(tmp_path) as ledger:
        await ledger.insert(replace(ROW, state=state))
        is_live = state in ("asked", "queued", "running")
        assert (await ledger.same_live(ROW) is not None) == is_live
        assert await ledger.do(lambda db: ledger.ledger.count_of(db, "tianon")) == int(is_live)
        assert await ledger.do(lambda db: ledger.ledger.count_of(db, "jess")) == 0


async def test_builds_of_no_pull_are_never_the_same(tmp_path: Path) -> None:
    base_image = replace(ROW, repo="", pull=0, sha="", context="base-image")
    async with opened(tmp_path) as ledger:
        await ledger.insert(base_image)
        assert await ledger.same_live(replace(base_image, request_id="r2")) is None


async def test_of_many_that_ask_at_once_one_starts_it(tmp_path: Path) -> None:
    """F24: look and insert are one transaction, so nobody comes between."""

    def ask(ledger: BuildLedger, row: BuildRow) -> Callable[[sqlite3.Connection], bool]:
        def write(db: sqlite3.Connection) -> bool:
            if ledger.same_live(db, row):
                return False
            ledger.insert(db, row)
            return True

        return write

    async with opened(tmp_path) as ledger:
        rows = [replace(ROW, request_id=f"r{number}") for number in range(64)]
        started = await asyncio.gather(*(ledger.do(ask(ledger.ledger, row)) for row in rows))
    assert sum(started) == 1


async def test_an_ask_counts_once_for_each_event(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        for name, event in (("tianon", "e1"), ("tianon", "e1"), ("jess", "e2"), ("tianon", "e3")):
            await ledger.do(lambda db, name=name, event=event: ledger.ledger.ask(db, "r1", name, PLACE, event))  # type: ignore[misc]
        asks = await ledger.do(lambda db: ledger.ledger.asks(db, "r1"))
        assert set(asks) == {Ask("tianon", PLACE, "e1"), Ask("jess", PLACE, "e2"), Ask("tianon", PLACE, "e3")}
        assert len(asks) == 3
        assert await ledger.do(lambda db: ledger.ledger.asks(db, "r2")) == ()


async def test_a_second_insert_changes_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await ledger.insert(replace(ROW, state="running"), ROW)
        assert await ledger.get("r1") == replace(ROW, state="running")
        assert await ledger.get("r2") is None


async def test_a_move_writes_how_far_it_is_and_nothing_else(tmp_path: Path) -> None:
    changed = {"session": "s1", "queue_id": 12, "number": 3, "url": "http://x/", "result": "FAILURE", "finished_s": 9.5}
    moved = replace(ROW, state="finished", **changed)  # type: ignore[arg-type]
    async with opened(tmp_path) as ledger:
        await ledger.insert(ROW, replace(ROW, request_id="r2"))
        await ledger.do(lambda db: ledger.ledger.move(db, replace(moved, sha=OTHER_SHA, person="mallory")))
        assert await ledger.get("r1") == moved
        assert await ledger.get("r2") == replace(ROW, request_id="r2")
    async with opened(tmp_path) as ledger:
        assert await ledger.get("r1") == moved


async def test_what_waits_runs_or_was_lost_is_watched_oldest_first(tmp_path: Path) -> None:
    """A build that a restart took is watched until its askers have heard of it."""
    times = itertools.count(100, -1)
    rows = [replace(ROW, request_id=state, state=state, asked_s=float(next(times))) for state in STATES]
    async with opened(tmp_path) as ledger:
        await ledger.insert(*rows)
    async with opened(tmp_path) as ledger:
        watched = await ledger.ledger.watched()
    assert [row.state for row in watched] == ["lost", "running", "queued"]
