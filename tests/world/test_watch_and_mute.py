"""What people and channels watch reaches them, and what they have muted does not."""

from itertools import count
from pathlib import Path

import pytest

from bot.demo.world import CHANNEL, REPO, World
from bot.testing import NETWORK, FakeChat, Gordon, running
from bot.values import Place
from tests.moved_clock import MovedClock
from tests.world.failing import FLAKE, REAL, Tries, failing, with_matrix
from tests.world.honesty import at_rest, until
from tests.world.test_failures import prepare_last, with_keys

ELSEWHERE = "#elsewhere"
NUMBERS = count()
SOON = "\n[plugin.retries]\ndelay_s = 0.1\n"


def heard(gordon: Gordon, word: str, channel: str = CHANNEL) -> list[str]:
    """List what was said at a channel, or to somebody alone, of something."""
    return [text for place, text in gordon.chat.said if place.channel == channel and word in text]


async def build(gordon: Gordon, typed: str = "rebuild moby#1 janky") -> None:
    """Have somebody build who is answered alone, so that channels hear of it only unasked."""
    key = f"build {next(NUMBERS)}"  # a new chat counts its lines anew, and what was heard before is a repeat
    await gordon.chat.hear("crosbymichael", typed, channel="", key=key)


async def told_by_now(gordon: Gordon, word: str, nick: str = "crosbymichael") -> None:
    """Wait until whoever asked was told of something, and nothing that is due is left to be said."""
    await gordon.chat.line(word)
    await until(lambda: heard(gordon, word, nick))
    await at_rest(gordon)


WHATS = ["moby#1", "docker-prs#1", "docker-prs", "janky", "moby/janky", "moby", "author:tianon", REPO]


@pytest.mark.parametrize("what", WHATS)
async def test_each_kind_of_thing_is_watched_by_one_and_muted_by_others(tmp_path: Path, what: str) -> None:
    """Also what passed, of which no channel would hear that hears of changes only."""
    async with failing(tmp_path, Tries(), gather_s=0.3) as gordon:
        assert "you hear of" in await gordon.say("jess", f"watch {what}")
        assert "you hear nothing of" in await gordon.say("vieux", f"mute {what} 2h")
        assert "you hear of" in await gordon.say("vieux", "watch moby#1 2h")
        assert f"{CHANNEL} hears nothing of" in await gordon.say("tianon", f"mute {what} here 2h")
        await gordon.chat.hear("tianon", f"watch {what} here", channel=ELSEWHERE)
        await gordon.chat.line(f"{ELSEWHERE} hears of ")
        await build(gordon)
        await told_by_now(gordon, "janky #1 passed")
        assert [len(heard(gordon, "janky #1", place)) for place in ("jess", ELSEWHERE)] == [1, 1]
        alone = [place for place, text in gordon.chat.said if place.channel == "jess" and "janky #1" in text]
        assert alone == [Place(NETWORK, "jess", private=True, account="jess")], "nobody else who took the name is told"
        assert [len(heard(gordon, "janky #1", place)) for place in ("vieux", CHANNEL)] == [0, 0]


OTHERS = ["moby#2", "docker-prs#2", "win", "windows", "author:jess", "node:dm-7"]


async def test_other_things_of_the_kind_reach_nobody_and_silence_nobody(tmp_path: Path) -> None:
    async with failing(tmp_path, Tries(), gather_s=0.3) as gordon:
        for what in OTHERS:
            await gordon.say("jess", f"watch {what}", expect="you hear of")
            await gordon.say("tianon", f"mute {what} here 2h", expect="hears nothing of")
        await build(gordon)
        await told_by_now(gordon, "janky #1 passed")
        assert len(heard(gordon, "janky #1")) == 1
        assert not heard(gordon, "janky #1", "jess")


async def test_of_a_line_about_several_builds_only_what_is_muted_is_left_out(tmp_path: Path) -> None:
    async with failing(tmp_path, Tries().of("janky", REAL), gather_s=1.0) as gordon:
        await gordon.say("tianon", "mute janky here 1h")
        await gordon.say("jess", "watch lxc")
        await build(gordon, "rebuild moby#1 janky lxc windows")
        await told_by_now(gordon, "janky #1 failed")
        [line] = heard(gordon, "#1 passed")
        assert "lxc #1" in line
        assert "windows #1" in line
        assert "janky" not in line
        [line] = heard(gordon, "#1 passed", "jess")
        assert "lxc #1" in line
        assert "windows" not in line


async def test_whoever_asks_is_answered_whatever_is_muted(tmp_path: Path) -> None:
    async with failing(tmp_path, Tries()) as gordon:
        await gordon.say("tianon", "mute moby here 1h")
        await gordon.say("jess", "mute moby#1 1h")
        await gordon.say("jess", "rebuild moby#1 janky", expect="queued")
        await gordon.chat.line("janky #1 passed")
        [(place, _)] = [(place, text) for place, text in gordon.chat.said if "janky #1 passed" in text]
        assert (place.channel, place.to) == (CHANNEL, "jess")


async def test_a_build_is_watched_until_its_retries_are_over(tmp_path: Path) -> None:
    """The one line that tells of all its tries, and then no more of the job."""
    async with failing(tmp_path, Tries().of("janky", FLAKE), config=SOON) as gordon:
        assert "until it has ended" in await gordon.say("jess", "watch docker-prs#1")
        await build(gordon)
        await told_by_now(gordon, "janky #2 passed on the 2nd try")
        assert len(heard(gordon, "janky #2", "jess")) == 1
        assert "docker-prs#1 (1h)" in await gordon.say("jess", "watches"), "what is told with it is told for so long"
        await build(gordon)
        await told_by_now(gordon, "janky #3 passed")
        assert not heard(gordon, "janky #3", "jess")


async def test_cells_of_a_matrix_are_told_to_who_watches_it(tmp_path: Path) -> None:
    async with failing(tmp_path, Tries(), prepare=lambda world: with_matrix(world, {"FS=aufs": [REAL]})) as gordon:
        await gordon.say("jess", "watch matrix")
        await build(gordon, "rebuild moby#1 matrix")
        await told_by_now(gordon, "matrix #1 failed")
        assert "FS=aufs" in heard(gordon, "matrix #1", "jess")[0]


async def test_a_watch_ends_with_its_pull_request(tmp_path: Path) -> None:
    clock = MovedClock()
    async with failing(tmp_path, Tries(), with_hook=True, clock=clock) as gordon:
        for nick, typed in (("jess", "watch moby#1"), ("vieux", "watch moby#1"), ("vieux", "mute author:tianon 1d")):
            await gordon.say(nick, typed, expect="you hear")
        gordon.world.github.close(REPO, 1, merged=True)
        assert await gordon.chat.line("was merged") == "moby#1 was merged, so it is not watched any more"
        await gordon.say("tianon", "ping", expect="pong")
        assert [len(heard(gordon, "was merged", nick)) for nick in ("jess", "vieux", CHANNEL)] == [1, 0, 0]
        clock.move(3601)
        assert await gordon.say("jess", "watches") == "nothing is watched or muted"


async def test_a_mute_is_over_in_time_and_outlives_a_restart(tmp_path: Path) -> None:
    """F33: the time that is left goes on as if nothing had been."""
    clock, chat = MovedClock(), FakeChat()
    async with World(tmp_path, clock=clock, numbers={"poll_s": 0.1, "gather_s": 0.05}) as world:
        world.build_of(Tries())
        async with running(tmp_path, world=world, chat=chat) as gordon:
            await gordon.say("tianon", "mute moby here 1h")
            await gordon.say("jess", "watch janky 3h")
        async with running(tmp_path, world=world, chat=FakeChat()) as gordon:
            assert f"{CHANNEL} mutes moby/moby (1h)" in await gordon.say("tianon", "watches")
            await build(gordon)
            await told_by_now(gordon, "janky #1 passed")
            assert [len(heard(gordon, "janky #1", place)) for place in (CHANNEL, "jess")] == [0, 1]
            clock.move(3600)
            await build(gordon)
            await told_by_now(gordon, "janky #2 passed")
            assert [len(heard(gordon, "janky #2", place)) for place in (CHANNEL, "jess")] == [1, 1]
            clock.move(7200)
            await build(gordon)
            await told_by_now(gordon, "janky #3 passed")
            assert [len(heard(gordon, "janky #3", place)) for place in (CHANNEL, "jess")] == [1, 0]


async def test_what_is_taken_back_counts_no_more(tmp_path: Path) -> None:
    async with failing(tmp_path, Tries()) as gordon:
        for typed, told in (
            ("watch janky", "you hear of janky in private for 30d"),
            ("unwatch janky", "you do not watch janky any more"),
            ("mute moby#1 1h", "you hear nothing of moby#1 for 1h, unless somebody asks"),
            ("watch moby#1 here until 23:59", f"{CHANNEL} hears of moby#1 for "),
            ("unmute moby#1", "you do not mute moby#1 any more"),
            ("unwatch moby#1 here", f"{CHANNEL} does not watch moby#1 any more"),
            ("mute windows here 5m", f"{CHANNEL} hears nothing of windows for 5m, unless somebody asks"),
            ("unmute windows here", f"{CHANNEL} does not mute windows any more"),
            ("unmute windows here", f"{CHANNEL} does not mute windows any more"),
            ("watches", "nothing is watched or muted"),
        ):
            assert (await gordon.say("jess", typed)).startswith(told)


WRONG = [
    pytest.param("newcomer", "watch moby#1 here", "needs the role triager in moby/moby", id="channel-by-anybody"),
    pytest.param("newcomer", "mute moby here 1h", "needs the role triager in moby/moby", id="mute-by-anybody"),
    pytest.param("newcomer", "unmute moby here", "needs the role triager in moby/moby", id="unmute-by-anybody"),
    pytest.param("stranger", "watch moby#1", "people.toml has nobody with your account", id="by-a-stranger"),
    pytest.param("jess", "mute moby#1", "<until> is missing", id="mute-for-ever"),
    pytest.param("jess", "watch moby#1 soon", '"soon" is no time; say 30m', id="no-time"),
    pytest.param("jess", "mute janki 1h", 'no job "janki"; did you mean janky', id="unknown"),
]


async def test_who_may_not_and_what_is_wrong_is_told(tmp_path: Path) -> None:
    async with failing(tmp_path, Tries()) as gordon:
        for one in WRONG:
            nick, typed, told = one.values
            assert str(told) in await gordon.say(str(nick), str(typed)), one.id
        await gordon.chat.hear("jess", "watch moby#1 here", channel="")
        assert "no channel here" in await gordon.chat.line("no channel")
        assert (await gordon.say("newcomer", "watch moby#1")).startswith("you hear of moby#1 in private")
        assert await gordon.say("jess", "watches") == "nothing is watched or muted"


async def test_who_is_taken_out_of_the_people_file_is_told_no_more(tmp_path: Path) -> None:
    async with failing(tmp_path, Tries()) as gordon:
        for nick in ("jess", "vieux"):
            await gordon.say(nick, "watch janky")
        people = tmp_path / "people.toml"
        text = people.read_text(encoding="utf-8")
        people.write_text(text.replace('{ test = "jess" }', '{ test = "jessfraz" }'), encoding="utf-8")
        await gordon.confirmed("icecrime", "reload", expect="reloaded|took over|now")
        await build(gordon)
        await told_by_now(gordon, "janky #1 passed")
        assert [len(heard(gordon, "janky #1", nick)) for nick in ("jess", "vieux")] == [0, 1]


async def test_who_has_muted_it_is_not_addressed_as_one_who_pushed(tmp_path: Path) -> None:
    """Others hear of it as before, and so do those who have muted something else."""
    tries = Tries().of("janky", REAL, REAL, REAL)
    prepare = with_keys("culprits = true")
    async with failing(tmp_path, tries, prepare=lambda world: prepare_last(world, prepare)) as gordon:
        for typed, addressed in (
            ("mute moby#2 1h", "tianon"),
            ("mute docker-prs 1h", ""),
            ("unmute docker-prs", "tianon"),
        ):
            before = len(gordon.chat.said)
            await gordon.say("tianon", typed)
            await build(gordon)
            await gordon.chat.line("janky #. failed", after=before)
            await gordon.say("jess", "ping", expect="pong")
            told = [
                place.to for place, text in gordon.chat.said[before:] if place.channel == CHANNEL and "failed" in text
            ]
            assert told == [addressed]
