"""From a typed line to the answer: why a build failed, its log, a cause added in chat, and what nobody knows."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bot.demo.world import World
from bot.facts import Fact
from bot.testing import FakeChat, Gordon, confirmation, running
from bot.values import Result
from tests.fact_rig import build, known
from tests.world.canaries import letters
from tests.world.crash_rig import build_by_hand
from tests.world.failing import (
    FLAKE,
    FLAKE_CAUSE,
    GREEN,
    NUMBERS,
    REAL,
    UNEXPLAINED,
    Tries,
    failing,
    open_pulls,
    saying,
    with_matrix,
)
from tests.world.honesty import until

SOON = "\n[plugin.retries]\ndelay_s = 0.1\n"
NO_RETRIES = ("rebuild", "status", "nodes", "failures", "causes", "help", "people", "operate")
ADD = r"known add frobnicator-gave-up docker-daemon true frobnicator  ?gave up on shelf \d+ of"


async def ended(gordon: Gordon, text: str, expect: str) -> str:
    """Have something built, and wait for what is said of its end."""
    return await gordon.say("tianon", text, expect=expect)


async def answers(gordon: Gordon, *typed: str) -> Sequence[str]:
    return [await gordon.say("tianon", text) for text in typed]


async def test_a_failure_is_explained_by_its_build_and_its_pull_request(tmp_path: Path) -> None:
    async with failing(tmp_path, Tries().of("janky", REAL), config=SOON) as gordon:
        await ended(gordon, "rebuild moby#1 janky lxc", "janky #1 failed")
        await gordon.chat.line("lxc #1 passed")
        build, pull, lines = await answers(gordon, "why docker-prs#1", "why moby#1", "log docker-prs#1")
        assert re.match(
            r"docker-prs#1 failed: new failure in Test\w+ \(go-test-fail\w*, test-failure\); line \d+: \"--- FAIL",
            build,
        )
        assert "not seen before in 30 days; not tried again: " in build
        assert "/job/docker-prs/1/logText/progressiveText?start=" in build
        assert re.match(
            r"moby#1 at \w{7}: 1 of \d contexts? failed; janky docker-prs#1: new failure in Test\w+ \(go-test-fail",
            pull,
        )
        number = re.search(r"line (\d+):", build)
        assert number
        assert f"; {number[1]}: --- FAIL" in lines
        await until(gordon.app.logs.kept.list)
        [few] = await answers(gordon, "log docker-prs#1 3")
        assert re.match(r"docker-prs#1, lines \d+ to \d+ of \d+; ", few)
        assert f"; {number[1]}: --- FAIL" in few
        assert len(re.findall(r"; \d+: ", few)) == 3
        [whole] = await answers(gordon, "log docker-prs#1 40")
        assert re.match(r"docker-prs#1, lines 1 to (\d+) of \1; ", whole), "that is all, so nothing is behind the link"


async def test_what_is_wrong_with_an_expression_is_told(tmp_path: Path) -> None:
    async with failing(tmp_path, Tries()) as gordon:
        open_group, nothing = await answers(gordon, "known test (unclosed", "known test .*")
        assert open_group == "the expression cannot be used: missing ): (unclosed"
        assert nothing.startswith("the expression cannot be used: is found in nothing at all")


async def test_the_tries_of_a_build_are_told_and_why_there_is_no_other(tmp_path: Path) -> None:
    async with failing(tmp_path, Tries().of("janky", FLAKE).of("lxc", FLAKE, REAL), config=SOON) as gordon:
        await ended(gordon, "rebuild moby#1 janky", "janky #2 passed")
        first, second = await answers(gordon, "why docker-prs#1", "why docker-prs#2")
        assert f"failed: known Docker trouble ({FLAKE_CAUSE}, docker-daemon)" in first
        found = re.search(rf"tried again as #2 \({FLAKE_CAUSE}, 2 of 3\) \[(\w{{4}})\]; ", first)
        assert found, first
        assert f"; tries: #1 failed ({FLAKE_CAUSE}); #2 passed" in first
        assert re.search(r"Gordon: .*planned", await gordon.say("icecrime", f"audit {found[1]}"))
        assert second.startswith("docker-prs#2 passed")
        [flakes] = await answers(gordon, "flakes")
        assert re.search(
            rf"{FLAKE_CAUSE}: 1 of 2 builds \(50\.0 %\), none before, last \d+s ago, 1 of 1 passed", flakes
        )


async def test_a_cause_that_is_added_in_chat_is_known_in_the_next_log_and_retried(tmp_path: Path) -> None:
    tries = Tries().of("janky", UNEXPLAINED, UNEXPLAINED)
    async with failing(tmp_path, tries, config=SOON) as gordon:
        await ended(gordon, "rebuild moby#1 janky", "janky #1 failed")
        await until(gordon.app.logs.kept.list)
        asked = await gordon.say("tianon", ADD, expect="to go on say")
        assert (
            "this would have all logs searched for frobnicator-gave-up (docker-daemon, retry true), found in 1" in asked
        )
        assert 'of 1 red logs, unproven, as no log of a build that passed is kept; e.g. "frobnicator gave up' in asked
        assert await gordon.say("tianon", confirmation(asked), expect="is known from now on") is not None
        came = await ended(gordon, "rebuild moby#1 janky", "janky #3 passed")
        assert "the 1st hit frobnicator-gave-up" in came
        listed, unknown = await answers(gordon, "known frobnicator", "unknown")
        assert "frobnicator-gave-up (docker-daemon, retry true, added by tianon, unproven, once in 30 days)" in listed
        assert r"frobnicator  ?gave up on shelf \d+ of" in listed
        assert unknown == "every failure of the last 30 days is explained"


async def test_what_was_added_stays_over_a_restart_and_goes_when_it_is_removed(tmp_path: Path) -> None:
    async with World(tmp_path, numbers=NUMBERS, plugins=NO_RETRIES) as world:
        world.build_of(Tries().always("janky", UNEXPLAINED))
        async with running(tmp_path, world=world) as gordon:
            await gordon.confirmed("tianon", ADD, expect="is known from now on")
        async with running(tmp_path, world=world, chat=FakeChat()) as gordon:
            await gordon.say("tianon", "rebuild moby#1 janky", expect=r"frobnicator-gave-up.*janky #1 failed", key="1b")
            asked = await gordon.say("tianon", "known remove frobnicator-gave-up", expect="to go on say", key="2b")
            assert "have no log searched for frobnicator-gave-up any more, which tianon added" in asked
            await gordon.say("tianon", confirmation(asked), expect="is not known any more", key="3b")
            came = await gordon.say("tianon", "rebuild moby#1 janky", expect="janky #2 failed", key="4b")
            assert "frobnicator-gave-up" not in came


async def test_what_is_in_green_logs_is_refused(tmp_path: Path) -> None:
    green = replace(
        GREEN, log="+ hack/frobnicate 4711\nfrobnicator gave up on shelf 17 of aisle 3, and tried the next\n"
    )
    async with failing(tmp_path, Tries().of("janky", UNEXPLAINED).always("lxc", green), config=SOON) as gordon:
        await ended(gordon, "rebuild moby#1 janky lxc", "janky #1 failed")
        await gordon.chat.line("lxc #1 passed")
        await until(lambda: gordon.app.logs.kept.list() and gordon.app.logs.kept.list(is_green=True))
        added, tried = await answers(gordon, ADD, "known test frobnicator gave up")
        assert added.startswith("it is found in 1 of 1 logs of builds that passed, so it tells nothing")
        assert tried.startswith("found in 1 of 1 red logs, 1 of 1 green")
        assert "more than a tenth of the green logs have it, so it cannot be added" in tried
        [unknown] = await answers(gordon, "unknown")
        assert "(no signature: is in 1 of 1 green logs, too)" in unknown


WRONG = [
    pytest.param("known add Frob network true x y z", "lower case letters, digits and hyphens", id="id"),
    pytest.param("known add frob netwerk true x y z", '"netwerk" is no class; did you mean network', id="class"),
    pytest.param("known add frob network maybe x y z", "it is true, false or unknown", id="retry"),
    pytest.param("known add frob network true x (y", "missing ): x (y", id="A27-open-group"),
    pytest.param(r"known add frob network true (x) y \1", "is a back-reference, which no linear", id="A27-reference"),
    pytest.param("known add frob network true .*", "is found in nothing at all", id="everything"),
    pytest.param(
        f"known add {FLAKE_CAUSE} network true x y z", "is there already: it comes with Gordon", id="id-taken"
    ),
    pytest.param("known add frob network", "<retry> is missing; usage: known add <id> <class> <retry>", id="too-few"),
    pytest.param("known test (x", "missing ): (x", id="test-of-a-wrong-one"),
    pytest.param(f"known remove {FLAKE_CAUSE}", "comes with Gordon, so it cannot be removed in chat", id="remove-ours"),
    pytest.param("known remove nope", 'no signature "nope" is there', id="remove-none"),
    pytest.param("known nothing-like-it", 'no known cause has "nothing-like-it" in it', id="list-of-none"),
    pytest.param("why docker-prs#99", "there is no build docker-prs#99, or not any more", id="no-build"),
    pytest.param("why moby#1", "moby#1: no build of it is on record", id="no-build-of-a-pull-request"),
    pytest.param("log docker-prs#99", "docker-prs#99 is not on record", id="no-log"),
    pytest.param("flakes cause dm", "no cause with dm in it failed by itself in 30 days", id="no-flakes"),
    pytest.param("flakes spleens dm", 'flakes are not counted by "spleens"; there are: causes', id="flakes-by-what"),
    pytest.param("unknown", "every failure of the last 30 days is explained", id="nothing-unknown"),
]


async def test_what_is_wrong_is_told_in_one_line(tmp_path: Path) -> None:
    async with failing(tmp_path, Tries()) as gordon:
        for row in WRONG:
            typed, words = (str(value) for value in row.values)
            answer = await gordon.say("tianon", typed)
            assert words in answer, row.id
            assert "\n" not in answer, row.id


async def test_a_stranger_and_a_triager_may_look_and_change_nothing(tmp_path: Path) -> None:
    """A2, A3: who is not proven has no role, whatever nick they have."""
    async with failing(tmp_path, Tries()) as gordon:
        for text in (ADD, "known remove frobnicator-gave-up"):
            refused = await gordon.say("tianon", text, proven=False)
            assert "needs the role maintainer" in refused or "nothing proves who you are" in refused
            assert "needs the role maintainer in moby/moby; jess is triager" in await gordon.say("jess", text)
        seen = await gordon.say("tianon", "known docker-init", proven=False)
        assert f"{FLAKE_CAUSE} (docker-daemon, retry true, from gordon)" in seen
        assert not gordon.app.logs.added.exists()


async def test_of_two_maintainers_with_one_id_the_second_is_told(tmp_path: Path) -> None:
    async with failing(tmp_path, Tries()) as gordon:
        first = await gordon.say("tianon", ADD, expect="to go on say")
        other = await gordon.say(
            "icecrime", "known add frobnicator-gave-up network true gave up", expect="to go on say"
        )
        await gordon.say("tianon", confirmation(first), expect="is known from now on")
        told = await gordon.say("icecrime", confirmation(other))
        assert "frobnicator-gave-up is there already: it was added by tianon; choose another id" in told


async def test_failures_that_nothing_explains_come_with_the_command_that_makes_them_known(tmp_path: Path) -> None:
    tries = Tries()
    for number in range(1, 5):
        tries.of("janky", saying(f"frobnicator gave up on shelf {number}7 of aisle {number * 3}\n"), pull=number)
    async with failing(
        tmp_path, tries, prepare=lambda world: open_pulls(world, 4), plugins=NO_RETRIES, storm_builds=100
    ) as gordon:
        for number in range(1, 5):
            await ended(gordon, f"rebuild moby#{number} janky", f"moby#{number} at .*failed")
        [unknown] = await answers(gordon, "unknown")
        assert "4 times in docker-prs, newest docker-prs#4" in unknown
        found = re.search(r"would know 4 of 4, .*; to add it: (known add .*)$", unknown)
        assert found, unknown
        await gordon.confirmed("tianon", found[1], expect="is known from now on")
        assert await answers(gordon, "unknown") == ["every failure of the last 30 days is explained"]


async def test_a_build_that_is_not_on_record_is_explained_from_its_log(tmp_path: Path) -> None:
    async with World(tmp_path, numbers=NUMBERS, plugins=NO_RETRIES) as world:
        world.build_of(Tries().always("infra/base-image", FLAKE))
        await build_by_hand(world, "infra/base-image", {})
        builds = world.jenkins.job("infra/base-image").builds
        await until(lambda: 1 in builds and not builds[1].in_progress(world.clock.monotonic_s()))
        async with running(tmp_path, world=world) as gordon:
            [told] = await answers(gordon, "why base-image#1")
            said = f"infra/base-image#1 is not on record, its log says: known Docker trouble ({FLAKE_CAUSE}, "
            assert told.startswith(said)


async def test_of_a_matrix_the_cells_that_failed_are_named_with_why(tmp_path: Path) -> None:
    def prepare(world: World) -> None:
        with_matrix(world, {"FS=aufs": [FLAKE], "FS=zfs": [REAL]})

    async with failing(tmp_path, Tries(), prepare=prepare, plugins=NO_RETRIES) as gordon:
        await ended(gordon, "rebuild moby#1 matrix", "matrix #1 failed")
        build, lines = await answers(gordon, "why matrix#1", "log matrix#1")
        assert re.search(rf"failed cells: FS=aufs \({FLAKE_CAUSE}\); FS=zfs \(TestRunVolumes\w+\)", build)
        assert lines.startswith("matrix#1 FS=")


async def test_no_command_shows_a_secret_of_a_log(tmp_path: Path) -> None:
    """A26: where it is told, where it is quoted, around it, as a hit of an expression, and in a proposed signature."""
    token, password = f"ghp_{letters(36)}", letters(20)
    log = (
        f"+ curl -H 'Authorization: Bearer {letters(30)}'\n+ git push https://bot:{password}@example.xxx/x.git\n"
        f"frobnicator gave up with token={token} on shelf 3 of aisle 9\n"
        "Build step 'Execute shell' marked build as failure\n"
    )
    async with failing(tmp_path, Tries().always("janky", saying(log)), plugins=NO_RETRIES) as gordon:
        await ended(gordon, "rebuild moby#1 janky", "failed")
        await until(gordon.app.logs.kept.list)
        said = await answers(
            gordon,
            "why docker-prs#1",
            "why moby#1",
            "log docker-prs#1",
            "log docker-prs#1 15",
            "known test frobnicator gave up",
            "known test git push",
            f"known test {password}",
            "unknown",
        )
        assert "frobnicator gave up with token=[secret] on shelf 3" in said[0]
        assert r"frobnicator gave up with token=\S+ on shelf \d+ of aisle" in said[-1]
        assert "found in 0 of 1 red logs" in said[6]
        everything = "\n".join(gordon.lines)
        assert token not in everything
        assert password not in everything


async def test_labels_on_which_more_fails_than_chance_explains_are_named(tmp_path: Path) -> None:
    def ran(number: int, *, kernel: str, is_bad: bool) -> Fact:
        fact = build(
            number, Result.FAILURE if is_bad else Result.SUCCESS, finished_at=at, node=f"n{number % 7}-{kernel}"
        )
        fact = replace(fact, tags={"kernel": kernel}, labels=(f"kernel:{kernel}",))
        return known(fact) if is_bad else fact

    async with failing(tmp_path, Tries()) as gordon:
        at = gordon.world.clock.now()
        facts = [ran(number, kernel="3.18", is_bad=number % 10 != 0) for number in range(1, 41)]
        facts += [ran(number, kernel="4.2", is_bad=number % 60 == 0) for number in range(41, 281)]
        rows = gordon.app.logs.facts
        await gordon.app.database.write(lambda db: [rows.insert(db, fact) for fact in facts])
        labels, cause, jobs = await answers(gordon, "flakes labels", "flakes dm-init-rootfs", "flakes jobs")
        for told in (labels, cause):
            assert re.search(r"suspected: kernel 3\.18: 36 of 40 fail, others 4 of 240 \(p < 10⁻\S+\)", told), told
        assert "suspected" not in jobs
        assert "docker-prs: 40 of 280 builds (14.3 %)" in jobs
