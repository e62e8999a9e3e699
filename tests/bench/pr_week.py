"""A week of moby's pull requests: what is asked of Jenkins and GitHub, beside what they allow, and what it takes."""

import asyncio
import time
from pathlib import Path

from tests.bench.table import Table
from tests.pr_week_rig import WEEK, most, pr_week


def measure_pr_week(folder: Path) -> None:
    """Print what a week comes to by the ledgers of the neighbours; the clock is held while anything works."""
    asyncio.run(_measure(folder))


async def _measure(folder: Path) -> None:
    begun_s = time.perf_counter()
    async with pr_week(folder / "pr-week", WEEK) as week:
        taken_s = time.perf_counter() - begun_s
        builds, writes = week.triggers(), week.writes()
        jenkins = week.world.jenkins.ledger
        table = Table(f"{WEEK.days:g} days of pull requests", "what | how many | limit")
        table.row("pull requests", str(len(week.lived)), "")
        table.row("revisions", str(sum(len(one.heads) for one in week.lived)), "")
        table.row("builds", str(sum(builds.values())), "")
        table.row("cells of matrices", str(week.cells()), "")
        table.row("builds of commits that nobody trusted", str(len(week.unseen())), "0")
        table.row("builds that were asked for twice", str(len(week.twice())), "0")
        table.row("heads without their builds", str(len(week.missing())), "0")
        table.row("last statuses that are not final", str(len(week.unfinished())), "0")
        table.row("superseded builds that went on", str(len(week.outlived())), "0")
        table.row("builds taken out of the queue or stopped", str(len(jenkins.cancels) + len(jenkins.stops)), "")
        table.row("requests to GitHub that count, in an hour at most", str(week.used.get("core", 0)), "5000")
        table.row("points of GraphQL, in an hour at most", str(week.used.get("graphql", 0)), "5000")
        table.row("writes to GitHub, in a minute at most", str(most(writes, per_s=60)), "80")
        table.row("writes to GitHub, in an hour at most", str(most(writes, per_s=3600)), "500")
        table.row("refusals by GitHub", str(week.refused), "0")
        asked_s = week.clock.now_s
        table.row("requests to Jenkins, per second", f"{len(jenkins.requests) / asked_s:.2f}", "")
        table.row("requests to Jenkins, in a second at most", str(week.per_second()), "")
        table.row("seconds of the wall", f"{taken_s:.0f}", "60")
        table.show(f"steps of the clock: {week.clock.steps}, {taken_s / week.clock.steps * 1000:.1f} ms each")
