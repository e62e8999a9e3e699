"""What is said of builds that fail, from their logs in Jenkins to the lines in chat and the comment on GitHub."""

import asyncio
import json
import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.demo.world import CHANNEL, CONTEXTS, REPO, World
from bot.ports import Order
from bot.testing import Gordon
from bot.values import JobRef, Place
from tests.moved_clock import MovedClock
from tests.world.crash_rig import AGAIN, crash_rig
from tests.world.failing import (
    COMPILE_ERROR,
    FLAKE,
    GREEN,
    REAL,
    Tries,
    failing,
    on,
    open_pulls,
    saying,
    with_matrix,
)
from tests.world.honesty import on_disk, until

SOON = "\n[plugin.retries]\ndelay_s = 0.1\n"
FACTS = "SELECT count(*) FROM facts"
KEPT = "SELECT count(*) FROM plugin_state WHERE plugin = 'failures' AND key = 'moby/moby#1'"
REMARKS = "SELECT count(*) FROM deliveries WHERE handler = 'failures.write_remark'"
OF_PULL = "SELECT count(*) FROM plugin_state WHERE plugin = 'failures' AND key LIKE '%moby/moby#1'"
STORMS = "SELECT value FROM plugin_state WHERE plugin = 'failures' AND key = 'storms'"
PUSHED_ELSEWHERE = """
[jenkins.old]
url = "http://127.0.0.1:9"
user = "gordon"
token_file = "jenkins-token"

[jobs.old-image]
jenkins = "old"
job = "infra/base-image"

[repos."moby/moby".pushes.master]
jobs = ["old-image"]
"""


def with_keys(keys: str) -> Callable[[World], None]:
    """Give the plugin keys of its own, beside those of every world."""

    def prepare(world: World) -> None:
        text = world.config.read_text(encoding="utf-8")
        world.config.write_text(text.replace("[plugin.failures]\n", f"[plugin.failures]\n{keys}\n"), encoding="utf-8")

    return prepare


def ends(gordon: Gordon, word: str = "janky #") -> list[tuple[Place, str]]:
    """List what was said of how builds ended."""
    return [
        (place, text) for place, text in gordon.chat.said if word in text and re.search("passed|failed|fixed", text)
    ]


async def somebody_builds(gordon: Gordon, pull: int, context: str = "janky") -> None:
    """Have somebody start a build of a pull request's head on Jenkins itself."""
    head = gordon.world.github.repo(REPO).pulls[pull].head
    theirs = {"PR": str(pull), "GIT_SHA1": head, "GIT_BASE_REPO": REPO}
    await gordon.app.servers["ci"].trigger(Order(JobRef("ci", CONTEXTS[context]), theirs, request_id=""))


async def looked_at_first(gordon: Gordon) -> None:
    """Wait until what was built before Gordon came is the past."""
    ledger = gordon.world.jenkins.ledger
    await until(lambda: sum("win/api/json" in request.path for request in ledger.requests) > 1)


async def test_a_real_failure_is_told_with_its_test_its_line_and_a_link_to_it(tmp_path: Path) -> None:
    async with failing(tmp_path, Tries().of("janky", REAL), config=SOON) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky")
        told = await gordon.chat.line("janky #1 failed")
        found = re.fullmatch(
            r"new failure in TestRunVolumesFrom: moby#1 at \w{7}: janky #1 failed after 0s "
            r'- "(?P<text>.+)" \(line \d+\), not seen in 30 days (?P<link>http://\S+/logText/progressiveText\?start=\d+)',
            told,
        )
        assert found, told
        login = b64encode(b"gordon:" + (tmp_path / "jenkins-token").read_bytes()).decode()
        headers = {"Authorization": f"Basic {login}"}
        async with aiohttp.ClientSession(headers=headers) as session, session.get(found["link"]) as answer:
            assert found["text"] in (await answer.text())[:400], "the link shows the quoted line at its top"
        assert len(ends(gordon)) == 1


async def test_a_known_flake_is_told_once_as_green(tmp_path: Path) -> None:
    """F44: its attempts are silent."""
    async with failing(tmp_path, Tries().of("janky", FLAKE), config=SOON) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky")
        told = await gordon.chat.line("janky #2 passed")
        assert re.fullmatch(
            r"moby#1 at \w{7}: janky #2 passed on the 2nd try; the 1st hit docker-init-rootfs \(Docker.*\)", told
        )
        assert len(ends(gordon)) == 1


async def test_a_flake_that_stays_is_told_with_its_tries(tmp_path: Path) -> None:
    """F44."""
    async with failing(tmp_path, Tries().always("janky", FLAKE), config=SOON) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky")
        told = await gordon.chat.line("janky #3 failed")
        assert re.match(r"known Docker trouble \(docker-init-rootfs, 3 times this week\): moby#1 at \w{7}: ", told)
        assert "janky #3 failed on the 3rd try" in told
        assert "not retried: it was tried 3 times" in told
        assert len(ends(gordon)) == 1


async def test_one_cause_in_several_contexts_is_told_once(tmp_path: Path) -> None:
    tries = Tries().of("janky", COMPILE_ERROR).of("lxc", COMPILE_ERROR).of("windows", REAL)
    async with failing(tmp_path, tries, gather_s=1.5) as gordon:
        await gordon.say("tianon", "rebuild moby#1")
        told = await gordon.chat.line("janky #1")
        assert len(re.findall(r"compile error( \(2 times this week\))?: ", told)) == 1
        assert re.search(r"janky #1 failed.*; lxc #1 failed|janky #1, lxc #1 failed", told)
        assert "; new failure in TestRunVolumesFrom: windows #1 failed" in told or told.startswith(
            "new failure in Test"
        )
        assert "experimental #1 passed" in told
        assert len(told.encode()) <= 400 + len("tianon: ")


async def test_the_cells_that_failed_are_named(tmp_path: Path) -> None:
    bad = {"FS=aufs": [REAL], "FS=zfs": [REAL]}
    async with failing(tmp_path, Tries(), prepare=lambda world: with_matrix(world, bad)) as gordon:
        await gordon.say("tianon", "rebuild moby#1 matrix")
        told = await gordon.chat.line("matrix #1 failed")
        assert "matrix #1 failed after 0s in 2 of 8 cells: FS=aufs; FS=zfs" in told
        assert told.startswith("new failure in TestRunVolumesFrom: moby#1 at ")


async def test_what_is_green_again_is_told_as_fixed_to_nobody_by_name(tmp_path: Path) -> None:
    tries = Tries().of("janky", REAL, REAL)
    async with failing(tmp_path, tries, idle_poll_s=0.2) as gordon:
        await looked_at_first(gordon)
        for number in (1, 2):
            await somebody_builds(gordon, 1)
            await gordon.chat.line(rf"janky #{number} failed")
        gordon.world.github.push(REPO, 1)
        await somebody_builds(gordon, 1)
        told = await gordon.chat.line("janky #3")
        assert re.fullmatch(
            r"fixed: moby#1 at (\w{7}): janky #3 passed \(\d+s\) \(failed since #1, 2 builds; by \1\)", told
        )
        await somebody_builds(gordon, 1)
        await somebody_builds(gordon, 2)  # something to wait for, in another lane
        tries.always("lxc", REAL)
        await somebody_builds(gordon, 1, "lxc")
        await gordon.chat.line("lxc #1 failed")
        assert not any("janky #4" in line for line in gordon.lines), "that it passes still is no news"
        assert not any(place.to for place, _ in ends(gordon))


async def test_what_a_newer_build_has_put_right_is_not_bad_again_by_an_older_one(tmp_path: Path) -> None:
    """A build that waits for its next try is told though somebody else's has passed by then; that fixes nothing."""
    config = "\n[plugin.retries]\ndelay_s = 1.5\njitter = 0.0\n"
    async with failing(tmp_path, Tries().of("janky", FLAKE), config=config, idle_poll_s=0.2) as gordon:
        await looked_at_first(gordon)
        await gordon.say("tianon", "rebuild moby#1 janky")
        await on_disk(gordon, "SELECT count(*) FROM retries", lambda count: count == 1)
        await somebody_builds(gordon, 1)
        await on_disk(gordon, FACTS, lambda facts: facts == 2)
        assert "not retried: #2 is newer" in await gordon.chat.line("janky #1 failed")
        await somebody_builds(gordon, 1)
        await on_disk(gordon, FACTS, lambda facts: facts == 3)
        await gordon.say("tianon", "rebuild moby#2 lxc")
        await gordon.chat.line("lxc #1 passed")
        assert not [line for line in gordon.lines if "fixed" in line]


async def test_a_channel_hears_what_its_strategy_says_and_an_asker_all(tmp_path: Path) -> None:
    keys = f'strategy = "change-only"\n[plugin.failures.channel."test/{CHANNEL}"]\nculprits = true'
    prepare = with_keys(keys)
    tries = Tries().of("janky", REAL, REAL, REAL)
    async with failing(tmp_path, tries, prepare=lambda world: prepare_last(world, prepare), idle_poll_s=0.2) as gordon:
        await looked_at_first(gordon)
        await somebody_builds(gordon, 1)
        await gordon.chat.line("janky #1 failed")
        await somebody_builds(gordon, 1)
        await on_disk(gordon, FACTS, lambda facts: facts == 2)
        await gordon.chat.hear("jess", "rebuild moby#1 janky", channel="#elsewhere")
        await gordon.chat.line("janky #3 failed")
        heard = [(place.channel, place.to, text) for place, text in ends(gordon)]
        assert [(channel, to) for channel, to, _ in heard] == [(CHANNEL, "tianon"), ("#elsewhere", "jess")]
        assert "janky #1" in heard[0][2], "its author is addressed, as that is configured"


def prepare_last(world: World, prepare: Callable[[World], None]) -> None:
    """Write keys of a table in front of the table of the plugin, as TOML wants sub-tables behind their keys."""
    prepare(world)
    text = world.config.read_text(encoding="utf-8")
    gather = re.search(r"^gather_s = .+\n", text, re.MULTILINE)
    assert gather
    text = text.replace(gather[0], "").replace("[plugin.failures]\n", f"[plugin.failures]\n{gather[0]}")
    world.config.write_text(text, encoding="utf-8")


@pytest.mark.timeout(120)
async def test_a_storm_is_one_message_that_counts(tmp_path: Path) -> None:
    """F44: failures of one cause, told at their steps and when they are over; who asked is answered once.

    Of 300 at once tests/world/test_flakes_world.py tells.
    """
    clock, contexts = MovedClock(), list(CONTEXTS)
    tries = Tries()
    for context in contexts:
        tries.always(context, on(COMPILE_ERROR, ""))
    builds = [(number, context) for context in contexts for number in range(4, 19)]
    async with failing(
        tmp_path,
        tries,
        prepare=lambda world: open_pulls(world, 15),
        clock=clock,
        poll_s=0.3,
        idle_poll_s=0.3,
        gather_s=60.0,
    ) as gordon:
        await looked_at_first(gordon)
        started = 0
        for least, count in ((5, 5), (10, 12), (30, 59)):
            for one in builds[started:count]:
                await somebody_builds(gordon, *one)
            started = count
            await counted(gordon, count)
            clock.move(16.0)
            await storm_told(gordon, least, count)
        await gordon.chat.hear("jess", "rebuild moby#1 janky lxc", channel="#elsewhere")
        await counted(gordon, 61)
        clock.move(61.0)
        await on_disk(gordon, STORMS, lambda text: '"more": 0' in text or '"more":0' in text)
        clock.move(16.0)
        answer = await gordon.chat.line(r"moby#1 (janky|lxc) #\d+, moby#1 (janky|lxc) #\d+ failed \(as 61 builds")
        assert answer.startswith("compile error: moby#1 ")
        clock.move(700.0)
        assert re.search(r"^over: compile error: 61 builds, \d\d:\d\d-\d\d:\d\d UTC ", await gordon.chat.line("^over"))
        said = [(place.channel, place.to, text) for place, text in gordon.chat.said if "compile error" in text]
        news = [text for channel, _, text in said if channel == CHANNEL]
        assert [int(number) for text in news for number in re.findall(r"(\d+) builds failed alike", text)][:1] == [5]
        assert len(news) <= 5, "at 5, 10, 30 and at its end, or fewer where many came at once"
        assert [(channel, to) for channel, to, _ in said if channel != CHANNEL] == [("#elsewhere", "jess")]


async def storm_told(gordon: Gordon, least: int, most: int) -> None:
    """Wait until a storm was said to have so many builds; on a machine that does much else it is told in between."""

    def is_so() -> bool:
        found = (re.search(r"\b(\d+) builds failed alike since \d\d:\d\d UTC", line) for line in gordon.lines)
        return any(least <= int(one[1]) <= most for one in found if one)

    await until(is_so)


async def counted(gordon: Gordon, count: int) -> None:
    """Wait until so many failures of a storm are counted on disk."""

    def is_so(text: str) -> bool:
        storms: dict[str, Any] = json.loads(text)["storms"]
        return any(max(one["count"], len(one["recent"])) >= count for one in storms.values())

    await on_disk(gordon, STORMS, is_so)


async def test_the_comment_is_written_edited_and_gone(tmp_path: Path) -> None:
    """On the pull request: one, for its head alone."""
    tries = Tries().of("janky", REAL).of("lxc", COMPILE_ERROR)
    async with failing(tmp_path, tries, prepare=with_keys("comment = true")) as gordon:
        hub = gordon.world.github

        def bodies() -> list[str]:
            return [body for _, _, body in hub.comments(REPO, 1)]

        await gordon.say("tianon", "rebuild moby#1 janky lxc")
        await until(lambda: any("2 of 2 contexts failed" in body for body in bodies()))
        [(number, author, body)] = hub.comments(REPO, 1)
        assert author == "gordon-bot"
        assert body.startswith("<!-- gordon:failures -->")
        assert "`new failure in TestRunVolumesFrom`" in body
        assert "undefined: mountPoint" in body
        await gordon.say("tianon", "rebuild moby#1 lxc")
        await until(lambda: any("1 of 2 contexts failed" in body for body in bodies()))
        assert [one[0] for one in hub.comments(REPO, 1)] == [number], "the same comment, edited"
        await gordon.say("tianon", "rebuild moby#1 janky")
        await until(lambda: not bodies())


async def test_nothing_is_written_of_an_old_head(tmp_path: Path) -> None:
    slow = replace(REAL, duration_s=1.0)
    async with failing(tmp_path, Tries().of("janky", slow), prepare=with_keys("comment = true")) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky")
        await until(lambda: gordon.world.jenkins.job("docker-prs").builds)
        gordon.world.github.push(REPO, 1)
        await gordon.chat.line("janky #1 failed")
        tried = Tries().of("lxc", REAL)
        gordon.world.build_of(tried)
        await gordon.say("jess", "rebuild moby#2 lxc")
        await until(lambda: gordon.world.github.comments(REPO, 2))
        assert gordon.world.github.comments(REPO, 1) == []


async def test_the_comment_on_a_new_head_does_not_wait_for_what_was_said_of_the_old_one(tmp_path: Path) -> None:
    slow = replace(REAL, duration_s=1.0)
    async with failing(tmp_path, Tries().of("janky", slow, REAL), prepare=with_keys("comment = true")) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky")
        await until(lambda: gordon.world.jenkins.job("docker-prs").builds)
        gordon.world.github.push(REPO, 1)
        await gordon.chat.line("janky #1 failed")
        await on_disk(gordon, REMARKS, lambda count: not count)
        await gordon.say("tianon", "rebuild moby#1 janky")
        await until(lambda: gordon.world.github.comments(REPO, 1))


async def test_nothing_is_kept_of_a_pull_request_that_is_closed_though_a_build_of_it_ends_later(tmp_path: Path) -> None:
    clock, tries = MovedClock(), Tries().of("janky", REAL)
    prepare = with_keys("comment = true")
    async with failing(tmp_path, tries, prepare=prepare, clock=clock, with_hook=True, idle_poll_s=0.2) as gordon:
        await looked_at_first(gordon)
        await gordon.say("tianon", "rebuild moby#1 lxc")
        await gordon.chat.line("lxc #1 passed")
        gordon.world.github.close(REPO, 1)
        await on_disk(gordon, OF_PULL, lambda count: not count)
        await somebody_builds(gordon, 1)
        await gordon.chat.line("janky #1 failed")
        await on_disk(gordon, OF_PULL)
        clock.move(2 * 86400.0)
        await on_disk(gordon, OF_PULL, lambda count: not count)


async def test_a_kill_between_gathering_and_telling_loses_nothing(tmp_path: Path) -> None:
    """What was gathered is on disk with the event that tells it; it is told once, or marked."""
    async with crash_rig(tmp_path, numbers={"gather_s": 1.0}) as rig:
        rig.world.build_of(lambda starting: COMPILE_ERROR)
        await rig.start()
        rig.people[0].type("rebuild moby#1 janky")
        async with asyncio.timeout(60):
            while not rig.count(KEPT):  # noqa: ASYNC110  another process tells nobody
                await asyncio.sleep(0.01)
        await rig.kill()
        assert not [line for line in rig.lines() if "failed" in line]
        await rig.start()
        await rig.people[0].hears("compile error: moby#1 at .*janky #1 failed")
        await rig.quiet()
        told = [line for line in rig.lines() if "janky #1 failed" in line]
        assert len([line for line in told if AGAIN not in line]) == 1


HOSTILE_LOG = (
    "--- FAIL: TestX (1s)\n\x1b[31mtianon: \x02\x0304!cancel moby#1\x0f ```\r\n@moby/all #2 panic: boom\nFAIL\n"
)


async def test_a_log_cannot_speak_for_gordon(tmp_path: Path) -> None:
    """A26: not in chat, and not on the pull request."""
    hostile = saying(HOSTILE_LOG)
    async with failing(tmp_path, Tries().of("janky", hostile), prepare=with_keys("comment = true")) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky")
        told = await gordon.chat.line("janky #1 failed")
        assert told.isprintable()
        assert not told.startswith(("tianon", "!"))
        await until(lambda: gordon.world.github.comments(REPO, 1))
        [(_, _, body)] = gordon.world.github.comments(REPO, 1)
        outside = re.sub(
            r"^(`{3,})text\n.*?\n\1$|`[^`\n]*`", "", body.partition("-->")[2], flags=re.DOTALL | re.MULTILINE
        )
        assert "@moby" not in outside


@pytest.mark.parametrize("plan", [pytest.param(GREEN, id="passed"), pytest.param(REAL, id="failed")])
async def test_a_job_is_told_where_it_is_asked_for_or_wanted(tmp_path: Path, plan: Any) -> None:
    """Of no pull request: unasked only where its name is listed."""
    keys = f'[plugin.failures.channel."test/{CHANNEL}"]\njobs = ["infra/*"]\nstrategy = "any-failure"'
    tries = Tries().of("infra/base-image", plan)
    async with failing(tmp_path, tries, prepare=lambda world: prepare_last(world, with_keys(keys))) as gordon:
        await gordon.chat.hear("tianon", "build base-image", channel="#elsewhere")
        await gordon.chat.line("base-image #1")
        heard = {place.channel for place, _ in ends(gordon, "base-image #1")}
        assert heard == ({"#elsewhere"} if plan is GREEN else {"#elsewhere", CHANNEL})


async def test_a_job_is_told_though_another_server_has_one_of_its_name_that_builds_a_branch(tmp_path: Path) -> None:
    keys = f'[plugin.failures.channel."test/{CHANNEL}"]\njobs = ["infra/*"]'
    async with failing(
        tmp_path,
        Tries().of("infra/base-image", REAL),
        prepare=lambda world: prepare_last(world, with_keys(keys)),
        config=PUSHED_ELSEWHERE,
    ) as gordon:
        await gordon.chat.hear("tianon", "build base-image", channel="#elsewhere")
        await gordon.chat.line("base-image #1")
        heard = ends(gordon, "base-image #1")
        assert {place.channel for place, _ in heard} == {"#elsewhere", CHANNEL}


async def test_a_job_whose_failure_was_only_counted_in_a_storm_is_not_told_as_fixed(tmp_path: Path) -> None:
    keys = f'storm_builds = 2\n[plugin.failures.channel."test/{CHANNEL}"]\njobs = ["*"]'
    tries = Tries().of("janky", COMPILE_ERROR).of("infra/base-image", COMPILE_ERROR)
    async with failing(tmp_path, tries, prepare=lambda world: prepare_last(world, with_keys(keys))) as gordon:
        for number in (1, 2):
            await gordon.say("tianon", f"rebuild moby#{number} janky")
        await gordon.chat.line(r"\b2 builds failed alike")
        await gordon.chat.hear("tianon", "build base-image", channel="#elsewhere")
        await counted(gordon, 3)
        await gordon.chat.hear("tianon", "build base-image", channel="#elsewhere")
        told = await gordon.chat.line("base-image #2 passed")
        assert not told.startswith("fixed"), told
