"""A context that counts as passed because somebody says so: at one head, on one base, for a time, and on record."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.demo.world import CHANNEL, REPO, World
from bot.testing import Gordon, confirmation, running
from tests.moved_clock import MovedClock, passing
from tests.world.failing import REAL, Tries, failing
from tests.world.honesty import until

SPEED = 20.0  # GitHub wants a second between two writes
DAY_S = 86400.0
REASON = "the mirror is down"
OVERRIDDEN = ("success", re.compile(rf'overridden by icecrime until \d+ \w+ \d\d:\d\d UTC: "{REASON}"'))
FAILED = ("failure", re.compile("TestRunVolumesFrom: failed after "))


def fast() -> MovedClock:
    return MovedClock(passing(SPEED))


@asynccontextmanager
async def red(folder: Path, tries: Tries | None = None, clock: MovedClock | None = None) -> AsyncIterator[Gordon]:
    """Have janky of the first pull request be red at its head."""
    tries = tries or Tries().always("janky", REAL)
    async with failing(
        folder, tries, with_hook=True, clock=clock or fast(), poll_s=1.0, idle_poll_s=1.0, gather_s=0.5, timeout_s=1.0
    ) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
        await told(gordon, FAILED)
        yield gordon


def head(gordon: Gordon) -> str:
    return gordon.world.github.pull_record(REPO, 1).head


def states(gordon: Gordon, sha: str = "", context: str = "docker/janky") -> list[tuple[str, str]]:
    """List what was told of a context, in order."""
    found = gordon.world.github.statuses(REPO, sha or head(gordon))
    return [(each.state, each.description or "") for each in found if each.context == context]


async def told(gordon: Gordon, wanted: tuple[str, re.Pattern[str]], *, sha: str = "", more_than: int = 0) -> None:
    """Wait until the last word on janky is this, with more words on it than so many."""
    state, words = wanted

    def is_so() -> bool:
        found = states(gordon, sha)
        return len(found) > more_than and found[-1][0] == state and bool(words.match(found[-1][1]))

    await until(is_so)


async def test_a_red_context_counts_as_passed_for_a_day_whatever_else_fails(tmp_path: Path) -> None:
    clock = fast()
    async with red(tmp_path, clock=clock) as gordon:
        sha, builds = head(gordon), len(gordon.world.jenkins.ledger.triggers)
        asked = await gordon.say("icecrime", f"override moby#1 janky {REASON}", expect="this would")
        assert f"this would have janky of moby#1 at {sha} on master count as passed for 24h, which is failure" in asked
        assert [state for state, _ in states(gordon)][-1] == "failure"
        answer = await gordon.say("icecrime", confirmation(asked), expect="^janky of moby#1|^icecrime: janky of moby#1")
        assert f"janky of moby#1 at {sha:.7} counts as passed until " in answer
        await told(gordon, OVERRIDDEN)
        audit = await gordon.say("icecrime", f"audit {answer[-5:-1]}", expect="status.set")
        assert f"icecrime: status.set moby/moby@{sha:.7} docker/janky success" in audit
        before = len(states(gordon))
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
        await gordon.chat.line(r"janky #2 failed")
        await gordon.say("tianon", "rebuild moby#1 lxc", expect="queued lxc")  # in the lane of the end, and behind it
        assert len(states(gordon)) == before
        assert len(gordon.world.jenkins.ledger.triggers) == builds + 2
        clock.move(DAY_S)
        await told(gordon, FAILED)
        assert (
            "janky #2" in await gordon.chat.line("the override by icecrime is over")
            or len(states(gordon)) == before + 1
        )


async def test_a_build_that_passes_ends_it_by_a_word_of_its_own(tmp_path: Path) -> None:
    clock = fast()
    async with red(tmp_path, Tries().of("janky", REAL), clock=clock) as gordon:
        await gordon.confirmed("icecrime", f"override moby#1 janky {REASON}", expect="counts as passed")
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
        await told(gordon, ("success", re.compile("passed after ")))
        known = len(states(gordon))
        clock.move(DAY_S)
        await gordon.say("icecrime", "override cancel moby#1 janky", expect="is not overridden")
        assert len(states(gordon)) == known


REFUSED = {
    "unknown": ("override moby#1 jankier x", r'no context "jankier"; failing are: janky'),
    "unknown, by its name on GitHub": ("override moby#1 docker/lxcs x", "failing are: janky"),
    "closed": ("override moby#88 janky x", "moby#88 is closed"),
    "somebody's fork": ("override mallory/moby#1 janky x", 'no repository "mallory/moby" here'),
    "green": ("override moby#1 lxc x", "lxc of moby#1 has passed at"),
    "no reason": ("override moby#1 janky 2h", "say why, too"),
    "too long": ("override moby#1 janky 8d x", "an override counts for 7d at most"),
    "no reason behind a context that hangs on": ("override moby#1/janky", "<reason> is missing"),
    "nothing to cancel": ("override cancel moby#1 janky", '"janky" of moby#1 is not overridden'),
}


async def test_what_cannot_be_overridden_is_refused_in_words(tmp_path: Path) -> None:
    """A30: an unknown context, one that has passed, a closed pull request, somebody's fork; nothing is written."""
    async with red(tmp_path) as gordon:
        await gordon.say("tianon", "rebuild moby#1 lxc", expect="lxc #1 passed")
        await until(lambda: [state for state, _ in states(gordon, context="docker/lxc")][-1:] == ["success"])
        before = len(states(gordon))
        for typed, wanted in REFUSED.values():
            await gordon.say("icecrime", typed, expect=wanted)
        await gordon.say("tianon", f"override moby#1 janky {REASON}", expect="merger")
        assert len(states(gordon)) == before


async def test_a_push_between_the_question_and_the_answer_leaves_nothing_overridden(tmp_path: Path) -> None:
    """A18, A32: what was confirmed is the commit that was shown."""
    async with red(tmp_path) as gordon:
        old = head(gordon)
        asked = await gordon.say("icecrime", f"override moby#1 janky {REASON}", expect="to go on say: ")
        gordon.world.github.push(REPO, 1)
        await gordon.say("icecrime", confirmation(asked), expect="not done: you confirmed to have janky")
        assert states(gordon) == []
        assert states(gordon, old)[-1][0] == "failure"


@pytest.mark.parametrize("change", ["push", "base"])
async def test_another_head_or_base_ends_it(tmp_path: Path, change: str) -> None:
    """A19, A20: even if the same commit becomes the head again, it is as its builds left it."""
    async with red(tmp_path) as gordon:
        old, hub = head(gordon), gordon.world.github
        await gordon.confirmed("icecrime", f"override moby#1 docker/janky 3d {REASON}", expect="counts as passed")
        await told(gordon, OVERRIDDEN)
        if change == "push":
            hub.push(REPO, 1)
        else:
            hub.edit(REPO, 1, base="release")
        await told(gordon, FAILED, sha=old)
        if change == "push":
            assert states(gordon) == []
            hub.push(REPO, 1, old, force=True)
            await hub.hooks.settled()
        await gordon.say("icecrime", "override cancel moby#1 janky", expect="is not overridden")
        assert states(gordon, old)[-1][0] == "failure"


async def test_it_is_told_to_the_channel_of_the_repository_and_may_be_taken_back(tmp_path: Path) -> None:
    async with red(tmp_path) as gordon:
        chat, before = gordon.chat, len(gordon.chat.said)
        await chat.hear("icecrime", f"override moby#1/janky 90m {REASON}", channel="#release")
        await chat.hear("icecrime", confirmation(await chat.line("to go on say: ", after=before)), channel="#release")
        news = await chat.line("moby#1 janky at .*: overridden by icecrime until ", after=before)
        assert f'"{REASON}"' in news
        assert [place.channel for place, line in chat.said if line == news] == [CHANNEL]
        await chat.hear("icecrime", "override cancel moby#1 janky", channel="#release")
        await chat.line(
            "moby#1 janky at .* is not overridden any more, says icecrime; it is failure again", after=before
        )
        await told(gordon, FAILED)


async def test_while_github_takes_nothing_it_waits_and_is_written_once(tmp_path: Path) -> None:
    async with red(tmp_path) as gordon:
        asked = await gordon.say("icecrime", f"override moby#1 janky {REASON}", expect="to go on say: ")
        known = len(states(gordon))
        gordon.world.github.fail(502, times=1, path="/statuses/", method="POST")
        await gordon.say("icecrime", confirmation(asked), expect="counts as passed")
        await told(gordon, OVERRIDDEN)
        assert len(states(gordon)) == known + 1


async def test_it_ends_in_time_though_gordon_was_down_then(tmp_path: Path) -> None:
    clock = fast()
    numbers = {"poll_s": 1.0, "idle_poll_s": 1.0, "gather_s": 0.5, "timeout_s": 1.0}
    async with World(tmp_path, clock=clock, with_hook=True, numbers=numbers) as world:
        world.build_of(Tries().always("janky", REAL))
        async with running(tmp_path, world=world) as gordon:
            await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
            await told(gordon, FAILED)
            await gordon.confirmed("icecrime", f"override moby#1 janky 2h {REASON}", expect="counts as passed")
        known = len(states(gordon))
        clock.move(DAY_S)
        async with running(tmp_path, world=world) as gordon:
            await told(gordon, FAILED)
            await gordon.chat.line("the override by icecrime is over")
            assert len(states(gordon)) == known + 1
