"""Whose commits may be built: by role, by team, by somebody's word for one commit, and what voids that word.

A19, A20, A21: a commit that somebody has found ok to test is trusted until something else is told of its pull request.
What nobody can know: that a commit was away and is back, where no webhook of either push has arrived and no comparison
fell in between. What is built then is what was looked at: the same commit, for the same base.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from bot import trust_rows
from bot.access import Access
from bot.audit import Audit
from bot.errors import NotAllowed, Unavailable, UserError
from bot.forge import Told
from bot.live import Facts, Live
from bot.people import People
from bot.pull_news import Known
from bot.rights import Asker
from bot.settings import CoreSettings, GordonSettings, RepoSettings
from bot.teams import Teams
from bot.trust import UNLISTED, TrustBook, Written, facts_of, has_moved, is_of_own_branch, pull_of, was_there
from bot.trust_rows import TrustRow
from bot.values import ChangedFile, Person, Place, Pull, PullRef, Role, Speaker, Trust
from tests.book_rig import NUMBER, REF, REPO, A, B, Booking, at, booking, told_of
from tests.book_rig import pull_of as pull_at
from tests.fake_forge import FakeForge
from tests.moved_clock import still
from tests.team_forge import TeamForge

ALICE = 11  # the account of pull requests that the rig makes
CORE = "docker/core"
TIANON = Person("tianon", {REPO: Role.MAINTAINER}, 12)
JESS = Person("jess", {REPO: Role.TRIAGER}, 13)
ACCOUNTS = {("test", "tianon"): "tianon", ("test", "jess"): "jess"}
SAME_START = A[:39] + "b"  # a commit whose short names are those of another


@dataclass
class Forge(FakeForge):
    """A forge that tells which files are changed; `meanwhile` happens while it is asked for them."""

    changed: Sequence[ChangedFile] = ()
    asked_files: int = 0
    meanwhile: list[Pull] = field(default_factory=list)

    async def files(self, ref: PullRef) -> Sequence[ChangedFile]:
        self._read()
        self.asked_files += 1
        for pull in self.meanwhile:
            self.known[pull.ref] = pull
        return self.changed


class Rig:
    """A book of pull requests, and what is trusted of them, on one disk."""

    def __init__(self, books: Booking, live: Live, access: Access, forge: Forge) -> None:
        self.books, self.live, self.access, self.forge = books, live, access, forge
        audit = Audit(books.database, books.clock, "test", lambda: "")
        self.audit = audit
        self.trust = TrustBook(live, access, books.database, books.clock, audit, forge)

    async def give(self, pull: Pull, nick: str = "tianon", written_s: float | None = None) -> None:
        asker = Asker("k1", "pr_builds:ok to test", Speaker("test", nick, nick, "test"), Place("test", "#x"))
        heard_at = self.books.clock.now()
        await self.trust.give(asker, pull, None if written_s is None else Written(heard_at, at(written_s)))

    async def by(self, pull: Pull) -> str:
        return await self.trust.by(pull)


@asynccontextmanager
async def rigged(
    folder: Path,
    *people: Person,
    members: Collection[int] | None = None,
    is_silent: bool = False,
    **settings: Any,
) -> AsyncIterator[Rig]:
    """Open a book for a repository that has a maintainer, a triager, and whoever is given.

    Arguments:
        members: of a team of triagers, if there is one.
    """
    teams = {CORE: {REPO: Role.TRIAGER}} if members is not None or is_silent else {}
    known = People({one.key: one for one in (TIANON, JESS, *people)}, ACCOUNTS, teams)
    repos = {REPO: RepoSettings(**settings)}
    live = Live(Facts(GordonSettings(gordon=CoreSettings(home=REPO), repos=repos), known))
    async with booking(folder, live=live) as books:
        clock = still()
        told = TeamForge(clock, {CORE: members or ()})
        told.fault = Unavailable("GitHub", "asking") if is_silent else None
        roll = Teams(told, live, clock)
        if teams:
            await roll.begin()
        yield Rig(books, live, Access(live, roll), Forge(known={REF: pull_at()}))


@pytest.mark.parametrize(
    ("people", "members", "by"),
    [
        pytest.param([], None, "", id="A21-a-stranger"),
        pytest.param([Person("alice", {REPO: Role.AUTHOR}, ALICE)], None, "its author", id="author"),
        pytest.param([Person("alice", {"*": Role.AUTHOR}, ALICE)], None, "its author", id="author-everywhere"),
        pytest.param([Person("alice", {REPO: Role.MAINTAINER}, ALICE)], None, "its author", id="maintainer"),
        pytest.param([Person("alice", {"docker/cli": Role.OPERATOR}, ALICE)], None, "", id="of-another-repository"),
        pytest.param([Person("alice", {}, ALICE)], None, "", id="known-and-without-a-role"),
        pytest.param([Person("alice", {REPO: Role.OPERATOR}, 99)], None, "", id="A31-the-login-is-another-account-now"),
        pytest.param([Person("alice", {REPO: Role.OPERATOR})], None, "", id="without-a-number"),
        pytest.param([], {ALICE}, "its author", id="in-a-team"),
        pytest.param([], {99}, "", id="not-in-the-team"),
    ],
)
async def test_a_commit_of_somebody_with_a_role_is_trusted(
    tmp_path: Path, people: list[Person], members: Collection[int] | None, by: str
) -> None:
    async with rigged(tmp_path, *people, members=members) as rig:
        assert await rig.by(pull_at()) == by
        assert await rig.trust.of(pull_at()) == Trust(by)


@pytest.mark.parametrize(
    ("head_repo", "by"),
    [
        pytest.param("alice/moby", "its author", id="own-fork"),
        pytest.param("Alice/moby-of-mine", "its author", id="own-fork-of-another-name"),
        pytest.param("Moby/Moby", "its author", id="of-the-repository-itself"),
        pytest.param("mallory/moby", "", id="A21-the-branch-of-a-stranger"),
        pytest.param("alice2/moby", "", id="a-name-that-begins-so"),
        pytest.param("", "", id="the-fork-is-gone"),
    ],
)
async def test_only_a_branch_that_nobody_else_pushes_to_has_the_trust_of_its_author(
    tmp_path: Path, head_repo: str, by: str
) -> None:
    """A maintainer who opens a pull request of a stranger's branch has looked at no later push to it."""
    async with rigged(tmp_path, Person("alice", {REPO: Role.AUTHOR}, ALICE)) as rig:
        pull = replace(pull_at(), head_repo=head_repo)
        assert await rig.by(pull) == by
        assert is_of_own_branch(pull) is bool(by)


async def test_nobody_can_tell_while_a_team_cannot_be_asked(tmp_path: Path) -> None:
    """What was accepted waits then; it is neither built nor refused for good."""
    async with rigged(tmp_path, is_silent=True) as rig:
        with pytest.raises(Unavailable, match="asking whether alice is in a team"):
            await rig.by(pull_at())
        await rig.give(pull_at())
        assert await rig.by(pull_at()) == "tianon", "whose word is there needs no team"


async def test_a_role_that_is_taken_away_counts_no_more(tmp_path: Path) -> None:
    """G14: the next commit is not built; by the file at once."""
    async with rigged(tmp_path, Person("alice", {REPO: Role.AUTHOR}, ALICE)) as rig:
        assert await rig.by(pull_at()) == "its author"
        rig.live.now = Facts(rig.live.now.settings, People({"tianon": TIANON}, ACCOUNTS))
        assert await rig.by(pull_at()) == ""


async def test_the_word_of_somebody_who_is_no_maintainer_any_more_counts_no_more(tmp_path: Path) -> None:
    """G14: what is not built by then is not built."""
    async with rigged(tmp_path) as rig:
        await rig.give(pull_at(5))
        assert await rig.by(pull_at(5)) == "tianon"
        less = Person("tianon", {REPO: Role.TRIAGER}, TIANON.github_id)
        rig.live.now = Facts(rig.live.now.settings, People({"tianon": less}, ACCOUNTS))
        assert await rig.by(pull_at(5)) == ""


@pytest.mark.parametrize("is_open", [True, False], ids=["open", "closed"])
async def test_what_was_ok_to_test_is_forgotten_long_after_it_was_closed(tmp_path: Path, is_open: bool) -> None:
    async with rigged(tmp_path) as rig:
        await rig.books.begun(pull_at(1))
        await rig.give(pull_at(1))
        if not is_open:
            await rig.books.book.take(told_of(pull_at(2, is_open=False), "closed"))
        rig.books.clock.now_s += 40 * 86400.0
        await rig.books.book.purge(rig.books.clock.now().timestamp() - 30 * 86400.0)
        assert await rig.by(pull_at(1)) == ("tianon" if is_open else "")


async def test_where_anybody_is_built_nobody_is_asked(tmp_path: Path) -> None:
    async with rigged(tmp_path, outsiders="build") as rig:
        rig.forge.troubles.append(Unavailable("GitHub", "reading"))
        assert await rig.trust.of(pull_at()) == Trust("anybody")


@pytest.mark.parametrize(
    ("pull", "by"),
    [
        pytest.param(pull_at(5), "tianon", id="the-same"),
        pytest.param(pull_at(5, title="Else", labels=()), "tianon", id="another-title"),
        pytest.param(pull_at(5, head=B), "", id="A21-another-commit"),
        pytest.param(pull_at(5, head=SAME_START), "", id="A19-one-that-begins-with-the-same-39-digits"),
        pytest.param(pull_at(5, head=A.upper()), "", id="another-spelling-is-another"),
        pytest.param(pull_at(5, base="release"), "", id="A20-another-base"),
        pytest.param(pull_at(5, number=8), "", id="A21-another-pull-request-with-the-same-commit"),
    ],
)
async def test_a_word_is_for_one_commit_and_base_of_one_pull_request(tmp_path: Path, pull: Pull, by: str) -> None:
    async with rigged(tmp_path) as rig:
        await rig.books.begun(pull_at())
        await rig.give(pull_at())
        assert await rig.by(pull) == by


LATER = {
    "push-B": told_of(pull_at(3, head=B), "synchronize"),
    "push-A": told_of(pull_at(4), "synchronize"),
    "label": told_of(pull_at(5, labels=("bug", "ci")), "labeled"),
    "to-release": told_of(pull_at(3, base="release"), "edited"),
    "to-master": told_of(pull_at(4), "edited"),
    "closed": told_of(pull_at(3, is_open=False), "closed"),
    "reopened": told_of(pull_at(4), "reopened"),
}


def orders(*names: str) -> Iterator[tuple[str, ...]]:
    """List what may arrive of some deliveries: any of them, in any order."""
    for count in range(len(names) + 1):
        yield from itertools.permutations(names, count)


@pytest.mark.parametrize(
    ("names", "voiding"),
    [
        pytest.param(("push-B", "push-A", "label"), {"push-B", "push-A"}, id="A19-pushed-away-and-back"),
        pytest.param(("to-release", "to-master", "label"), {"to-release"}, id="A20-another-base-and-back"),
        pytest.param(("closed", "reopened", "label"), set(), id="closed-and-opened-again"),
    ],
)
@pytest.mark.parametrize("is_looked_at", [False, True], ids=["told", "looked-at-after-each"])
async def test_whatever_arrives_of_a_push_voids_the_word(
    tmp_path: Path, names: tuple[str, ...], voiding: set[str], is_looked_at: bool
) -> None:
    """F18, F19: in any order and with any of them lost; also what comes too late to change how it is known."""
    async with rigged(tmp_path) as rig:
        await rig.books.begun()
        for number, order in enumerate(orders(*names), 1):
            ref = PullRef(REPO, number)
            read = replace(pull_at(2), ref=ref)
            await rig.books.book.take(Told("", "look", REPO, read, is_read=True))
            await rig.give(read)
            for name in order:
                told = LATER[name]
                assert told.pull is not None
                await rig.books.book.take(replace(told, pull=replace(told.pull, ref=ref)))
                if is_looked_at:
                    now = replace(pull_at(5, labels=("bug", "ci")), ref=ref)
                    await rig.books.book.take(Told("", "look", REPO, now, is_read=True))
            assert await rig.by(replace(pull_at(5), ref=ref)) == ("" if voiding & set(order) else "tianon"), order


@pytest.mark.parametrize(
    ("told", "by"),
    [
        pytest.param(told_of(pull_at(2, head=B), "synchronize"), "", id="another-in-the-second-of-the-word"),
        pytest.param(told_of(pull_at(1, head=B), "synchronize"), "tianon", id="one-from-before"),
        pytest.param(told_of(pull_at(2), "synchronize"), "tianon", id="the-push-of-this-very-commit-told-late"),
        pytest.param(told_of(pull_at(None, head=B), "synchronize"), "tianon", id="at-no-time-is-read-first"),
        pytest.param(Told("", "look", REPO, pull_at(None, head=B), is_read=True), "", id="read-at-no-time"),
        pytest.param(Told("", "look", REPO, pull_at(9), is_read=True), "tianon", id="looked-at-and-the-same"),
    ],
)
async def test_only_what_came_after_the_word_voids_it(tmp_path: Path, told: Told, by: str) -> None:
    async with rigged(tmp_path) as rig:
        await rig.books.begun(pull_at(2))
        await rig.give(pull_at(2))
        await rig.books.book.take(told)
        assert await rig.by(pull_at(9)) == by


@pytest.mark.parametrize(
    ("since", "written_s", "is_refused"),
    [
        pytest.param([told_of(pull_at(10), "opened")], 11, False, id="after"),
        pytest.param([told_of(pull_at(10), "opened")], 10, True, id="A18-in-the-same-second"),
        pytest.param([told_of(pull_at(10), "opened")], 9, True, id="A18-before"),
        pytest.param([], 11, True, id="nobody-told-when-it-came"),
        pytest.param([told_of(pull_at(10, head=B), "opened")], 11, True, id="A18-another-was-there"),
        pytest.param(
            [told_of(pull_at(10), "opened"), told_of(pull_at(20), "synchronize")],
            15,
            True,
            id="A19-it-was-away-and-the-push-of-another-is-lost",
        ),
        pytest.param(
            [
                told_of(pull_at(10), "opened"),
                told_of(pull_at(30, labels=()), "labeled"),
                told_of(pull_at(14, head=B), "synchronize"),
            ],
            15,
            True,
            id="A19-it-was-away-and-that-is-told-late",
        ),
        pytest.param(
            [
                told_of(pull_at(10), "opened"),
                told_of(pull_at(30, labels=()), "labeled"),
                told_of(pull_at(20), "synchronize"),
            ],
            15,
            True,
            id="A19-it-is-back-and-that-is-told-late",
        ),
        pytest.param(
            [
                told_of(pull_at(9, head=B), "opened"),
                told_of(pull_at(10), "synchronize"),
                told_of(pull_at(30, labels=()), "labeled"),
            ],
            75,
            False,
            id="pushed-before",
        ),
        pytest.param(
            [told_of(pull_at(9, head=B), "opened"), told_of(pull_at(10), "synchronize")],
            65,
            True,
            id="A18-pushed-while-the-page-may-have-been-open",
        ),
        pytest.param(
            [told_of(pull_at(10, base="release"), "opened"), told_of(pull_at(20), "edited")],
            15,
            True,
            id="A20-for-another-base-by-then",
        ),
        pytest.param(
            [told_of(pull_at(20), "edited"), told_of(pull_at(10, base="release"), "opened")],
            15,
            True,
            id="A20-which-is-told-late",
        ),
        pytest.param(
            [told_of(pull_at(10, base="release"), "opened"), told_of(pull_at(20), "edited")],
            85,
            False,
            id="for-this-base-by-then",
        ),
        pytest.param(
            [told_of(pull_at(None), "opened"), told_of(pull_at(10, title="x"), "edited")],
            15,
            False,
            id="there-when-something-else-was-told",
        ),
    ],
)
async def test_a_word_counts_for_the_commit_that_was_there_when_it_was_written(
    tmp_path: Path, since: list[Told], written_s: float, is_refused: bool
) -> None:
    """A18: times are told to the second."""
    async with rigged(tmp_path) as rig:
        await rig.books.begun()
        for told in since:
            await rig.books.book.take(told)
        read = pull_at(30)
        if is_refused:
            with pytest.raises(UserError, match=f"ok to test moby#{NUMBER} {A}"):
                await rig.give(read, written_s=written_s)
            assert await rig.by(read) == ""
            await rig.give(read)  # by its whole name
        else:
            await rig.give(read, written_s=written_s)
        assert await rig.by(read) == "tianon"


@pytest.mark.parametrize(
    "told",
    [
        pytest.param([told_of(pull_at(3, head=B), "synchronize")], id="A18-another"),
        pytest.param([told_of(pull_at(3, head=B), "synchronize"), told_of(pull_at(4), "synchronize")], id="A19-back"),
        pytest.param([told_of(pull_at(3, base="release"), "edited")], id="A20-another-base"),
    ],
)
async def test_a_push_between_reading_and_noting_is_not_trusted(tmp_path: Path, told: list[Told]) -> None:
    """G12: what was read is not how it stands any more, though it was named in full."""
    async with rigged(tmp_path) as rig:
        await rig.books.begun(pull_at(1))
        read = pull_at(2)
        for each in told:
            await rig.books.book.take(each)
        with pytest.raises(UserError, match="was pushed to just now"):
            await rig.give(read)
        assert await rig.by(read) == ""


async def test_a_push_at_once_with_the_word_wins_or_voids_it(tmp_path: Path) -> None:
    """G12: whichever of the two writes is first."""
    async with rigged(tmp_path) as rig:
        await rig.books.begun(pull_at(1))
        for second in range(2, 40, 2):
            pushed = told_of(pull_at(second + 1, head=B), "synchronize")
            writes = [rig.give(pull_at(second)), rig.books.book.take(pushed)]
            await asyncio.gather(*(writes if second % 4 else writes[::-1]), return_exceptions=True)
            row = await rig.books.database.read(lambda db: trust_rows.get(db, REF))
            assert row is None, second
            await rig.books.book.take(told_of(pull_at(second + 2), "synchronize"))


@pytest.mark.parametrize("nick", ["jess", "mallory"])
async def test_only_maintainers_give_and_take_back(tmp_path: Path, nick: str) -> None:
    async with rigged(tmp_path) as rig:
        with pytest.raises(NotAllowed, match="is for its maintainers to say"):
            await rig.give(pull_at(), nick)
        await rig.give(pull_at())
        asker = Asker("k2", "pr_builds:not ok", Speaker("test", nick, nick, "test"), Place("test", "#x"))
        with pytest.raises(NotAllowed, match="is for its maintainers to say"):
            await rig.trust.take_back(asker, REF)
        assert await rig.by(pull_at()) == "tianon"


async def test_what_is_taken_back_is_trusted_no_more_and_both_are_on_record(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        await rig.give(pull_at())
        asker = Asker("k2", "pr_builds:not ok", Speaker("test", "tianon", "tianon", "test"), Place("test", "#x"))
        assert await rig.trust.take_back(asker, REF)
        assert not await rig.trust.take_back(asker, REF), "there is nothing left to take back"
        assert await rig.by(pull_at()) == ""
        told = [(one["decision"], one["person"], one.get("head_sha", "")) for one in await rig.audit.newest(9)]
        assert told == [("not trusted", "tianon", ""), ("trusted", "tianon", A)]


@pytest.mark.parametrize(
    ("files", "changed"),
    [
        pytest.param([ChangedFile("README.md")], (), id="none"),
        pytest.param([ChangedFile("Jenkinsfile")], ("Jenkinsfile",), id="A22-changed"),
        pytest.param([ChangedFile("docs/x", before="ci/run")], ("docs/x",), id="A22-renamed-away"),
        pytest.param([ChangedFile("ci/run", before="docs/x")], ("ci/run",), id="A22-renamed-into"),
        pytest.param([ChangedFile(f"f{n}") for n in range(2999)], (), id="all-are-listed"),
        pytest.param([ChangedFile(f"f{n}") for n in range(3000)], (UNLISTED,), id="A22-more-than-are-listed"),
    ],
)
async def test_changed_ci_files_are_told_of_what_is_not_trusted(
    tmp_path: Path, files: list[ChangedFile], changed: tuple[str, ...]
) -> None:
    async with rigged(tmp_path) as rig:
        rig.forge.changed = files
        assert await rig.trust.of(pull_at()) == Trust(ci_files=changed)
        await rig.trust.of(pull_at(7))
        assert rig.forge.asked_files == 1, "a commit is read once"


async def test_files_that_cannot_be_read_are_no_reason_to_believe_in_none(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        rig.forge.troubles.append(Unavailable("GitHub", "reading"))
        with pytest.raises(Unavailable):
            await rig.trust.of(pull_at())


async def test_files_of_another_head_do_not_count_for_this_one(tmp_path: Path) -> None:
    """A18: a push while they are read; the clean files of the next commit must not hide those of this one."""
    async with rigged(tmp_path) as rig:
        rig.forge.meanwhile = [pull_at(3, head=B)]
        with pytest.raises(Unavailable, match="was changed meanwhile"):
            await rig.trust.of(pull_at())
        rig.forge.meanwhile, rig.forge.known, rig.forge.changed = [], {REF: pull_at()}, [ChangedFile("Jenkinsfile")]
        assert await rig.trust.of(pull_at()) == Trust(ci_files=("Jenkinsfile",))


async def test_files_are_listed_again_where_something_came_meanwhile(tmp_path: Path) -> None:
    """A19: a clean commit was there while they were read, and this one is back."""
    async with rigged(tmp_path) as rig:
        rig.forge.meanwhile = [pull_at(3)]
        assert await rig.trust.of(pull_at()) == Trust()
        assert rig.forge.asked_files == 2


async def test_a_row_is_one_for_each_pull_request_however_its_repository_is_spelt(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        first, second = TrustRow("Moby/Moby", 7, A, "master", "tianon", 1.0, 2.0), PullRef("moby/MOBY", 7)
        await rig.books.database.write(lambda db: trust_rows.put(db, first))
        await rig.books.database.write(lambda db: trust_rows.put(db, replace(first, sha=B, person="jess")))
        found = await rig.books.database.read(lambda db: trust_rows.get(db, second))
        assert found == replace(first, repo="moby/moby", sha=B, person="jess")
        assert await rig.books.database.write(lambda db: trust_rows.forget(db, second))
        assert not await rig.books.database.write(lambda db: trust_rows.forget(db, second))


@pytest.mark.parametrize(
    ("known", "is_there"),
    [
        pytest.param(None, False, id="not-known"),
        pytest.param(Known(pull_at(), 1, None), False, id="since-nobody-knows-when"),
        pytest.param(Known(pull_at(head=B), 1, at(0).timestamp()), False, id="another"),
        pytest.param(Known(pull_at(base="release"), 1, at(0).timestamp()), False, id="A20-another-base"),
        pytest.param(Known(pull_at(), 1, at(9).timestamp()), True, id="before"),
        pytest.param(Known(pull_at(), 1, at(10).timestamp()), False, id="in-the-same-second"),
        pytest.param(
            Known(pull_at(), 1, at(9).timestamp(), at(12).timestamp()), True, id="and-told-before-it-was-heard"
        ),
        pytest.param(
            Known(pull_at(), 1, at(9).timestamp(), at(13).timestamp()), False, id="and-told-after-it-was-heard"
        ),
    ],
)
def test_whether_a_head_was_there(known: Known | None, is_there: bool) -> None:
    assert was_there(known, pull_at(), Written(at(12), at(10))) is is_there


@pytest.mark.parametrize(
    ("told_s", "is_there"),
    [
        pytest.param(9, True, id="before"),
        pytest.param(13, False, id="A18-after"),
        pytest.param(None, True, id="before-anybody-kept-that"),
    ],
)
def test_what_is_typed_in_a_chat_is_about_what_was_told_by_then(told_s: float | None, is_there: bool) -> None:
    """The clock of the forge says nothing of it."""
    known = Known(pull_at(), 1, at(99).timestamp(), None if told_s is None else at(told_s).timestamp())
    assert was_there(known, pull_at(), Written(at(12))) is is_there


@pytest.mark.parametrize(
    ("known", "moved"),
    [
        pytest.param(Known(pull_at(5), 1), False, id="the-same"),
        pytest.param(Known(pull_at(4, head=B), 1), False, id="the-book-is-behind"),
        pytest.param(Known(pull_at(6, head=B), 1), True, id="pushed"),
        pytest.param(Known(pull_at(6, base="release"), 1), True, id="another-base"),
        pytest.param(Known(pull_at(6), 1, at(6).timestamp()), True, id="away-and-back"),
        pytest.param(Known(pull_at(6), 1, at(5).timestamp()), False, id="commented"),
        pytest.param(Known(pull_at(None, head=B), 1), False, id="at-no-time"),
    ],
)
def test_whether_a_pull_request_moved_after_it_was_read(known: Known, moved: bool) -> None:
    assert has_moved(known, pull_at(5)) is moved


def test_what_trust_hangs_on_is_kept_with_an_effect() -> None:
    pull = pull_at()
    kept = pull_of({"repo": REPO, "pull": NUMBER, "author": ALICE, "needs_trust": facts_of(pull)})
    assert kept == replace(pull, title="", url="", labels=(), updated_at=None)
