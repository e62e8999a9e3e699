"""A week of 50 agents and 120 pull requests, with restarts and outages: once is once, and the poll is as stated.

CI plays four hours of it; `make soak` the whole week. Both print the requests of a minute.
"""

import random
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from bot.beat import JITTER
from bot.events import BuildFinished, BuildStarted, NodeCameBack, NodeEvent, NodeWentDown
from bot.values import Result
from tests.world.week_rig import AGAIN_AFTER_S, IDLE_POLL_S, JOBS, POLL_S, Days, Life, days_of, life, misfortune

MISFORTUNES = ("restart", "outage", "lost answer", "node", "lost answer", "node")
SEED = 2017
# A round: the queue, and one for each job. Besides: logs and builds that end, triggers with what they look up first.
BUSY_AT_MOST = 60 / (POLL_S * (1 - JITTER)) * (1 + len(JOBS))
IDLE_AT_MOST = (60 / (IDLE_POLL_S * (1 - JITTER)) + 1) * (len(JOBS) + 1)


@dataclass(frozen=True)
class Plan:
    """How much happens, over how long."""

    hours: float
    pulls: int
    misfortunes: int
    restarts: int


def deeds(plan: Plan, chance: random.Random) -> list[tuple[float, str]]:
    """Tell what happens when: commands in the first two thirds of each stretch, so that idle times come between."""
    end_s = plan.hours * 3600
    told = [(chance.uniform(0, end_s * 0.6), "ask") for _ in range(plan.pulls)]
    told += [(chance.uniform(0, end_s * 0.7), MISFORTUNES[n % len(MISFORTUNES)]) for n in range(plan.misfortunes)]
    told += [(chance.uniform(0, end_s * 0.8), "gordon") for _ in range(plan.restarts)]
    return sorted([*told, (end_s, "end")])


async def play(folder: Path, days: Days, plan: Plan) -> None:
    """Let all of it happen, and wait until nothing is left to follow."""
    coming = deeds(plan, random.Random(SEED))
    pulls: list[int] = []
    left: list[tuple[int, list[str]]] = []
    while coming:
        async with life(folder, days) as gordon:
            while coming:
                due_s, what = coming.pop(0)
                while left and days.clock.now_s + AGAIN_AFTER_S < due_s:
                    await days.clock.wait(AGAIN_AFTER_S)
                    left = await ask(days, gordon, left)
                await days.clock.wait(max(0.0, due_s - days.clock.now_s))
                if what == "gordon":
                    break
                if what == "ask":
                    pulls.append(len(pulls) + 1)
                    days.hub.heads[pulls[-1]] = f"{days.chance.getrandbits(160):040x}"
                    left = await ask(days, gordon, [*left, (pulls[-1], list(JOBS))])
                elif what != "end":
                    await misfortune(days, what)
            if not coming:
                while left or not await days.clock.until(gordon.is_done()):
                    await days.clock.wait(AGAIN_AFTER_S)
                    left = await ask(days, gordon, left)


async def ask(days: Days, gordon: Life, left: list[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    asked = [(pull, await days.clock.until(gordon.ask(pull, contexts))) for pull, contexts in left]
    return [(pull, contexts) for pull, contexts in asked if contexts]


def busy_minutes(days: Days) -> set[datetime]:
    """Tell the minutes in which something of ours waited or ran, from its first request to its end."""
    began: dict[str, datetime] = {}
    busy: set[int] = set()
    for accepted in days.jenkins.ledger.triggers:
        began.setdefault(str(accepted.parameters["GORDON_REQUEST_ID"]), accepted.at)
    for end in days.told:
        if isinstance(end, BuildFinished) and end.request_id in began:
            busy |= set(range(int(began[end.request_id].timestamp() // 60), int(end.at.timestamp() // 60) + 1))
    return {datetime.fromtimestamp(minute * 60, days.clock.now().tzinfo) for minute in busy}


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(Plan(4, 6, 9, 3), id="four-hours", marks=pytest.mark.timeout(240)),
        pytest.param(Plan(168, 120, 80, 20), id="a-week", marks=[pytest.mark.soak, pytest.mark.timeout(3600)]),
    ],
)
async def test_every_build_is_started_once_and_told_once_at_the_stated_poll(tmp_path: Path, plan: Plan) -> None:
    """F21, F24 (J6, J7, J24): what is asked for, lost, restarted and found again."""
    async with days_of(tmp_path, SEED) as days:
        await play(tmp_path, days, plan)
        ledger = days.jenkins.ledger
        builds = ledger.builds_by("GORDON_REQUEST_ID")
        assert len(builds) == plan.pulls * len(JOBS)
        assert {mark: count for mark, count in builds.items() if count != 1} == {}
        assert days.posted_blindly() == []
        assert [key for key, count in Counter(event.key for event in days.told).items() if count > 1] == []
        ends = Counter(event.request_id for event in days.told if isinstance(event, BuildFinished))
        assert ends == Counter(dict.fromkeys(builds, 1))
        starts = Counter(event.request_id for event in days.told if isinstance(event, BuildStarted))
        assert max(starts.values()) == 1
        gone = [event for event in days.told if isinstance(event, BuildFinished) and event.result is None]
        assert all("restarted" in event.note for event in gone)
        assert any(event.result is Result.SUCCESS for event in days.told if isinstance(event, BuildFinished))
        assert_nodes_alternate(days)
        assert_poll_is_as_stated(days)


def assert_nodes_alternate(days: Days) -> None:
    """No agent goes down twice without coming back between."""
    last: dict[str, type[NodeEvent]] = {}
    for event in days.told:
        if isinstance(event, NodeEvent):
            assert last.get(event.node.name, NodeCameBack) is not type(event)
            last[event.node.name] = type(event)
    assert set(last.values()) <= {NodeCameBack, NodeWentDown}


def assert_poll_is_as_stated(days: Days) -> None:
    """In the mean, and in the worst minute with room for what begins and ends in it."""
    busy, seen = busy_minutes(days), days.per_minute()
    first, last = min(seen), max(seen)
    minutes = int((last - first).total_seconds() // 60) + 1
    at_work = [count for minute, count in seen.items() if minute in busy]
    idle = [count for minute, count in seen.items() if minute not in busy]
    is_idle = max(1, minutes - len(busy))
    of_work, of_rest = sum(at_work) / max(1, len(busy)), sum(idle) / is_idle
    print(f"requests a minute: busy {of_work:.1f}, at most {max(at_work)}; idle {of_rest:.1f}, at most {max(idle)}")
    print(f"{minutes} minutes, {len(busy)} of them busy, {sum(seen.values())} requests")
    assert of_work <= BUSY_AT_MOST
    assert of_rest <= IDLE_AT_MOST
