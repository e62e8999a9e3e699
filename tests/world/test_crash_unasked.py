"""F28: Gordon is killed in the middle of builds that nobody asked for, and each commit is built, or cancelled, once."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.demo.jenkins.model import Plan, Starting
from bot.demo.world import REPO
from tests.world.crash_rig import CrashRig, crash_rig
from tests.world.honesty import until
from tests.world.pr_builds_rig import SLOW

JOB = "docker-prs"
BUILT = f'\n[plugin.pr_builds.repo."{REPO}"]\ncontexts = ["janky"]\n'
TO_DO = """
SELECT (SELECT count(*) FROM deliveries WHERE state != 'dead' AND handler NOT LIKE '%again')
     + (SELECT count(*) FROM effects WHERE state = 'sending')
     + (SELECT count(*) FROM outbox)
"""
UNDER_WAY = "SELECT count(*) FROM builds WHERE state IN ('asked', 'queued', 'running')"


@dataclass
class Site:
    """A pull request, and what Jenkins and GitHub know of it."""

    rig: CrashRig
    number: int = 0

    def head(self) -> str:
        return self.rig.world.github.pull_record(REPO, self.number).head

    def built(self) -> list[str]:
        """List the commits that Jenkins was asked to build, each as often as it was."""
        triggers = [one for one in self.rig.world.jenkins.ledger.triggers if not one.folded]
        return [str(one.parameters["GIT_SHA1"]) for one in triggers if one.parameters["PR"] == str(self.number)]

    def running(self) -> list[str]:
        now_s = time.monotonic()
        builds = self.rig.world.jenkins.job(JOB).builds.values()
        return [str(one.parameters["GIT_SHA1"]) for one in builds if one.building(now_s)]

    def ends(self) -> list[str]:
        """List how the builds of the pull request have ended."""
        return [str(one.result(time.monotonic())) for one in self.rig.world.jenkins.job(JOB).builds.values()]

    def cancelled(self) -> int:
        """Count what was taken out of the queue or stopped."""
        return len(self.rig.world.jenkins.ledger.cancels) + len(self.rig.world.jenkins.ledger.stops)

    def status(self, sha: str) -> str:
        told = [one for one in self.rig.world.github.statuses(REPO, sha) if one.context == "docker/janky"]
        return f"{told[-1].state}: {told[-1].description}" if told else ""


async def opened(here: Site) -> None:
    here.number = here.rig.world.github.open_pull(REPO, title="One more", author="tianon")


async def built(here: Site) -> None:
    await opened(here)
    await until(lambda: here.running() == [here.head()])


async def waits_for_ok(here: Site) -> None:
    here.number = here.rig.world.github.open_pull(REPO, title="One more", author="stranger")
    await until(lambda: "waits for ok to test" in here.status(here.head()))


async def pushed(here: Site) -> None:
    here.rig.world.github.push(REPO, here.number)


async def found_ok(here: Site) -> None:
    here.rig.people[0].type(f"ok to test moby#{here.number} {here.head()}")


async def nothing(here: Site) -> None:
    """Leave the world as it is."""


Act = Callable[[Site], Awaitable[None]]


@dataclass(frozen=True)
class Scenario:
    """Something that happens, and what came of it.

    Arguments:
        before: what happens before; `act` is what Gordon dies of.
        heads: which of its heads were built, the first and the last.
        ends: how these builds have ended; of two, the first is one that only cancelling ends.
        points: at which of them it dies, each in a world of its own.
    """

    before: Act
    act: Act
    heads: tuple[int, ...]
    ends: tuple[str, ...]
    points: tuple[str, ...]


SCENARIOS: Mapping[str, Scenario] = {
    "opened": Scenario(nothing, opened, (0,), ("SUCCESS",), ("jenkins.trigger.after",)),
    "pushed": Scenario(
        built,
        pushed,
        (0, 1),
        ("ABORTED", "SUCCESS"),
        ("effect.record.after",),
    ),
    "ok to test": Scenario(waits_for_ok, found_ok, (0,), ("SUCCESS",), ("effect.record.after",)),
}
CASES = [
    pytest.param(scenario, point, id=f"{name} killed at {point}")
    for name, scenario in SCENARIOS.items()
    for point in scenario.points
]


@pytest.mark.parametrize(("scenario", "point"), CASES)
async def test_a_death_among_builds_that_nobody_asked_for(tmp_path: Path, scenario: Scenario, point: str) -> None:
    begun: list[Starting] = []

    def decide(starting: Starting) -> Plan:
        begun.append(starting)
        is_first_of_two = len(begun) == 1 and len(scenario.ends) > 1
        return SLOW if is_first_of_two else Plan("SUCCESS", duration_s=0.3)

    async with crash_rig(tmp_path, config=BUILT, with_hook=True) as rig:
        rig.world.build_of(decide)
        here = Site(rig)
        await rig.start()
        await rig.compared()
        await scenario.before(here)
        await until(lambda: not rig.count(TO_DO))
        await rig.stop()
        first = here.head() if here.number else ""
        await rig.start(point)
        await scenario.act(here)
        await rig.died()
        first = first or here.head()
        await rig.start()
        await until(lambda: here.status(here.head()).startswith("success: passed"))
        await until(lambda: not rig.count(TO_DO) + rig.count(UNDER_WAY))
        await rig.stop()
        assert here.built() == [(first, here.head())[number] for number in scenario.heads]
        assert here.ends() == list(scenario.ends)
        assert here.cancelled() == scenario.ends.count("ABORTED")
        assert not rig.marked_twice()
        assert all("ok to test" in line for line in rig.lines()), rig.lines()
