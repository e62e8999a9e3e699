"""Whose commits may be built: those of people who are known here, and those that somebody has looked at.

What a build runs is what its commit says, with whatever secrets its agent has. So a commit of an outsider is built once
somebody has found that very commit ok to test; the next one has to be looked at again, and so has the same one after
another was pushed in between.
"""

import sqlite3
from datetime import datetime

from bot import pull_rows, trust_rows
from bot.access import Access
from bot.audit import Audit, AuditRecord, short_id
from bot.clock import Clock
from bot.database import Database
from bot.errors import Unavailable, Unchecked, UserError
from bot.forge import ForgeServer
from bot.live import Live
from bot.paths import Paths
from bot.pull_news import Known
from bot.rights import Asker
from bot.trust_rows import TrustRow
from bot.values import Pull, PullRef, Role, Trust

ANYBODY, AUTHOR = "anybody", "its author"
MAX_KEPT = 1000  # heads whose changed CI files are remembered


class TrustBook:
    """Tells what may be built, and notes what was found ok to test; on the edge loop.

    Arguments:
        forge: None where none is configured; then there are no pull requests.
    """

    def __init__(
        self, live: Live, access: Access, database: Database, clock: Clock, audit: Audit, forge: ForgeServer | None
    ) -> None:
        self._live = live
        self._access = access
        self._database = database
        self._clock = clock
        self._audit = audit
        self._forge = forge
        self._ci_files: dict[tuple[PullRef, str, str], tuple[str, ...]] = {}

    async def of(self, pull: Pull) -> Trust:
        """Tell whether the head of a pull request that was read just now may be built.

        Raises:
            Unavailable: nobody can tell now who is in a team, or which files are changed.
        """
        known = self._live.now.settings.repos.get(pull.ref.repo)
        if known is not None and known.outsiders == "build":
            return Trust(ANYBODY)
        row = await self._database.read(lambda db: trust_rows.get(db, pull.ref))
        if row is not None and (row.sha, row.base) == (pull.head, pull.base):
            return Trust(row.person)
        if self.is_of_insider(pull):
            return Trust(AUTHOR)
        return Trust(ci_files=await self._changed_ci_files(pull))

    def is_of_insider(self, pull: Pull) -> bool:
        """Tell whether whatever is pushed to a pull request may be built, seen or not.

        Raises:
            Unavailable: nobody can tell now who is in a team.
        """
        known = self._live.now.settings.repos.get(pull.ref.repo)
        if known is not None and known.outsiders == "build":
            return True
        try:
            return self._access.is_insider(pull.author_id, pull.ref.repo)
        except Unchecked as error:
            raise Unavailable("GitHub", f"asking whether {pull.author} is in a team") from error

    async def give(self, asker: Asker, pull: Pull, written_at: datetime | None) -> None:
        """Note that somebody has found a head ok to test.

        Arguments:
            pull: read just now.
            written_at: when they wrote so, where they did not name the commit: who writes after a push may mean it.

        Raises:
            NotAllowed: they are no maintainer.
            UserError: the head may have come after they wrote.
        """
        person = self._maintainer(asker, pull.ref.repo)
        if written_at is not None:
            known = await self._database.read(lambda db: pull_rows.known(db, pull.ref))
            if known is None or not _was_there(known, pull, written_at):
                raise UserError(
                    f"{pull.head:.12} may have been pushed after you wrote that; look at it, and say "
                    f"ok to test {pull.ref.short} {pull.head}"
                )
        now_s = self._clock.now().timestamp()
        updated_s = pull.updated_at.timestamp() if pull.updated_at else now_s
        row = TrustRow(pull.ref.repo, pull.ref.number, pull.head, pull.base, person, now_s, updated_s)
        record = self._record(asker, pull.ref, person, "trusted", pull)

        def write(db: sqlite3.Connection) -> None:
            trust_rows.put(db, row)
            self._audit.append_with(db, record)

        await self._database.write(write)

    async def take_back(self, asker: Asker, ref: PullRef) -> bool:
        """Take back that a commit is ok to test; tell whether any was.

        Raises:
            NotAllowed: they are no maintainer.
        """
        person = self._maintainer(asker, ref.repo)
        record = self._record(asker, ref, person, "not trusted")

        def write(db: sqlite3.Connection) -> bool:
            was_there = trust_rows.forget(db, ref)
            if was_there:
                self._audit.append_with(db, record)
            return was_there

        return await self._database.write(write)

    def _maintainer(self, asker: Asker, repo: str) -> str:
        person = self._access.find(asker.speaker)
        refusal = f"what is ok to test in {repo} is for its maintainers to say"
        self._access.require(asker.speaker, Role.MAINTAINER, repo, refusal)
        return person.key if person else ""

    async def _changed_ci_files(self, pull: Pull) -> tuple[str, ...]:
        key = (pull.ref, pull.head, pull.base)
        if key not in self._ci_files:
            if self._forge is None:
                raise UserError("no [github] is configured, so pull requests cannot be read")
            files = await self._forge.files(pull.ref)
            patterns = self._live.now.settings.repos[pull.ref.repo].ci_files
            if len(self._ci_files) >= MAX_KEPT:
                self._ci_files.clear()
            self._ci_files[key] = tuple(Paths(patterns).of(files))
        return self._ci_files[key]

    def _record(self, asker: Asker, ref: PullRef, person: str, decision: str, pull: Pull | None = None) -> AuditRecord:
        return AuditRecord(
            id=short_id(asker.event_key),
            message_id=asker.event_key,
            command="ok to test",
            person=person,
            repo=ref.repo,
            pr=ref.number,
            head_sha=pull.head if pull else "",
            base_ref=pull.base if pull else "",
            decision=decision,
        )


def _was_there(known: Known, pull: Pull, at: datetime) -> bool:
    """Tell whether a head was surely there when something was written; times are of the forge, to the second."""
    since_s = known.head_since_s
    return known.pull.head == pull.head and since_s is not None and since_s < at.timestamp()
