"""Whose commits may be built: those of people who are known here, and those that somebody has looked at.

What a build runs is what its commit says, with whatever secrets its agent has. So a commit of an outsider is built once
somebody has found that very commit ok to test; the next one has to be looked at again, and so has the same one after
another was pushed in between.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot import pull_rows, trust_rows
from bot.access import Access
from bot.audit import Audit, AuditRecord, short_id
from bot.clock import Clock
from bot.database import Database
from bot.errors import NotAllowed, Unavailable, Unchecked, UserError, shown
from bot.forge import ForgeServer
from bot.live import Live
from bot.paths import Paths, files_of
from bot.pull_news import Known
from bot.rights import Asker
from bot.trust_rows import TrustRow
from bot.values import ANYBODY, ITS_AUTHOR, Person, Pull, PullRef, Role, Trust

PAGE_S = 60.0  # how long a page of the forge may show a head that is not the newest any more
MAX_KEPT = 1000  # heads whose changed CI files are remembered
# GitHub lists no more of a pull request (https://docs.github.com/en/rest/pulls/pulls#list-pull-requests-files).
LISTED_FILES = 3000
UNLISTED = "files beyond the first 3000, which GitHub does not list"


@dataclass(frozen=True, slots=True)
class Written:
    """When somebody wrote that a head is ok to test.

    Arguments:
        heard_at: by our clock, when it came here.
        at: by the clock of the forge, when it was written; None where it was not written there.
    """

    heard_at: datetime
    at: datetime | None = None


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
        self._ci_files: dict[tuple[PullRef, str, str, tuple[str, ...]], tuple[str, ...]] = {}

    async def of(self, pull: Pull) -> Trust:
        """Tell whether the head of a pull request that was read just now may be built, and what speaks against it.

        Raises:
            Unavailable: nobody can tell now who is in a team, or which files are changed.
        """
        by = await self.by(pull)
        return Trust(by) if by else Trust(ci_files=await self._changed_ci_files(pull))

    async def by(self, pull: Pull) -> str:
        """Tell why the head of a pull request that was read just now may be built, as `Trust.by` does.

        Raises:
            Unavailable: nobody can tell now who is in a team.
        """
        return await self._database.read(lambda db: self.by_with(db, pull))

    def by_with(self, db: sqlite3.Connection, pull: Pull) -> str:
        """Tell the same within a read or write; from any thread."""
        known = self._live.now.settings.repos.get(pull.ref.repo)
        if known is not None and known.outsiders == "build":
            return ANYBODY
        row = trust_rows.get(db, pull.ref)
        if row is not None and (row.sha, row.base) == (pull.head, pull.base) and self._counts(row.person, pull):
            return row.person
        return ITS_AUTHOR if self.is_of_insider(pull) else ""

    def is_of_insider(self, pull: Pull) -> bool:
        """Tell whether whatever is pushed to a pull request may be built, seen or not; from any thread.

        It may where its author is somebody here, and nobody else can push to its branch: anybody can open a pull
        request of the branch of a stranger.

        Raises:
            Unavailable: nobody can tell now who is in a team.
        """
        known = self._live.now.settings.repos.get(pull.ref.repo)
        if known is not None and known.outsiders == "build":
            return True
        if not is_of_own_branch(pull):
            return False
        try:
            return self._access.is_insider(pull.author_id, pull.ref.repo)
        except Unchecked as error:
            raise Unavailable("GitHub", f"asking whether {pull.author} is in a team") from error

    async def give(self, asker: Asker, pull: Pull, written: Written | None) -> None:
        """Note that somebody has found a head ok to test.

        Arguments:
            pull: read just now.
            written: when they wrote so, where they did not name the commit: who writes after a push may mean it.

        Raises:
            NotAllowed: they are no maintainer.
            UserError: the head may have come after they wrote, or another one after it was read.
        """
        person = self._maintainer(asker, pull.ref.repo)
        now_s = self._clock.now().timestamp()
        updated_s = pull.updated_at.timestamp() if pull.updated_at else now_s
        row = TrustRow(pull.ref.repo, pull.ref.number, pull.head, pull.base, person, now_s, updated_s)
        record = self._record(asker, pull.ref, person, "trusted", pull)

        def write(db: sqlite3.Connection) -> None:
            known = pull_rows.known(db, pull.ref)
            if written is not None and not was_there(known, pull, written):
                raise UserError(
                    f"{pull.head:.12} may have been pushed, or put on {shown(pull.base)}, after you wrote that; "
                    f"look at it, and say ok to test {pull.ref.short} {pull.head}"
                )
            if known is not None and has_moved(known, pull):
                raise UserError(f"{pull.ref.short} was pushed to just now; look at it again")
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

    def _counts(self, person: str, pull: Pull) -> bool:
        """Tell whether whoever found a commit ok is a maintainer still."""
        try:
            self._access.require(Person(person), Role.MAINTAINER, pull.ref.repo, "")
        except Unchecked as error:
            raise Unavailable("GitHub", f"asking whether {person} is in a team") from error
        except NotAllowed:
            return False
        return True

    def _maintainer(self, asker: Asker, repo: str) -> str:
        person = self._access.find(asker.speaker)
        refusal = f"what is ok to test in {repo} is for its maintainers to say"
        self._access.require(asker.speaker, Role.MAINTAINER, repo, refusal)
        return person.key if person else ""

    async def _changed_ci_files(self, pull: Pull) -> tuple[str, ...]:
        patterns = self._live.now.settings.repos[pull.ref.repo].ci_files
        key = (pull.ref, pull.head, pull.base, patterns)
        if key not in self._ci_files:
            if self._forge is None:
                raise UserError("no [github] is configured, so pull requests cannot be read")
            files = await files_of(self._forge, pull)
            more = (UNLISTED,) if patterns and len(files) >= LISTED_FILES else ()
            if len(self._ci_files) >= MAX_KEPT:
                self._ci_files.clear()
            self._ci_files[key] = (*Paths(patterns).of(files), *more)
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


def facts_of(pull: Pull) -> Mapping[str, str]:
    """Tell what its trust hangs on, beside what every effect of a pull request knows of it."""
    return {"head": pull.head, "base": pull.base, "author": pull.author, "head_repo": pull.head_repo}


def pull_of(payload: Mapping[str, Any]) -> Pull:
    """Tell the pull request as it was read when an effect that needs trust was recorded."""
    ref, facts = PullRef(payload["repo"], payload["pull"]), payload["needs_trust"]
    return Pull(ref, "", facts["author"], payload["author"], facts["head"], facts["base"], facts["head_repo"], "")


def is_of_own_branch(pull: Pull) -> bool:
    """Tell whether only its author, or who may push to the repository itself, can push to a pull request's branch."""
    where = pull.head_repo.lower()
    return where == pull.ref.repo.lower() or (bool(where) and where.partition("/")[0] == pull.author.lower())


def was_there(known: Known | None, pull: Pull, written: Written) -> bool:
    """Tell whether head and base were surely so when something was written; times of the forge are to the second."""
    if known is None or (known.pull.head, known.pull.base) != (pull.head, pull.base):
        return False
    if known.head_told_s is not None and known.head_told_s > written.heard_at.timestamp():
        return False
    if written.at is None:
        return True
    # Whoever has a page open may not see what was pushed a moment ago; before the first push there is nothing else.
    page_s = 0.0 if known.serial == 1 else PAGE_S
    return known.head_since_s is not None and known.head_since_s + page_s < written.at.timestamp()


def has_moved(known: Known, pull: Pull) -> bool:
    """Tell whether something was pushed, or the base changed, after a pull request was read."""
    before, after = pull.updated_at, known.pull.updated_at
    if before is None or after is None or after <= before:
        return False
    is_other = (known.pull.head, known.pull.base) != (pull.head, pull.base)
    return is_other or (known.head_since_s or 0.0) > before.timestamp()
