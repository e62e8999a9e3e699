"""How long what GitHub has told about a team is believed, and what is done when it tells nothing."""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from msgspec import structs

from bot.errors import GordonError, Refused, Unavailable
from bot.live import Facts, Live
from bot.people import People
from bot.rolls import REFRESH_S, RETRY_AT_MOST_S, RETRY_S
from bot.settings import CoreSettings, GordonSettings, Settings
from bot.teams import Teams
from bot.values import Role
from tests.moved_clock import still
from tests.team_forge import TeamForge

CORE, NET = "docker/core", "docker/net"
ALICE, BOB = 11, 12
FIVE_MINUTES_S = 300  # G14
SILENT = Unavailable("GitHub", "reading who is in a team")
HIDDEN = Refused("GitHub", "there is no such team")


def live_of(*teams: str) -> Live:
    settings = GordonSettings(gordon=CoreSettings(home="moby/moby"))
    return Live(Facts(settings, People({}, {}, {team: {"*": Role.TRIAGER} for team in teams})))


class Naming(Settings, frozen=True):
    """Settings of a plugin that asks who is in a team."""

    def teams(self) -> list[str]:
        return [NET]


class Running:
    """Teams that are kept, and all that their look-ups depend on."""

    def __init__(self, *teams: str) -> None:
        self.clock = still()
        self.forge = TeamForge(self.clock, {CORE: {ALICE, BOB}, NET: {BOB}})
        self.live = live_of(*teams)
        self.teams = Teams(self.forge, self.live, self.clock)
        self.told: list[tuple[str, str]] = []
        self.teams.report = lambda about, words: self.told.append((about, words))

    async def pass_s(self, seconds: float, step_s: float = 1.0) -> None:
        """Let time pass in steps, after each of which everything that is due is done."""
        left_s = seconds
        while left_s > 0:
            self.clock.move(min(step_s, left_s))
            left_s -= step_s
            await settled()

    def name_teams(self, *teams: str) -> None:
        """Swap the people file for one with these teams."""
        people = live_of(*teams).now.people
        self.live.now = Facts(structs.replace(self.live.now.settings), people)


async def settled() -> None:
    for _ in range(12):
        await asyncio.sleep(0)


@asynccontextmanager
async def kept(*teams: str) -> AsyncIterator[Running]:
    running = Running(*teams)
    await running.teams.begin()

    async def keep() -> None:
        while True:
            await running.teams.go_on()

    task = asyncio.create_task(keep())
    await settled()
    try:
        yield running
    finally:
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_every_named_team_is_read_at_the_start_and_every_four_minutes() -> None:
    async with kept(CORE, NET) as running:
        assert (running.teams.members(CORE), running.teams.members(NET)) == ({ALICE, BOB}, {BOB})
        await running.pass_s(2 * REFRESH_S + 1)
        assert [name for name, _ in running.forge.asked] == [CORE, NET] * 3
        assert sorted({asked_s for _, asked_s in running.forge.asked}) == [0, REFRESH_S, 2 * REFRESH_S]


async def test_while_no_team_is_named_nothing_is_asked() -> None:
    async with kept() as running:
        await running.pass_s(1000, step_s=100)
        assert running.forge.asked == []
        assert running.teams.members(CORE) is None


async def test_without_a_forge_nobody_is_in_a_team() -> None:
    clock = still()
    teams = Teams(None, live_of(CORE), clock)
    await teams.begin()
    assert teams.members(CORE) is None


@pytest.mark.parametrize("takes_s", [0, 9], ids=["prompt", "slow"])
@pytest.mark.parametrize("is_silent", [False, True], ids=["it-answers", "it-falls-silent"])
async def test_a_membership_that_was_taken_away_counts_five_minutes_at_most(takes_s: float, is_silent: bool) -> None:
    """G14, A31: whenever it was taken away, and whether GitHub answers after that or not."""
    for removed_s in range(0, 250, 31):
        async with kept(CORE) as running:
            running.forge.takes_s = takes_s
            await running.pass_s(removed_s, step_s=5)
            assert ALICE in (running.teams.members(CORE) or ())
            running.forge.members[CORE] = {BOB}
            running.forge.fault = SILENT if is_silent else None
            await running.pass_s(FIVE_MINUTES_S, step_s=5)
            assert ALICE not in (running.teams.members(CORE) or ()), removed_s


async def test_a_list_counts_from_when_it_was_asked_for() -> None:
    """Who is taken away while GitHub takes its time to answer is on the list that comes."""
    async with kept(CORE) as running:
        await running.pass_s(REFRESH_S - 1)
        running.forge.takes_s = 50
        await running.pass_s(51)
        running.forge.fault = SILENT
        assert running.teams.members(CORE) == {ALICE, BOB}
        await running.pass_s(FIVE_MINUTES_S - 51)
        assert running.teams.members(CORE) == {ALICE, BOB}
        await running.pass_s(1)
        assert running.teams.members(CORE) is None


async def test_a_list_is_believed_for_as_long_as_it_counts_while_github_is_silent() -> None:
    async with kept(CORE) as running:
        running.forge.fault = SILENT
        await running.pass_s(FIVE_MINUTES_S - 1)
        assert running.teams.members(CORE) == {ALICE, BOB}
        await running.pass_s(1)
        assert running.teams.members(CORE) is None
        assert running.teams.why_unknown(CORE) == "GitHub does not answer"


@pytest.mark.parametrize(
    ("number", "in_time", "too_late"),
    [
        pytest.param(ALICE, True, None, id="a-member"),
        pytest.param(99, False, False, id="no-member-when-it-last-told"),
    ],
)
async def test_an_old_list_still_tells_who_was_not_on_it(
    number: int, in_time: bool | None, too_late: bool | None
) -> None:
    """Whoever is refused by it is refused by the next one too, or has joined since and waits for that."""
    async with kept(CORE) as running:
        running.forge.fault = SILENT
        assert running.teams.has(CORE, number) is in_time
        await running.pass_s(FIVE_MINUTES_S)
        assert running.teams.has(CORE, number) is too_late


async def test_of_a_team_that_was_never_read_nobody_can_tell_anything() -> None:
    assert Running(CORE).teams.has(CORE, ALICE) is None


async def test_a_look_up_that_failed_is_repeated_with_growing_pauses() -> None:
    running = Running(CORE)
    running.forge.fault = SILENT
    await running.teams.begin()
    for _ in range(7):
        asking = asyncio.create_task(running.teams.go_on())
        while not asking.done():
            await running.pass_s(1)
    at = [asked_s for _, asked_s in running.forge.asked]
    pauses = [later - earlier for earlier, later in itertools.pairwise(at)]
    assert pauses == [RETRY_S, 2 * RETRY_S, 4 * RETRY_S, *[RETRY_AT_MOST_S] * 4]


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        pytest.param(SILENT, "GitHub does not answer", id="silent"),
        pytest.param(HIDDEN, "GitHub does not tell me", id="hidden"),
    ],
)
async def test_trouble_is_logged_once_and_told_once_it_matters(
    caplog: pytest.LogCaptureFixture, fault: GordonError, why: str
) -> None:
    caplog.set_level(logging.INFO)
    async with kept(CORE) as running:
        running.forge.fault = fault
        await running.pass_s(FIVE_MINUTES_S - 1)
        assert running.told == []
        await running.pass_s(REFRESH_S)
        told = [f"who is in {CORE} is not known: {fault}"]
        assert [record.getMessage() for record in caplog.records] == told
        assert running.told == [
            (f"the team {CORE}", f"roles by {CORE} do not count until GitHub tells who is in it: {fault}")
        ]
        assert running.teams.why_unknown(CORE) == why
        running.forge.fault = None
        await running.pass_s(RETRY_AT_MOST_S)
        assert running.told[1:] == [(f"the team {CORE}", "")]
        assert running.teams.members(CORE) == {ALICE, BOB}


async def test_a_team_that_could_never_be_read_is_told_at_once() -> None:
    running = Running(CORE)
    running.forge.fault = HIDDEN
    await running.teams.begin()
    assert [about for about, _ in running.told] == [f"the team {CORE}"]
    assert running.teams.members(CORE) is None


async def test_a_github_that_hangs_holds_up_the_start_for_a_little_while_only() -> None:
    running = Running(CORE)
    running.forge.takes_s = 1e6
    await running.teams.begin(within_s=0.01)
    assert running.teams.members(CORE) is None
    assert running.teams.why_unknown(CORE) == "GitHub has not answered yet"


async def test_a_team_that_is_named_since_is_read_at_once_and_one_that_is_not_any_more_is_forgotten() -> None:
    async with kept(CORE) as running:
        running.name_teams(NET)
        assert running.teams.members(NET) is None
        running.teams.changed()
        await settled()
        assert running.teams.members(NET) == {BOB}
        assert running.teams.members(CORE) is None
        await running.pass_s(REFRESH_S)
        assert [name for name, _ in running.forge.asked] == [CORE, NET, NET]


async def test_a_mistake_in_a_look_up_is_not_repeated_without_a_pause() -> None:
    running = Running(CORE)
    running.forge.fault = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        await running.teams.begin()
    again = asyncio.create_task(running.teams.go_on())
    await running.pass_s(RETRY_S - 1)
    assert len(running.forge.asked) == 1
    await running.pass_s(1)
    with pytest.raises(ZeroDivisionError):
        await again


async def test_a_change_is_looked_at_once() -> None:
    running = Running(CORE)
    await running.teams.begin()
    running.teams.changed()
    await running.teams.go_on()
    waiting = asyncio.create_task(running.teams.go_on())
    await settled()
    assert not waiting.done()
    waiting.cancel()


async def test_a_team_that_only_a_plugin_names_is_read_too_and_gives_no_roles() -> None:
    async with kept(CORE) as running:
        assert running.teams.members(NET) is None
        now = running.live.now
        running.live.now = Facts(now.settings, now.people, {"pulls": Naming()})
        running.forge.fault = SILENT
        running.teams.changed()
        await settled()
        [(about, words)] = running.told
        assert about == f"the team {NET}"
        assert words.startswith(f"what is for {NET} alone is told of everybody until GitHub tells who is in it")
        running.forge.fault = None
        await running.pass_s(RETRY_AT_MOST_S)
        assert running.teams.members(NET) == {BOB}
        assert running.told[1:] == [(about, "")]
