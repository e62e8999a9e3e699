"""How often people may ask and in which channels, and what an author may have built of their own."""

import re
import time
from pathlib import Path

import pytest
from msgspec import structs

from bot.commands import Usage
from bot.demo.jenkins.ledger import Status
from bot.demo.jenkins.model import Plan
from bot.demo.world import REPO, World
from bot.intake import not_here
from bot.live import Facts, Live
from bot.pace import MAX_BUCKETS, UNPROVEN_PER_MINUTE, Pace, TooMany
from bot.people import People
from bot.plugin import Command
from bot.settings import (
    ChannelSettings,
    CoreSettings,
    GordonSettings,
    IrcSettings,
    SlackChannelSettings,
    SlackSettings,
)
from bot.testing import Gordon, running
from bot.values import Person, Place, Role, Speaker
from tests.moved_clock import still
from tests.world.honesty import honest, until

HERE, THERE = Place("libera", "#docker", to="alice"), Place("libera", "#moby", to="alice")
ALICE, BOB = Person("alice"), Person("bob")
PROVEN = Speaker("libera", "alice", "alice", "account-tag")


def live(**limits: int) -> Live:
    return Live(Facts(GordonSettings(gordon=structs.replace(CoreSettings(home=REPO), **limits)), People({}, {})))


def give(
    pace: Pace, times: int, speaker: Speaker = PROVEN, place: Place = HERE, person: Person | None = ALICE
) -> tuple[int, list[str]]:
    """Give commands; tell how many were taken, and what was said of the others."""
    taken, told = 0, []
    for _ in range(times):
        try:
            pace.command(speaker, place, person)
            taken += 1
        except TooMany as error:
            told += [str(error)] if error.is_news else []
    return taken, told


def test_a_thousand_commands_in_ten_seconds_are_one_notice() -> None:
    """F43, A33: though some flow again meanwhile."""
    clock = still()
    pace, taken = Pace(clock, live(commands_per_minute=30)), 0
    told: list[str] = []
    for _ in range(1000):
        clock.move(0.01)
        one, words = give(pace, 1)
        taken, told = taken + one, told + words
    assert 30 + 4 <= taken <= 30 + 5
    assert told == ["that is too many commands at once; some were ignored, try again in 2s"]


def test_it_is_told_again_after_a_minute_or_a_pause() -> None:
    clock = still()
    pace = Pace(clock, live(commands_per_minute=30))
    assert [len(told) for _, told in (give(pace, 40), give(pace, 40))] == [1, 0]
    clock.move(31.0)
    assert give(pace, 20)[0] == 15
    clock.move(60.0)
    assert give(pace, 31) == (30, ["that is too many commands at once; some were ignored, try again in 2s"])


SPEAKERS = [
    pytest.param(Speaker("oftc", "al", "al", "account-tag"), ALICE, 0, id="the-same-person-on-another-network"),
    pytest.param(Speaker("libera", "bob", "bob", "account-tag"), BOB, 5, id="another-person"),
    pytest.param(Speaker("libera", "alice"), None, 5, id="somebody-with-their-nick"),
    pytest.param(Speaker("libera", "x", "alice", ""), None, 5, id="an-account-that-is-nobodys"),
]


@pytest.mark.parametrize(("speaker", "person", "left"), SPEAKERS)
def test_whose_bucket_it_is(speaker: Speaker, person: Person | None, left: int) -> None:
    pace = Pace(still(), live(commands_per_minute=5))
    give(pace, 5)
    assert give(pace, 10, speaker, Place(speaker.network, "#elsewhere", to=speaker.name), person)[0] == left


def test_an_account_is_not_the_nick_of_that_name() -> None:
    pace = Pace(still(), live(commands_per_minute=5))
    assert give(pace, 9, Speaker("libera", "eve"), person=None)[0] == 5
    assert give(pace, 9, Speaker("libera", "mallory", "eve", "account-tag"), person=None)[0] == 5
    assert give(pace, 9, Speaker("libera", "EVE"), person=None)[0] == 0
    assert give(pace, 9, Speaker("libera", "mallory_", "eve", "account-tag"), person=None)[0] == 0


def test_whom_nothing_proves_has_a_smaller_bucket() -> None:
    pace = Pace(still(), live(commands_per_minute=500, commands_per_minute_in_channel=10_000))
    assert give(pace, 100, Speaker("libera", "eve"), person=None)[0] == UNPROVEN_PER_MINUTE
    assert give(pace, 600)[0] == 500


def test_a_channel_has_a_bucket_for_everybody_and_strangers_leave_half_of_it() -> None:
    """A33: nobody without a proof keeps maintainers from being heard."""
    pace = Pace(still(), live(commands_per_minute=100, commands_per_minute_in_channel=40))
    strangers = [give(pace, 10, Speaker("libera", f"eve{number}"), person=None) for number in range(10)]
    assert sum(taken for taken, _ in strangers) == 20
    assert [told for _, told in strangers if told] == [
        ["there are too many commands in #docker at once; some were ignored, try again in 2s"]
    ]
    assert give(pace, 100)[0] == 20
    assert give(pace, 100, place=Place("libera", "#DOCKER", to="alice"))[0] == 0
    assert give(pace, 10, Speaker("libera", "bob", "bob", "account-tag"), THERE, BOB)[0] == 10


def test_strangers_who_go_on_under_other_nicks_are_told_once_a_minute() -> None:
    """F43: at the edge of what they may take, each command that passes is followed by one that does not."""
    clock = still()
    pace, told = Pace(clock, live(commands_per_minute_in_channel=120)), list[str]()
    for number in range(6000):
        told += give(pace, 1, Speaker("libera", f"eve{number % 2000}"), person=None)[1]
        if number % 200 == 0:
            told += give(pace, 1)[1]
        clock.move(0.1)
    assert 9 <= len(told) <= 11


def test_strangers_in_private_have_one_bucket_together() -> None:
    """A33: whoever takes another nick for each line does not ask GitHub and Jenkins as often as they like."""
    pace = Pace(still(), live(commands_per_minute=100, commands_per_minute_in_channel=40))
    came = [
        give(pace, 1, Speaker("libera", nick), Place("libera", nick, to=nick, private=True), None)
        for nick in map("eve{}".format, range(500))
    ]
    assert sum(taken for taken, _ in came) == 20
    words = "there are too many commands in private at once; some were ignored, try again in 2s"
    assert [told for _, told in came if told] == [[words]]
    assert give(pace, 100, place=Place("libera", "alice", to="alice", private=True))[0] == 100
    assert give(pace, 1, Speaker("oftc", "eve"), Place("oftc", "eve", to="eve", private=True), None)[0] == 1


def test_what_is_said_in_private_is_of_no_channel() -> None:
    pace = Pace(still(), live(commands_per_minute=100, commands_per_minute_in_channel=4))
    assert give(pace, 100, place=Place("libera", "alice", to="alice", private=True))[0] == 100


def test_a_limit_that_is_changed_counts_at_once() -> None:
    pace = Pace(still(), facts := live(commands_per_minute=100))
    give(pace, 10)
    facts.now = live(commands_per_minute=5).now
    assert give(pace, 100)[0] == 5


def test_what_starts_or_stops_builds_has_an_hour() -> None:
    clock = still()
    pace = Pace(clock, live(rebuilds_per_hour=20))
    for _ in range(20):
        pace.build(ALICE)
    words = "20 commands that start or stop builds are as many as you may give in an hour; try again in 3m"
    with pytest.raises(TooMany, match=words):
        pace.build(ALICE)
    pace.build(BOB)
    clock.move(180.0)
    pace.build(ALICE)


def test_memory_is_bounded_and_a_stranger_frees_no_bucket_of_those_who_speak() -> None:
    pace = Pace(still(), live(commands_per_minute=5))
    give(pace, 5)
    for number in range(MAX_BUCKETS * 2):
        if number % 1000 == 0:
            assert give(pace, 1)[0] == 0
        give(pace, 1, Speaker("libera", f"nick{number}"), Place("libera", "x", private=True), None)
    assert pace.size <= MAX_BUCKETS


async def test_a_thousand_lines_of_one_are_answered_by_few(tmp_path: Path) -> None:
    """F43, from outside: and the others are heard."""
    async with honest(tmp_path, commands_per_minute=30) as gordon:
        began_s = time.monotonic()
        for _ in range(1000):
            await gordon.chat.hear("tianon", "ping")
        assert await gordon.say("jess", "ping", expect="pong") == "pong"
        await until(lambda: gordon.lines.count("pong") > 30)
        notices = [line for line in gordon.lines if "too many commands at once" in line]
        assert len(notices) == 1
        assert re.search(r"some were ignored, try again in \ds \[\w{4}\]$", notices[0])
        assert gordon.lines.count("pong") <= 31 + (time.monotonic() - began_s)


async def test_builds_of_a_triager_are_counted_by_the_hour_and_those_of_a_maintainer_are_not(tmp_path: Path) -> None:
    async with honest(tmp_path, rebuilds_per_hour=2) as gordon:
        gordon.world.build_of(lambda starting: Plan(duration_s=60))
        for typed in ("rebuild moby#1 janky", "rebuild moby#1 lxc"):
            await gordon.say("jess", typed, expect="item")
        for typed in ("rebuild moby#1 windows", "rebuild moby#1 lxc again", "cancel moby#1"):
            await gordon.chat.hear("jess", typed)
        told = await gordon.chat.line("2 commands that start or stop builds are as many")
        assert re.search(r"in an hour; try again in \d+m \[\w{4}\]$", told), told
        assert "pong" in await gordon.say("jess", "ping")
        for number in range(1, 4):
            await gordon.say("tianon", f"rebuild moby#{number} experimental", expect=f"moby#{number} at .*item")
        assert len(gordon.world.jenkins.ledger.triggers) == 5


async def a_failure(gordon: Gordon) -> None:
    """Have a triager's builds of newcomer's pull request fail in one context and pass in another."""
    gordon.world.build_of(lambda starting: Plan("FAILURE" if starting.job == "docker-prs" else "SUCCESS", 0.05))
    await gordon.say("jess", "rebuild moby#3 janky lxc", expect="item")
    await gordon.chat.line("janky #1 failed")
    await gordon.chat.line("lxc #1 passed")


GREEN = "^it passed, and as its author you may rebuild what failed or never reported; triagers of moby/moby any"
AGAIN = "^as its author you may not build beside live builds; triagers of moby/moby may"
AUTHORS = [
    pytest.param("rebuild moby#3 janky", r"queued janky \(item \d+\)", 1, id="failed"),
    pytest.param("rebuild moby#3 windows", r"queued windows \(item \d+\)", 1, id="never-reported"),
    pytest.param("rebuild moby#3", r"queued experimental .*, janky .*, windows ", 3, id="all-that-is-not-green"),
    pytest.param("rebuild moby#3 lxc", GREEN, 0, id="green"),
    pytest.param("rebuild moby#3 all", r"queued .*; lxc not started: it passed, and as its author", 3, id="all"),
    pytest.param("rebuild moby#3 janky again", AGAIN, 0, id="again"),
]


@pytest.mark.parametrize(("typed", "read", "starts"), AUTHORS)
async def test_an_author_rebuilds_what_failed_or_never_reported(
    tmp_path: Path, typed: str, read: str, starts: int
) -> None:
    async with honest(tmp_path, poll_s=0.1, gather_s=0.1) as gordon:
        await a_failure(gordon)
        before = len(gordon.world.jenkins.ledger.triggers)
        told = await gordon.say("newcomer", typed, expect=r"\[\w{4}\]$")
        assert re.search(read, told), told
        assert len(gordon.world.jenkins.ledger.triggers) == before + starts


async def test_an_author_starts_nothing_at_a_commit_that_nobody_trusted(tmp_path: Path) -> None:
    async with honest(tmp_path, poll_s=0.1, gather_s=0.1) as gordon:
        await a_failure(gordon)
        head, before = gordon.world.github.push(REPO, 3), len(gordon.world.jenkins.ledger.triggers)
        told = await gordon.say("newcomer", "rebuild moby#3", expect="triagers")
        assert f"nothing was built at {head:.7} yet, and the first build of a commit is for triagers of {REPO}" in told
        assert len(gordon.world.jenkins.ledger.triggers) == before


async def test_a_build_of_nobody_knows_which_commit_makes_none_trusted(tmp_path: Path) -> None:
    """Where a job is not told the commit, its builds are found by their pull request alone."""
    async with World(tmp_path, numbers={"poll_s": 0.1, "gather_s": 0.1}) as world:
        text = world.config.read_text(encoding="utf-8")
        text = text.replace("[jenkins.ci]\n", '[jenkins.ci]\nparameters = { sha = "" }\n')
        world.config.write_text(text, encoding="utf-8")
        async with running(tmp_path, world=world) as gordon:
            await a_failure(gordon)
            head, before = world.github.push(REPO, 3), len(world.jenkins.ledger.triggers)
            told = await gordon.say("newcomer", "rebuild moby#3 janky", expect=r"\[\w{4}\]$")
            assert f"at {head:.7}" in told
            assert "the first build of a commit is for triagers of moby/moby" in told
            assert len(world.jenkins.ledger.triggers) == before


async def test_an_author_rebuilds_one_commit_so_often_and_a_restart_forgets_none(tmp_path: Path) -> None:
    async with World(tmp_path, numbers={"poll_s": 0.1, "gather_s": 0.1, "rebuilds_per_commit": 2}) as world:
        async with running(tmp_path, world=world) as gordon:
            await a_failure(gordon)
            for number in (2, 3):
                await gordon.say("newcomer", "rebuild moby#3 janky", expect="item")
                await gordon.chat.line(f"janky #{number} failed")
        async with running(tmp_path, world=world) as gordon:
            await gordon.chat.hear("newcomer", "rebuild moby#3 janky", key="after the restart")
            told = await gordon.chat.line("as often as")
            assert re.search(r"^you had \w{7} rebuilt 2 times, which is as often as its author may; triagers of", told)
            await gordon.chat.hear("jess", "rebuild moby#3 janky", key="and a triager")
            await gordon.chat.line(r"queued janky \(item")


async def test_what_jenkins_refused_is_no_rebuild_of_a_commit(tmp_path: Path) -> None:
    async with honest(tmp_path, poll_s=0.1, gather_s=0.1, rebuilds_per_commit=1) as gordon:
        await a_failure(gordon)
        gordon.world.jenkins.faults.next("POST", "*", Status(403, "no"))
        await gordon.say("newcomer", "rebuild moby#3 janky", expect="refused")
        await gordon.say("newcomer", "rebuild moby#3 janky", expect=r"queued janky \(item")


async def nothing(ctx: object, call: object) -> None:
    """Do nothing."""


def command(name: str, *, reads: bool) -> Command:
    return Command("any", Usage.parse(name), Role.ANYONE, reads, "Do it.", nothing)


CHANNELS = {"#quiet": ("reads",), "#few": ("ping", "rebuild"), "#most": ("reads", "build", "rebuild"), "#all": ()}
PERMITTED = [
    pytest.param("#quiet", "status", True, "", id="reads-one-that-reads"),
    pytest.param("#quiet", "rebuild", False, "give it in #few or #most or #all or #plain", id="reads-not"),
    pytest.param(
        "#QUIET", "rebuild", False, "rebuild is not obeyed in #QUIET, which takes only what changes nothing;", id="case"
    ),
    pytest.param("#few", "rebuild", False, "", id="by-name"),
    pytest.param(
        "#few", "status", True, "which takes only ping, rebuild; give it in #quiet or #most", id="not-by-name"
    ),
    pytest.param("#most", "cancel", False, "takes only build, rebuild and what changes nothing; give", id="both"),
    pytest.param("#all", "rebuild", False, "", id="all"),
    pytest.param("#plain", "rebuild", False, "", id="nothing-said-of-it"),
    pytest.param("#uninvited", "rebuild", False, "", id="no-channel-of-ours"),
]


@pytest.mark.parametrize(("channel", "name", "reads", "told"), PERMITTED)
def test_a_channel_may_obey_some_commands_only(channel: str, name: str, reads: bool, told: str) -> None:
    channels = {name: ChannelSettings(commands=only) for name, only in CHANNELS.items()}
    irc = {"libera": IrcSettings(host="irc", channels=("#quiet", "#few", "#most", "#all", "#plain"), channel=channels)}
    settings = GordonSettings(gordon=CoreSettings(home=REPO), irc=irc)
    said = not_here(settings, Place("libera", channel, to="alice"), command(name, reads=reads))
    assert told in said
    assert bool(said) is bool(told)
    assert not_here(settings, Place("libera", channel, to="alice", private=True), command(name, reads=reads)) == ""
    assert not_here(settings, Place("oftc", channel, to="alice"), command(name, reads=reads)) == ""


def test_where_else_a_command_is_obeyed_is_called_as_its_network_calls_it() -> None:
    irc = IrcSettings(host="irc", channels=("#quiet",), channel={"#quiet": ChannelSettings(commands=("reads",))})
    slack = SlackSettings(channels=("#quiet",), channel={"#quiet": SlackChannelSettings(commands=("reads",))})
    settings = GordonSettings(gordon=CoreSettings(home=REPO), irc={"libera": irc}, slack={"moby": slack})
    for network, alone in (("libera", "a private message"), ("moby", "a direct message")):
        said = not_here(settings, Place(network, "#quiet", to="alice"), command("rebuild", reads=False))
        assert said.endswith(f"; give it in {alone}")


DOCS_ONLY_READS = """
[irc.test]
host = "127.0.0.1"
port = 1
tls = false
nick_is_identity = true
channels = ["#docs", "#ci"]

[irc.test.channel."#docs"]
commands = ["reads"]
"""


async def test_what_a_channel_does_not_obey_is_said_there_and_done_elsewhere(tmp_path: Path) -> None:
    async with World(tmp_path, quiet_period_s=60) as world:
        world.config.write_text(world.config.read_text() + DOCS_ONLY_READS)
        async with running(tmp_path, world=world) as gordon:
            for typed, channel, read in (
                ("ping", "#docs", "pong"),
                ("rebuild moby#1 janky", "#docs", "rebuild is not obeyed in #docs, which takes only what changes"),
                ("build no-such-job", "#docs", "build is not obeyed in #docs"),
                ("rebuild moby#1 janky", "#ci", r"queued janky \(item 1\)"),
                ("rebuild moby#1 lxc", "", r"queued lxc \(item 2\)"),
            ):
                before = len(gordon.lines)
                await gordon.chat.hear("tianon", typed, channel=channel)
                assert re.search(read, await gordon.chat.line(".", after=before))
