"""F29, G1: Gordon is killed at random instants while commands arrive, and nothing is lost or built twice.

`GORDON_KILLS` is how often, `make soak` a thousand times; the seed is fixed and told, so that one can play it again.
"""

import asyncio
import os
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import pytest

from bot.demo.jenkins.ledger import CommitThenDrop, Fault, Late, Slow
from bot.demo.jenkins.model import Plan, Starting
from bot.demo.world import CONTEXTS, REPO
from tests.world.crash_rig import AGAIN, BUILD_S, GORDON, CrashRig, crash_rig
from tests.world.failing import FLAKE
from tests.world.slack_rig import TRANSPORTS, Transport

CARELESS_KILLS, CARELESS_ROUNDS = 20, 4  # on a machine that does much else fewer of them strike
KILLS = int(os.environ.get("GORDON_KILLS", "60"))
SEED = int(os.environ.get("GORDON_SEED", "2013"))
KILLS_A_WORLD = 10  # then a new one: the stand-in gets slow where a job has hundreds of builds
WORLDS_AT_ONCE = 4  # a kill is mostly waiting for the next start
WITHIN_S = 0.15
AROUND_A_TRIGGER = 0.7  # the rest dies before, while commands are read and pull requests looked at
FIRST_TRIGGER_WITHIN_S = 1.0
MOST_A_ROUND = 4  # commands; more would be left for the last start, where nothing dies any more
# Gordon's patience with one request is longer than a round, so that worlds side by side on a busy machine are no fault.
NUMBERS = {"timeout_s": 1.5, "poll_s": 0.25}
SECONDS_A_KILL = 6  # on a machine that does much else; then the test has hung
DUPLICATES = 10  # the least that the careless variant must show, or the test could not have seen one
TRIGGERS = "/job/*/buildWithParameters"
CARELESS = ("tests.world.careless",)
SOME_FAULTS = (None, None, None, CommitThenDrop(), Late(0.2), Slow(0.1))  # all within the request's deadline
# A trigger whose answer is lost or slow is what a look-up is for; each round of the careless variant has some.
LOST_ANSWERS = (CommitThenDrop(), Slow(0.1))
FAULTS_A_ROUND = 3
HOW_OFTEN = [pytest.param(KILLS, marks=pytest.mark.timeout(KILLS * SECONDS_A_KILL), id="some")]
if os.environ.get("GORDON_SOAK") == "1":
    HOW_OFTEN += [pytest.param(1000, marks=[pytest.mark.timeout(1000 * SECONDS_A_KILL), pytest.mark.soak], id="soak")]
# Nothing is limited here, as what is not tried again would be told as failed.
RETRIES = """
[plugin.retries]
delay_s = 0.1
per_cause = 10000
per_node = 10000
per_job = 10000
per_hour = 10000
storm = 10000
"""
GIVEN_UP = "its log has ended this program"
FLAKY = "docker-prs"  # of every third pull request its first build fails for what passes by itself
Faults: TypeAlias = Sequence[Fault | None]


@dataclass(frozen=True)
class Typed:
    """A command that was typed, for a pull request that nobody else names, and how many builds it is for."""

    pull: int
    text: str
    builds: int


@dataclass
class Tally:
    """What came of many kills, added up over the worlds.

    Arguments:
        acknowledged: commands whose answer says "queued"; only these can be lost.
        twice: commits that a job has built twice, or three times where the first build had to be tried again.
        retried: builds that failed and were tried again.
        untold: commands with builds that nobody was told of.
        unended: builds whose end nobody was told.
        repeats: lines marked as perhaps said before.
        unmarked: lines said before and not marked.
    """

    kills: int = 0
    typed: int = 0
    acknowledged: int = 0
    lost: int = 0
    twice: int = 0
    retried: int = 0
    untold: int = 0
    unended: int = 0
    repeats: int = 0
    unmarked: int = 0

    def __iadd__(self, other: "Tally") -> "Tally":
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        return self


def flakes(pull: str, job: str) -> bool:
    """Tell whether the first build of a job fails and has to be tried again, once."""
    return job == FLAKY and bool(pull) and int(pull) % 3 == 0


def flaking() -> Callable[[Starting], Plan]:
    """Decide how builds go."""
    begun: Counter[str] = Counter()

    def decide(starting: Starting) -> Plan:
        pull = str(starting.parameters.get("PR", ""))
        begun[f"{starting.job} {pull}"] += 1
        is_first = begun[f"{starting.job} {pull}"] == 1
        return (
            replace(FLAKE, duration_s=BUILD_S) if is_first and flakes(pull, starting.job) else Plan("SUCCESS", BUILD_S)
        )

    return decide


async def kill_often(
    folder: Path, kills: int, seed: int, entry: Sequence[str], faults: Faults, slack: Transport | None
) -> Tally:
    """Play one world with this many kills and count by its ledger."""
    chance, people = random.Random(seed), ("tianon", "icecrime")
    async with crash_rig(folder, *people, entry=entry, numbers=NUMBERS, config=RETRIES, slack=slack) as rig:
        rig.world.build_of(flaking())
        typed: list[Typed] = []
        for _ in range(kills):
            await a_round(rig, chance, typed, faults)
        await rig.start()
        await rig.quiet(kills * SECONDS_A_KILL)
        await rig.stop()
        return tally(rig, typed, kills)


async def a_round(rig: CrashRig, chance: random.Random, typed: list[Typed], faults: Faults) -> None:
    """Start Gordon, which takes up what the last round left, and let both type while the killer waits."""
    if (fault := chance.choice(faults)) is not None:
        rig.world.jenkins.faults.next("POST", TRIGGERS, fault, times=FAULTS_A_ROUND)
    await rig.start()
    killing = asyncio.create_task(kill(rig, chance))
    for _ in range(MOST_A_ROUND):
        if not killing.done():
            command = a_command(rig, chance)
            typed.append(command)
            chance.choice(rig.people).type(command.text)
            await asyncio.sleep(chance.uniform(0, 0.04))
    await killing
    rig.world.jenkins.faults.clear()


async def kill(rig: CrashRig, chance: random.Random) -> None:
    """Kill at a random instant: after the first command was typed, or, where most can go wrong, around a trigger."""
    triggers, seconds = rig.world.jenkins.ledger.triggers, chance.uniform(0, WITHIN_S)
    if chance.random() < AROUND_A_TRIGGER:
        begun, deadline_s = len(triggers), time.monotonic() + FIRST_TRIGGER_WITHIN_S
        while len(triggers) == begun and time.monotonic() < deadline_s:  # noqa: ASYNC110  the ledger tells nobody
            await asyncio.sleep(0.001)
    await asyncio.sleep(seconds)
    await rig.kill()


def a_command(rig: CrashRig, chance: random.Random) -> Typed:
    """Make up a command on a pull request of its own, by whose number its builds are known in the ledger."""
    pull = rig.world.github.open_pull(REPO, title="Something", author="jess")
    words, builds = chance.choice(
        [("janky", 1), ("janky again", 1), ("lxc", 1), ("janky lxc", 2), ("all", len(CONTEXTS)), ("", len(CONTEXTS))]
    )
    return Typed(pull, f"rebuild moby#{pull} {words}".strip(), builds)


def passed(rig: CrashRig, job: str, number: int) -> bool:
    """Tell whether a build has passed; one that failed is told with the one that tried it again."""
    return rig.world.jenkins.job(job).builds[number].result(time.monotonic()) == "SUCCESS"


def tally(rig: CrashRig, typed: Sequence[Typed], kills: int) -> Tally:
    """Compare what people were told with what the stand-in has accepted."""
    made = rig.builds()
    counts: Counter[int] = Counter()
    for (pull, _, _), count in made.items():
        counts[int(pull)] += count
    heard = rig.lines()
    found = Tally(kills, len(typed))
    for command in typed:
        is_told = any(re.search(rf"moby#{command.pull} at \w{{7}}: queued", line) for line in heard)
        found.acknowledged += is_told
        # A log during which Gordon died three times is not read once more, and nobody knows whether to try again.
        is_unread = any(f"moby#{command.pull} " in line and GIVEN_UP in line for line in heard)
        again = 0 if is_unread else sum(flakes(pull, job) for pull, _, job in made if int(pull) == command.pull)
        found.lost += is_told and counts[command.pull] < command.builds + again
        found.untold += counts[command.pull] > 0 and not is_told
    found.twice = sum(count > 1 + flakes(pull, job) for (pull, _, job), count in made.items())
    found.retried = sum(count > 1 and flakes(pull, job) for (pull, _, job), count in made.items())
    names = {job: context for context, job in CONTEXTS.items()}
    builds = [each for each in rig.world.jenkins.ledger.builds if passed(rig, each.job, each.number)]
    ended = [f"{names[each.job]} #{each.number} passed" for each in builds]
    found.unended = sum(not any(end in line for line in heard) for end in ended)
    found.repeats = sum(AGAIN in line for line in heard)
    found.unmarked = sum(count > 1 for line, count in Counter(heard).items() if AGAIN not in line)
    return found


async def many(folder: Path, kills: int, entry: Sequence[str], faults: Faults, slack: Transport | None = None) -> Tally:
    """Spread the kills over worlds, some side by side.

    Arguments:
        slack: people are there and not on IRC.
    """
    slots, total = asyncio.Semaphore(WORLDS_AT_ONCE), Tally()

    async def play(world: int, share: int) -> Tally:
        async with slots:
            return await kill_often(folder / f"world-{world}", share, SEED + world, entry, faults, slack)

    shares = [min(KILLS_A_WORLD, kills - done) for done in range(0, kills, KILLS_A_WORLD)]
    async with asyncio.TaskGroup() as group:
        playing = [group.create_task(play(world, share)) for world, share in enumerate(shares)]
    for task in playing:
        total += task.result()
    return total


@pytest.mark.parametrize("kills", HOW_OFTEN)
async def test_random_kills_lose_nothing_and_build_nothing_twice(tmp_path: Path, kills: int) -> None:
    see_nothing_lost(await many(tmp_path, kills, GORDON, SOME_FAULTS), kills)


@pytest.mark.soak
@pytest.mark.timeout(KILLS * SECONDS_A_KILL)
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_random_kills_with_slack_as_the_chat_lose_nothing_either(tmp_path: Path, transport: Transport) -> None:
    see_nothing_lost(await many(tmp_path, KILLS, GORDON, SOME_FAULTS, transport), KILLS)


def see_nothing_lost(total: Tally, kills: int) -> None:
    print(f"seed {SEED}: {total}")
    assert (total.lost, total.twice, total.untold, total.unended, total.unmarked) == (0, 0, 0, 0, 0), total
    assert total.repeats <= total.kills, f"more than one line a kill was said again: {total}"
    assert total.retried >= kills / 20, f"too few builds were tried again for the test to mean something: {total}"
    assert total.acknowledged >= kills, f"too few commands got through for the test to mean something: {total}"


@pytest.mark.timeout(CARELESS_ROUNDS * CARELESS_KILLS * SECONDS_A_KILL)
async def test_random_kills_of_a_gordon_that_never_looks_show_duplicates(tmp_path: Path) -> None:
    total = Tally()
    for number in range(CARELESS_ROUNDS):
        (tmp_path / f"{number}").mkdir()
        total += await many(tmp_path / f"{number}", CARELESS_KILLS, CARELESS, LOST_ANSWERS)
        if total.twice >= DUPLICATES:
            break
    print(f"seed {SEED}: {total}")
    assert total.twice >= DUPLICATES, f"the test above cannot see a duplicate: {total}"


@pytest.mark.parametrize(
    ("entry", "builds"),
    [pytest.param(GORDON, 1, id="gordon looks"), pytest.param(CARELESS, 2, id="the careless one does not")],
)
async def test_a_death_between_the_trigger_and_its_note(tmp_path: Path, entry: Sequence[str], builds: int) -> None:
    async with crash_rig(tmp_path, entry=entry) as rig:
        await rig.start("jenkins.trigger.after")
        rig.people[0].type("rebuild moby#1 janky")
        await rig.died()
        await rig.start()
        await rig.people[0].hears("moby#1 at .* queued janky")
        await rig.quiet()
        assert list(rig.builds().values()) == [builds]
        assert sum(rig.marked_twice().values()) == (builds if builds > 1 else 0)
