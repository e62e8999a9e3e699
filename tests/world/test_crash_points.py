"""F28, G2: Gordon is killed once at each named point of each effect, and nothing is lost, done twice or left unsaid."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.crash import POINTS
from bot.demo.jenkins.nodes import Agent
from bot.demo.world import PLUGINS, REPO
from tests.world.crash_rig import AGAIN, CrashRig, build_by_hand, crash_rig, trigger_by_hand
from tests.world.failing import FLAKE, Tries

LONG_S = 30.0
OWN = Path(__file__).parent / "own_plugins"


async def nothing(rig: CrashRig) -> None:
    """Leave the world as it is."""


async def a_build_waits(rig: CrashRig) -> None:
    await trigger_by_hand(rig.world, 1, "janky")


async def a_build_runs(rig: CrashRig) -> None:
    await trigger_by_hand(rig.world, 1, "janky")
    while not rig.world.jenkins.ledger.builds:  # noqa: ASYNC110  the ledger tells nobody
        await asyncio.sleep(0.01)


async def a_build_has_ended(rig: CrashRig) -> None:
    await a_build_runs(rig)
    while rig.world.jenkins.job("docker-prs").builds[1].in_progress(time.monotonic()):  # noqa: ASYNC110  as above
        await asyncio.sleep(0.01)


async def a_base_image_is_built(rig: CrashRig) -> None:
    await build_by_hand(rig.world, "infra/base-image")
    while not rig.world.jenkins.ledger.builds:  # noqa: ASYNC110  as above
        await asyncio.sleep(0.01)


async def an_agent_is_there(rig: CrashRig) -> None:
    rig.world.jenkins.add_node(Agent("arm-7"))


async def all_have_ended(rig: CrashRig) -> None:
    """Let the world move on while Gordon is dead."""
    jobs = {each.job for each in rig.world.jenkins.ledger.triggers}
    while any(rig.world.jenkins.job(job).builds[1].result(time.monotonic()) is None for job in jobs):  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def jenkins_is_down(rig: CrashRig) -> None:
    await rig.world.jenkins.go_down("503")


async def jenkins_is_back(rig: CrashRig) -> None:
    await rig.world.jenkins.come_back()


def builds_of(*jobs: str) -> Callable[[CrashRig], None]:
    def check(rig: CrashRig) -> None:
        assert Counter(each.job for each in rig.world.jenkins.ledger.triggers) == Counter(jobs)
        assert not rig.marked_twice()

    return check


def one_cancelled(rig: CrashRig) -> None:
    ledger = rig.world.jenkins.ledger
    assert [each.queue_id for each in ledger.cancels] == [ledger.triggers[0].queue_id]


def one_marked(rig: CrashRig) -> None:
    """J23: a second toggle would take the mark away again."""
    agent = rig.world.jenkins.node("arm-7")
    assert (agent.marked, agent.mark_reason) == (True, "tianon: the disk is full")
    assert len(rig.world.jenkins.ledger.asked("POST", "*/toggleOffline")) == 1


def one_stopped(rig: CrashRig) -> None:
    assert [(each.job, each.number) for each in rig.world.jenkins.ledger.stops] == [("docker-prs", 1)]


def one_of_each(rig: CrashRig) -> None:
    """F14: a status, a comment and a label, each written once."""
    hub = rig.world.github
    pull = hub.pull_record(REPO, 1)
    assert [(each.context, each.state) for each in hub.statuses(REPO, pull.head)] == [("marked", "success")]
    assert len(hub.comments(REPO, 1)) == 1
    assert pull.labels == ("marked",)
    assert len([asked for asked in hub.requests if asked.method == "POST" and asked.path.endswith("/labels")]) == 1


@dataclass(frozen=True)
class Scenario:
    """A command with an effect, and how one knows that it was done once.

    Arguments:
        done: looks into the stand-in's ledger.
        reply: what the asker reads, whatever died on the way.
        later: what they read when it has ended; empty if there is nothing to end.
        is_known: Gordon has run in this world before, so that it writes down no pull requests when it starts.
        flakes: the first build fails for what passes by itself.
        confirms: it is asked first whether it is meant, so what is done comes of a second event.
        passes: the points on its way, each with the passage at which to die.
    """

    command: str
    done: Callable[[CrashRig], None]
    reply: str
    passes: tuple[tuple[str, tuple[int, ...]], ...]
    later: str = ""
    before: Callable[[CrashRig], Awaitable[None]] = nothing
    after: Callable[[CrashRig], Awaitable[None]] = nothing
    quiet_period_s: float = 0.0
    build_s: float = 0.3
    confirms: bool = False
    is_known: bool = False
    flakes: bool = False


ASKED = r"^tianon: .*to go on say: (confirm \w{26}) "
ACCEPTED = (("journal.accept", (1,)),)
EFFECT = (("effect.record", (1,)), ("effect.settle", (1,)))
SAID = (("journal.finish", (1,)), ("outbox.begin", (1,)), ("chat.send", (1,)))
CONFIRMED = (("journal.accept", (2,)), ("journal.finish", (2,)), ("outbox.begin", (2,)), ("chat.send", (2,)))
# A build's end is kept by one handler, told by a second, and said: the passages after those of the command itself.
TOLD = (("journal.finish", (1, 2, 3)), ("outbox.begin", (1, 2)), ("chat.send", (1, 2)))
FOUR = ("docker-prs-experimental", "docker-prs", "lxc/docker-prs", "win")

SCENARIOS: Mapping[str, Scenario] = {
    "rebuild": Scenario(
        "rebuild moby#1 janky",
        builds_of("docker-prs"),
        r"moby#1 at \w{7}: queued janky \(item 1\) \[",
        (*ACCEPTED, *EFFECT, ("jenkins.trigger", (1,)), *TOLD),
        later=r"moby#1 at \w{7}: janky #1 passed",
    ),
    "following a build": Scenario(
        "rebuild moby#1 janky",
        builds_of("docker-prs"),
        r"moby#1 at \w{7}: queued janky \(item 1\) \[",
        (("rows.move", (1, 2)),),
        later=r"moby#1 at \w{7}: janky #1 passed",
        is_known=True,
    ),
    "trying again": Scenario(
        "rebuild moby#1 janky",
        builds_of("docker-prs", "docker-prs"),
        r"moby#1 at \w{7}: queued janky \(item 1\) \[",
        # A build's start, its end, why it ended so, and the plan; then what the plan leads to.
        (("rows.move", (4,)), ("jenkins.trigger", (2,)), ("effect.settle", (2,))),
        later=r"janky #2 passed",
        is_known=True,
        flakes=True,
    ),
    "rebuild of four": Scenario(
        "rebuild moby#1 all",
        builds_of(*FOUR),
        r"moby#1 at \w{7}: queued experimental \(item 1\), janky \(item 2\), lxc \(item 3\), windows \(item 4\) \[",
        (("effect.record", (2, 4)), ("jenkins.trigger", (2, 3)), ("effect.settle", (1, 3, 4)), *SAID),
        later=r"windows #1 passed",
        build_s=1.5,
    ),
    "rebuild of what is not green": Scenario(
        "rebuild moby#1",
        builds_of(*FOUR),
        r"moby#1 at \w{7}: queued experimental \(item 1\), janky \(item 2\), lxc \(item 3\), windows \(item 4\) \[",
        (("jenkins.trigger", (4,)), ("journal.finish", (1,))),
        later=r"windows #1 passed",
        after=all_have_ended,
    ),
    "joining a build": Scenario(
        "rebuild moby#1 janky",
        builds_of("docker-prs"),
        r"moby#1 at \w{7}: janky is already running \(#1 \S+\) \[",
        SAID,
        later=r"moby#1 at \w{7}: janky #1 passed",
        before=a_build_runs,
        after=all_have_ended,
        build_s=4.0,
    ),
    "joining a build that goes on": Scenario(
        "rebuild moby#1 janky",
        builds_of("docker-prs"),
        r"moby#1 at \w{7}: janky is already running \(#1 \S+\) \[",
        (("builds.join", (1,)),),
        later=r"moby#1 at \w{7}: janky #1 passed",
        before=a_build_runs,
        build_s=5.0,
    ),
    "build": Scenario(
        "build base-image",
        builds_of("infra/base-image"),
        r"base-image: queued \(item 1\) \[",
        (*ACCEPTED, *EFFECT, ("jenkins.trigger", (1,)), *SAID),
        later=r"base-image #1 passed",
    ),
    "cancel": Scenario(
        "cancel moby#1",
        one_cancelled,
        r"moby#1: janky taken out of the queue \[",
        (*CONFIRMED, *EFFECT, ("jenkins.cancel", (1,))),
        before=a_build_waits,
        quiet_period_s=LONG_S,
        confirms=True,
    ),
    "stop": Scenario(
        "cancel moby#1",
        one_stopped,
        r"moby#1: janky #1 (asked to stop, not yet over|stopped) \[",
        (*CONFIRMED, *EFFECT, ("jenkins.stop", (1,))),
        before=a_build_runs,
        build_s=LONG_S,
        confirms=True,
    ),
    "repeat": Scenario(
        "rebuild docker-prs#1",
        builds_of("docker-prs", "docker-prs"),
        r"docker-prs#1 again: janky at \w{7} queued \(item 2\) \[",
        (("jenkins.trigger", (1,)),),
        later=r"moby#1 at \w{7}: janky #2 passed",
        before=a_build_has_ended,
    ),
    "joining by a repeat": Scenario(
        "rebuild base-image#1",
        builds_of("infra/base-image"),
        r"infra/base-image#1 again: base-image is already running \(#1 \S+\) \[",
        (("journal.finish", (1,)),),
        later=r"base-image #1 passed",
        before=a_base_image_is_built,
        after=all_have_ended,
        build_s=2.0,
    ),
    "marking an agent": Scenario(
        "node arm-7 offline the disk is full",
        one_marked,
        r"arm-7 is marked offline: tianon: the disk is full \[",
        (("jenkins.node", (1,)), ("effect.settle", (1,))),
        before=an_agent_is_there,
    ),
    "writing on a pull request": Scenario(
        "mark moby#1",
        one_of_each,
        r"moby#1 is marked \[",
        (("forge.status", (1,)), ("forge.comment", (1,)), ("forge.labels", (1,))),
    ),
    "reply": Scenario(
        "rebuild moby#99",
        builds_of(),
        r"there is no pull request #99 in moby/moby, or it is hidden from me \[",
        (*ACCEPTED, *SAID),
    ),
    "wait": Scenario(
        "rebuild moby#1 janky",
        builds_of("docker-prs"),
        r"moby#1 at \w{7}: queued janky \(item 1\) \[",
        (("journal.wait", (1, 2)), ("outbox.begin", (1,)), ("chat.send", (1,))),
        later=r"moby#1 at \w{7}: janky #1 passed",
        before=jenkins_is_down,
        after=jenkins_is_back,
    ),
}


RETRIES = "\n[plugin.retries]\ndelay_s = 0.1\n"


@dataclass(frozen=True)
class Case:
    """One death: in which scenario, at which point, at which of its passages."""

    scenario: str
    point: str
    passage: int

    def __str__(self) -> str:
        return f"{self.scenario} killed at {self.point}:{self.passage}"


CASES = [
    Case(name, f"{point}.{side}", passage)
    for name, scenario in SCENARIOS.items()
    for point, passages in scenario.passes
    for passage in passages
    for side in ("before", "after")
]


def of_every_run() -> set[Case]:
    """Choose the deaths that are played each time: one for each point of each scenario, in turns before and after it.

    A point that would be left out has its first; `make soak` plays them all.
    """
    chosen: set[Case] = set()
    for number, (name, scenario) in enumerate(SCENARIOS.items()):
        for turn, (point, passages) in enumerate(scenario.passes, start=number):
            chosen.add(Case(name, f"{point}.{('before', 'after')[turn % 2]}", max(passages)))
    missing = set(POINTS) - {case.point for case in chosen}
    return chosen | {next(case for case in CASES if case.point == point) for point in missing}


OF_EVERY_RUN = of_every_run()
DEATHS = [pytest.param(each, id=str(each), marks=() if each in OF_EVERY_RUN else pytest.mark.soak) for each in CASES]


async def die_once(case: Case, folder: Path) -> None:
    """Play one case from the command to the end of what it started."""
    scenario = SCENARIOS[case.scenario]
    async with crash_rig(
        folder,
        quiet_period_s=scenario.quiet_period_s,
        build_s=scenario.build_s,
        plugins=(*PLUGINS, "marking"),
        plugin_folder=OWN,
        config=RETRIES,
    ) as rig:
        if scenario.flakes:
            rig.world.build_of(Tries().of("janky", FLAKE))
        [tianon] = rig.people
        if scenario.is_known:
            await rig.start()
            await rig.compared()
            await rig.stop()
        await rig.start(f"{case.point}:{case.passage}")
        await scenario.before(rig)
        tianon.type(scenario.command)
        if scenario.confirms:
            asked = re.search(ASKED, await tianon.hears(ASKED))
            assert asked is not None
            tianon.type(asked[1])
        await rig.died()
        await scenario.after(rig)
        await rig.start()
        if case.point == "journal.accept.before":
            await rig.quiet()
            answers = [line for line in rig.lines() if not re.search(ASKED, line.replace(AGAIN, ""))]
            assert answers == [], "what was never on disk was not accepted, so it is not done either"
            assert not rig.world.jenkins.ledger.cancels + rig.world.jenkins.ledger.stops
            return
        await tianon.hears(f"^tianon: ({re.escape(AGAIN)})?{scenario.reply}")
        if scenario.later:
            await tianon.hears(scenario.later)
        await rig.quiet()
        await rig.stop()
        scenario.done(rig)
        repeats_are_marked(rig)


def repeats_are_marked(rig: CrashRig) -> None:
    """Whatever is said a second time says so."""
    said: set[str] = set()
    for line in rig.lines():
        assert line not in said, f"said twice without a word about it: {line}"
        said.add(line)


@pytest.mark.parametrize("case", DEATHS)
async def test_a_death_loses_nothing_and_does_nothing_twice(case: Case, tmp_path: Path) -> None:
    await die_once(case, tmp_path)


def test_every_point_is_died_at() -> None:
    assert {case.point for case in OF_EVERY_RUN} == set(POINTS)
