"""Who may do what, from the line that somebody types to what Jenkins has in its ledger."""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from bot.chat import Heard
from bot.demo.jenkins.model import Plan
from bot.demo.world import CHANNEL, World
from bot.testing import FakeChat, Gordon, running
from bot.values import Place, Speaker
from tests.moved_clock import MovedClock
from tests.world.honesty import at_rest, check, until

CORE, OPS = "docker/core", "docker/ops"
TEAMED_ID, OPSED_ID = 107, 108
MORE_PEOPLE = f"""
[people.teamed]
github_id = {TEAMED_ID}
irc = {{ test = "teamed" }}

[people.opsed]
github_id = {OPSED_ID}
irc = {{ test = "opsed" }}

[teams."{CORE}"]
roles = {{ "moby/moby" = "maintainer" }}

[teams."{OPS}"]
roles = {{ "*" = "operator" }}
"""
REFRESHED_S, OLD_S = 240, 300
SILENT = rf"^cannot check right now whether you are in {OPS} \(GitHub does not answer\), so not now"
OPERATORS_ONLY = (
    "audit",
    "letters",
    "letters drop d1",
    "letters replay d1",
    "plugins off status",
    "plugins on status",
    "reload",
)
PRIVILEGED = ("rebuild moby#3", "build base-image", "cancel moby#3", f"confirm {'a' * 26}", *OPERATORS_ONLY)
OWN_LOOKS = r"^/graphql$|/teams/|/hooks"  # at teams, and at what webhooks did not tell
DOUBT = "nobody on this network can prove who they are; talk to me on libera"
STRANGERS = [
    (Speaker("test", "icecrime"), r"nothing proves who you are here \(whoami tells more\)"),
    (Speaker("test", "icecrime", doubt=DOUBT), rf"nothing proves who you are here: {DOUBT}"),
    (Speaker("test", "icecrime", "icecrime", ""), "nothing proves who you are"),
    (Speaker("test", "icecrime", "mallory", "account-tag"), "people.toml has nobody with your account"),
    (Speaker("test", "icecrime", "icecrime", "console"), "people.toml has nobody with your account"),
    (Speaker("elsewhere", "icecrime", "icecrime", "account-tag"), "people.toml has nobody with your account"),
    (Speaker("test", "icecrime", "icecr\u0456me", "account-tag"), "people.toml has nobody with your account"),
]
NEEDS_MAINTAINER, NEEDS_OPERATOR = "needs the role maintainer in moby/moby", "needs the role operator everywhere"
REFUSED = [
    ("newcomer", "rebuild moby#1", "newcomer is neither"),
    ("newcomer", "rebuild moby#3 janky", "the first build of a commit is for triagers"),
    ("newcomer", "rebuild moby#3 janky again", "may not build beside live builds"),
    ("newcomer", "build base-image", NEEDS_MAINTAINER),
    ("newcomer", "build docker-prs", NEEDS_MAINTAINER),
    ("jess", "build base-image", NEEDS_MAINTAINER),
    ("opsed", "rebuild moby#1", SILENT),
    ("opsed", "build base-image", SILENT),
    *((nick, typed, NEEDS_OPERATOR) for nick in ("newcomer", "jess", "tianon", "teamed") for typed in OPERATORS_ONLY),
    *(("opsed", typed, SILENT) for typed in OPERATORS_ONLY),
    *((nick, f"confirm {'a' * 26}", "nothing of yours waits here") for nick in ("newcomer", "tianon", "icecrime")),
]


class Stage(FakeChat):
    """A place to talk where anybody may be made to speak, with any proof."""

    async def speak(self, speaker: Speaker, text: str, key: str) -> str:
        """Have somebody type a line, and return the answer."""
        hear, before = await self._ready(), len(self.said)
        await hear(Heard(key, text, speaker, Place(self.network, CHANNEL, to=speaker.name)))
        return await self.line(".", after=before)


@asynccontextmanager
async def matrix(folder: Path) -> AsyncIterator[tuple[Gordon, Stage, MovedClock]]:
    """Run a Gordon for people with every role, whom GitHub does not tell any more who is in the team of operators."""
    async with World(
        folder, numbers={"poll_s": 0.05, "gather_s": 0.05, "again_after_s": 0.2, "timeout_s": 0.5}
    ) as world:
        with (folder / "people.toml").open("a") as people:
            people.write(MORE_PEOPLE)
        for name, login, number in ((CORE, "teamed", TEAMED_ID), (OPS, "opsed", OPSED_ID)):
            world.github.set_token(f"token-of-{login}", login, number)
            world.github.teams.add(name, login)
        world.clock = clock = MovedClock()
        chat = Stage()
        async with running(folder, world=world, chat=chat) as gordon:
            world.github.fail(500, times=100_000, path="/teams/ops/")
            await asked_again(gordon, clock, OLD_S)
            await until(lambda: gordon.app.teams.members(CORE) and gordon.app.teams.members(OPS) is None)
            yield gordon, chat, clock
            check(gordon.lines, world)


async def in_time(clock: MovedClock, holds: Callable[[], object]) -> None:
    """Let time go on until something holds: a try that was under way too early has another rest before it."""
    async with asyncio.timeout(60):
        while not holds():
            clock.move(2)
            await asyncio.sleep(0.02)


def has_said(gordon: Gordon, pattern: str) -> bool:
    return any(re.search(pattern, line) for line in gordon.lines)


def acts(gordon: Gordon) -> tuple[int, int]:
    """Count what was started and what was stopped."""
    ledger = gordon.world.jenkins.ledger
    return len(ledger.triggers), len(ledger.cancels) + len(ledger.stops)


def has_stopped(gordon: Gordon, count: int) -> bool:
    return acts(gordon)[1] == count


async def test_whom_nothing_proves_is_refused_every_command_that_does_something(tmp_path: Path) -> None:
    """A1 to A3: whatever makes them look like an operator."""
    async with matrix(tmp_path) as (gordon, chat, clock):
        asked_before = len(gordon.world.github.requests)
        for number, ((stranger, said), typed) in enumerate(itertools.product(STRANGERS, PRIVILEGED)):
            clock.move(10)  # whom nothing proves may say ten lines a minute
            told = await chat.speak(stranger, typed, f"stranger:{number}")
            assert re.search(rf"^{typed.split()[0]}.* needs the role \w+, and .*{said}", told), (stranger, typed, told)
        assert gordon.world.jenkins.ledger.asked("POST") == []
        asked = [request.path for request in gordon.world.github.requests[asked_before:]]
        assert [path for path in asked if not re.search(OWN_LOOKS, path)] == []
        assert "off" not in await gordon.say("tianon", "plugins")


async def test_who_has_too_low_a_role_is_refused_and_nothing_is_done(tmp_path: Path) -> None:
    async with matrix(tmp_path) as (gordon, _, _):
        for nick, typed, said in REFUSED:
            told = await gordon.say(nick, typed)
            assert re.search(said, told), (nick, typed, told)
        assert gordon.world.jenkins.ledger.asked("POST") == []
        assert "off" not in await gordon.say("tianon", "plugins")


async def test_everybody_may_ask(tmp_path: Path) -> None:
    async with matrix(tmp_path) as (gordon, chat, _):
        for number, (typed, said) in enumerate(
            [
                ("help", "whoami"),
                ("ping", "pong"),
                ("version", "Gordon"),
                ("plugins", "rebuild on"),
                ("queue", "nothing is waiting"),
                ("running", "nothing is running"),
                ("status moby#1", "never built"),
                ("whoami", DOUBT),
                ("can tianon build", "^yes"),
            ]
        ):
            told = await chat.speak(Speaker("test", f"eve{number}", doubt=DOUBT), typed, f"eve:{number}")
            assert re.search(said, told), (typed, told)
        for nick in ("newcomer", "teamed", "opsed", "icecrime"):
            assert await gordon.say(nick, "ping") == "pong"


async def test_each_role_does_what_it_may(tmp_path: Path) -> None:
    async with matrix(tmp_path) as (gordon, _, _):
        gordon.world.build_of(
            lambda starting: Plan("FAILURE", duration_s=1e4 if starting.job == "win" else 0.0, stopping_s=0.0)
        )
        await gordon.say("jess", "rebuild moby#3 janky", expect="queued janky")
        await gordon.chat.line(r"moby#3.*janky.*fail")
        await gordon.say("newcomer", "rebuild moby#3 janky", expect="queued janky")
        await gordon.say("tianon", "build base-image", expect="queued")
        await gordon.say("teamed", "build base-image", expect="queued")
        await gordon.say("icecrime", "build base-image", expect="queued")
        assert acts(gordon) == (5, 0)
        for stopped, (asker, canceller) in enumerate(
            [("jess", "tianon"), ("tianon", "teamed"), ("teamed", "icecrime")]
        ):
            await gordon.say(asker, "rebuild moby#1 windows", expect="queued windows")
            await gordon.say("newcomer", "cancel moby#1 windows", expect=NEEDS_MAINTAINER)
            assert acts(gordon) == (6 + stopped, stopped)
            await gordon.confirmed(canceller, "cancel moby#1 windows", expect="windows")
            await until(partial(has_stopped, gordon, stopped + 1))
            await gordon.chat.line(r"moby#1.*windows.*(cancelled|aborted)", after=len(gordon.lines) - 2)
        await gordon.say("jess", "rebuild moby#1 windows", expect="queued windows")
        assert "to go on say" not in await gordon.say("jess", "cancel moby#1 windows")
        await until(lambda: acts(gordon) == (9, 4))


async def test_an_operator_everywhere_operates(tmp_path: Path) -> None:
    async with matrix(tmp_path) as (gordon, _, _):
        await gordon.say("icecrime", "plugins off status", expect="^status is off")
        await gordon.say("icecrime", "plugins on status", expect="^status is on")
        assert "newest first" in await gordon.say("icecrime", "audit")
        assert await gordon.say("icecrime", "letters") == "nothing is stuck"
        for typed in ("letters drop d1", "letters replay d1"):
            assert 'no letter "d1"' in await gordon.say("icecrime", typed)
        assert "needs the role" not in await gordon.say("icecrime", "reload")


async def asked_again(gordon: Gordon, clock: MovedClock, by_s: float) -> None:
    """Let time pass, and wait until GitHub was asked who is in the team."""

    def count() -> int:
        return sum("/teams/core/" in asked.path for asked in gordon.world.github.requests)

    before = count()
    clock.move(by_s)
    await until(lambda: count() > before)


async def test_a_membership_that_ends_is_refused_within_five_minutes(tmp_path: Path) -> None:
    """G14, A31: by leaving the organisation."""
    async with matrix(tmp_path) as (gordon, _, clock):
        await gordon.say("teamed", "build base-image", expect="queued")
        gordon.world.github.teams.leave_organization("docker", "teamed")
        await asked_again(gordon, clock, REFRESHED_S)
        await gordon.say("teamed", "ping", expect="pong")
        assert "build needs the role maintainer in moby/moby; teamed is anyone" in await refused(gordon, "teamed")
        assert acts(gordon) == (1, 0)


async def test_a_login_that_was_freed_and_taken_by_another_brings_no_role(tmp_path: Path) -> None:
    """A31: an account is its number; the new holder of the name is in the team, and is somebody else."""
    async with matrix(tmp_path) as (gordon, _, clock):
        github = gordon.world.github
        github.teams.leave(CORE, "teamed")
        github.rename("teamed", "teamed-of-old")
        github.set_token("token-of-the-new-one", "teamed", 9001)
        github.teams.join(CORE, "teamed")
        await asked_again(gordon, clock, REFRESHED_S)
        assert "teamed is anyone" in await refused(gordon, "teamed")
        github.open_pull("moby/moby", title="By the new one", author="teamed", number=40)
        assert "teamed is neither" in await gordon.say("teamed", "rebuild moby#40")
        assert acts(gordon) == (0, 0)


async def test_a_github_that_does_not_answer_takes_roles_by_team_after_five_minutes_and_no_others(
    tmp_path: Path,
) -> None:
    """A31: a failing look-up refuses, in words of its own; roles by the file stay."""
    async with matrix(tmp_path) as (gordon, _, clock):
        await gordon.world.github.down()
        await gordon.say("teamed", "build base-image", expect="queued")
        clock.move(OLD_S)
        await until(lambda: "does not answer" in gordon.app.teams.why_unknown(CORE))
        told = await refused(gordon, "teamed")
        assert f"cannot check right now whether you are in {CORE} (GitHub does not answer), so not now" in told
        assert f"cannot check right now whether you are in {CORE}" in await gordon.say("teamed", "whoami")
        await gordon.say("tianon", "build base-image", expect="queued")
        assert acts(gordon) == (2, 0)
        await gordon.world.github.up()
        await in_time(clock, lambda: gordon.app.teams.members(CORE))
        await gordon.say("teamed", "build base-image", expect="queued")
        assert acts(gordon) == (3, 0)


async def refused(gordon: Gordon, nick: str) -> str:
    return await gordon.say(nick, "build base-image", expect="^(build needs|cannot check)")


WAITING = [
    pytest.param(
        "build base-image", "teamed may not start base-image any more", "base-image: queued", False, id="an-effect"
    ),
    pytest.param(
        "build base-image PUSH=true",
        f"build {NEEDS_MAINTAINER}; teamed is anyone",
        "to go on say: confirm",
        True,
        id="a-command",
    ),
]


@pytest.mark.parametrize(("typed", "refusal", "done", "is_tried_again"), WAITING)
async def test_a_role_that_ends_while_something_waits_ends_that(
    tmp_path: Path, typed: str, refusal: str, done: str, is_tried_again: bool
) -> None:
    """G14 for what was accepted before."""
    async with matrix(tmp_path) as (gordon, _, clock):
        await gordon.world.jenkins.go_down()
        await gordon.say("teamed", typed, expect="I will keep trying")
        gordon.world.github.teams.leave(CORE, "teamed")
        await asked_again(gordon, clock, REFRESHED_S)
        if is_tried_again:  # one that was under way has checked the role before
            await at_rest(gordon)
        await gordon.world.jenkins.come_back()
        await in_time(clock, lambda: has_said(gordon, refusal))
        assert not [line for line in gordon.lines if re.search(done, line)]
        assert acts(gordon) == (0, 0)


@pytest.mark.parametrize(("typed", "refusal", "done", "is_tried_again"), WAITING)
async def test_what_was_accepted_waits_until_its_role_can_be_checked(
    tmp_path: Path, typed: str, refusal: str, done: str, is_tried_again: bool
) -> None:
    """Neither lost nor done unchecked."""
    async with matrix(tmp_path) as (gordon, _, clock):
        await gordon.world.jenkins.go_down()
        await gordon.say("teamed", typed, expect="I will keep trying")
        await gordon.world.github.down()
        clock.move(OLD_S)
        await until(lambda: gordon.app.teams.members(CORE) is None)
        if is_tried_again:
            await at_rest(gordon)
        asked_before = len(gordon.world.jenkins.ledger.requests)
        await gordon.world.jenkins.come_back()
        for _ in range(3):
            clock.move(30)
            assert await gordon.say("teamed", "ping") == "pong"
        if not is_tried_again:  # it is looked for at Jenkins before its role is asked about
            await until(lambda: len(gordon.world.jenkins.ledger.requests) > asked_before)
        assert acts(gordon) == (0, 0)
        await gordon.world.github.up()
        await in_time(clock, lambda: gordon.app.teams.members(CORE))
        await in_time(clock, lambda: has_said(gordon, done))
        assert not [line for line in gordon.lines if re.search(refusal, line)]
        assert acts(gordon)[0] == done.count("queued")
