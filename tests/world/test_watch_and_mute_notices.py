"""Every notice that nobody asked for: heard by who watches what it is about, and not where that is muted."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from bot.demo.jenkins.nodes import Agent
from bot.demo.world import CHANNEL, REPO
from bot.testing import FakeChat, Gordon, confirmation
from tests.moved_clock import MovedClock
from tests.world.failing import COMPILE_ERROR, REAL, Tries, failing
from tests.world.honesty import until
from tests.world.pr_builds_rig import building
from tests.world.test_conflicts import RULES as TELLS_OF_CONFLICTS
from tests.world.test_conflicts import opened
from tests.world.test_failures import prepare_last, with_keys
from tests.world.test_nodes import TOLD as TELLS_OF_NODES
from tests.world.test_nodes import with_agents
from tests.world.test_override import red
from tests.world.test_pushes_grid import site

ELSEWHERE = "#elsewhere"
NUMBERS = count()
Happen = Callable[[], Awaitable[object]]
Scene = AbstractAsyncContextManager[tuple[Gordon, Happen]]


async def build(gordon: Gordon, pull: int = 1, *, ends: str) -> None:
    """Have somebody build who is answered alone, and wait until they are."""
    key = f"build {next(NUMBERS)}"
    await gordon.chat.hear("crosbymichael", f"rebuild moby#{pull} janky", channel="", key=key)
    await gordon.chat.line(ends)


@asynccontextmanager
async def a_failure(folder: Path) -> AsyncIterator[tuple[Gordon, Happen]]:
    async with failing(folder, Tries().of("janky", REAL)) as gordon:
        yield gordon, lambda: build(gordon, ends="janky #1 failed")


@asynccontextmanager
async def a_fix(folder: Path) -> AsyncIterator[tuple[Gordon, Happen]]:
    async with failing(folder, Tries().of("janky", REAL)) as gordon:

        async def happen() -> None:
            await build(gordon, ends="janky #1 failed")
            await build(gordon, ends="^fixed")

        yield gordon, happen


@asynccontextmanager
async def a_storm(folder: Path) -> AsyncIterator[tuple[Gordon, Happen]]:
    tries, keys = Tries().always("janky", COMPILE_ERROR), with_keys("storm_builds = 2")
    async with failing(folder, tries, prepare=lambda world: prepare_last(world, keys)) as gordon:

        async def happen() -> None:
            await build(gordon, 1, ends="moby#1 .*janky #1 failed")
            await build(gordon, 2, ends="failed alike since")

        yield gordon, happen


@asynccontextmanager
async def a_push(folder: Path) -> AsyncIterator[tuple[Gordon, Happen]]:
    async with site(folder, FakeChat()) as (gordon, master):

        async def happen() -> None:
            master.push()
            await gordon.chat.line("master-lxc")

        yield gordon, happen


@asynccontextmanager
async def an_outsider(folder: Path) -> AsyncIterator[tuple[Gordon, Happen]]:
    async with building(folder) as here:

        async def happen() -> None:
            here.open("stranger")
            await here.gordon.chat.line("waits for ok to test")

        yield here.gordon, happen


@asynccontextmanager
async def a_merge(folder: Path) -> AsyncIterator[tuple[Gordon, Happen]]:
    async with failing(folder, Tries(), config=TELLS_OF_CONFLICTS, with_hook=True, clock=MovedClock()) as gordon:
        await until(lambda: "compared at" in gordon.app.forge_side.words())
        numbers = await opened(gordon, ["daemon/1.go", "daemon/1.go"])

        async def happen() -> None:
            gordon.world.github.close(REPO, numbers[0], merged=True)
            await gordon.chat.line(" broke ")

        yield gordon, happen


@asynccontextmanager
async def an_override(folder: Path) -> AsyncIterator[tuple[Gordon, Happen]]:
    async with red(folder) as gordon:

        async def happen() -> None:
            await gordon.chat.hear("icecrime", "override moby#1 janky no mirror", channel="#third")
            question = await gordon.chat.line("to go on say")
            await gordon.chat.hear("icecrime", confirmation(question), channel="#third")
            await gordon.chat.line("counts as passed until")

        yield gordon, happen


@asynccontextmanager
async def an_agent(folder: Path) -> AsyncIterator[tuple[Gordon, Happen]]:
    settings = TELLS_OF_NODES.replace("gather_s = 1.0", "gather_s = 0.1").replace("reminders = 1", "reminders = 0")
    async with with_agents(folder, [Agent("dm-1")], settings) as gordon:

        async def happen() -> None:
            gordon.world.jenkins.disconnect_node("dm-1")
            await gordon.chat.line("dm-1 is down")

        yield gordon, happen


@dataclass(frozen=True)
class Notice:
    """A notice of some plugin.

    Arguments:
        about: what it is about, as somebody types it.
        says: words of it where it is told unasked.
        watched: the same to who watches, if it is told in other words to them.
    """

    scene: Callable[[Path], Scene]
    about: str
    says: str
    watched: str = ""


NOTICES = {
    "failure": Notice(a_failure, "moby#1", "janky #1 failed"),
    "fixed": Notice(a_fix, "janky", "fixed"),
    "storm": Notice(a_storm, "docker-prs", "failed alike since"),
    "push": Notice(a_push, "moby", "moby master", "master-lxc #1 passed"),
    "outsider": Notice(an_outsider, "author:stranger", "waits for ok to test"),
    "conflicts": Notice(a_merge, "author:jess", " broke "),
    "override": Notice(an_override, "moby/janky", "overridden"),
    "agent": Notice(an_agent, "node:dm-1", "dm-1 is down"),
}


def heard(gordon: Gordon, words: str, channel: str) -> list[str]:
    return [text for place, text in gordon.chat.said if place.channel == channel and words in text]


@pytest.mark.parametrize("is_muted", [True, False], ids=["muted", "heard"])
@pytest.mark.parametrize("name", NOTICES)
async def test_every_notice_reaches_who_watches_and_no_place_that_has_muted_it(
    tmp_path: Path, name: str, is_muted: bool
) -> None:
    notice = NOTICES[name]
    async with notice.scene(tmp_path) as (gordon, happen):
        if is_muted:
            await gordon.say("tianon", f"mute {notice.about} here 2h", expect=f"{CHANNEL} hears nothing of")
        for nick in ("jess", "vieux"):
            await gordon.say(nick, f"watch {notice.about}", expect="you hear of")
        await gordon.say("vieux", f"mute {notice.about} 1h", expect="you hear nothing of")
        await gordon.chat.hear("tianon", f"watch {notice.about} here", channel=ELSEWHERE)
        await gordon.chat.line(f"{ELSEWHERE} hears of")
        await happen()
        for place in ("jess", ELSEWHERE):
            await until(lambda place=place: heard(gordon, notice.watched or notice.says, place))  # type: ignore[misc]
        if not is_muted:
            await until(lambda: heard(gordon, notice.says, CHANNEL))
        await gordon.say("tianon", "ping", expect="pong")
        assert bool(heard(gordon, notice.says, CHANNEL)) is not is_muted
        assert not heard(gordon, notice.says, "vieux")
        assert not heard(gordon, notice.watched or notice.says, "vieux")


@pytest.mark.parametrize(("what", "addressed"), [("master-lxc", []), ("master-windows", ["jess"])])
async def test_who_pushed_is_not_addressed_for_what_they_have_muted(
    tmp_path: Path, what: str, addressed: list[str]
) -> None:
    async with site(tmp_path, FakeChat(), culprits=True) as (gordon, master):
        master.push(by="jess")
        await gordon.chat.line("8 passed")
        await gordon.say("jess", f"mute {what} 1h", expect="you hear nothing of")
        head = master.push("master-lxc", by="jess")
        await gordon.chat.line(f"{head}.*1 of 8 failed(?!.*not over yet)")
        told = [place.to for place, text in gordon.chat.said if "since you pushed" in text]
        assert told == addressed
