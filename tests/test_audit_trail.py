"""`gordon audit verify`: each way to touch the trail is seen, at the record where it was done."""

import hashlib
import json
import shutil
import sqlite3
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.audit import Audit, AuditRecord
from bot.audit_trail import Anchor, Tampered, Trail, read_anchor, read_trail
from bot.cli import FAILED, WRONG, main
from bot.clock import SystemClock
from bot.database import Database
from bot.errors import ConfigError

CONFIG = """
[gordon]
home = "moby/moby"
state = "state"

[repos."moby/moby"]
"""
EDIT = "UPDATE audit SET record = replace(record, 'refused', 'accepted')"
COPY, REST = "INSERT INTO audit SELECT", "at_s, short_id, record, hash FROM audit"
RENAME = "ALTER TABLE audit RENAME TO old"
REBUILD = f"{RENAME}; CREATE TABLE audit AS SELECT * FROM old"
DEEP = "replace(hex(zeroblob(100000)), '00', '[')"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a state whose trail has six records, once for all tests of this file."""
    folder = tmp_path_factory.mktemp("written")
    (folder / "state").mkdir()
    append(folder, 6)
    return folder / "state"


@pytest.fixture
def config(tmp_path: Path, written: Path) -> Path:
    """Write a configuration whose state has a trail of six records."""
    (tmp_path / "gordon.toml").write_text(CONFIG)
    shutil.copytree(written, tmp_path / "state")
    return tmp_path / "gordon.toml"


def append(folder: Path, count: int) -> None:
    database = Database(folder / "state" / "gordon.db")
    audit = Audit(database, SystemClock(), "host", lambda: "policy")
    for number in range(count):
        audit.append(AuditRecord(id="abcd"[number % 4] * 4, decision="refused", rule=f"reason {number}"))
    database.close()


def touch(config: Path, *statements: str) -> None:
    with closing(sqlite3.connect(config.parent / "state" / "gordon.db")) as db, db:
        for statement in statements:
            db.executescript(statement)


def trail(config: Path, anchor: Anchor | None = None) -> Trail:
    with closing(sqlite3.connect(config.parent / "state" / "gordon.db")) as db:
        return read_trail(db, anchor)


def hash_of(config: Path, seq: int) -> str:
    with closing(sqlite3.connect(config.parent / "state" / "gordon.db")) as db:
        return str(db.execute("SELECT hash FROM audit WHERE seq = ?", (seq,)).fetchone()[0])


def rehashed(config: Path, first: int) -> None:
    """Do what somebody would who knows how the chain is made: make it anew from a record on."""
    with closing(sqlite3.connect(config.parent / "state" / "gordon.db")) as db, db:
        before = hash_of(config, first - 1) if first > 1 else ""
        for seq, text in db.execute("SELECT seq, record FROM audit WHERE seq >= ? ORDER BY seq", (first,)).fetchall():
            text = json.dumps(json.loads(text) | {"prev_hash": before})
            before = hashlib.sha256((before + text).encode()).hexdigest()
            db.execute("UPDATE audit SET record = ?, hash = ? WHERE seq = ?", (text, before, seq))


def test_a_whole_trail_is_told_with_its_head(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "verify", str(config)]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert told.out.startswith("the audit trail is whole: 6 records, from 20")
    assert told.out.endswith(f"head 6:{hash_of(config, 6)}\n")


def test_no_records_are_a_whole_trail(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    touch(config, "DELETE FROM audit")
    assert main(["audit", "verify", str(config)]) == 0
    assert capsys.readouterr().out == "the audit trail is whole: no records\n"


@pytest.mark.parametrize(
    ("tampering", "said"),
    [
        pytest.param(f"{EDIT} WHERE seq = 3", "3 .* was changed", id="edit"),
        pytest.param("UPDATE audit SET record = CAST(record AS BLOB) WHERE seq = 3", "3 was changed", id="edit-type"),
        pytest.param("UPDATE audit SET record = CAST(x'ff' AS TEXT) WHERE seq = 3", "3 was changed", id="edit-bytes"),
        pytest.param("UPDATE audit SET record = 'null' WHERE seq = 3", "3 was changed", id="edit-no-record"),
        pytest.param(f"UPDATE audit SET record = {DEEP} WHERE seq = 3", "3 was changed", id="edit-without-end"),
        pytest.param("UPDATE audit SET hash = 'x' WHERE seq = 5", "5 .* was changed", id="hash"),
        pytest.param("UPDATE audit SET at_s = at_s + 0.000001 WHERE seq = 4", "time of record 4", id="time"),
        pytest.param("UPDATE audit SET at_s = 'noon' WHERE seq = 4", "time of record 4", id="time-type"),
        pytest.param("UPDATE audit SET at_s = 1e300 WHERE seq = 4", "time of record 4", id="time-far"),
        pytest.param("UPDATE audit SET short_id = 'zzzz' WHERE seq = 2", "short id of record 2", id="short-id"),
        pytest.param("DELETE FROM audit WHERE seq = 3", "record 3 is gone; record 4", id="delete"),
        pytest.param("DELETE FROM audit WHERE seq IN (3, 4)", "records 3 to 4 are gone; record 5", id="delete-two"),
        pytest.param("DELETE FROM audit WHERE seq = 1", "record 1 is gone; record 2", id="delete-the-first"),
        pytest.param("UPDATE audit SET seq = 9 WHERE seq = 6", "place of record 9 .* written as 6", id="number"),
        pytest.param("UPDATE audit SET seq = -1 WHERE seq = 6", "record -1 .* was added", id="number-below"),
        pytest.param(f"{COPY} 7, {REST} WHERE seq = 2", "place of record 7 .* written as 2", id="copy"),
        pytest.param(f"{REBUILD}; {COPY} NULL, {REST} WHERE seq = 2", "in the place of its table", id="no-number"),
        pytest.param(f"{REBUILD}; {COPY} 'x', {REST} WHERE seq = 2", "in the place of its table", id="number-type"),
        pytest.param(f"{RENAME}; CREATE VIEW audit AS SELECT * FROM old", "in the place of its table", id="no-table"),
        pytest.param(
            'CREATE TRIGGER "e\x1b" AFTER INSERT ON audit BEGIN DELETE FROM audit WHERE seq < new.seq; END',
            "the trigger e\N{REPLACEMENT CHARACTER} is none of Gordon's",
            id="trigger",
        ),
    ],
)
def test_the_first_record_that_was_touched_is_named(
    config: Path, capsys: pytest.CaptureFixture[str], tampering: str, said: str
) -> None:
    """A37: whatever column it was."""
    touch(config, tampering)
    with pytest.raises(Tampered, match=said):
        trail(config)
    assert main(["audit", "verify", str(config)]) == FAILED
    assert capsys.readouterr().err.startswith("gordon: the audit trail is not as it was written: ")


def test_records_that_changed_places_are_named(config: Path) -> None:
    """A37: reorder."""
    touch(config, "UPDATE audit SET seq = -seq WHERE seq IN (3, 4)", "UPDATE audit SET seq = 7 + seq WHERE seq < 0")
    with pytest.raises(Tampered, match=r"in the place of record 3 stands what was written as 4"):
        trail(config)


def test_the_record_after_one_that_was_changed_with_its_hash_gives_it_away(config: Path) -> None:
    """A37: whoever can make hashes must change all that follows, too."""
    touch(config, f"{EDIT} WHERE seq = 3")
    with closing(sqlite3.connect(config.parent / "state" / "gordon.db")) as db, db:
        (text,) = db.execute("SELECT record FROM audit WHERE seq = 3").fetchone()
        digest = hashlib.sha256((hash_of(config, 2) + text).encode()).hexdigest()
        db.execute("UPDATE audit SET hash = ? WHERE seq = 3", (digest,))
    with pytest.raises(Tampered, match=r"record 3 \(.*\) was changed or put there, as record 4"):
        trail(config)


def test_one_that_was_put_between_others_is_named(config: Path) -> None:
    """A37: insert."""
    touch(config, "UPDATE audit SET seq = -seq WHERE seq > 3", "UPDATE audit SET seq = 1 - seq WHERE seq < 0")
    touch(config, f"{COPY} 4, {REST} WHERE seq = 3")
    with pytest.raises(Tampered, match=r"in the place of record 4 stands what was written as 3"):
        trail(config)


def test_what_is_cut_off_is_seen_by_an_anchor_only(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A37: truncate."""
    anchor = f"6:{hash_of(config, 6)}"
    assert main(["audit", "verify", str(config), "--after", anchor]) == 0
    touch(config, "DELETE FROM audit WHERE seq > 4")
    assert main(["audit", "verify", str(config)]) == 0
    assert main(["audit", "verify", str(config), "--after", anchor]) == FAILED
    assert "the audit trail was cut off: it ends with record 4 " in capsys.readouterr().err


def test_a_trail_that_was_written_anew_is_seen_by_an_anchor_only(config: Path) -> None:
    """A37: by somebody who made all hashes again."""
    anchor = Anchor(5, hash_of(config, 5))
    touch(config, f"{EDIT} WHERE seq = 3")
    rehashed(config, 3)
    assert trail(config).count == 6
    with pytest.raises(Tampered, match=r"written anew: record 5 \(.*\) is not the one that was noted"):
        trail(config, anchor)


def test_an_anchor_stays_good_while_records_are_added(config: Path) -> None:
    anchor = trail(config).head
    append(config.parent, 3)
    assert trail(config, anchor).count == 9


@pytest.mark.parametrize("text", ["", "6", "6:", "0:" + "a" * 64, "6:" + "A" * 64, "x:" + "a" * 64, "6:" + "a" * 63])
def test_what_is_no_anchor_is_told(config: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    with pytest.raises(ConfigError, match="SEQ:HASH"):
        read_anchor(text)
    if text:
        assert main(["audit", "verify", str(config), "--after", text]) == WRONG
        assert "must be SEQ:HASH" in capsys.readouterr().err


def test_times_were_written_to_the_millisecond_once(config: Path) -> None:
    """What was written then is still whole, and a change of its time beyond that is seen."""
    text = '{"id":"aaaa","utc":"2026-01-01T00:00:00.123+00:00","seq":1}'
    at_s = datetime(2026, 1, 1, 0, 0, 0, 123456, UTC).timestamp()
    digest = hashlib.sha256(text.encode()).hexdigest()
    touch(config, "DELETE FROM audit", f"INSERT INTO audit VALUES (1, {at_s!r}, 'aaaa', '{text}', '{digest}')")
    assert trail(config) == Trail(
        1, "2026-01-01T00:00:00.123+00:00", "2026-01-01T00:00:00.123+00:00", Anchor(1, digest)
    )
    touch(config, "UPDATE audit SET at_s = at_s + 0.001")
    with pytest.raises(Tampered, match="time of record 1"):
        trail(config)


def test_a_trail_is_read_while_it_grows(config: Path) -> None:
    """Whole each time, and longer each time."""
    database = Database(config.parent / "state" / "gordon.db")
    audit = Audit(database, SystemClock(), "host", lambda: "policy")
    is_over = threading.Event()

    def write() -> None:
        while not is_over.is_set():
            audit.append(AuditRecord(id="aaaa"))
            database.submit(lambda db: None).result(10)

    writer = threading.Thread(target=write)
    writer.start()
    counts = [trail(config).count]
    give_up_s = time.monotonic() + 10
    try:
        while counts[-1] < counts[0] + 20 and time.monotonic() < give_up_s:
            counts.append(trail(config).count)
    finally:
        is_over.set()
        writer.join()
        database.close()
    assert counts == sorted(counts)
    assert counts[-1] >= counts[0] + 20


def test_few_rows_are_in_memory_at_once(config: Path) -> None:
    """However long the trail is."""
    append(config.parent, 2500)
    read: list[float] = []
    with closing(sqlite3.connect(config.parent / "state" / "gordon.db")) as db:
        assert read_trail(db, advance=read.append).count == 2506
    assert read == [1000, 1000, 506]


@pytest.fixture
def newer(config: Path) -> Path:
    """Let a newer program have written the state."""
    touch(config, "UPDATE alembic_version SET version_num = '9999'")
    return config


def test_a_newer_schema_is_not_guessed_at(newer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """F41."""
    assert main(["audit", "verify", str(newer)]) == FAILED
    assert "has schema 9999, newer than this program: run the newer one" in capsys.readouterr().err


def test_a_state_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "gordon.toml").write_text(CONFIG)
    assert main(["audit", "verify", str(tmp_path / "gordon.toml")]) == FAILED
    assert "state/gordon.db is not there: no Gordon has run with this state yet" in capsys.readouterr().err
    assert not (tmp_path / "state").exists()


def test_a_terminal_obeys_nothing_that_a_state_says(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    touch(config, "UPDATE alembic_version SET version_num = char(27) || '[2J'")
    assert main(["audit", "verify", str(config)]) == FAILED
    assert "has schema \N{REPLACEMENT CHARACTER}[2J, newer" in capsys.readouterr().err
