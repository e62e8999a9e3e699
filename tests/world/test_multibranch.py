"""A repository whose pull requests have jobs of their own in a multibranch project, which takes no commit to build."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.check import check as check_config
from bot.demo.jenkins.branches import Branches
from bot.demo.jenkins.checkouts import Checkout
from bot.demo.jenkins.model import Plan, StringParameter
from bot.demo.world import FACTS, REPO, World
from bot.testing import Gordon, running
from tests.world.honesty import check

AT = r"[0-9a-f]{7}"
NOTE = "builds what moby#1 is at when it starts"
LONG_S = 30.0
REMOTE = f"https://github.com/{REPO}.git"
LIBRARY = Checkout(("https://github.com/docker/ci-library.git",), "11bb" * 10)
CONTEXT = """
[repos."moby/moby".contexts.multi]
jenkins = "ci"
job = "moby/multi"
branch = "PR-{number}"
parameters = { STORAGE = "zfs" }

[jobs.base-image]"""


@dataclass(frozen=True)
class Site:
    """A Gordon with a context whose job is a multibranch project, and the repository as that project sees it."""

    gordon: Gordon
    branches: Branches
    head: str

    @property
    def world(self) -> World:
        return self.gordon.world

    def triggered(self) -> list[tuple[str, dict[str, object]]]:
        return [(each.job, dict(each.parameters)) for each in self.world.jenkins.ledger.triggers]


@asynccontextmanager
async def site(folder: Path, *, pull: int = 1, quiet_period_s: float = 0.0) -> AsyncIterator[Site]:
    """Run a Gordon; Jenkins knows one pull request, at its head."""
    world = World(folder, quiet_period_s=quiet_period_s, numbers={"poll_s": 0.1, "gather_s": 0.05})
    async with world:
        branches = world.jenkins.items.add_multibranch("moby/multi", remote=REMOTE)
        head = world.github.push(REPO, pull)
        branches.pull(f"PR-{pull}", head)
        text = world.config.read_text(encoding="utf-8")
        world.config.write_text(text.replace("\n[jobs.base-image]", CONTEXT), encoding="utf-8")
        world.build_of(lambda starting: Plan("FAILURE", 0.0))
        async with running(folder, world=world) as gordon:
            yield Site(gordon, branches, head)
            check(gordon.lines, world)


async def test_a_pull_request_is_built_in_its_own_job(tmp_path: Path) -> None:
    """Its Jenkinsfile has declared nothing before the first run, so nothing is sent; by the second all is."""
    async with site(tmp_path) as here:
        declared = [StringParameter(name) for name in (*FACTS, "STORAGE")]
        here.branches.pull("PR-1", here.head, parameters=declared)
        said = await here.gordon.say("tianon", "rebuild moby#1 multi")
        assert re.search(
            rf"^moby#1 at {AT}: queued multi \(item 1\); job \S+ does not declare GORDON_REQUEST_ID; .*; {NOTE} \[",
            said,
        ), said
        assert f"moby#1 at {here.head:.7}: multi #1 failed" in await here.gordon.chat.line("multi #1 failed")
        await here.gordon.say("tianon", "rebuild moby#1 multi")
        await here.gordon.chat.line("multi #2 failed")
        [first, second] = here.triggered()
        assert first == ("moby/multi/PR-1", {})
        assert second[0] == "moby/multi/PR-1"
        assert {name: second[1][name] for name in ("PR", "GIT_SHA1", "STORAGE")} == {
            "PR": "1",
            "GIT_SHA1": here.head,
            "STORAGE": "zfs",
        }


async def test_how_it_stands_is_told_by_the_commit_that_was_checked_out(tmp_path: Path) -> None:
    """Of several checkouts the repository's own counts, not that of a library."""
    async with site(tmp_path) as here:
        own = Checkout((REMOTE,), "22cc" * 10, marked=here.head)
        here.world.build_of(lambda starting: Plan("SUCCESS", 0.0, checkouts=(LIBRARY, own)))
        assert "multi never built" in await here.gordon.say("jess", "status moby#1")
        await here.gordon.say("tianon", "rebuild moby#1 multi")
        await here.gordon.chat.line("multi #1 passed")
        assert "multi passed (#1, 0s)" in await here.gordon.say("jess", "status moby#1")
        said = await here.gordon.say("jess", "status moby/multi/PR-1#1")
        assert f"moby#1 at {here.head:.7}: multi passed (#1, 0s)" in said
        here.world.github.push(REPO, 1)
        assert "multi never built" in await here.gordon.say("jess", "status moby#1"), "an older commit says nothing"


async def test_a_live_build_is_joined_only_if_it_is_of_the_commit(tmp_path: Path) -> None:
    """J1, J25."""
    async with site(tmp_path) as here:
        here.world.build_of(lambda starting: Plan(duration_s=LONG_S))
        await here.gordon.say("tianon", "rebuild moby#1 multi")
        await here.gordon.say("tianon", "running", expect=r"1 running: moby#1 multi #1")
        said = await here.gordon.say("jess", "rebuild moby#1 multi")
        assert re.search(r"multi is already running \(#1 http\S+/job/moby/job/multi/job/PR-1/1/\)", said), said
        here.branches.pull("PR-1", here.world.github.push(REPO, 1))
        assert "queued multi (item 2)" in await here.gordon.say("jess", "rebuild moby#1 multi")


async def test_what_waits_is_joined_as_it_will_build_the_newest(tmp_path: Path) -> None:
    async with site(tmp_path, quiet_period_s=LONG_S) as here:
        await here.gordon.say("tianon", "rebuild moby#1 multi")
        here.branches.pull("PR-1", here.world.github.push(REPO, 1))
        assert "multi is already queued (item 1)" in await here.gordon.say("jess", "rebuild moby#1 multi")
        assert "multi taken out of the queue" in await here.gordon.confirmed("tianon", "cancel moby#1", expect="taken")


async def test_who_joins_a_build_that_carries_no_mark_is_told_its_end_with_the_other(tmp_path: Path) -> None:
    """J1: one queue id and two who ask; a new branch's job does not declare our mark."""
    async with site(tmp_path) as here:
        here.world.build_of(lambda starting: Plan("FAILURE", 0.7))
        await here.gordon.say("tianon", "rebuild moby#1 multi")
        await here.gordon.say("tianon", "running", expect="1 running")
        assert "multi is already running (#1" in await here.gordon.say("jess", "rebuild moby#1 multi")
        await here.gordon.chat.line("multi #1 failed")
        assert await here.gordon.app.ledger.watched() == []
        told = [(place.to, text.count("multi #1")) for place, text in here.gordon.chat.said if "failed" in text]
        assert told == [("tianon, jess", 1)]


async def test_a_commit_that_was_built_by_itself_counts_as_trusted(tmp_path: Path) -> None:
    """Its author may have built again what Jenkins has built at this commit, whoever started that."""
    async with site(tmp_path, pull=3) as here:
        refused = await here.gordon.say("newcomer", "rebuild moby#3 multi")
        assert "the first build of a commit is for triagers" in refused
        await here.gordon.say("jess", "rebuild moby#3 multi")
        await here.gordon.chat.line("multi #1 failed")
        assert "queued multi (item 2)" in await here.gordon.say("newcomer", "rebuild moby#3 multi")


async def test_one_build_is_repeated_at_its_commit_only(tmp_path: Path) -> None:
    """J25."""
    async with site(tmp_path) as here:
        await here.gordon.say("tianon", "rebuild moby#1 multi")
        await here.gordon.chat.line("multi #1 failed")
        said = await here.gordon.say("jess", "rebuild multi/PR-1#1")
        assert re.search(rf"^moby/multi/PR-1#1 again: multi at {AT} queued \(item 2\); .*; {NOTE} \[", said), said
        await here.gordon.chat.line("multi #2 failed")
        head = here.world.github.push(REPO, 1)
        said = await here.gordon.say("jess", "rebuild multi/PR-1#1")
        assert f"moby#1 has moved on to {head:.7}; say rebuild moby#1" in said


async def test_the_project_itself_builds_nothing(tmp_path: Path) -> None:
    """A POST of build on it would scan the repository [ComputedFolder.doBuild]."""
    async with site(tmp_path) as here:
        said = await here.gordon.say("tianon", "build multi")
        assert "multi is a multibranch project; name one of its jobs, as multi/PR-1234" in said
        assert "there is no job moby/multi/PR-2 on Jenkins ci" in await here.gordon.say(
            "tianon", "rebuild moby#2 multi"
        )
        assert here.triggered() == []


async def test_a_job_of_the_project_needs_the_role_of_its_repository(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        refused = await here.gordon.say("jess", "build multi/PR-1")
        assert "build needs the role maintainer in moby/moby; jess is triager" in refused
        assert "queued (item 1)" in await here.gordon.say("tianon", "build multi/PR-1")


async def test_a_live_check_looks_for_the_project(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        people = here.world.folder / "people.toml"
        known = re.sub(r"irc = .*\n", "", people.read_text(encoding="utf-8"))  # nobody's name on the test's network
        people.write_text(known, encoding="utf-8")
        problems, _ = await asyncio.to_thread(check_config, here.world.config, live=True)
        assert problems == []
        config = here.world.config
        right = config.read_text(encoding="utf-8")
        for old, new, told in (
            (
                'job = "moby/multi"',
                'job = "win"',
                "win on Jenkins ci is no multibranch project; its context must have no",
            ),
            (
                'branch = "PR-{number}"',
                "",
                "moby/multi holds other jobs: if it is a multibranch project, its context needs",
            ),
        ):
            config.write_text(right.replace(old, new), encoding="utf-8")
            [problem], _ = await asyncio.to_thread(check_config, config, live=True)
            assert told in problem
        config.write_text(right, encoding="utf-8")
        here.world.jenkins.items.delete("moby/multi")
        problems, _ = await asyncio.to_thread(check_config, here.world.config, live=True)
        assert problems == ["Jenkins ci has no moby/multi, or hides it from us"]
