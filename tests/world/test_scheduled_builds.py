"""Builds at set times, by the ledger of the Jenkins stand-in: once each, alone, and what goes wrong is told once."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec import structs

from bot.app import App
from bot.chat import Chat
from bot.config import load
from bot.demo.jenkins.ledger import CommitThenDrop, Reset
from bot.demo.jenkins.model import Plan, Starting
from bot.demo.world import PLUGINS, World
from bot.errors import ConfigError
from bot.testing import NETWORK, FakeChat, Gordon, running
from tests.moved_clock import MovedClock
from tests.world.crash_rig import crash_rig
from tests.world.failing import NUMBERS, REAL
from tests.world.honesty import at_rest, on_disk, until

JOB, TRIGGER = "infra/base-image", "/job/infra/job/base-image/buildWithParameters"
OPS = "#ops"
OWN = Path(__file__).parent / "own_plugins"
HOUR_S, DAY_S = 3600.0, 86400.0
GREEN, LONG = Plan(duration_s=60.0), Plan(duration_s=6 * HOUR_S)
ENTRY = """
[plugin.scheduled_builds.build.weekly]
job = "base-image"
at = "daily 04:00"
"""
FAST = {**NUMBERS, "again_after_s": 0.1, "timeout_s": 0.5, "patience_s": 2 * HOUR_S}
STARTS, WATCHES = f"{ENTRY}start = true\n", f"{ENTRY}start = false\n"


class OpsWorld(World):
    """A world whose operators have a channel in the place where a test talks."""

    def gordon(self, *chats: Chat) -> App:
        settings = load(self.config)
        core = structs.replace(settings.gordon, operators=(f"{NETWORK}/{OPS}",))
        settings = structs.replace(settings, gordon=core)
        return App(settings, clock=self.clock, chats={one.network: one for one in chats}, config=self.config)


class Site:
    """A Gordon with builds at set times, and the clock of its world.

    Arguments:
        at: the next time at which a build is due.
    """

    def __init__(self, gordon: Gordon) -> None:
        assert isinstance(gordon.world.clock, MovedClock)
        self.gordon = gordon
        self.clock = gordon.world.clock
        self.jenkins = gordon.world.jenkins
        self.at = self.clock.now().replace(hour=4, minute=0, second=0, microsecond=0)
        self.next_time()

    def next_time(self) -> None:
        """Let the next time be the one that comes now."""
        while self.at <= self.clock.now():
            self.at += timedelta(days=1)

    async def go_to(self, *, minutes: float = 0.0) -> None:
        """Let it be so long after the time at which the build is due, or before it; what comes at it is worked off."""
        self.clock.move(max(0.0, (self.at - self.clock.now()).total_seconds() + minutes * 60 + 1))
        if minutes >= 0:
            due = f"SELECT count(*) FROM timetable WHERE next_s <= {self.at.timestamp()}"
            await on_disk(self.gordon, due, lambda left: left == 0)
        await self.settled()

    @property
    def triggers(self) -> list[dict[str, str]]:
        """List with what the job was started."""
        found = (each for each in self.jenkins.ledger.triggers if each.job == JOB and not each.folded)
        return [{name: str(value) for name, value in each.parameters.items()} for each in found]

    @property
    def said(self) -> list[str]:
        """List what was said in the channel of the operators."""
        return [text for place, text in self.gordon.chat.said if place.channel == OPS]

    async def hears(self, words: str, *, step_s: float = 0.0) -> str:
        """Wait for a line in the channel of the operators, while time passes.

        Arguments:
            step_s: of the clock, besides the time that passes anyway.
        """
        await self.sees(lambda: any(words in text for text in self.said), step_s=step_s)
        return next(text for text in self.said if words in text)

    async def sees(self, holds: Callable[[], object], *, step_s: float = 0.0) -> None:
        """Wait until something holds."""
        try:
            async with asyncio.timeout(60):
                while not holds():
                    self.clock.move(step_s)
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"waited in vain; heard {self.said}, started {self.triggers}") from None

    async def tells(self, words: str) -> None:
        """Ask how it stands until the answer has these words, while time passes."""
        answer = ""
        try:
            async with asyncio.timeout(60):
                while words not in answer:
                    self.clock.move(1)
                    answer = await self.gordon.say("jess", "scheduled weekly")
        except TimeoutError:
            raise AssertionError(f"waited in vain; the answer is {answer}") from None

    def by_hand(self, **parameters: str) -> None:
        """Have the job built by somebody else."""
        self.jenkins.trigger(JOB, parameters)

    async def built(self, count: int) -> None:
        """Wait until so many builds of the job have begun."""
        await self.sees(lambda: len(self.jenkins.ledger.builds) == count, step_s=1)

    async def passes(self, minutes: float) -> None:
        """Let time pass in steps of two minutes, so that whatever is looked at now and then is, and is worked off."""
        for _ in range(round(minutes / 2)):
            self.clock.move(120)
            await asyncio.sleep(0.01)
        await self.settled()

    async def settled(self) -> None:
        """Wait until nothing is left to do now."""
        await at_rest(self.gordon)


@asynccontextmanager
async def a_world(
    folder: Path, config: str, decide: Callable[[Starting], Plan | None] = lambda starting: GREEN
) -> AsyncIterator[OpsWorld]:
    """Make a world whose Gordon has a configuration that ends so, and whose clock the test may move."""
    async with OpsWorld(folder, clock=MovedClock(), numbers=FAST) as world:
        world.build_of(decide)
        with world.config.open("a", encoding="utf-8") as file:
            file.write(config)
        yield world


@asynccontextmanager
async def at_work(world: OpsWorld) -> AsyncIterator[Site]:
    """Run a Gordon in a world."""
    async with running(world.folder, world=world, chat=FakeChat()) as gordon:
        yield Site(gordon)


@asynccontextmanager
async def site(
    folder: Path, config: str, decide: Callable[[Starting], Plan | None] = lambda starting: GREEN
) -> AsyncIterator[Site]:
    """Run a Gordon whose configuration ends so, in a world of its own."""
    async with a_world(folder, config, decide) as world, at_work(world) as here:
        yield here


async def test_a_build_is_started_once_at_its_time(tmp_path: Path) -> None:
    """F33: and once again at the next."""
    async with site(tmp_path, STARTS + 'tell = ["started", "passed", "failed"]\n') as here:
        await here.go_to()
        line = await here.hears("weekly #1 has started")
        assert "/job/infra/job/base-image/1/" in line
        await here.hears("weekly #1 passed (1m)", step_s=5)
        assert len(here.triggers) == 1
        here.next_time()
        await here.go_to()
        await here.hears("weekly #2 has started")
        assert len(here.triggers) == 2


async def test_an_answer_that_is_lost_is_one_build(tmp_path: Path) -> None:
    """F23."""
    async with site(tmp_path, STARTS + 'tell = ["passed"]\n') as here:
        here.jenkins.faults.next("POST", TRIGGER, CommitThenDrop())
        await here.go_to()
        await here.hears("weekly #1 passed", step_s=5)
        assert len(here.triggers) == 1


@pytest.mark.parametrize("point", ["effect.record.after", "jenkins.trigger.after"])
async def test_a_death_on_the_way_to_jenkins_is_one_build(tmp_path: Path, point: str) -> None:
    """F28: two handlers want the same, and Gordon is killed while the first of them gets it."""
    plugins = (*PLUGINS, "scheduling")
    async with crash_rig(tmp_path, plugins=plugins, plugin_folder=OWN) as rig:
        await rig.start(point)
        rig.people[0].type("due base-image")
        await rig.died()
        await rig.start()
        ledger = rig.world.jenkins.ledger
        await until(lambda: ledger.builds)
        await rig.quiet()
        assert [each.parameters["PLATFORM"] for each in ledger.triggers] == ["el7"]


async def test_what_is_in_the_way_is_waited_for_until_it_is_late(tmp_path: Path) -> None:
    """Single flight: a build that somebody else has started runs at the time."""
    async with site(tmp_path, STARTS, lambda starting: Plan(duration_s=900.0)) as here:
        await here.go_to(minutes=-6)
        here.by_hand()
        await here.built(1)
        await here.go_to()
        await here.passes(5)
        assert len(here.triggers) == 1
        await here.sees(lambda: len(here.triggers) == 2, step_s=5)
        assert here.clock.now() > here.at + timedelta(minutes=8)
        assert here.said == []


async def test_what_is_in_the_way_for_too_long_is_told_once(tmp_path: Path) -> None:
    async with site(tmp_path, STARTS, lambda starting: LONG) as here:
        await here.go_to(minutes=-6)
        here.by_hand()
        await here.built(1)
        await here.go_to()
        line = await here.hears("is late", step_s=30)
        assert line.startswith("weekly is late: due at 04:00, not started by 04:20 (#1 of it runs already (http")
        assert line.endswith("; to start it now: build base-image")
        await here.passes(10)
        assert len(here.triggers) == 1
        assert here.said == [line]


@pytest.mark.parametrize(
    ("minutes", "told"),
    [
        pytest.param(-3, [], id="a little early, as clocks differ"),
        pytest.param(15, [], id="in time"),
        pytest.param(
            43,
            ["weekly is late: due at 04:00, not started by 04:20", "weekly #1 has started, 4"],
            id="late",
        ),
    ],
)
async def test_what_others_start_is_watched(tmp_path: Path, minutes: float, told: Sequence[str]) -> None:
    async with site(tmp_path, WATCHES) as here:
        await here.go_to(minutes=min(minutes, 0))
        await here.passes(minutes)
        here.by_hand()
        await here.built(1)
        if minutes < 0:
            await here.go_to()
        for words in told:
            await here.hears(words, step_s=1)
        await here.passes(30)
        assert [line[: len(start)] for line, start in zip(here.said, told, strict=True)] == list(told)


async def test_what_nobody_starts_until_its_next_time_was_missed(tmp_path: Path) -> None:
    async with site(tmp_path, WATCHES + 'tell = ["missed"]\n') as here:
        await here.go_to()
        await here.passes(30)
        here.next_time()
        await here.go_to()
        line = await here.hears("missed")
        assert "was missed: due at" in line
        assert line.endswith("04:00, and not started until its next time")
        assert here.triggers == []


@pytest.mark.parametrize(
    ("more", "started", "then"),
    [
        pytest.param("", 0, "", id="told only"),
        pytest.param("catch_up = true\n", 1, "; it is started now", id="and started late, once"),
    ],
)
async def test_what_was_missed_while_gordon_was_away_is_told_once(
    tmp_path: Path, more: str, started: int, then: str
) -> None:
    """F33: 24 h and a bit, over two times."""
    async with a_world(tmp_path, STARTS + more) as world:
        async with at_work(world) as here:
            await here.go_to(minutes=-60)
            assert here.said == []
        here.clock.move(26 * HOUR_S)
        async with at_work(world) as again:
            line = await again.hears("missed")
            assert line == f"weekly was missed: due at 04:00, and 1 time before that, Gordon was away{then}"
            await again.sees(lambda: len(again.triggers) == started)
            await again.passes(25)
            assert again.said == [line]
            assert len(again.triggers) == started
        async with at_work(world) as once_more:
            await once_more.passes(10)
            assert once_more.said == []


@pytest.mark.parametrize(
    ("down_min", "started"), [pytest.param(10, 1, id="back in time"), pytest.param(40, 0, id="back too late")]
)
async def test_a_jenkins_that_is_down_at_the_time(tmp_path: Path, down_min: float, started: int) -> None:
    async with site(tmp_path, STARTS, lambda starting: LONG) as here:
        await here.jenkins.go_down("refused")
        await here.go_to()
        await here.passes(down_min)
        await here.jenkins.come_back()
        await here.sees(lambda: here.triggers or here.said, step_s=1)
        await here.passes(30)
        assert len(here.triggers) == started
        late = [line for line in here.said if "weekly is late: due at 04:00, not started by 04:20" in line]
        assert len(late) == 1 - started
        assert all("Jenkins ci does not answer" in line for line in late)


async def test_what_jenkins_has_not_taken_in_time_is_not_sent_any_more(tmp_path: Path) -> None:
    async with site(tmp_path, STARTS, lambda starting: LONG) as here:
        here.jenkins.faults.next("POST", TRIGGER, Reset(), times=100)
        await here.go_to()
        await here.passes(40)
        asked = len(here.jenkins.ledger.asked("POST", TRIGGER))
        assert 1 < asked < 100
        await here.passes(40)
        assert len(here.jenkins.ledger.asked("POST", TRIGGER)) == asked
        assert here.triggers == []


async def test_a_jenkins_that_is_down_for_longer_than_anybody_waits_is_waited_for_until_it_is_late(
    tmp_path: Path,
) -> None:
    """What is late only after hours is started after an outage of hours."""
    async with site(tmp_path, STARTS + "late_s = 14400\n", lambda starting: LONG) as here:
        await here.jenkins.go_down("refused")
        await here.go_to()
        await here.passes(FAST["patience_s"] / 60 + 30)
        await here.jenkins.come_back()
        await here.sees(lambda: here.triggers, step_s=10)
        await here.passes(30)
        assert len(here.triggers) == 1
        assert here.said == []


async def test_what_is_in_the_way_until_the_next_time_is_told(tmp_path: Path) -> None:
    """What is late only after its next time has come would be told by nobody otherwise."""
    twice = STARTS.replace("daily 04:00", "0 4,5 * * *") + "late_s = 7200\n"
    async with site(tmp_path, twice, lambda starting: LONG) as here:
        await here.go_to(minutes=-6)
        here.by_hand()
        await here.built(1)
        await here.go_to()
        await here.passes(62)
        line = await here.hears("was missed", step_s=10)
        told = "weekly was missed: due at 04:00, and not started until its next time (#1 of it runs already (http"
        assert line.startswith(told)


@pytest.mark.parametrize(("more", "stops"), [("", 0), ("cancel = true\n", 1)])
async def test_what_runs_too_long_is_told_once_and_cancelled_where_that_is_wanted(
    tmp_path: Path, more: str, stops: int
) -> None:
    async with site(tmp_path, STARTS + "at_most_s = 3600\n" + more, lambda starting: LONG) as here:
        await here.go_to()
        await here.sees(lambda: here.jenkins.ledger.builds)
        await here.settled()
        await here.passes(58)
        assert here.said == []
        line = await here.hears("takes too long", step_s=10)
        assert re.search(r"it runs for 1h \dm, and may for 1h 0m", line)  # some minutes late on a slow machine
        assert ("; asked to stop" in line) == bool(stops)
        await here.passes(20)
        assert here.said == [line]
        assert len(here.jenkins.ledger.stops) == stops


async def test_what_runs_too_long_is_told_after_an_outage_of_hours(tmp_path: Path) -> None:
    async with site(tmp_path, STARTS + "at_most_s = 3600\n", lambda starting: replace(LONG, duration_s=DAY_S)) as here:
        await here.go_to()
        await here.sees(lambda: here.jenkins.ledger.builds)
        await here.settled()
        await here.passes(50)
        await here.jenkins.go_down("refused")
        await here.passes(FAST["patience_s"] / 60 + 60)
        await here.jenkins.come_back()
        await here.hears("takes too long", step_s=10)


async def test_a_second_build_at_once_is_told_once(tmp_path: Path) -> None:
    async with site(tmp_path, WATCHES, lambda starting: LONG) as here:
        await here.go_to()
        for number in (1, 2):
            here.by_hand(PLATFORM=f"el{5 + number}")
            await here.built(number)
            await here.passes(2)
        line = await here.hears("overlaps", step_s=5)
        await here.passes(5)
        assert here.said == [line]
        assert line.startswith("base-image overlaps: #2 has begun while #1 (")
        assert ") still runs http" in line


async def test_each_set_of_a_matrix_is_a_build_of_its_own(tmp_path: Path) -> None:
    matrix = 'parameters = { PUSH = "true" }\nmatrix = [{ PLATFORM = "el6" }, { PLATFORM = "el7" }]\n'
    async with site(tmp_path, STARTS + matrix, lambda starting: LONG) as here:
        await here.go_to()
        await here.sees(lambda: len(here.triggers) == 2)
        await here.passes(30)
        assert sorted((each["PLATFORM"], each["PUSH"].lower()) for each in here.triggers) == [
            ("el6", "true"),
            ("el7", "true"),
        ]
        assert here.said == []


async def test_a_value_that_the_job_does_not_take_is_told_at_the_first_look_and_at_its_time(tmp_path: Path) -> None:
    async with site(tmp_path, STARTS + 'parameters = { PLATFORM = "el9" }\n') as here:
        line = await here.hears("cannot be started", step_s=60)
        assert "el6, el7, jessie" in line
        await here.passes(20)
        await here.go_to()
        line = await here.hears("was not started: due at 04:00")
        assert "el6, el7, jessie" in line
        await here.passes(30)
        assert len(here.said) == 2
        assert here.triggers == []


async def test_a_failure_is_told_once_with_its_verdict_and_what_passes_then(tmp_path: Path) -> None:
    """The channel also hears of the job from the plugin failures, which leaves it to this one."""
    other = f'\n[plugin.failures.channel."{NETWORK}/{OPS}"]\njobs = ["base-image"]\nstrategy = "all"\n'
    plans = iter((replace(REAL, duration_s=60.0), GREEN))
    async with site(tmp_path, STARTS + other, lambda starting: next(plans)) as here:
        await here.go_to()
        line = await here.hears("weekly #1 failed", step_s=10)
        assert "failure in" in line.partition(": weekly #1")[0]
        here.next_time()
        await here.go_to()
        await here.hears("weekly #2 passed (1m), failed since #1", step_s=10)
        await here.passes(5)
        assert len(here.said) == 2


async def test_scheduled_tells_how_each_stands(tmp_path: Path) -> None:
    async with site(tmp_path, STARTS, lambda starting: Plan(duration_s=600.0)) as here:
        first = await here.gordon.say("jess", "scheduled")
        assert "weekly: never built yet, as far as I know, next" in first
        await here.go_to()
        await here.sees(lambda: here.jenkins.ledger.builds)
        await here.settled()
        assert "weekly: #1 runs for" in await here.gordon.say("jess", "scheduled weekly")
        await here.passes(15)
        await here.tells("weekly: last #1 passed (10m)")
        assert "did you mean weekly" in await here.gordon.say("jess", "scheduled weakly")


async def test_who_has_muted_the_job_hears_nothing_of_it(tmp_path: Path) -> None:
    async with site(tmp_path, WATCHES) as here:
        await here.gordon.chat.hear("icecrime", "mute base-image here 3d", channel=OPS)
        await here.sees(lambda: here.said)
        told = len(here.said)
        await here.go_to()
        await here.passes(30)
        assert len(here.said) == told


async def test_a_job_or_a_place_that_is_not_there_is_an_error_at_the_start(tmp_path: Path) -> None:
    wrong = STARTS.replace('"base-image"', '"base-imag"') + 'to = ["test/#ops", "tset/#ops"]\n'
    async with a_world(tmp_path, wrong) as world:
        with pytest.raises(ConfigError) as error:
            world.gordon(FakeChat())
        told = "\n".join(error.value.problems)
        assert '[plugin.scheduled_builds.build.weekly] job is "base-imag", which is not in [jobs]' in told
        assert told.count('has "tset/#ops"') == 1
