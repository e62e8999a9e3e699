"""Commit statuses on the embedded GitHub: what was built and how it stands, at the commit that was asked for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.clock import SystemClock
from bot.demo.jenkins.model import Plan
from bot.demo.world import REPO, World
from bot.testing import Gordon, running
from tests.world.crash_rig import trigger_by_hand
from tests.world.failing import FLAKE, FLAKE_CAUSE, Tries
from tests.world.honesty import until

SPEED = 10.0  # GitHub wants a second between two writes
NUMBERS = {"poll_s": 1.0, "idle_poll_s": 1.0, "gather_s": 0.5, "again_after_s": 1.0, "timeout_s": 1.0}
JANKY, CONTEXT = '[repos."moby/moby".contexts.janky]', "docker/janky"


@asynccontextmanager
async def with_status(folder: Path, *, quiet_period_s: float = 0.0, retries: str = "") -> AsyncIterator[Gordon]:
    async with World(folder, numbers=NUMBERS, quiet_period_s=quiet_period_s, clock=SystemClock(speed=SPEED)) as world:
        text = world.config.read_text(encoding="utf-8")
        world.config.write_text(
            text.replace(JANKY, f'{JANKY}\nstatus = "{CONTEXT}"') + f"\n[plugin.retries]\n{retries}\n", "utf-8"
        )
        async with running(folder, world=world) as gordon:
            yield gordon


def told(gordon: Gordon, sha: str) -> list[tuple[str, str | None]]:
    """List what was said of a commit, in order."""
    statuses = gordon.world.github.statuses(REPO, sha)
    assert {each.context for each in statuses} <= {CONTEXT}
    return [(each.state, each.description) for each in statuses]


def head(gordon: Gordon, pull: int = 1) -> str:
    return gordon.world.github.pull_record(REPO, pull).head


async def test_a_build_is_pending_and_then_what_it_came_to(tmp_path: Path) -> None:
    async with with_status(tmp_path, quiet_period_s=10.0) as gordon:
        gordon.world.build_of(lambda starting: Plan("FAILURE", 6.0, node="dm-7"))
        await gordon.say("tianon", "rebuild moby#1 janky lxc", expect="queued")
        sha = head(gordon)
        await until(lambda: len(told(gordon, sha)) == 3)
        assert [state for state, _ in told(gordon, sha)] == ["pending", "pending", "failure"]
        assert [words for _, words in told(gordon, sha)][:2] == ["queued", "#1 is running"]
        assert str(told(gordon, sha)[2][1]).startswith("failed after ")
        last = gordon.world.github.statuses(REPO, sha)[-1]
        assert last.url == f"{gordon.world.jenkins.url}job/docker-prs/1/"


async def test_a_build_that_somebody_else_started_is_told_too(tmp_path: Path) -> None:
    async with with_status(tmp_path) as gordon:
        await gordon.say("tianon", "status moby#1")
        gordon.world.build_of(lambda starting: Plan("SUCCESS", 3.0))
        asked = gordon.world.jenkins.ledger.asked
        await until(lambda: len(asked("GET", "/job/docker-prs/api/json")) > 1)  # what is there at the first is the past
        await trigger_by_hand(gordon.world, 1, "janky")
        await until(lambda: told(gordon, head(gordon))[-1:] and told(gordon, head(gordon))[-1][0] == "success")


async def test_a_build_cancelled_in_the_queue_says_nothing_of_the_commit(tmp_path: Path) -> None:
    async with with_status(tmp_path, quiet_period_s=3600.0) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
        await gordon.say("tianon", "cancel moby#1", expect="taken out of the queue")
        await until(lambda: len(told(gordon, head(gordon))) == 2)
        assert told(gordon, head(gordon)) == [
            ("pending", "queued"),
            ("error", "never left the queue (cancelled in the queue)"),
        ]


async def test_a_push_while_it_runs_leaves_the_new_commit_without_a_word(tmp_path: Path) -> None:
    """G12: what is said of a commit is about that commit."""
    async with with_status(tmp_path) as gordon:
        old = head(gordon)
        gordon.world.build_of(lambda starting: Plan("SUCCESS", 5.0))
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
        new = gordon.world.github.push(REPO, 1)
        await until(lambda: told(gordon, old)[-1:] and told(gordon, old)[-1][0] == "success")
        assert told(gordon, new) == []


async def test_an_older_build_that_ends_later_does_not_undo_what_the_newer_one_came_to(tmp_path: Path) -> None:
    async with with_status(tmp_path) as gordon:
        hub, sha = gordon.world.github, head(gordon)
        gordon.world.build_of(lambda starting: Plan("FAILURE", 12.0) if starting.number == 1 else Plan("SUCCESS", 1.0))
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
        await until(lambda: gordon.world.jenkins.job("docker-prs").builds)
        await gordon.say("tianon", "rebuild moby#1 janky again", expect="queued")
        await until(lambda: told(gordon, sha)[-1:] == [("success", hub.statuses(REPO, sha)[-1].description)])
        await gordon.chat.line("janky #1 failed")
        await gordon.say("tianon", "rebuild moby#1 lxc", expect="queued lxc")  # in the lane of the end, and behind it
        assert told(gordon, sha)[-1][0] == "success"
        assert "failure" not in dict(told(gordon, sha))


async def test_a_build_that_is_tried_again_is_pending_until_its_last_try(tmp_path: Path) -> None:
    """The status flips once: whoever looks between the tries sees which one it is."""
    async with with_status(tmp_path, retries="delay_s = 3.0") as gordon:
        gordon.world.build_of(Tries().of("janky", FLAKE))
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
        await gordon.chat.line("janky #2 passed")
        sha = head(gordon)
        await until(lambda: told(gordon, sha)[-1:] and told(gordon, sha)[-1][0] == "success")
        states = [state for state, _ in told(gordon, sha)]
        assert states == ["pending"] * (len(states) - 1) + ["success"]
        assert f"retrying ({FLAKE_CAUSE}, 2 of 3)" in [words for _, words in told(gordon, sha)]
        assert str(told(gordon, sha)[-1][1]).startswith("passed on try 2 after ")


async def test_what_is_not_tried_again_after_all_is_a_failure_with_its_reason(tmp_path: Path) -> None:
    async with with_status(tmp_path, retries="delay_s = 20.0") as gordon:
        gordon.world.build_of(Tries().of("janky", FLAKE))
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
        sha = head(gordon)
        await until(lambda: told(gordon, sha)[-1:] == [("pending", f"retrying ({FLAKE_CAUSE}, 2 of 3)")])
        await gordon.say("icecrime", "plugins off retries", expect="retries is off")
        await until(lambda: told(gordon, sha)[-1][0] == "failure")
        words = str(told(gordon, sha)[-1][1])
        assert words.startswith(f"{FLAKE_CAUSE}: failed after ")
        assert words.endswith(", not retried: retries is off")
