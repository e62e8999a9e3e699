"""Builds that fail for what passes by itself are tried again: once each, silently, and never for an old commit."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bot.demo.jenkins.auto_retry import AutoRetry
from bot.demo.jenkins.checkouts import Checkout
from bot.demo.jenkins.model import Plan, StringParameter
from bot.demo.jenkins.nodes import Agent
from bot.demo.world import CONTEXTS, FACTS, REPO, World
from bot.testing import FakeChat, Gordon, running
from tests.world.crash_rig import build_by_hand, trigger_by_hand
from tests.world.failing import (
    AGENT_LOST,
    FLAKE,
    FLAKE_CAUSE,
    MATRIX,
    NUMBERS,
    REAL,
    UNEXPLAINED,
    WRAPPED_FLAKE,
    Tries,
    cells_built,
    failing,
    naginator,
    on,
    open_pulls,
    with_matrix,
)
from tests.world.honesty import on_disk, until
from tests.world.retries_rig import LATER, SOON, planned, triggers
from tests.world.test_metrics import scrape


def about(gordon: Gordon, word: str = "janky") -> Sequence[str]:
    """List what was said of how a context's builds ended."""
    return [line for line in gordon.lines if word in line and ("passed" in line or "failed" in line)]


async def test_known_trouble_is_tried_again_and_told_once_as_green(tmp_path: Path) -> None:
    async with failing(tmp_path, Tries().of("janky", FLAKE), config=SOON, with_hook=True) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
        await gordon.chat.line("janky #2 passed")
        assert triggers(gordon) == 2
        assert len(about(gordon)) == 1
        counted = await scrape(gordon)
        assert [counted("retries_total", decision=each) for each in ("planned", "started", "dropped")] == [1, 1, 0]
        assert [counted("builds_started_total", why=each) for each in ("asked", "retry", "itself")] == [1, 1, 0]
        assert counted("verdicts_total", kind="known-infra") == 1


@pytest.mark.parametrize(
    ("plan", "builds"),
    [
        pytest.param(REAL, 1, id="a test fails"),
        pytest.param(UNEXPLAINED, 1, id="nobody knows why"),
        pytest.param(replace(FLAKE, result="ABORTED"), 1, id="aborted"),
        pytest.param(AGENT_LOST, 2, id="the agent was lost"),
    ],
)
async def test_only_what_passes_by_itself_is_tried_again(tmp_path: Path, plan: Plan, builds: int) -> None:
    async with failing(tmp_path, Tries().of("janky", plan), config=SOON) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
        await gordon.chat.line(rf"janky #{builds}\b")
        assert triggers(gordon) == builds


async def test_a_pattern_of_the_job_matches_across_lines(tmp_path: Path) -> None:
    """N-V: Naginator looks at each line by itself, so a message that Docker wrapped is none to it."""
    config = SOON + "[plugin.retries.job.docker-prs]\npattern = 'init roo\\s*tfs'\n"
    async with failing(tmp_path, Tries().of("janky", WRAPPED_FLAKE).of("lxc", REAL), config=config) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky lxc", expect="queued")
        await gordon.chat.line("janky #2 passed")
        await gordon.chat.line("lxc #1")
        assert (triggers(gordon), triggers(gordon, "lxc/docker-prs")) == (2, 1)


async def test_after_the_last_try_the_failure_is_told(tmp_path: Path) -> None:
    async with failing(tmp_path, Tries().always("janky", FLAKE), config=SOON) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
        told = await gordon.chat.line("janky #3")
        assert FLAKE_CAUSE in told
        assert "it was tried 3 times" in told
        assert triggers(gordon) == 3
        assert not [line for line in gordon.lines if "janky #1" in line or "janky #2" in line]


async def test_a_build_that_somebody_else_started_is_tried_again_too(tmp_path: Path) -> None:
    async with failing(tmp_path, Tries().of("janky", FLAKE), config=SOON, idle_poll_s=0.2) as gordon:
        asked = gordon.world.jenkins.ledger.asked
        await until(lambda: len(asked("GET", "/job/docker-prs/api/json")) > 1)  # what is there at the first is the past
        await trigger_by_hand(gordon.world, 1, "janky")
        await until(lambda: triggers(gordon) == 2)
        await until(lambda: len(gordon.world.jenkins.job("docker-prs").builds) == 2)
        first, second = [each.parameters for each in gordon.world.jenkins.ledger.triggers]
        mark = {"GORDON_REQUEST_ID": second["GORDON_REQUEST_ID"]}
        assert second == {**first, **mark}
        await planned(gordon)


@pytest.mark.parametrize(
    ("commit", "builds"),
    [
        pytest.param("origin/pr/5/merge", 1, id="A18-its head may have moved"),
        pytest.param("3f2c1ab9" * 5, 2, id="the same commit"),
    ],
)
async def test_of_a_foreign_pull_request_only_the_same_commit_is_built_again(
    tmp_path: Path, commit: str, builds: int
) -> None:
    async with failing(tmp_path, Tries().of("janky", FLAKE), config=SOON, idle_poll_s=0.2) as gordon:
        asked = gordon.world.jenkins.ledger.asked
        await until(lambda: len(asked("GET", "/job/docker-prs/api/json")) > 1)
        form = {"GIT_BASE_REPO": "some/other", "PR": "5", "GIT_SHA1": commit}
        await build_by_hand(gordon.world, "docker-prs", form)
        query = "SELECT count(*) FROM retries WHERE state != 'planned'"
        await on_disk(gordon, query)
        await until(lambda: triggers(gordon) == builds)


async def test_a_build_of_no_pull_request_is_tried_again_with_its_values(tmp_path: Path) -> None:
    async with failing(tmp_path, Tries().of("infra/base-image", FLAKE), config=SOON) as gordon:
        await gordon.confirmed("tianon", "build base-image PLATFORM=jessie", expect="queued")
        await gordon.chat.line("base-image #2 passed")
        assert [each.parameters["PLATFORM"] for each in gordon.world.jenkins.ledger.triggers] == ["jessie", "jessie"]


async def test_a_pipeline_is_tried_again_with_the_parameters_that_it_had(tmp_path: Path) -> None:
    """N: Naginator knows freestyle jobs and matrices only."""

    def prepare(world: World) -> None:
        parameters = tuple(StringParameter(name) for name in FACTS)
        world.jenkins.add_job("lxc/docker-prs", parameters=parameters, kind="pipeline")

    async with failing(tmp_path, Tries().of("lxc", FLAKE), config=SOON, prepare=prepare) as gordon:
        await gordon.say("tianon", "rebuild moby#1 lxc", expect="queued")
        await gordon.chat.line("lxc #2 passed")
        first, second = [each.parameters for each in gordon.world.jenkins.ledger.triggers]
        assert first["GORDON_REQUEST_ID"] != second["GORDON_REQUEST_ID"]
        assert {**first, "GORDON_REQUEST_ID": ""} == {**second, "GORDON_REQUEST_ID": ""}


@pytest.mark.parametrize(
    ("what", "words"),
    [
        pytest.param("push", "has moved on to", id="A18-a push"),
        pytest.param("close", "is closed", id="closed"),
        pytest.param("off", "retries is off", id="F36-the plugin is switched off"),
        pytest.param("rebuild", "#2 is newer", id="somebody had it built, and it has ended"),
    ],
)
async def test_what_comes_in_the_delay_keeps_it_from_being_tried_again(tmp_path: Path, what: str, words: str) -> None:
    async with failing(tmp_path, Tries().of("janky", FLAKE, REAL), config=LATER) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
        await planned(gordon)
        if what == "push":
            gordon.world.github.push(REPO, 1)
        elif what == "close":
            gordon.world.github.close(REPO, 1)
        elif what == "off":
            await gordon.say("icecrime", "plugins off retries", expect="retries is off")
        else:
            await gordon.say("jess", "rebuild moby#1 janky", expect="queued")
        told = await gordon.chat.line(r"janky #1.*not retried")
        assert words in told
        assert triggers(gordon) == (2 if what == "rebuild" else 1)


async def test_a_branch_that_has_moved_on_is_not_built_again_for_its_old_commit(tmp_path: Path) -> None:
    """A18, of a branch: the new commit gets a build of its own."""
    config = LATER + '\n[repos."moby/moby".pushes.master]\njobs = ["base-image"]\n'
    async with failing(tmp_path, Tries(), config=config, with_hook=True) as gordon:
        hub = gordon.world.github
        taken = Checkout((f"https://github.com/{REPO}.git",), hub.push_branch(REPO, "master"))
        gordon.world.build_of(Tries().of("infra/base-image", replace(FLAKE, checkouts=(taken,))))
        await gordon.say("tianon", "build base-image", expect="queued")
        await planned(gordon)
        newer = hub.push_branch(REPO, "master")
        told = await gordon.chat.line(r"base-image #1.*not retried")
        assert f"master has moved on to {newer:.7}" in told
        assert triggers(gordon, "infra/base-image") == 1


async def test_a_commit_whose_push_nobody_has_told_is_tried_again(tmp_path: Path) -> None:
    """F19: what was pushed while nobody listened is no older than what is known."""
    config = SOON + '\n[repos."moby/moby".pushes.master]\njobs = ["base-image"]\n'
    async with failing(tmp_path, Tries(), config=config, with_hook=True) as gordon:
        known = gordon.world.github.push_branch(REPO, "master")
        kept = "SELECT count(*) FROM plugin_state WHERE plugin = 'retries' AND value LIKE ?"

        async def is_known() -> bool:
            return bool(await gordon.app.database.read(lambda db: db.execute(kept, (f"%{known}%",)).fetchone()[0]))

        while not await is_known():  # noqa: ASYNC110  the disk tells nobody
            await asyncio.sleep(0.02)
        taken = Checkout((f"https://github.com/{REPO}.git",), "77aa0011" * 5)
        gordon.world.build_of(Tries().of("infra/base-image", replace(FLAKE, checkouts=(taken,))))
        await gordon.say("tianon", "build base-image", expect="queued")
        await gordon.chat.line("base-image #2 passed")


async def test_a_live_build_of_the_same_commit_is_taken_for_the_retry(tmp_path: Path) -> None:
    """F24: two builds of one commit would be one too many, and both who asked hear of the one."""
    second = replace(FLAKE, result="SUCCESS", duration_s=3.0, log="")
    async with failing(tmp_path, Tries().of("janky", FLAKE, second), config=LATER) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
        await planned(gordon)
        await gordon.say("jess", "rebuild moby#1 janky", expect="queued")
        await gordon.chat.line("janky #2 passed")
        assert triggers(gordon) == 2
        assert len(about(gordon)) == 1
        [(place, _)] = [(place, text) for place, text in gordon.chat.said if "janky #2 passed" in text]
        assert {"tianon", "jess"} <= set(place.to.split(", "))


async def test_an_older_build_that_still_runs_is_not_taken_for_the_retry(tmp_path: Path) -> None:
    """A build of no pull request may be of another commit than the one before it, with the same values."""
    slow = replace(FLAKE, result="SUCCESS", duration_s=60.0, log="")
    async with failing(tmp_path, Tries().of("infra/base-image", slow, FLAKE), config=SOON) as gordon:
        builds = gordon.world.jenkins.job("infra/base-image").builds
        for count in (1, 2):
            await gordon.confirmed("tianon", "build base-image PLATFORM=jessie", expect="queued")
            await until(lambda count=count: len(builds) >= count)  # type: ignore[misc]
        await gordon.chat.line("base-image #3 passed")
        assert triggers(gordon, "infra/base-image") == 3


@pytest.mark.parametrize("planned_before", [pytest.param(True, id="in the delay"), pytest.param(False, id="later")])
async def test_a_restart_starts_it_once(tmp_path: Path, planned_before: bool) -> None:
    """F28, F30: what is planned is on disk, and so is that it was started."""
    async with World(tmp_path, numbers=NUMBERS) as world:
        world.build_of(Tries().of("janky", FLAKE, replace(FLAKE, result="SUCCESS", duration_s=1.5, log="")))
        with world.config.open("a", encoding="utf-8") as file:
            file.write(LATER)
        async with running(tmp_path, world=world) as gordon:
            await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
            await planned(gordon)
            if not planned_before:
                await until(lambda: triggers(gordon) == 2)
        async with running(tmp_path, world=world, chat=FakeChat()) as gordon:
            await gordon.chat.line("janky #2 passed")
            assert triggers(gordon) == 2


async def test_a_jenkins_that_is_down_when_it_is_due_is_waited_for(tmp_path: Path) -> None:
    async with failing(tmp_path, Tries().of("janky", FLAKE), config=LATER, again_after_s=0.1, timeout_s=1.0) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
        await planned(gordon)
        await gordon.world.jenkins.go_down("503")
        waiting = "SELECT count(*) FROM deliveries WHERE state = 'waiting'"
        await on_disk(gordon, waiting)
        await gordon.world.jenkins.come_back()
        await gordon.chat.line("janky #2 passed")
        assert triggers(gordon) == 2


async def test_a_jenkins_that_stays_down_is_given_up_and_the_failure_told(tmp_path: Path) -> None:
    async with failing(
        tmp_path, Tries().of("janky", FLAKE), config=LATER, patience_s=1.0, again_after_s=0.1, timeout_s=1.0
    ) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
        await planned(gordon)
        await gordon.world.jenkins.go_down("503")
        told = await gordon.chat.line("janky #1.*not retried")
        assert "gave up" in told
        await gordon.world.jenkins.come_back()
        assert triggers(gordon) == 1


async def test_of_a_matrix_exactly_the_cells_that_flaked_are_built_again(tmp_path: Path) -> None:
    outcomes = {"FS=aufs": [FLAKE, on(FLAKE, "")], "FS=zfs": [FLAKE]}
    outcomes = {name: [plans[0], replace(FLAKE, result="SUCCESS", log="")] for name, plans in outcomes.items()}
    async with failing(tmp_path, Tries(), config=SOON, prepare=lambda world: with_matrix(world, outcomes)) as gordon:
        await gordon.say("tianon", "rebuild moby#1 matrix", expect="queued")
        await gordon.chat.line("matrix #2 passed")
        assert len(cells_built(gordon, 1)) == 8
        assert cells_built(gordon, 2) == ["FS=aufs", "FS=zfs"]
        assert len(about(gordon, MATRIX)) == 1


async def test_a_matrix_with_a_cell_that_failed_for_good_is_told_at_once(tmp_path: Path) -> None:
    outcomes = {"FS=aufs": [FLAKE], "FS=zfs": [REAL]}
    async with failing(tmp_path, Tries(), config=SOON, prepare=lambda world: with_matrix(world, outcomes)) as gordon:
        await gordon.say("tianon", "rebuild moby#1 matrix", expect="queued")
        await gordon.chat.line("matrix #1")
        assert triggers(gordon, MATRIX) == 1


async def test_where_naginator_tries_again_we_do_not(tmp_path: Path) -> None:
    """J24: two that retry would double each build; the one that Naginator starts is taken for ours."""
    how = AutoRetry(at_most=1, regexp="container init rootfs", delay_s=2.0)
    async with failing(
        tmp_path,
        Tries().of("janky", FLAKE, FLAKE),
        config=SOON,
        prepare=lambda world: naginator(world, CONTEXTS["janky"], how),
    ) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
        await gordon.chat.line(r"janky #2")
        assert triggers(gordon) == 1
        assert sorted(gordon.world.jenkins.job("docker-prs").builds) == [1, 2]
        await gordon.say("tianon", "rebuild moby#2 janky", expect="queued")  # now it is known whose this job is
        await gordon.chat.line(r"moby#2.*janky #3")
        assert triggers(gordon) == 2


@pytest.mark.parametrize(
    ("where", "failed_on", "chosen"),
    [
        pytest.param("", ("dm-7",), ["", "dm-8"], id="another one"),
        pytest.param("", ("dm-7", "dm-8"), ["", "dm-8", ""], id="it has failed on all, so any will do"),
        pytest.param(" on dm-7", ("dm-7", "dm-7"), ["dm-7"] * 3, id="the one that somebody chose"),
    ],
)
async def test_another_node_is_chosen_where_the_job_lets_us(
    tmp_path: Path, where: str, failed_on: Sequence[str], chosen: Sequence[str]
) -> None:
    agents = [Agent(f"dm-{n}", 1, ("driver:dm",)) for n in (7, 8)]
    parameters = tuple(StringParameter(name) for name in (*FACTS, "NODE"))

    def prepare(world: World) -> None:
        world.jenkins.add_job("docker-prs", parameters=parameters)
        text = world.config.read_text(encoding="utf-8")
        world.config.write_text(
            text.replace("\n[github]", '\n[jenkins.ci.parameters]\nnode = "NODE"\n\n[github]', 1), encoding="utf-8"
        )

    tries = Tries().of("janky", *(on(FLAKE, name) for name in failed_on))
    async with failing(tmp_path, tries, config=SOON, agents=agents, prepare=prepare) as gordon:
        await until(lambda: gordon.world.jenkins.ledger.asked("GET", "/computer/api/json"))
        await gordon.say("tianon", f"rebuild moby#1 janky{where}", expect="queued")
        await gordon.chat.line(rf"janky #{len(chosen)} passed")
        assert [each.parameters["NODE"] for each in gordon.world.jenkins.ledger.triggers] == chosen


async def test_a_storm_of_one_cause_is_tried_again_a_few_times_only(tmp_path: Path) -> None:
    """F44: the circuit opens at the tenth; tests/test_retry_rows.py has 300."""
    config = SOON.replace("0.1", "60")
    tries = Tries().always("janky", FLAKE)
    async with failing(
        tmp_path, tries, config=config, builds_per_person=1000, commands_per_minute=1000, rebuilds_per_hour=1000
    ) as gordon:
        pulls = open_pulls(gordon.world, 40)
        for pull in pulls:
            await gordon.chat.hear("tianon", f"rebuild moby#{pull} janky")
        await planned(gordon, 40)
        rows = await gordon.app.database.read(lambda db: db.execute("SELECT state, reason FROM retries").fetchall())
        states = Counter(state for state, _ in rows)
        assert states == {"planned": 9, "dropped": 31}
        assert {reason for _, reason in rows if reason} == {f"too much fails for {FLAKE_CAUSE}"}


async def test_the_asker_of_the_first_try_may_cancel_the_second(tmp_path: Path) -> None:
    second = replace(FLAKE, duration_s=60.0)
    async with failing(tmp_path, Tries().of("janky", FLAKE, second), config=SOON) as gordon:
        await gordon.say("jess", "rebuild moby#1 janky", expect="queued")
        await until(lambda: len(gordon.world.jenkins.job("docker-prs").builds) == 2)
        # Jenkins may have begun it before its answer to us is on disk, and only by that it is known whose it is.
        await on_disk(gordon, "SELECT count(*) FROM builds WHERE attempt = 2 AND queue_id IS NOT NULL")
        told = await gordon.say("jess", "cancel docker-prs#2", expect="asked to stop|confirm|not yours|nobody")
        assert "asked to stop" in told


async def test_each_retry_is_in_the_audit_with_the_event_behind_it(tmp_path: Path) -> None:
    async with failing(tmp_path, Tries().of("janky", FLAKE), config=SOON) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
        await gordon.chat.line("janky #2 passed")
        found = [each for each in await gordon.app.audit.newest(50) if each.get("surface") == "automatic"]
        assert [each["decision"] for each in reversed(found)] == ["planned", "sent"]
        assert all(each["message_id"].startswith("build:") for each in found)
        assert {each["args"] for each in found} == {f"{FLAKE_CAUSE}, 2 of 3"}


async def test_a_cause_that_seldom_passes_is_left_alone_until_somebody_says_otherwise(tmp_path: Path) -> None:
    config = SOON + "floor = 0.5\nfloor_after = 2\n[plugin.retries.job.lxc]\npattern = 'disk full'\n"
    async with failing(tmp_path, Tries().always("janky", FLAKE, pull=1), config=config) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky", expect="queued")
        await gordon.chat.line("it was tried 3 times")
        gordon.world.build_of(Tries().of("janky", FLAKE, pull=2).of("janky", FLAKE, pull=3))
        await gordon.say("tianon", "rebuild moby#2 janky", expect="queued")
        await gordon.chat.line(f"not retried: of the last 2 retries for {FLAKE_CAUSE} none passed")
        assert "did you mean" in await gordon.say("tianon", f"retries reset {FLAKE_CAUSE}x")
        await gordon.say("tianon", 'retries reset "disk full"', expect="is tried again")
        await gordon.say("tianon", f"retries reset {FLAKE_CAUSE}", expect="is tried again")
        await gordon.say("tianon", "rebuild moby#3 janky", expect="queued")
        await gordon.chat.line(r"janky #\d passed")
