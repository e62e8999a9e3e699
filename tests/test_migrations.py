"""Each step of the schema, on a database with something in it, and cut off in its middle."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

import bot.migrations
from bot.database import Database
from bot.errors import StorageError
from bot.migrations import upgrade
from bot.schema import HEAD, metadata

# What Alembic does not compare.
BY_EXPRESSION = "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql LIKE '%lower(%' ORDER BY name"
# By version, what a database of it may hold; put there before the next step runs, and counted after the last one.
SAMPLES: dict[str, dict[str, str]] = {
    "0001": {
        "events": "('k1', 'CommandGiven', 'moby/moby#7', 1.5, '{}'), ('k0', 'Tick', 'tick', 1.0, NULL)",
        "deliveries": "(3, 'k1', 'rebuild:rebuild', 'moby/moby#7', 'waiting', 5.0, 9.0, 1, 'Jenkins is away', 2.0),"
        " (2, 'k0', 'x', 'tick', 'dead', 0.0, NULL, 3, 'it broke', 2.0)",
        "effects": "(1, 'k1/start', 'k1', 'jenkins.start', '{}', 'gordon-1', 'sending', NULL, '', 2.0),"
        " (2, 'k2/start', 'k2', 'jenkins.start', '{}', 'gordon-2', 'sent', '{\"queue_id\":4}', '', 2.0)",
        "builds": "('gordon-1', 'k1/start', 'ci', 'docker-prs', 'janky', 'moby/moby', 7, 'abc', 'tianon', 'running',"
        " 's1', 4, 12, 'http://ci/', NULL, 1.0, NULL), ('gordon-2', 'k2/start', 'ci', 'base', 'base', '', 0, '', '',"
        " 'finished', '', NULL, NULL, '', 'FAILURE', 1.0, 2.0)",
        "asks": "('gordon-1', 'k1', 'tianon', '{\"network\":\"net\",\"channel\":\"#c\"}')",
        "outbox": "(1, 'net', '{\"network\":\"net\",\"channel\":\"#c\"}', '\"words\"', 'k1', 'sending', 2.0)",
        "plugin_state": "('rebuild', 'key', '[1]')",
        "strikes": "(1, 'rebuild', 'failed', 2.0)",
        "audit": "(1, 2.0, 'abcd', '{}', 'hash')",
    },
    "0002": {
        "builds": "('seen:1', '', 'ci', 'docker-prs', 'janky', 'moby/moby', 7, 'abc', '', 'running', 's1', 5, 13,"
        " 'http://ci/', NULL, 1.0, NULL, 0, 1.0, 'resumed after a restart')",
        "marks": "('ci', 'docker-prs', 13, 1.0)",
        "nodes": "('ci', 'arm-7', 1, 1.0, NULL, 1.0)",
    },
    "0003": {
        "pulls": "('moby/moby', 7, 1, 0, 0, 'abc', 'master', 'Fix it', '[\"area/net\"]', 'alice', 11, 'alice/moby',"
        " 'http://forge/7', 1.0, 3, 2.0), ('moby/moby', 8, 0, 1, 0, 'def', 'master', 'It', '[]', 'bob', 12, '', '',"
        " NULL, 1, 2.0)",
        "hook_deliveries": "('guid-1', 'pull_request', 2.0)",
        "compared": "('moby/moby', 2.0)",
    },
    "0004": {
        "builds": "('gordon-3', 'k3/start', 'ci', 'docker-prs', 'janky', 'moby/moby', 7, 'abc', '', 'running', 's1', 6,"
        " 14, 'http://ci/', NULL, 1.0, NULL, 1, 1.0, NULL, 'gordon-1', 2, 'dm-init-rootfs, 2 of 3', '')",
        "undiagnosed": "('gordon-3', '{}', 1, 2.0, 1)",
        "facts": "(1, 'gordon-1', 'ci', 'docker-prs', 12, '', 'janky', 'moby/moby', 7, '', 'abc', 'FAILURE', 'dm-7',"
        " '[]', '{}', 'http://ci/', 1.0, 2.0, 1.0, 'gordon-1', 1, 'known-infra', 'docker-daemon', 'dm-init-rootfs',"
        " 'f00d', 0.9, 1, 'dm-init-rootfs', 1, 0, 1), (2, 'gordon-2', 'ci', 'base', 3, 'FS=zfs', 'base', '', 0,"
        " 'master', '', NULL, '', '[]', '{}', '', NULL, 2.0, 0.0, 'gordon-2', 1, 'unknown', 'unknown', '', '', 0.0,"
        " NULL, '', 0, 0, 0)",
        "tallies": "('node', 0, 'ci', 'dm-7', '[[],{}]', 1, 1, 1, 0, 2.0)",
        "places": "('cause', 'dm-init-rootfs', 'ci', 'docker-prs', 1, 2.0)",
        "evidence": "(1, 'it is known', 7, 311, 'http://ci/#L7', 'Error starting daemon', 5, '[\"a\"]', '', '')",
        "failed_tests": "(1, 'TestRunVolumes', 2.0)",
        "kept_logs": "(1, 'ci', 'docker-prs', 0, 'ab/1', 100, 20, 2.0)",
        "shown": "('{\"network\":\"net\"}', 'push', '{}', 2.0)",
        "storms": "('dm-init-rootfs', 1.0, 2.0, '')",
        "known": "('my-cause', '{}', 'tianon', 0, 2.0)",
        "retries": "('gordon-1', 'gordon-1', 'ci', 'docker-prs', 'dm-7', 'moby/moby#36912', 'dm-init-rootfs', '{}',"
        " 'started', '', 'gordon-3', 2.0, 3.0)",
    },
    "0005": {
        "builds": "('gordon-4', 'pull:moby/moby#7', 'ci', 'docker-prs', 'janky', 'moby/moby', 7, 'abc', '', 'queued',"
        " 's1', 7, NULL, '', NULL, 1.0, NULL, 1, NULL, NULL, '', 1, '', '', 11)",
        "pulls": "('moby/moby', 9, 1, 0, 0, 'fed', 'master', 'It', '[]', 'bob', 12, '', '', 3.0, 1, 2.0, 3.0, 2.0)",
        "trusted": "('moby/moby', 9, 'fed', 'master', 'tianon', 4.0, 3.0)",
        "subscriptions": "('watch', 'tianon', 'net', '', 'pull:moby/moby#9', '{}', 'tianon', 9.0)",
    },
    "0006": {
        "timetable": "('notices', 'standup', 'mon-fri 09:00 Europe/Paris', '{\"place\":\"net/#c\"}', 9.0, 0, NULL)",
    },
    "0007": {
        "links": "('moby', 'U024BE7LH', 'tianon', 'Slack', 'libera', 'tianon', 'tia', 'account-tag',"
        " 'tianon', 4.0, 'k4')",
    },
}

KILLED_IN_THE_MIDDLE = """
import os, signal, sys
from pathlib import Path
from alembic import op
from bot.migrations import upgrade

steps = 0
create = op.create_table

def dying(*given, **more):
    global steps
    steps += 1
    create(*given, **more)
    if steps == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

op.create_table = dying
upgrade(Path(sys.argv[1]), "")
"""


KILLED_AT_EACH_STEP = """
import os, signal, sys
from pathlib import Path

import bot.migrations

left, connect = 0, bot.migrations._connect

def dying(path):
    def seen(statement):
        global left
        if statement.startswith("UPDATE alembic_version"):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    db = connect(path)
    db.set_trace_callback(seen)
    return db

bot.migrations._connect = dying
for place, version in enumerate(sys.argv[2:-1]):
    for left in range(1, len(sys.argv) - 2 - place):
        if not (child := os.fork()):
            bot.migrations.upgrade(Path(sys.argv[1]) / version, version)
            os._exit(0)
        print(version, left, os.WTERMSIG(os.waitpid(child, 0)[1]))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Tell where the database of a test is."""
    return tmp_path / "gordon.db"


def versions() -> list[str]:
    """List the versions that migrations lead to, oldest first."""
    config = Config()
    config.set_main_option("script_location", str(Path(bot.migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    return [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()][::-1]


def rows_of(path: Path) -> dict[str, int]:
    """Count what each table holds."""
    with closing(sqlite3.connect(path)) as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}


def version_of(path: Path) -> str:
    with closing(sqlite3.connect(path)) as db:
        return str(db.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def at_version(path: Path, version: str) -> None:
    """Make a database of a version, with the sample data of it and of all before."""
    before = ""
    for step in versions():
        upgrade(path, before, to=step)
        with closing(sqlite3.connect(path)) as db, db:
            for table, rows in SAMPLES[step].items():
                db.execute(f"INSERT INTO {table} VALUES {rows}")
        before = step
        if step == version:
            return


def test_each_version_has_sample_data() -> None:
    """F41: a step that was never run on rows was never tried."""
    assert sorted(SAMPLES) == versions()
    assert {table for tables in SAMPLES.values() for table in tables} == set(metadata.tables)


def test_the_newest_version_is_the_one_the_program_wants() -> None:
    assert versions()[-1] == HEAD
    assert all(version.isdigit() for version in versions())


@pytest.mark.filterwarnings("ignore:.*expression-based index")  # compared below
@pytest.mark.parametrize("version", ["", *versions()], ids=lambda version: version or "new")
def test_each_version_becomes_what_the_tables_say(path: Path, version: str) -> None:
    """F41: from each released schema, with rows in it, and none of them lost."""
    at_version(path, version) if version else None
    before = rows_of(path)
    Database(path).close()
    after = rows_of(path)
    assert {table: after[table] for table in before} == before
    assert version_of(path) == HEAD
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()
    made = sa.create_engine("sqlite://")
    with made.connect() as connection, closing(sqlite3.connect(path)) as db:
        metadata.create_all(connection)
        wanted = [row[0] for row in connection.exec_driver_sql(BY_EXPRESSION)]
        assert [row[0] for row in db.execute(BY_EXPRESSION)] == wanted
        assert wanted
    made.dispose()


def test_an_end_that_the_old_plugins_had_not_told_is_diagnosed(path: Path) -> None:
    """F41: whoever asked for a build that ended just before the upgrade hears of it after."""
    at_version(path, "0003")
    body = '{"request_id":"gordon-2","result":"FAILURE"}'
    with closing(sqlite3.connect(path)) as db:
        db.execute("INSERT INTO events VALUES ('end', 'BuildFinished', 'moby/moby#7', 3.0, ?)", (body,))
        for number, handler in ((7, "outcomes.keep"), (8, "statuses.tell_finished"), (9, "outcomes.warn")):
            row = (number, "end", handler, "moby/moby#7", "open", 0.0, None, 0, "", 3.0)
            db.execute("INSERT INTO deliveries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        db.commit()
    Database(path).close()
    with closing(sqlite3.connect(path)) as db:
        waiting = db.execute("SELECT request_id, body, is_told, since_s FROM undiagnosed").fetchall()
        handlers = db.execute("SELECT handler FROM deliveries WHERE event_key = 'end'").fetchall()
    assert waiting == [("gordon-2", body, 1, 3.0)]
    assert handlers == [("failures.warn",)]


@pytest.mark.parametrize("step", [1, 4, 9])
def test_a_kill_in_the_middle_leaves_the_old_schema(path: Path, step: int) -> None:
    """F41: the whole way or not at all, and the next start goes the whole way."""
    command = [sys.executable, "-c", KILLED_IN_THE_MIDDLE, str(path), str(step)]
    assert subprocess.run(command, check=False, timeout=30).returncode == -signal.SIGKILL
    assert rows_of(path) == {}
    Database(path).close()
    assert set(rows_of(path)) >= set(metadata.tables)
    assert version_of(path) == HEAD


def test_a_kill_at_any_step_from_any_version_loses_nothing(tmp_path: Path) -> None:
    """F41, G17: a step is dead as long as its version is not committed, and the next start begins it anew."""
    *old, newest = known = versions()
    before = {}
    for version in old:
        at_version(tmp_path / version, version)
        before[version] = rows_of(tmp_path / version)
    command = [sys.executable, "-c", KILLED_AT_EACH_STEP, str(tmp_path), *known]
    told = subprocess.run(command, check=True, timeout=60, capture_output=True, text=True).stdout.splitlines()
    assert told == [
        f"{version} {step} {signal.SIGKILL.value}"
        for place, version in enumerate(old)
        for step in range(1, len(known) - place)
    ]
    for version in old:
        assert (version_of(tmp_path / version), rows_of(tmp_path / version)) == (version, before[version])
        upgrade(tmp_path / version, version)
        after = rows_of(tmp_path / version)
        assert version_of(tmp_path / version) == newest
        assert {table: after[table] for table in before[version]} == before[version]


def test_a_version_that_nobody_here_knows_is_refused(path: Path) -> None:
    """F41: an older program does not touch what a newer one wrote."""
    at_version(path, HEAD)
    with pytest.raises(StorageError, match="newer than this program"):
        upgrade(path, "9999")
    assert version_of(path) == HEAD


def test_alembic_is_not_loaded_for_a_schema_that_is_right(path: Path) -> None:
    """Its import costs more than the rest of a start."""
    Database(path).close()
    program = "import sys; from pathlib import Path; from bot.database import Database\n"
    program += "Database(Path(sys.argv[1])).close(); sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program, str(path)], check=False, timeout=30).returncode == 0
