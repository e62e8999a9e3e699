"""Gordon's page for webhooks in a process of its own, with a book on a real disk behind it or with less.

python -m tests.rigs.hook_server FOLDER TOLD HOW [PROCESSOR]

It writes its address to the file TOLD once it listens, and lives until it is told to end. HOW is one of:

- book: what the program itself does, a write of the book in the journal's next group.
- each: a commit for each delivery, by a plain connection on the loop.
- nothing: whatever arrives is taken, and nothing of it kept.
"""

import asyncio
import os
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bot import pull_rows
from bot.accepting import Accepting
from bot.adapters.github_hooks import PATH, GitHubHooks, Hook, Take
from bot.adapters.hook_secrets import HookSecrets
from bot.adapters.web import Page, WebServer
from bot.clock import SystemClock
from bot.codec import Codec
from bot.database import Database
from bot.events import Event, PullEvent, PullPushed
from bot.forge import Told
from bot.journal import SqliteJournal, accept_in
from bot.live import Facts, Live
from bot.loader import Registry
from bot.people import People
from bot.plugin import Context, Handler
from bot.pull_book import PullBook
from bot.settings import CoreSettings, GordonSettings, RepoSettings, WebSettings
from tests.rigs.hook_deliveries import REPO

HANDLER = "bench:all"
SECRET_FILE, DATABASE = "secret", "gordon.db"


async def main(folder: Path, told: Path, how: str) -> None:
    """Listen until the process ends."""
    clock = SystemClock()
    with TAKES[how](folder / DATABASE, clock) as take:
        secrets = HookSecrets("the webhook", [(folder / SECRET_FILE, "")], clock)
        page = GitHubHooks([Hook("", secrets)], lambda: (REPO,), take, clock)
        server = WebServer(WebSettings(port=0), {PATH: Page(page.answer)})
        await server.start()
        await asyncio.to_thread(told.write_text, f"{server.url}{PATH}\n")
        await asyncio.Event().wait()


@contextmanager
def book(path: Path, clock: SystemClock) -> Iterator[Take]:
    """Open the program's own book; one plugin is told of everything, so that each event is kept whole."""
    database = Database(path)
    live = Live(Facts(GordonSettings(gordon=CoreSettings(home=REPO), repos={REPO: RepoSettings()}), People({}, {})))
    registry = Registry(handlers={HANDLER: Handler("bench", Event, _hear)})
    journal = SqliteJournal(database, clock)
    accepting = Accepting(journal, registry, database, lambda deliveries: None)
    try:
        yield PullBook(accepting, database, live, clock).take
    finally:
        database.close()


@contextmanager
def each(path: Path, clock: SystemClock) -> Iterator[Take]:
    """Write the same rows, as durable, in a transaction for each delivery."""
    Database(path).close()
    db, codec = sqlite3.connect(path, isolation_level=None), Codec()
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        db.execute(f"PRAGMA {pragma}")

    async def take(told: Told) -> str:
        assert told.pull is not None
        pull, now = told.pull, clock.now()
        db.execute("BEGIN IMMEDIATE")
        known = pull_rows.known(db, pull.ref)
        serial, before = (known.serial + 1, known.pull.head) if known else (1, "")
        pull_rows.note(db, told.guid, told.what, now.timestamp())
        pull_rows.put(db, pull, serial, now.timestamp())
        key = f"pull:{pull.ref}:{serial}:pushed"
        event = PullPushed(key=key, lane=str(pull.ref), at=now, pull=pull, actor=told.actor, before=before)
        accept_in(db, event, *codec.dump(event), (HANDLER,), now.timestamp())
        db.execute("COMMIT")
        return "taken"

    try:
        yield take
    finally:
        db.close()


@contextmanager
def nothing(_path: Path, _clock: SystemClock) -> Iterator[Take]:
    """Keep nothing."""

    async def take(_told: Told) -> str:
        return "taken"

    yield take


def heads_in(folder: Path) -> Counter[str]:
    """Count the events that tell of a commit, by commits, in the database of a server that is gone."""
    with closing(sqlite3.connect(folder / DATABASE)) as db:
        rows = db.execute("SELECT kind, body FROM events").fetchall()
    told = [Codec().load(kind, body) for kind, body in rows]
    return Counter(event.pull.head for event in told if isinstance(event, PullEvent))


async def _hear(_ctx: Context, _event: Event) -> None:
    """Nobody runs it."""


TAKES = {"book": book, "each": each, "nothing": nothing}


if __name__ == "__main__":
    if len(sys.argv) > 4:
        os.sched_setaffinity(0, {int(sys.argv[4])})
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
