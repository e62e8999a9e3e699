"""A Gordon that builds pull requests by itself, and what Jenkins has taken of them.

    async with building(tmp_path, rules='needs = ["dco"]') as here:
        number = here.open("tianon")
        await until(lambda: here.built(number) == [here.head(number)])

One context, janky, unless `contexts` says otherwise, as each status at GitHub takes a second.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.clock import Clock
from bot.demo.github.records import FileRecord
from bot.demo.jenkins.model import Plan, Starting
from bot.demo.world import CONTEXTS, REPO, World
from bot.testing import Gordon, running
from bot.values import PullRef
from tests.world.failing import Tries, failing
from tests.world.honesty import until

KEPT = "SELECT 1 FROM plugin_state WHERE plugin = 'pr_builds' AND key = :key"
SLOW = Plan("SUCCESS", duration_s=600.0)  # so long that only cancelling ends it


@dataclass(frozen=True, slots=True)
class Site:
    """A Gordon, and its neighbours by what tests ask of them."""

    gordon: Gordon
    contexts: Sequence[str]

    @property
    def world(self) -> World:
        return self.gordon.world

    def open(self, author: str = "tianon", **how: Any) -> int:
        return self.world.github.open_pull(REPO, title="One more", author=author, **how)

    def head(self, number: int) -> str:
        return self.world.github.pull_record(REPO, number).head

    def built(self, number: int, context: str = "janky") -> list[str]:
        """List the commits of a pull request that Jenkins was asked to build, each as often as it was."""
        triggers = self.world.jenkins.ledger.triggers
        of_pull = [one.parameters for one in triggers if one.job == CONTEXTS[context]]
        return [str(given["GIT_SHA1"]) for given in of_pull if given["PR"] == str(number)]

    def status(self, number: int, context: str = "janky", sha: str = "") -> str:
        """Tell how a context stands at a commit, as GitHub shows it."""
        told = self.world.github.statuses(REPO, sha or self.head(number))
        of_context = [one for one in told if one.context == f"docker/{context}"]
        newest = max(of_context, key=lambda one: one.id, default=None)
        return f"{newest.state}: {newest.description}" if newest else ""

    async def has_status(self, number: int, words: str, context: str = "janky", sha: str = "") -> None:
        """Wait until a context stands so."""
        await until(lambda: words in self.status(number, context, sha))

    async def is_remembered(self, number: int) -> bool:
        """Tell whether anything is kept of a pull request."""
        given = {"key": str(PullRef(REPO, number))}
        return bool(await self.gordon.app.database.read(lambda db: db.execute(KEPT, given).fetchall()))

    async def remembered(self, number: int) -> None:
        """Wait until a pull request was looked at that was opened."""
        async with asyncio.timeout(60):
            while not await self.is_remembered(number):  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def forgotten(self, number: int) -> None:
        """Wait until a pull request was looked at that was closed."""
        async with asyncio.timeout(60):
            while await self.is_remembered(number):  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    def asked_of(self, number: int) -> int:
        """Count how often GitHub was asked how a pull request stands."""
        return sum(one.path.endswith(f"/pulls/{number}") for one in self.world.github.requests)

    def running(self) -> list[str]:
        """List the commits that Jenkins builds now."""
        now_s, jenkins = self.world.clock.monotonic_s(), self.world.jenkins
        builds = (build for job in CONTEXTS.values() for build in jenkins.job(job).builds.values())
        return [str(build.parameters["GIT_SHA1"]) for build in builds if build.building(now_s)]

    def cancelled(self) -> int:
        """Count what was taken out of the queue or stopped."""
        return len(self.world.jenkins.ledger.cancels) + len(self.world.jenkins.ledger.stops)


@asynccontextmanager
async def building(
    folder: Path,
    *,
    rules: str = "",
    contexts: Sequence[str] = ("janky",),
    decide: Callable[[Starting], Plan | None] | None = None,
    top: str = "",
    prepare: Callable[[World], object] = lambda world: None,
    with_hook: bool = True,
    clock: Clock | None = None,
) -> AsyncIterator[Site]:
    """Run a Gordon that builds the pull requests of moby/moby by itself.

    Arguments:
        rules: what stands in its table, and below.
        top: what stands in `[plugin.pr_builds]`.
        decide: how builds go; by itself at once, and well.
    """
    named = ", ".join(f'"{context}"' for context in contexts)
    config = f'\n[plugin.pr_builds]\n{top}\n[plugin.pr_builds.repo."{REPO}"]\ncontexts = [{named}]\n{rules}\n'
    decide = decide or Tries()
    async with failing(folder, decide, config=config, with_hook=with_hook, prepare=prepare, clock=clock) as gordon:
        await until(lambda: "compared at" in gordon.app.forge_side.words())  # what comes from then on is new
        yield Site(gordon, contexts)


@asynccontextmanager
async def site(world: World) -> AsyncIterator[Site]:
    """Run a Gordon in a world that outlasts it."""
    async with running(world.folder, world=world) as gordon:
        await world.send_webhook_to(gordon.app)
        await until(lambda: "compared at" in gordon.app.forge_side.words())
        yield Site(gordon, ("janky",))


def comparing(world: World) -> None:
    """Let Gordon find out by itself, and soon, how pull requests stand."""
    text = world.config.read_text(encoding="utf-8")
    world.config.write_text(text.replace("[github]\n", "[github]\ncompare_s = 0.3\n", 1), encoding="utf-8")


def files(*paths: str) -> list[FileRecord]:
    """Make the files that a pull request changes."""
    return [FileRecord(path) for path in paths]
