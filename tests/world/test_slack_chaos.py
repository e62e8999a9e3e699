"""F8, F9, F10: a Slack that doubles, reorders, limits, loses answers and closes sockets, while people give commands.

Each command runs once, each card ends in its last state, and nobody is called who did not ask. CI plays some minutes;
`make soak` an hour. Time runs fast, so sockets, which go by the network's own time, are refreshed far more often.
"""

import asyncio
import itertools
import random
import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.adapters.slack_members import CANNOT_CHECK
from bot.adapters.slack_output import EDIT_EVERY_S
from bot.clock import SystemClock
from bot.demo.slack import moby
from bot.demo.slack.act import Act
from bot.demo.slack.deliveries import Delivery, Fate, Patience
from bot.demo.slack.web_api import Asked
from bot.demo.slack.workspace import Json
from bot.demo.world import PLUGINS, REPO, World
from tests.world.crash_rig import LEFT, count_in
from tests.world.slack_rig import TRANSPORTS, OnSlack, Transport, running_on_slack
from tests.world.test_crash_points import OWN

SEED = 2014
CHANNELS = {moby.DOCKER_DEV: "#docker-dev", moby.BUILDS: "#builds", moby.MAINTAINERS: "#maintainers"}
PEOPLE = (moby.TIANON, moby.CROSBYMICHAEL, moby.ICECRIME)  # who are in all of them
PULLS = (1, 2, 3)
DEEDS = ("type",) * 6 + ("slash", "press", "press", "rebuild")
# The values of Retry-After in F8; an hour is played in the soak alone, as nothing is said there for so long.
LIMITS = ("1", "30", "60", "-1", "30", "soon", None)
PATIENCE = Patience(3.0, (3.0,) * 10)  # an app whose socket was cut opens the next one after about a second
LIMITED = ("chat.postMessage", "chat.postMessage", "chat.update")
NUMBERS = {"poll_s": 30.0, "handler_limit_s": 600, "stuck_after_s": 3000, "again_after_s": 30.0, "gather_s": 20.0}
NUMBERS |= {"rebuilds_per_commit": 100}
ON_ITS_WAY_S = 0.1  # real seconds: so long after a limit was told, what was sent before arrives
# Calls a minute that Slack promises to take (https://docs.slack.dev/apis/web-api/rate-limits/), of what is called here.
A_MINUTE = {"chat.update": 50, "users.info": 100, "chat.postEphemeral": 100, "conversations.list": 20}
STANDS, IS_NUMBER = r"(moby#\d+) stands at (\d+)", r"(moby#\d+) is number (\d+)"


@dataclass(frozen=True)
class Plan:
    """How long it goes on, in seconds of the clock, how fast, and how often something is done and goes wrong."""

    seconds: float
    speed: float
    deeds: int
    misfortunes: int
    limits: Sequence[str | None] = LIMITS


SOME = Plan(150.0, 60.0, 90, 25)
HOUR = Plan(3600.0, 120.0, 500, 120, (*LIMITS, "3600"))
PLANS = [
    pytest.param(SOME, id="some"),
    pytest.param(HOUR, id="hour", marks=[pytest.mark.soak, pytest.mark.timeout(600)]),
]


@dataclass
class Chaos:
    """What people did, and what went wrong.

    Arguments:
        counts: commands that count, by the channel and the pull request.
        presses: by the state of the card that was pressed, which counts once whoever presses it.
        builds: pull requests to be built, each named by one command.
        limited: how often a limit was set.
        lost: posts whose answer may have been lost.
        leaving: sockets that are told to go.
    """

    gordon: OnSlack
    chance: random.Random
    counts: defaultdict[tuple[str, str], list[Act]] = field(default_factory=lambda: defaultdict(list))
    presses: defaultdict[tuple[str, str, str, str], list[Act]] = field(default_factory=lambda: defaultdict(list))
    slashed: set[tuple[str, str]] = field(default_factory=set)
    builds: list[int] = field(default_factory=list)
    limited: int = 0
    lost: int = 0
    leaving: list[asyncio.Task[None]] = field(default_factory=list)

    def fate(self, delivery: Delivery) -> Fate:
        """Double and delay what is delivered."""
        return Fate(self.chance.choice((1, 1, 1, 2, 3)), self.chance.choice((0, 0, 0, 1, 2, 4)))

    def do(self, deed: str) -> None:
        """Let somebody do something."""
        acts, who = self.gordon.acts, self.chance.choice(PEOPLE)
        channel, pull = self.chance.choice(list(CHANNELS)), f"moby#{self.chance.choice(PULLS)}"
        if deed == "type":
            self.counts[channel, pull].append(acts.mentions(who, f"count {pull}", channel))
        elif deed == "slash":
            self.slashed.add((channel, who))
            self.counts[channel, pull].append(acts.slash(who, f"count {pull}", channel))
        elif deed == "rebuild":
            number = self.gordon.world.github.open_pull(REPO, title="Something", author="jess")
            self.builds.append(number)
            acts.mentions(who, f"rebuild moby#{number} janky", channel)
        elif buttons := self.buttons(channel, pull):
            ts, button = self.chance.choice(buttons)
            act = acts.presses(who, button["action_id"], channel, ts)
            self.presses[channel, pull, ts, button["value"]].append(act)

    def befall(self, plan: Plan, number: int) -> None:
        """Let something go wrong."""
        faults, link = self.gordon.double.faults, self.gordon.team.link
        channel = self.chance.choice(list(CHANNELS))
        match number % 5:
            case 0 | 1:
                after = plan.limits[self.limited % len(plan.limits)]
                self.limited += 1
                faults.limit(after, method=self.chance.choice(LIMITED), channel=channel)
            case 2:
                self.lost += 1
                faults.drop(method="chat.postMessage", channel=channel)
            case 3:
                faults.drop(method="chat.update", channel=channel, is_done=bool(number % 2))
            case _ if number % 2:
                link.cut()
            case _:
                self.leaving.append(asyncio.create_task(link.disconnect()))

    def buttons(self, channel: str, pull: str) -> list[tuple[str, Json]]:
        """List the buttons that count, each with the message that it is on."""
        cards = [one for one in self.gordon.messages(channel) if one["text"].startswith(f"{pull} stands at")]
        rows = [(one["ts"], block) for one in cards for block in one["blocks"] if block["type"] == "actions"]
        return [(ts, one) for ts, row in rows for one in row["elements"] if one["text"]["text"] == "Count"]

    def expected(self, channel: str, pull: str) -> tuple[int, int]:
        """Tell how many commands counted at least, and at most.

        Of a click that Slack says has failed nobody knows, and one whose presser Slack did not vouch for is refused.
        """
        typed = self.counts[channel, pull]
        sure = sum(not act.failure and not self.is_refused(act, channel) for act in typed)
        return sure, len(typed) + len([of for of in self.presses if of[:2] == (channel, pull)])

    def is_refused(self, act: Act, channel: str) -> bool:
        """Tell whether a command was refused as Slack did not tell who gave it."""
        said = [*self.gordon.under(act.ts, channel), str(act.answer.get("text", ""))]
        return any(CANNOT_CHECK in words for words in said)

    def besides(self, channel: str) -> list[str]:
        """List what was said at a channel, or to somebody alone, that is none of the answers or cards."""
        alone = [each.message["text"] for each in self.gordon.workspace.ephemerals if each.channel == channel]
        said = [one["text"] for one in self.gordon.messages(channel)]
        return [text for text in (*said, *alone) if not re.search(f"{STANDS}|{IS_NUMBER}", text)]

    def numbers(self, channel: str) -> list[tuple[str, int, bool]]:
        """List the answers at a channel: of which pull request, which number, and whether perhaps said before."""
        found = [(re.search(IS_NUMBER, one["text"]), one["text"]) for one in self.gordon.messages(channel)]
        return [(one[1], int(one[2]), "(again)" in text) for one, text in found if one]


@asynccontextmanager
async def counting_on_slack(folder: Path, transport: Transport, speed: float) -> AsyncIterator[OnSlack]:
    """Run a Gordon that counts, in some channels of Slack, in a time that runs fast."""
    async with World(
        folder,
        clock=SystemClock(speed=speed),
        with_slack=transport,
        plugins=(*PLUGINS, "counting"),
        plugin_folder=OWN,
        numbers=NUMBERS,
    ) as world:
        obeyed = ", ".join(f'"{name}"' for name in CHANNELS.values())
        text = world.config.read_text(encoding="utf-8")
        world.config.write_text(text.replace('channels = ["#docker-dev"]', f"channels = [{obeyed}]"), encoding="utf-8")
        async with running_on_slack(world) as gordon:
            yield gordon


async def play(chaos: Chaos, plan: Plan) -> None:
    """Let all of it happen, and wait until nothing is left to be said."""
    gordon, clock = chaos.gordon, chaos.gordon.world.clock
    gordon.team.deliveries.fate = chaos.fate
    gordon.team.deliveries.patience = PATIENCE
    gordon.team.link.refresh_every = 40
    gordon.double.faults.one_a_second = True
    span_s, chance = plan.seconds, chaos.chance
    coming = [(chance.uniform(0, span_s), chance.choice(DEEDS), -1) for _ in range(plan.deeds)]
    coming += [(chance.uniform(0, span_s), "", number) for number in range(plan.misfortunes)]
    begun_s = clock.monotonic_s()
    for due_s, deed, number in sorted(coming):
        await clock.sleep(max(0.0, begun_s + due_s - clock.monotonic_s()))
        if deed:
            chaos.do(deed)
        else:
            chaos.befall(plan, number)
    await asyncio.gather(*chaos.leaving)
    gordon.double.faults.mend()
    gordon.team.deliveries.fate = lambda _: Fate()
    gordon.team.deliveries.release()
    await gordon.team.deliveries.settled()
    await gordon.until(lambda: len(gordon.world.request_ids()) >= len(chaos.builds), 30.0)
    while count_in(gordon.world, LEFT):  # noqa: ASYNC110  a disk tells nobody
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("plan", PLANS)
async def test_each_command_runs_once_and_each_card_ends_in_its_last_state(
    transport: Transport, plan: Plan, tmp_path: Path
) -> None:
    async with counting_on_slack(tmp_path, transport, plan.speed) as gordon:
        chaos = Chaos(gordon, random.Random(SEED))
        await play(chaos, plan)
        each_ran_once(chaos)
        each_card_is_in_its_last_state(chaos)
        order_is_kept(chaos)
        nobody_else_is_called(chaos)
        slacks_limits_are_kept(gordon.double.calls, ON_ITS_WAY_S * plan.speed)


def each_ran_once(chaos: Chaos) -> None:
    """See by the answers that each command counted once, and by Jenkins' ledger that each build was started once."""
    for channel, pull in itertools.product(CHANNELS, [f"moby#{number}" for number in PULLS]):
        told = [number for of, number, _ in chaos.numbers(channel) if of == pull]
        at_least, at_most = chaos.expected(channel, pull)
        assert sorted(set(told)) == list(range(1, len(set(told)) + 1)), f"an answer at {channel} is missing: {told}"
        assert at_least <= len(set(told)) <= at_most, f"{pull} at {channel}; said besides: {chaos.besides(channel)}"
    repeats = Counter(again for channel in CHANNELS for _, _, again in chaos.numbers(channel))
    assert repeats[True] <= chaos.lost
    made = Counter(str(one.parameters["PR"]) for one in chaos.gordon.world.jenkins.ledger.triggers)
    assert made == Counter(map(str, chaos.builds))


def each_card_is_in_its_last_state(chaos: Chaos) -> None:
    """See that the newest message of a slot shows how far it has come; others are those whose answer was lost."""
    more = 0
    for channel, pull in itertools.product(CHANNELS, [f"moby#{number}" for number in PULLS]):
        numbers = [number for of, number, _ in chaos.numbers(channel) if of == pull]
        shown = [found for one in chaos.gordon.messages(channel) if (found := re.search(STANDS, one["text"]))]
        states = [int(found[2]) for found in shown if found[1] == pull]
        assert states[-1:] == ([max(numbers)] if numbers else []), f"{pull} at {channel}"
        more += len(states[1:])
    assert more <= chaos.lost


def order_is_kept(chaos: Chaos) -> None:
    """See that nothing is said before what came before it, and that no card went back."""
    for channel in CHANNELS:
        newest: Counter[str] = Counter()
        for pull, number, is_again in chaos.numbers(channel):
            assert is_again or number == newest[pull] + 1, f"{pull} at {channel}"
            newest[pull] = max(newest[pull], number)
    for edits in edits_of(chaos.gordon.double.calls).values():
        states = [int(found[2]) for call in edits if (found := re.search(STANDS, str(call.arguments["text"])))]
        assert states == sorted(states)


def nobody_else_is_called(chaos: Chaos) -> None:
    """See that whoever is notified began that thread, or gave a command that has none in that channel."""
    for channel in CHANNELS:
        messages = chaos.gordon.acts.place(channel).messages
        own = {one["ts"] for one in chaos.gordon.messages(channel)}
        for ping in chaos.gordon.workspace.pings:
            if ping.channel == channel and ping.ts in own:
                thread = messages.get(messages[ping.ts].get("thread_ts", ""), {})
                has_asked = ping.whom == thread.get("user") or (not thread and (channel, ping.whom) in chaos.slashed)
                assert has_asked, messages[ping.ts]["text"]


def slacks_limits_are_kept(calls: Sequence[Asked], on_its_way_s: float) -> None:
    """See that Slack took all that was sent, but what was too much; and that then nothing was sent for as long."""
    assert {call.answer.get("error") for call in calls if call.answer and not call.ok} == set()
    assert [call for call in calls if call.answer.get("warning")] == []
    for edits in edits_of(calls).values():
        assert all(later.at_s - former.at_s >= EDIT_EVERY_S for former, later in itertools.pairwise(edits))
    for call, wait_s in limited(calls):
        lane = (call.method, call.arguments.get("channel"))
        during = [
            one
            for one in calls
            if (one.method, one.arguments.get("channel")) == lane and on_its_way_s < one.at_s - call.at_s < wait_s
        ]
        assert not during, f"sent past a limit: {during}"
    for method, most in A_MINUTE.items():
        assert busiest_minute([call.at_s for call in calls if call.method == method]) <= most, method


def busiest_minute(times_s: Sequence[float]) -> int:
    """Count the most that came within a minute."""
    return max((sum(begin_s <= at_s < begin_s + 60.0 for at_s in times_s) for begin_s in times_s), default=0)


def edits_of(calls: Sequence[Asked]) -> dict[str, list[Asked]]:
    """List the edits that Slack made, by message."""
    found: defaultdict[str, list[Asked]] = defaultdict(list)
    for call in calls:
        if call.method == "chat.update" and call.ok:
            found[str(call.arguments["ts"])].append(call)
    return found


def limited(calls: Sequence[Asked]) -> Iterator[tuple[Asked, float]]:
    """List the calls that were too much, and for how long."""
    for call in calls:
        if call.retry_after.isdigit():
            yield call, float(call.retry_after)
