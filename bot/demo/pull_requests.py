"""The second scene of the demo's day: pull requests that are built by themselves, and what keeps them from it.

What is told of GitHub and Jenkins is read from their own records, whatever Gordon says of them.
"""

from collections.abc import Mapping

from bot.demo.fates import CANNOT_CHECKPOINT, HANGS
from bot.demo.github.records import FileRecord, PullRecord
from bot.demo.libcontainer import CONTEXTS, DCO, LABEL, MERGEABLE, NEEDS_REBASE, REPO, signed
from bot.demo.stage import Stage

BOT = "gordon-bot"
CROSS, UNIT = "libcontainer/cross", "libcontainer/unit"
SHARED = "cgroups/fs/apply_raw.go"  # two pull requests change it, so that the merge of one breaks the other
OUTSIDERS, MERGED, BROKEN = 1, 2, 3  # by the order in which they are opened
FATES = {
    **{(OUTSIDERS, job): HANGS for job in CONTEXTS.values()},  # so long that only the push ends them
    **{(number, CONTEXTS["cross"]): CANNOT_CHECKPOINT for number in (MERGED, BROKEN)},
}
MAX_SHOWN = 160  # characters of a comment


class PullRequests:
    """Plays the scene on a stage where Gordon is, in a world with docker/libcontainer."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._github = stage.world.github
        self._jenkins = stage.world.jenkins

    async def play(self) -> None:
        """Play it all.

        Raises:
            Missing: something did not happen that should.
        """
        await self._an_outsider()
        await self._somebody_known()
        await self._the_outsider_pushes()
        await self._a_comment()
        await self._an_override()
        await self._a_merge()

    async def _an_outsider(self) -> None:
        """What is not signed off waits for that, and then for somebody who looks at it."""
        title = "Find cgroups by mountinfo"
        self._open(title, "newcomer", message=title)
        await self._shows(OUTSIDERS, {DCO: "failure"}, labels={LABEL}, comments=1)
        head = self._github.push(REPO, OUTSIDERS, message=signed(title, "newcomer"), force=True)
        self._stage.tell(f"newcomer signs off and pushes: the head of libcontainer#{OUTSIDERS} is {head:.7} now")
        await self._stage.hears(rf"libcontainer#1 .* by newcomer waits for ok to test at {head:.12}")
        await self._shows(OUTSIDERS, {UNIT: "pending: waits for ok", DCO: "success"}, labels=set(), comments=0)
        await self._stage.confirm("tianon", "!ok to test libcontainer#1", r"libcontainer#1 at \w{7} is ok to test")

    async def _somebody_known(self) -> None:
        """What people with a role push is built by itself."""
        self._open("Set memory.swappiness", "jess", files=[FileRecord(SHARED)])
        self._open("Write cgroup files at once", "vieux", files=[FileRecord(SHARED)])
        head = self._pull(MERGED).head
        asked = await self._stage.sees("builds that nobody asked for", lambda: self._asked(head))
        self._stage.tell(f"by the ledger of Jenkins {asked} of {head:.7} were asked for, though nobody said a word")

    async def _the_outsider_pushes(self) -> None:
        """A push cancels what it supersedes, and voids the ok."""
        old = self._pull(OUTSIDERS).head
        await self._stage.sees("both contexts are building", lambda: "yes" if len(self._running(old)) == 2 else "")
        head = self._github.push(REPO, OUTSIDERS, message=signed("Do it for systemd, too", "newcomer"))
        self._stage.tell(f"newcomer pushes to libcontainer#{OUTSIDERS}: its head is {head:.7} now")
        await self._shows(OUTSIDERS, {CROSS: "pending: waits for ok", UNIT: "pending: waits for ok"})
        stopped = await self._stage.sees("the builds of the old head are stopped", lambda: self._stopped(old))
        self._stage.tell(f"by the ledger of Jenkins {stopped} of {old:.7} were stopped")
        await self._stage.ask("tianon", f"!ok to test libcontainer#{OUTSIDERS} {head}", r"libcontainer#1 .* is ok to")

    async def _a_comment(self) -> None:
        """A comment is a command, and its answer one comment that is kept up to date."""
        await self._stage.hears(r"TestCheckpoint.*: libcontainer#2 at \w{7}: cross #\d+ failed")
        await self._shows(MERGED, {CROSS: "failure", UNIT: "success"})
        asked = self._github.comment(REPO, MERGED, "/retest", by="jess")
        self._stage.tell(f"jess comments on libcontainer#{MERGED}: /retest")
        await self._stage.sees("the answer to /retest", lambda: self._answer(MERGED, "passed"))
        sign = await self._stage.sees("the reaction to /retest", lambda: self._signs(asked))
        self._stage.tell(f"{BOT} reacts with {sign}, and its one comment there says: {self._answer(MERGED, 'passed')}")
        await self._shows(OUTSIDERS, {CROSS: "success", UNIT: "success"})

    async def _an_override(self) -> None:
        """A context counts as passed because somebody says so, and says why."""
        await self._stage.hears(r"TestCheckpoint.*: libcontainer#3 at \w{7}: cross #\d+ failed")
        why = "2h the kernel of cross has no CRIU"
        await self._stage.confirm("icecrime", f"!override libcontainer#{BROKEN} cross {why}", r"counts as passed until")
        await self._shows(BROKEN, {CROSS: "success"})

    async def _a_merge(self) -> None:
        """Who has a conflict by a merge hears of it."""
        self._stage.tell(f"crosbymichael merges libcontainer#{MERGED}")
        self._github.close(REPO, MERGED, merged=True, by="crosbymichael")
        await self._stage.hears(rf"the merge of libcontainer#{MERGED} .*broke 1 pull request: #{BROKEN} ")
        await self._shows(BROKEN, {MERGEABLE: "failure"}, labels={NEEDS_REBASE})

    def _open(self, title: str, author: str, *, message: str = "", files: list[FileRecord] | None = None) -> None:
        message = message or signed(title, author)
        number = self._github.open_pull(REPO, title=title, author=author, message=message, files=files or [])
        self._stage.tell(f"{author} opens libcontainer#{number}: {title}")

    async def _shows(
        self, number: int, states: Mapping[str, str], *, labels: set[str] | None = None, comments: int | None = None
    ) -> None:
        """Wait until GitHub shows a pull request like this, and tell how it stands there.

        Arguments:
            states: how statuses begin, by name; the others are not told.
            labels: exactly these; None if they are no question.
            comments: so many of Gordon's; None likewise.
        """

        def look() -> str:
            pull = self._pull(number)
            newest = self._github.repo(REPO).newest_statuses(pull.head)
            shown = {one.context: f"{one.state}: {one.description}" for one in newest}
            own = self._comments(number)
            if not all(shown.get(name, "").startswith(words) for name, words in states.items()):
                return ""
            if labels not in (None, set(pull.labels)) or comments not in (None, len(own)):
                return ""
            told = [f"{name} {shown[name]}" for name in states]
            if labels is not None:
                told.append(f"labels: {', '.join(pull.labels) or 'none'}")
            if comments is not None:
                told.append(f"comments of {BOT}: {'; '.join(map(brief, own)) or 'none'}")
            return ", ".join(told)

        told = await self._stage.sees(f"libcontainer#{number} as {dict(states)}", look)
        self._stage.tell(f"on GitHub libcontainer#{number} shows {told}")

    def _pull(self, number: int) -> PullRecord:
        return self._github.pull_record(REPO, number)

    def _comments(self, number: int) -> list[str]:
        return [text for _, author, text in self._github.comments(REPO, number) if author == BOT]

    def _answer(self, number: int, words: str) -> str:
        """Quote the one comment of Gordon's on a pull request, once it has these words."""
        own = self._comments(number)
        return brief(own[0]) if len(own) == 1 and words in own[0] else ""

    def _signs(self, comment: int) -> str:
        return ", ".join(one.content for one in self._github.repo(REPO).comments[comment].reactions)

    def _asked(self, sha: str) -> str:
        """List the contexts that Jenkins was asked to build of a commit, once these are all."""
        triggers = self._jenkins.ledger.triggers
        jobs = {one.job for one in triggers if one.parameters.get("GIT_SHA1") == sha}
        return " and ".join(CONTEXTS) if jobs == set(CONTEXTS.values()) else ""

    def _running(self, sha: str) -> list[str]:
        """List the builds of a commit that run now."""
        now_s = self._stage.world.clock.monotonic_s()
        return [
            f"{context} #{build.number}"
            for context, job in CONTEXTS.items()
            for build in self._jenkins.job(job).builds.values()
            if build.parameters["GIT_SHA1"] == sha and build.building(now_s)
        ]

    def _stopped(self, sha: str) -> str:
        """List the builds of a commit that somebody has stopped, once these are all that were begun of it."""
        ledger, context_of = self._jenkins.ledger, {job: context for context, job in CONTEXTS.items()}
        begun = {(one.job, one.number) for one in ledger.builds if one.parameters.get("GIT_SHA1") == sha}
        stopped = sorted(begun & {(one.job, one.number) for one in ledger.stops})
        if len(stopped) < len(begun):
            return ""
        return " and ".join(f"{context_of[job]} #{number}" for job, number in stopped)


def brief(comment: str) -> str:
    """Quote the beginning of a comment, without its hidden mark."""
    text = " ".join(line for line in comment.splitlines() if line and not line.startswith("<!--"))
    return f'"{text[:MAX_SHOWN]}..."' if len(text) > MAX_SHOWN else f'"{text}"'
