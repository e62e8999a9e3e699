"""What is large is shown first, and done only when its asker says so: once, soon, there, and while it is the same."""

import asyncio
import logging
import re
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.confirm import AT_ONCE, CONFIRM, PER_PERSON, REFUSAL, WITHIN_S, Confirmations, digest_of, weigh
from bot.demo.jenkins.model import Plan, StringParameter
from bot.demo.world import CHANNEL, FACTS, REPO, World
from bot.errors import NotAllowed, Unconfirmed, UserError
from bot.events import CommandGiven
from bot.intake import not_here
from bot.live import Facts, Live
from bot.people import People, load_people
from bot.settings import ChannelSettings, CoreSettings, GordonSettings, IrcSettings
from bot.testing import FakeChat, Gordon, confirmation, running
from bot.values import Person, Place, Speaker
from tests.world.crash_rig import crash_rig, trigger_by_hand
from tests.world.honesty import check, honest, until

ASKED = (
    r"^cancel moby#1: this would cancel janky \(item 1, asked for by tianon\), at [0-9a-f]{7}; "
    r"to go on say: confirm [a-z2-7]{26} \(within 120 s\) \[\w{4}\]$"
)
LONG_S, HOUR_S = 60.0, 3600.0
HEAD, MOVED = "3f2c1ab9" * 5, "77aa0011" * 5


@dataclass(slots=True)
class SetClock:
    """The machine's clock, whose wall time and whose seconds a test may move on, each for itself."""

    wall_ahead_s: float = 0.0
    ahead_s: float = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time() + self.wall_ahead_s, UTC)

    def monotonic_s(self) -> float:
        return time.monotonic() + self.ahead_s

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(max(0.0, delay_s))


class Acting(list[Any]):
    """Requests as a stand-in keeps them; with the one of some number the world moves on."""

    def __init__(self, act: Callable[[], object], at: int) -> None:
        super().__init__()
        self._act = act
        self._at = at

    def append(self, request: Any) -> None:
        super().append(request)
        if len(self) == self._at:
            self._act()


@asynccontextmanager
async def asked_to_cancel(folder: Path, clock: SetClock | None = None) -> AsyncIterator[tuple[Gordon, str]]:
    """Have tianon's build wait in the queue, and crosbymichael asked to confirm that it be cancelled."""
    world = World(folder, quiet_period_s=LONG_S)
    async with world:
        world.clock = clock or world.clock
        async with running(folder, world=world) as gordon:
            assert "queued janky (item 1)" in await gordon.say("tianon", "rebuild moby#1 janky")
            asked = await gordon.say("crosbymichael", "cancel moby#1")
            assert re.search(ASKED, asked), asked
            assert cancelled(gordon) == []
            yield gordon, confirmation(asked)
            check(gordon.lines, world)


def cancelled(gordon: Gordon) -> list[int]:
    return [each.queue_id for each in gordon.world.jenkins.ledger.cancels]


async def refused(gordon: Gordon, nick: str, text: str, channel: str = CHANNEL) -> None:
    """Type something in vain; whoever guesses reads the same words as whoever comes too late."""
    before = len(gordon.lines)
    await gordon.chat.hear(nick, text, channel=channel)
    told = await gordon.chat.line(".", after=before)
    assert re.fullmatch(rf"{re.escape(REFUSAL)} \[\w{{4}}\]", told), told


async def test_the_build_of_another_is_cancelled_once_that_is_confirmed(tmp_path: Path) -> None:
    async with asked_to_cancel(tmp_path) as (gordon, confirm):
        assert "moby#1: janky taken out of the queue" in await gordon.say("crosbymichael", confirm)
        assert cancelled(gordon) == [1]
        await refused(gordon, "crosbymichael", confirm)


async def test_a_word_that_could_not_be_taken_is_not_used_up(tmp_path: Path) -> None:
    """The plugin is off just then; what was offered still waits."""
    async with asked_to_cancel(tmp_path) as (gordon, confirm):
        await gordon.say("icecrime", "plugins off rebuild", expect="rebuild is off")
        assert "rebuild is switched off" in await gordon.say("crosbymichael", confirm)
        await gordon.say("icecrime", "plugins on rebuild", expect="rebuild is on")
        assert "moby#1: janky taken out of the queue" in await gordon.say("crosbymichael", confirm)


async def test_what_one_asked_for_is_cancelled_unasked(tmp_path: Path) -> None:
    """By whoever they are, a maintainer or not."""
    async with honest(tmp_path, quiet_period_s=LONG_S) as gordon:
        for number, nick in enumerate(("tianon", "jess"), start=1):
            await gordon.say(nick, f"rebuild moby#{number} janky", expect="item")
            told = await gordon.say(nick, f"cancel moby#{number}", expect=f"^(cancel )?moby#{number}: ")
            assert "janky taken out of the queue" in told
            assert cancelled(gordon) == list(range(1, number + 1))


async def test_a_triager_cancels_their_own_and_reads_who_may_cancel_the_rest(tmp_path: Path) -> None:
    async with honest(tmp_path, quiet_period_s=LONG_S) as gordon:
        await gordon.say("tianon", "rebuild moby#1 janky")
        await gordon.say("jess", "rebuild moby#1 lxc")
        told = await gordon.say("jess", "cancel moby#1")
        assert re.search(
            r"^moby#1: lxc taken out of the queue; janky not cancelled: tianon asked for it, and cancelling what is "
            r"not yours needs the role maintainer in moby/moby; jess is triager",
            told,
        ), told
        assert cancelled(gordon) == [2]


async def test_a_copy_made_by_hand_is_not_its_models(tmp_path: Path) -> None:
    """It carries the mark of a build that jess had asked for."""
    async with honest(tmp_path) as gordon:
        gordon.world.build_of(lambda starting: Plan("SUCCESS", 0.1))
        await gordon.say("jess", "rebuild moby#1 janky", expect="item")
        await gordon.chat.line("janky #1 passed")
        gordon.world.build_of(lambda starting: Plan(duration_s=LONG_S))
        [mark] = gordon.world.request_ids()
        await trigger_by_hand(gordon.world, 1, "janky", GORDON_REQUEST_ID=mark)
        await until(lambda: len(gordon.world.jenkins.ledger.builds) == 2)
        told = await gordon.say("jess", "cancel moby#1", expect="maintainer|asked to stop")
        assert "nobody asked me for it, and cancelling what is not yours needs the role maintainer" in told
        assert gordon.world.jenkins.ledger.stops == []


WRONG = [
    pytest.param("jess", CHANNEL, lambda confirm: confirm, id="another-person"),
    pytest.param("tianon", CHANNEL, lambda confirm: confirm, id="whose-build-it-is"),
    pytest.param("crosbymichael", "#elsewhere", lambda confirm: confirm, id="another-channel"),
    pytest.param("crosbymichael", "", lambda confirm: confirm, id="in-private"),
    pytest.param("crosbymichael", CHANNEL, lambda confirm: confirm[:-1] + chr(ord(confirm[-1]) ^ 1), id="one-letter"),
    pytest.param("crosbymichael", CHANNEL, lambda confirm: confirm[:-1], id="cut-short"),
    pytest.param("crosbymichael", CHANNEL, lambda confirm: "confirm " + "a" * 26, id="a-guess"),
    pytest.param("crosbymichael", CHANNEL, lambda confirm: 'confirm ""', id="nothing"),
    pytest.param("crosbymichael", CHANNEL, lambda confirm: f"confirm {'é' * 26}", id="letters-of-elsewhere"),
]


@pytest.mark.parametrize(("nick", "channel", "say"), WRONG)
async def test_a_word_from_elsewhere_counts_nothing_and_takes_nothing_away(
    tmp_path: Path, nick: str, channel: str, say: Callable[[str], str]
) -> None:
    """A31, A32."""
    async with asked_to_cancel(tmp_path) as (gordon, confirm):
        await refused(gordon, nick, say(confirm), channel)
        assert cancelled(gordon) == []
        assert "taken out of the queue" in await gordon.say("crosbymichael", confirm)


async def test_whom_nothing_proves_confirms_nothing(tmp_path: Path) -> None:
    """A1: neither by the name of who was asked."""
    async with asked_to_cancel(tmp_path) as (gordon, confirm):
        told = await gordon.say("crosbymichael", confirm, proven=False)
        assert told.startswith("confirm needs the role author, and nothing proves who you are")
        assert cancelled(gordon) == []


@pytest.mark.parametrize("wall_s", [0.0, HOUR_S, -HOUR_S])
async def test_it_counts_for_two_minutes_by_a_clock_that_never_jumps(tmp_path: Path, wall_s: float) -> None:
    """F33, A32."""
    clock = SetClock()
    async with asked_to_cancel(tmp_path, clock) as (gordon, confirm):
        clock.wall_ahead_s = wall_s
        clock.ahead_s = WITHIN_S + 1
        await refused(gordon, "crosbymichael", confirm)
        confirm = confirmation(await gordon.say("crosbymichael", "cancel moby#1"))
        clock.ahead_s += WITHIN_S / 2
        assert "taken out of the queue" in await gordon.say("crosbymichael", confirm)
        assert cancelled(gordon) == [1]


async def test_a_restart_voids_what_waits_and_says_what_to_do(tmp_path: Path) -> None:
    async with World(tmp_path, quiet_period_s=LONG_S) as world:
        async with running(tmp_path, world=world) as gordon:
            await gordon.say("tianon", "rebuild moby#1 janky")
            confirm = confirmation(await gordon.say("crosbymichael", "cancel moby#1"))
        async with running(tmp_path, world=world) as gordon:
            await refused(gordon, "crosbymichael", confirm)
            await gordon.chat.hear("crosbymichael", "cancel moby#1", key="after the restart")
            confirm = confirmation(await gordon.chat.line("to go on say"))
            assert "janky taken out of the queue" in await gordon.say("crosbymichael", confirm)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param('"*" = "operator"', '"*" = "triager"', id="of-another"),
        pytest.param('roles = { "moby/moby" = "maintainer" }', 'roles = { "moby/moby" = "triager" }', id="their-own"),
    ],
)
async def test_a_change_of_roles_voids_what_waits(tmp_path: Path, old: str, new: str) -> None:
    async with asked_to_cancel(tmp_path) as (gordon, confirm):
        people = tmp_path / "people.toml"
        people.write_text(people.read_text().replace(old, new))
        now = gordon.app.live.now
        gordon.app.live.now = Facts(now.settings, load_people(people), now.plugin_settings)
        await refused(gordon, "crosbymichael", confirm)
        assert cancelled(gordon) == []


async def test_a_head_that_moved_is_shown_beside_the_one_that_was_confirmed(tmp_path: Path) -> None:
    """A18, A32."""
    async with asked_to_cancel(tmp_path) as (gordon, confirm):
        head = gordon.world.github.push(REPO, 1)
        told = await gordon.say("crosbymichael", confirm)
        assert re.search(
            rf"^not done: you confirmed to cancel janky \(item 1, asked for by tianon\), at [0-9a-f]{{7}}; "
            rf"now it would cancel nothing, at {head:.7}; give the command again to go on \[\w{{4}}\]$",
            told,
        ), told
        assert cancelled(gordon) == []


async def test_another_build_of_the_same_commit_is_not_the_one_that_was_confirmed(tmp_path: Path) -> None:
    """A32."""
    async with asked_to_cancel(tmp_path) as (gordon, confirm):
        await gordon.say("tianon", "cancel moby#1", expect="never left the queue")
        await gordon.say("tianon", "rebuild moby#1 janky", expect="item 2")
        told = await gordon.say("crosbymichael", confirm, expect="not done|taken out")
        assert "now it would cancel janky (item 2, asked for by tianon), at" in told
        assert cancelled(gordon) == [1]


async def test_a_build_that_leaves_the_queue_meanwhile_is_the_same_one(tmp_path: Path) -> None:
    async with honest(tmp_path, quiet_period_s=1.0) as gordon:
        gordon.world.build_of(lambda starting: Plan(duration_s=LONG_S))
        await gordon.say("tianon", "rebuild moby#1 janky")
        asked = await gordon.say("crosbymichael", "cancel moby#1")
        assert re.search(ASKED, asked), asked
        await until(lambda: gordon.world.jenkins.ledger.builds)
        told = await gordon.say("crosbymichael", confirmation(asked))
        assert "moby#1: janky #1 asked to stop" in told


async def test_a_push_between_any_two_requests_cancels_what_was_shown_or_nothing(tmp_path: Path) -> None:
    """A18: of the confirmed run, to GitHub and to Jenkins, all gaps there are."""
    came, at = 1, 0
    async with honest(tmp_path, quiet_period_s=LONG_S, poll_s=3600, rebuilds_per_commit=100) as gordon:
        world = gordon.world
        while at < came:
            at += 1
            [item] = re.findall(r"\(item (\d+)\)", await gordon.say("tianon", "rebuild moby#1 janky", expect="item"))
            confirm = confirmation(await gordon.say("crosbymichael", "cancel moby#1", expect="go on say"))
            before = cancelled(gordon)
            seen = Acting(lambda: world.github.push(REPO, 1), at)
            world.jenkins.ledger.requests = world.github.requests = seen
            told = await gordon.say("crosbymichael", confirm, expect="not done|taken out")
            came = len(seen)
            done = [int(item)] if "taken out" in told else []
            assert cancelled(gordon) == before + done, told
    assert came > 5, "the confirmed run reads the pull request and its contexts, then cancels"


async def test_what_was_begun_goes_on_after_a_death_though_the_head_has_moved(tmp_path: Path) -> None:
    """What has begun was confirmed, so there is nothing left to refuse."""
    async with crash_rig(tmp_path, quiet_period_s=LONG_S) as rig:
        [tianon] = rig.people
        await trigger_by_hand(rig.world, 1, "janky")
        await rig.start("effect.record.after:1")
        tianon.type("cancel moby#1")
        tianon.type(confirmation(await tianon.hears("to go on say")))
        await rig.died()
        rig.world.github.push(REPO, 1)
        await rig.start()
        await tianon.hears("janky taken out of the queue")
        assert [each.queue_id for each in rig.world.jenkins.ledger.cancels] == [1]


async def test_what_jenkins_puts_off_cancels_nothing_that_came_later(tmp_path: Path) -> None:
    async with honest(tmp_path, quiet_period_s=LONG_S, again_after_s=2.0) as gordon:
        world, going = gordon.world, list[asyncio.Task[None]]()
        await gordon.say("tianon", "rebuild moby#1 janky lxc", expect="item 2")
        confirm = confirmation(await gordon.say("crosbymichael", "cancel moby#1"))
        world.jenkins.ledger.cancels = Acting(
            lambda: going.append(asyncio.create_task(world.jenkins.go_down("503"))), 1
        )
        await gordon.say("crosbymichael", confirm, expect="I will keep trying")
        await asyncio.gather(*going)
        await world.jenkins.come_back()
        await trigger_by_hand(world, 1, "windows")
        told = await gordon.chat.line("taken out of the queue")
        assert "the rest is not what you confirmed any more; give the command again to go on" in told
        assert 3 not in cancelled(gordon)


async def test_the_same_message_delivered_twice_is_one_word(tmp_path: Path) -> None:
    async with asked_to_cancel(tmp_path) as (gordon, confirm):
        for _ in range(2):
            await gordon.chat.hear("crosbymichael", confirm, key="test:once")
        await gordon.chat.line("taken out of the queue")
        assert await gordon.say("jess", "ping") == "pong"
        assert [line for line in gordon.lines if "nothing of yours" in line or "taken out" in line] == [
            line for line in gordon.lines if "taken out" in line
        ]
        assert cancelled(gordon) == [1]


async def test_a_few_may_wait_and_the_oldest_makes_room(tmp_path: Path) -> None:
    async with asked_to_cancel(tmp_path) as (gordon, confirm):
        later = [confirmation(await gordon.say("crosbymichael", "cancel moby#1")) for _ in range(PER_PERSON)]
        await refused(gordon, "crosbymichael", confirm)
        assert "taken out of the queue" in await gordon.say("crosbymichael", later[0])


async def test_a_job_with_values_is_started_once_that_is_confirmed(tmp_path: Path) -> None:
    async with honest(tmp_path) as gordon:
        asked = await gordon.say("tianon", "build base-image PLATFORM=el7 PUSH=true")
        assert "this would start infra/base-image with PLATFORM=el7, PUSH=true; to go on say: " in asked
        assert gordon.world.jenkins.ledger.triggers == []
        assert re.search(r"^base-image: queued \(item 1\)", await gordon.say("tianon", confirmation(asked)))
        [trigger] = gordon.world.jenkins.ledger.triggers
        assert (trigger.parameters["PLATFORM"], trigger.parameters["PUSH"]) == ("el7", True)


@asynccontextmanager
async def many_contexts(folder: Path, count: int) -> AsyncIterator[Gordon]:
    """Run a Gordon for a repository with so many contexts."""
    async with World(folder) as world:
        facts = tuple(StringParameter(name) for name in FACTS)
        text = world.config.read_text()
        for number in range(count - text.count(".contexts.")):
            world.jenkins.add_job(f"more-{number}", parameters=facts)
            text += f'\n[repos."{REPO}".contexts.more-{number}]\njenkins = "ci"\njob = "more-{number}"\n'
        world.config.write_text(text)
        world.build_of(lambda starting: Plan(duration_s=LONG_S))
        async with running(folder, world=world) as gordon:
            yield gordon
            check(gordon.lines, world)


@pytest.mark.parametrize("moves", [False, True], ids=["same-head", "a-push-before-the-word"])
async def test_more_than_ten_builds_are_confirmed(tmp_path: Path, moves: bool) -> None:
    """A18: what is built then is what was shown."""
    async with many_contexts(tmp_path, 11) as gordon:
        asked = await gordon.say("tianon", "rebuild moby#1")
        assert re.search(r"this would start 11 builds of moby#1 at [0-9a-f]{7}: experimental, janky, .*more-6", asked)
        head = gordon.world.github.push(REPO, 1) if moves else ""
        told = await gordon.say("tianon", confirmation(asked))
        built = {trigger.parameters["GIT_SHA1"] for trigger in gordon.world.jenkins.ledger.triggers}
        if moves:
            assert re.search(rf"^not done: .* at [0-9a-f]{{7}}: .*; now it would start 11 .* at {head:.7}: ", told), (
                told
            )
            assert built == set()
        else:
            assert told.count("(item ") == 11
            assert len(built) == 1


async def test_what_jenkins_puts_off_starts_nothing_more_once_the_head_has_moved(tmp_path: Path) -> None:
    """A18: what has begun goes on, and nobody has agreed to build the rest at a commit that came later."""
    async with many_contexts(tmp_path, 11) as gordon:
        world, heads, going = gordon.world, list[str](), list[asyncio.Task[None]]()

        def push_and_fall_silent() -> None:
            heads.append(world.github.push(REPO, 1))
            going.append(asyncio.create_task(world.jenkins.go_down("503")))

        confirm = confirmation(await gordon.say("tianon", "rebuild moby#1"))
        world.jenkins.ledger.triggers = Acting(push_and_fall_silent, 2)
        await gordon.say("tianon", confirm, expect="I will keep trying")
        await asyncio.gather(*going)
        built = [trigger.parameters["GIT_SHA1"] for trigger in world.jenkins.ledger.triggers]
        assert 0 < len(built) < 11
        await world.jenkins.come_back()
        told = await gordon.chat.line("the head has moved on")
        assert {trigger.parameters["GIT_SHA1"] for trigger in world.jenkins.ledger.triggers} == set(built)
        assert told.count("(item ") == len(world.jenkins.ledger.triggers) < 11
        assert "the rest is not what you confirmed any more; give the command again to go on" in told


async def test_ten_builds_are_started_unasked(tmp_path: Path) -> None:
    async with many_contexts(tmp_path, 10) as gordon:
        assert (await gordon.say("tianon", "rebuild moby#1")).count("(item ") == 10


async def test_a_token_stands_in_no_record_and_no_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A32: however it is mistyped; and the record of what was done names the one that asked."""
    with caplog.at_level(logging.DEBUG):
        async with asked_to_cancel(tmp_path) as (gordon, confirm):
            token = confirm.partition(" ")[2]
            asked = gordon.lines[-1][-5:-1]
            for typed in (f"confrm {token}", token, f"confirm {token} please", f"rebuild {token}", f"CONFIRM {token}x"):
                await gordon.say("crosbymichael", typed)
            done = (await gordon.say("crosbymichael", confirm, expect="taken out"))[-5:-1]
            await gordon.say("icecrime", "audit", expect="newest")
    assert token not in caplog.text
    with closing(sqlite3.connect(tmp_path / "state" / "gordon.db")) as database:
        records = [row[0] for row in database.execute("SELECT record FROM audit")]
        events = [row[0] for row in database.execute("SELECT key FROM events")]
    assert token not in "".join(records + events)
    assert any('"text_redacted":"confirm ..."' in record for record in records)
    assert any(f'"id":"{done}"' in record and f'"confirm_by":"{asked}"' in record for record in records)
    assert any(f'"id":"{asked}"' in record and '"decision":"to be confirmed"' in record for record in records)


EVENT = CommandGiven(
    key="k", lane="moby/moby#1", at=datetime.now(UTC), command="cancel", text="cancel moby#1",
    speaker=Speaker("libera", "cm", "crosbymichael", "account-tag"), place=Place("libera", "#docker", to="cm"),
)  # fmt: skip
CM = Person("crosbymichael")
WHAT: dict[str, Any] = {"head": HEAD, "base": "master", "builds": ["ci/docker-prs 1"]}
BOUND = [
    pytest.param(replace(EVENT, command="build"), CM, "p1", WHAT, False, id="command"),
    pytest.param(replace(EVENT, text="cancel moby#1 all"), CM, "p1", WHAT, False, id="arguments"),
    pytest.param(EVENT, Person("tianon"), "p1", WHAT, False, id="person"),
    pytest.param(EVENT, CM, "p2", WHAT, False, id="policy"),
    pytest.param(EVENT, CM, "p1", WHAT | {"head": HEAD[:7] + MOVED[7:]}, False, id="the-head-in-full"),
    pytest.param(EVENT, CM, "p1", WHAT | {"base": "release"}, False, id="base"),
    pytest.param(EVENT, CM, "p1", WHAT | {"builds": ["ci/docker-prs 2"]}, False, id="targets"),
    pytest.param(replace(EVENT, place=Place("oftc", "#docker", to="cm")), CM, "p1", WHAT, False, id="network"),
    pytest.param(replace(EVENT, place=Place("libera", "#moby", to="cm")), CM, "p1", WHAT, False, id="channel"),
    pytest.param(
        replace(EVENT, place=Place("libera", "#docker", to="cm", private=True)), CM, "p1", WHAT, False, id="private"
    ),
    pytest.param(replace(EVENT, key="other", meant="x"), CM, "p1", WHAT, True, id="not-the-message"),
    pytest.param(replace(EVENT, place=Place("libera", "#DOCKER", to="cm_")), CM, "p1", WHAT, True, id="not-the-nick"),
    pytest.param(EVENT, CM, "p1", dict(reversed(WHAT.items())), True, id="not-the-order"),
]


@pytest.mark.parametrize(("event", "person", "policy", "facts", "is_same"), BOUND)
def test_what_a_confirmation_is_bound_to(
    event: CommandGiven, person: Person, policy: str, facts: dict[str, Any], is_same: bool
) -> None:
    assert (digest_of(event, person, policy, facts) == digest_of(EVENT, CM, "p1", WHAT)) is is_same


def test_what_has_changed_without_a_word_of_it_is_not_done_either() -> None:
    """A18: somebody made it a pull request for another branch."""
    agreed = replace(EVENT, agreed=digest_of(EVENT, CM, "p1", WHAT), meant="cancel janky")
    weigh(agreed, CM, "p1", "cancel janky", WHAT)
    with pytest.raises(UserError, match="you confirmed to cancel janky; something about it has changed since"):
        weigh(agreed, CM, "p1", "cancel janky", WHAT | {"base": "release"})


def test_what_waits_is_bounded_whoever_asks() -> None:
    live = Live(Facts(GordonSettings(gordon=CoreSettings(home=REPO)), People({}, {})))
    confirmations, tokens = Confirmations(live, SetClock()), []
    for number in range(AT_ONCE + 1):
        asked = confirmations.offer(EVENT, Person(f"p{number}"), Unconfirmed("cancel janky", "digest"))
        tokens.append(confirmation(asked.one_line()).partition(" ")[2])
    with pytest.raises(NotAllowed):
        confirmations.find(tokens[0], Person("p0"), EVENT.place, "message")
    assert len(set(tokens)) == len(tokens)
    for number in (1, AT_ONCE):
        confirmations.find(tokens[number], Person(f"p{number}"), EVENT.place, "message")


def test_a_channel_that_obeys_some_commands_takes_the_word_for_them() -> None:
    few = IrcSettings(host="irc", channels=("#few",), channel={"#few": ChannelSettings(commands=("rebuild",))})
    settings = GordonSettings(gordon=CoreSettings(home=REPO), irc={"libera": few})
    assert not_here(settings, Place("libera", "#few", to="alice"), CONFIRM) == ""


async def test_a_private_place_confirms_what_was_asked_there(tmp_path: Path) -> None:
    chat = FakeChat()
    async with honest(tmp_path, chat=chat) as gordon:
        await chat.hear("tianon", "build base-image PLATFORM=el6", channel="")
        asked = await chat.line("to go on say")
        await chat.hear("tianon", confirmation(asked), channel="")
        await chat.line(r"base-image: queued \(item 1\)")
        assert all(place.private for place, text in chat.said if "base-image" in text)
        assert len(gordon.world.jenkins.ledger.triggers) == 1
