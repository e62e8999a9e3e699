"""The traffic of moby's pull requests for some days: a whole Gordon beside its neighbours, on a clock that is held.

What people do is drawn by chance, the same in every run. What came of it stands in the ledgers of the neighbours.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from aiohttp import web

from bot.demo.github.double import Asked
from bot.demo.github.hooks import dice
from bot.demo.github.records import FileRecord
from bot.demo.jenkins.cells import CombinationsParameter
from bot.demo.jenkins.model import Parameter, Plan, Starting, StringParameter
from bot.demo.world import FACTS, REPO, World
from bot.testing import Gordon
from tests.held_clock import HeldClock
from tests.world.failing import DRIVERS, MATRIX, MATRIX_CONTEXT, failing

SEED = 2014
HOUR_S, DAY_S = 3600.0, 86400.0
INSIDERS = ("tianon", "jess", "crosbymichael", "vieux")
JOBS = {"experimental": "docker-prs-experimental", "janky": "docker-prs", "matrix": MATRIX}
CELLS = len(DRIVERS["FS"])
SHORTEST_S, LONGEST_S = 480.0, 2400.0  # of builds
LATE_S = 700.0  # so long after a push whose delivery was lost nobody may know of it, and then a build is to be stopped
CONFIG = f"""
[plugin.pr_builds.repo."{REPO}"]
contexts = [{", ".join(f'"{name}"' for name in JOBS)}]
skip_if_only = ["@docs"]
"""
STATUS = f'job = "{MATRIX}"\nstatus = "docker/{MATRIX}"\n'


@dataclass(frozen=True, slots=True)
class Size:
    """How much happens, over how long.

    Arguments:
        lost, twice: the share of deliveries of webhooks that this happens to.
    """

    pulls: int
    days: float
    revisions: int = 3
    lost: float = 0.05
    twice: float = 0.05


WEEK, HALF_A_DAY = Size(120, 7.0), Size(6, 0.5)


@dataclass(slots=True)
class Plans:
    """What is going to happen to one pull request.

    Arguments:
        at_s: when it is opened, and when each later commit is pushed.
        ok: of each of its commits, whether a maintainer looks at it and says ok to test.
        merged_s: when it is merged; never if that is after the end.
    """

    author: str
    is_docs: bool
    at_s: Sequence[float]
    ok: Sequence[bool]
    merged_s: float


@dataclass(slots=True)
class Lived:
    """What has happened to one pull request.

    Arguments:
        heads: each with the moment at which it became the head.
        trusted: those that may be built.
    """

    plans: Plans
    number: int = 0
    heads: list[tuple[str, float]] = field(default_factory=list)
    trusted: set[str] = field(default_factory=set)
    is_merged: bool = False


@dataclass(slots=True)
class Week:
    """All of it, and what the neighbours say of it."""

    size: Size
    clock: HeldClock
    gordon: Gordon
    lived: list[Lived] = field(default_factory=list)
    used: dict[str, int] = field(default_factory=dict)
    refused: int = 0

    @property
    def world(self) -> World:
        return self.gordon.world

    def triggers(self) -> Counter[tuple[str, str]]:
        """Count the builds that were asked for, by job and commit."""
        found = self.world.jenkins.ledger.triggers
        return Counter((each.job, str(each.parameters["GIT_SHA1"])) for each in found if not each.folded)

    def unseen(self) -> list[tuple[str, str]]:
        """List the builds of commits that were never a head that anybody trusted."""
        trusted = {sha for one in self.lived for sha in one.trusted}
        return [key for key in self.triggers() if key[1] not in trusted]

    def twice(self) -> list[tuple[str, str]]:
        """List the builds that were asked for more than once."""
        return [key for key, count in self.triggers().items() if count > 1]

    def missing(self) -> list[tuple[int, str]]:
        """List the last heads that should have been built and were not, with the context."""
        known = self.triggers()
        return [
            (one.number, context)
            for one in self.lived
            if not one.plans.is_docs and not one.is_merged and one.heads[-1][0] in one.trusted
            for context, job in JOBS.items()
            if not known[job, one.heads[-1][0]]
        ]

    def unfinished(self) -> list[tuple[int, str, str]]:
        """List the contexts of last heads whose status is not the last word on them."""
        return [
            (one.number, context, state)
            for one in self.lived
            if not one.is_merged
            for context in JOBS
            if (state := self._state(one.heads[-1][0], f"docker/{context}")) != self._wanted(one)
        ]

    def outlived(self) -> list[tuple[str, int]]:
        """List the builds that went on though another commit had long taken the place of theirs."""
        next_s = {}
        for one in self.lived:
            for (sha, _), (_, after_s) in zip(one.heads, one.heads[1:], strict=False):
                next_s[sha] = after_s
        return [
            (job, number)
            for job in JOBS.values()
            for number, build in self.world.jenkins.job(job).builds.items()
            if (sha := str(build.parameters["GIT_SHA1"])) in next_s
            if build.building_end_s > max(next_s[sha], build.started_s) + LATE_S
        ]

    def cells(self) -> int:
        """Count the cells that were built."""
        items = self.world.jenkins.items
        return sum(len(items.find_cell(MATRIX, f"FS={value}").builds) for value in DRIVERS["FS"])

    def writes(self) -> list[datetime]:
        """List when GitHub was told something."""
        return [each.when for each in self.world.github.requests if each.method != "GET" and "graphql" not in each.path]

    def per_second(self) -> int:
        """Tell how often Jenkins was asked in one second at most."""
        return most(request.at for request in self.world.jenkins.ledger.requests)

    def _state(self, sha: str, context: str) -> str:
        newest = {each.context: each for each in self.world.github.statuses(REPO, sha)}
        return newest[context].state if context in newest else ""

    def _wanted(self, one: Lived) -> str:
        return "success" if one.heads[-1][0] in one.trusted else "pending"

    def saw(self, asked: Asked, response: web.StreamResponse) -> None:
        """Keep what GitHub says of its limits."""
        if used := response.headers.get("X-RateLimit-Used"):
            resource = "graphql" if "graphql" in asked.path else "core"
            self.used[resource] = max(self.used.get(resource, 0), int(used))
        self.refused += response.status in (403, 429)


def most(moments: Iterable[datetime], *, per_s: float = 1.0) -> int:
    """Tell how many fall into one span of time, at most."""
    return max(Counter(int(moment.timestamp() // per_s) for moment in moments).values(), default=0)


def plans_of(size: Size, chance: random.Random) -> list[Plans]:
    """Draw what happens; one in five is of an outsider, one in six is about docs alone."""
    end_s, made = size.days * DAY_S, []
    for n in range(size.pulls):
        moments = [chance.uniform(60.0, end_s * 0.8)]
        for _ in range(1, size.revisions):
            is_soon = chance.random() < 0.3  # somebody saw a mistake of their own
            moments.append(
                moments[-1] + (chance.uniform(60.0, 900.0) if is_soon else chance.uniform(HOUR_S, 4 * HOUR_S))
            )
        author = f"stranger-{n}" if n % 5 == 4 else chance.choice(INSIDERS)
        oks = [chance.random() < 0.6 for _ in moments]
        merged_s = moments[-1] + (5 * HOUR_S if chance.random() < 0.4 else 10 * end_s)
        made.append(Plans(author, n % 6 == 5, moments, oks, merged_s))
    return made


@asynccontextmanager
async def pr_week(folder: Path, size: Size) -> AsyncIterator[Week]:
    """Let it happen, to its end and until nothing is built any more."""
    clock, chance = HeldClock(), random.Random(SEED)

    def plan(starting: Starting) -> Plan | None:
        return None if starting.job.split("/")[0] == MATRIX else Plan("SUCCESS", chance.uniform(SHORTEST_S, LONGEST_S))

    def prepare(world: World) -> None:
        parameters: list[Parameter] = [
            *(StringParameter(name) for name in FACTS),
            CombinationsParameter("COMBINATIONS"),
        ]
        world.jenkins.items.add_matrix(MATRIX, DRIVERS, parameters=parameters, duration_s=LONGEST_S / 2)
        text = world.config.read_text(encoding="utf-8").replace("\n[jobs.base-image]", MATRIX_CONTEXT, 1)
        world.config.write_text(text.replace(f'job = "{MATRIX}"\n', STATUS, 1), encoding="utf-8")
        world.github.hooks.fate = dice(SEED, lost=size.lost, twice=size.twice)

    async with (
        clock.passing(),
        failing(
            folder, plan, config=CONFIG, with_hook=True, prepare=prepare, clock=clock,
            patience_s=86400.0,  # some waits are the network's time, in which this clock goes on by hours
            poll_s=120.0, idle_poll_s=900.0, gather_s=60.0,
        ) as gordon,
    ):  # fmt: skip
        week = Week(size, clock, gordon)
        gordon.world.github.after_answer = week.saw
        week.lived = [Lived(plans) for plans in plans_of(size, chance)]
        async with asyncio.TaskGroup() as all_of_it:
            for one in week.lived:
                all_of_it.create_task(_live(week, one))
        await clock.sleep(2 * HOUR_S)
        yield week


async def _live(week: Week, one: Lived) -> None:
    """Let one pull request be opened, pushed to, looked at and merged."""
    github, plans = week.world.github, one.plans
    for at_s, is_ok in zip(plans.at_s, plans.ok, strict=True):
        await week.clock.sleep(at_s - week.clock.now_s)
        if not one.number:
            files = [FileRecord("docs/index.md")] if plans.is_docs else []
            one.number = github.open_pull(REPO, title="A change", author=plans.author, files=files)
        else:
            github.push(REPO, one.number)
        head = github.pull_record(REPO, one.number).head
        one.heads.append((head, week.clock.now_s))
        if plans.author in INSIDERS:
            one.trusted.add(head)
        elif is_ok:
            one.trusted.add(head)
            await week.gordon.say("tianon", f"ok to test moby#{one.number} {head}", expect="ok to test")
    end_s = week.size.days * DAY_S
    if plans.merged_s < end_s:
        await week.clock.sleep(plans.merged_s - week.clock.now_s)
        github.close(REPO, one.number, merged=True, by="tianon")
        one.is_merged = True
