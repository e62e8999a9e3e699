"""The trail: every field there is room for, no secret in it, and a chain that shows where it was touched."""

import asyncio
import hashlib
import json
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, closing
from dataclasses import fields
from pathlib import Path

import pytest

from bot import __version__
from bot.audit import Audit, AuditRecord, of_command, short_id
from bot.clock import SystemClock
from bot.database import Database
from bot.values import Place, Speaker

# The record of the permission model, reliability section 4.
FIELDS = """id, utc, seq, prev_hash, instance, version,
policy_hash, surface, tenant, account_id, shown_name, evidence, person, role, channel, message_id, text_redacted,
text_sha256, command, args, repo, pr, head_sha, base_ref, job, params_redacted, decision, rule, confirm_by, idem_key,
attempt, effect, external_id, result, error_class, latency_ms""".replace("\n", " ").split(", ")
TYPED = "build base-image password=hunter2secret"
TIANON = Speaker("net", "tianon", "tianon-account", "account-tag")
PLACE = Place("net", "#c")


@asynccontextmanager
async def trail(folder: Path, policy: Callable[[], str] = lambda: "policy") -> AsyncIterator[Audit]:
    database = Database(folder / "gordon.db")
    try:
        yield Audit(database, SystemClock(), "host", policy)
    finally:
        await asyncio.to_thread(database.close)


def broken_at(rows: Iterable[tuple[int, str, str]]) -> int | None:
    """Tell the first number at which the chain does not hold; None if it holds to its end."""
    expected, before = 1, ""
    for seq, record, digest in rows:
        told = json.loads(record)
        if (
            seq != expected
            or told["seq"] != seq
            or told.get("prev_hash", "") != before
            or digest != hashlib.sha256((before + record).encode()).hexdigest()
        ):
            return seq
        expected, before = expected + 1, digest
    return None


def rows_of(folder: Path) -> list[tuple[int, str, str]]:
    with closing(sqlite3.connect(folder / "gordon.db")) as db:
        return db.execute("SELECT seq, record, hash FROM audit ORDER BY seq").fetchall()


async def test_a_record_names_the_people_who_counted_when_it_was_made(tmp_path: Path) -> None:
    """The disk may take it after the people file was read again."""
    policy, released = ["before"], threading.Event()
    async with trail(tmp_path, lambda: policy[0]) as audit:
        audit._database.submit(lambda db: released.wait())
        audit.append(AuditRecord(id="abcd"))
        policy[0] = "after"
        released.set()
        assert [record["policy_hash"] for record in await audit.newest(1)] == ["before"]


async def test_a_record_has_every_field_that_it_must(tmp_path: Path) -> None:
    texts = {one.name: one.name for one in fields(AuditRecord) if one.type in ("str", str)}
    record = AuditRecord(**texts, pr=1, params_redacted={"a": "b"}, attempt=1, latency_ms=1.5)
    async with trail(tmp_path) as audit:
        audit.append(record)
        audit.append(record)
        told, _ = await newest_of(audit, 2)
    assert sorted(told) == sorted(FIELDS)
    assert (told["instance"], told["version"], told["policy_hash"]) == ("host", __version__, "policy")


async def newest_of(audit: Audit, count: int) -> list[dict[str, object]]:
    """Read records once what was handed in is on disk."""
    found: list[dict[str, object]] = []
    async with asyncio.timeout(30):
        while len(found) < count:
            found = [dict(one) for one in await audit.newest(50)]
            await asyncio.sleep(0)
    return found


async def test_what_was_typed_is_told_without_its_secrets(tmp_path: Path) -> None:
    """A26: neither in the text nor in the reason that repeats it; the hash still proves what was typed."""
    record = of_command(
        "k", TYPED, TIANON, PLACE, command="build", decision="refused", rule=f"there is no {TYPED.split()[-1]}"
    )
    async with trail(tmp_path) as audit:
        audit.append(record)
        (told,) = await newest_of(audit, 1)
    assert "hunter2" not in json.dumps(told)
    assert told["text_sha256"] == hashlib.sha256(TYPED.encode()).hexdigest()
    assert told["text_redacted"] == "build base-image password=[secret]"
    expected = {"id": short_id("k"), "account_id": "tianon-account", "evidence": "account-tag", "channel": "#c"}
    assert expected.items() <= told.items()


async def test_the_chain_holds_across_processes_and_writers(tmp_path: Path) -> None:
    for _ in range(2):
        async with trail(tmp_path) as audit:
            await asyncio.gather(*(asyncio.to_thread(audit.append, AuditRecord(id="aaaa")) for _ in range(40)))
    rows = rows_of(tmp_path)
    assert len(rows) == 80
    assert broken_at(rows) is None


@pytest.mark.parametrize(
    ("tampering", "seen_at"),
    [
        pytest.param("UPDATE audit SET record = replace(record, 'refused', 'accepted') WHERE seq = 3", 3, id="edit"),
        pytest.param("DELETE FROM audit WHERE seq = 3", 4, id="delete"),
        pytest.param("DELETE FROM audit WHERE seq = 1", 2, id="delete-the-first"),
        pytest.param("UPDATE audit SET seq = CASE seq WHEN 3 THEN -4 WHEN 4 THEN -3 ELSE seq END", -4, id="reorder"),
        pytest.param("INSERT INTO audit SELECT 7, at_s, short_id, record, hash FROM audit WHERE seq = 2", 7, id="copy"),
        pytest.param("UPDATE audit SET hash = 'x' WHERE seq = 5", 5, id="hash"),
    ],
)
async def test_tampering_is_seen_where_it_happened(tmp_path: Path, tampering: str, seen_at: int) -> None:
    """A37."""
    async with trail(tmp_path) as audit:
        for _ in range(6):
            audit.append(AuditRecord(id="aaaa", decision="refused"))
    assert broken_at(rows_of(tmp_path)) is None
    with closing(sqlite3.connect(tmp_path / "gordon.db")) as db, db:
        db.execute(tampering)
    assert broken_at(rows_of(tmp_path)) == seen_at


async def test_a_short_id_finds_its_records_newest_first(tmp_path: Path) -> None:
    async with trail(tmp_path) as audit:
        for number, key in enumerate(["a", "b", "a"]):
            audit.append(AuditRecord(id=short_id(key), decision=str(number)))
        await newest_of(audit, 3)
        assert [one["decision"] for one in await audit.newest(10, short_id("a"))] == ["2", "0"]
        assert [one["decision"] for one in await audit.newest(2)] == ["2", "1"]
        assert not await audit.newest(10, "zzzz")


def test_short_ids_are_stable_and_readable() -> None:
    ids = {short_id(f"key-{number}") for number in range(1000)}
    assert len(ids) > 990
    assert all(len(one) == 4 and one.isalnum() and not set(one) & set("iIlLoO01") for one in ids)
    assert short_id("demo:1:1") == short_id("demo:1:1")
