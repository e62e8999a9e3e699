"""What the watch remembers between two looks: how far a job's builds were told, and which agents are down."""

import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert as upsert

from bot.database import Database
from bot.schema import marks, nodes, sql

_mark = upsert(marks)
PUT_MARK = sql(
    _mark.on_conflict_do_update(
        index_elements=["server", "job"], set_={name: _mark.excluded[name] for name in ("number", "looked_s")}
    )
)
MARKS = sql(select(marks.c.job, marks.c.number, marks.c.looked_s).where(marks.c.server == bindparam("server")))
_node = upsert(nodes)
PUT_NODE = sql(
    _node.on_conflict_do_update(
        index_elements=["server", "name"],
        set_={name: _node.excluded[name] for name in ("is_down", "since_s", "told_down_s", "looked_s")},
    )
)
NODES = sql(select(nodes).where(nodes.c.server == bindparam("server")))
DROP_NODE = sql(delete(nodes).where(nodes.c.server == bindparam("server"), nodes.c.name == bindparam("name")))


@dataclass(frozen=True, slots=True)
class Mark:
    """Up to which number a job's builds were told, and when that was last read."""

    number: int
    looked_s: float


@dataclass(frozen=True, slots=True)
class NodeRow:
    """An agent that is down, or was told to be, in the order of the table's columns.

    Arguments:
        since_s: since when it is seen as it is, without a break.
        told_down_s: since when it is down by what was told; None if nothing was.
    """

    server: str
    name: str
    is_down: bool
    since_s: float
    told_down_s: float | None
    looked_s: float


class Sightings:
    """Reads and writes these rows; what belongs to a larger write takes its connection."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def marks(self, server: str) -> Mapping[str, Mark]:
        """List the marks of a server's jobs by their names in lower case."""
        rows = await self._database.read(lambda db: db.execute(MARKS, {"server": server}).fetchall())
        return {job: Mark(number, looked_s) for job, number, looked_s in rows}

    def put_mark(self, db: sqlite3.Connection, server: str, job: str, mark: Mark) -> None:
        db.execute(PUT_MARK, {"server": server, "job": job, "number": mark.number, "looked_s": mark.looked_s})

    async def put_marks(self, server: str, found: Mapping[str, Mark]) -> None:
        """Write several marks in one piece."""

        def write(db: sqlite3.Connection) -> None:
            for job, mark in found.items():
                self.put_mark(db, server, job, mark)

        await self._database.write(write)

    async def nodes(self, server: str) -> Mapping[str, NodeRow]:
        """List the rows of a server's agents by name."""
        rows = await self._database.read(lambda db: db.execute(NODES, {"server": server}).fetchall())
        found = [NodeRow(row[0], row[1], bool(row[2]), *row[3:]) for row in rows]
        return {row.name: row for row in found}

    def change_nodes(
        self, db: sqlite3.Connection, server: str, kept: Collection[NodeRow], dropped: Collection[str]
    ) -> None:
        """Write the rows that changed and drop those of which nothing is left to tell."""
        for row in kept:
            given: dict[str, Any] = {name: getattr(row, name) for name in row.__slots__}
            db.execute(PUT_NODE, given)
        for name in dropped:
            db.execute(DROP_NODE, {"server": server, "name": name})
