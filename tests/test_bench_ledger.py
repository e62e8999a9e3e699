"""The bench of the ledger, on few facts: it runs, and what it puts on record is what would have been counted."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.database import Database
from tests.bench.ledger import fill, measure_ledger

COUNT = 10_000
OWN = "result = 'FAILURE' AND (flaky OR kind = 'known-infra')"


def test_each_answer_stands_in_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    measure_ledger(tmp_path, 1, COUNT)
    told = capsys.readouterr().out
    for name in ("build", "of_pull", "before", "flakes by test, 30 days", "suspects of a cause", "a bare row"):
        assert f"\n| {name} " in told
    assert f"{COUNT} facts were made" in told


def test_what_is_counted_is_what_the_facts_say(tmp_path: Path) -> None:
    path = tmp_path / "gordon.db"
    Database(path).close()
    fill(path, COUNT)
    with closing(sqlite3.connect(path)) as db:
        facts = db.execute(f"SELECT node, count(*), sum({OWN}), sum({OWN} AND again) FROM facts GROUP BY server, node")
        tallies = db.execute(
            "SELECT name, sum(runs), sum(failed), sum(again) FROM tallies WHERE kind = 'node' GROUP BY server, name"
        )
        assert sorted(facts.fetchall()) == sorted(tallies.fetchall())
        assert db.execute("SELECT count(*), count(DISTINCT name) FROM failed_tests").fetchone()[0] > COUNT / 5
        assert len(db.execute("SELECT name FROM sqlite_master WHERE name LIKE 'facts_by_%'").fetchall()) >= 8
