"""A whole Gordon in a process of its own, for months of its clock: what people and neighbours do, and what goes wrong.

The neighbours live here, so that nothing of them is counted. They and the journal are the judges: what is acknowledged
has its build, each once, and what a webhook told is on disk. An event is a row that the journal has accepted.
"""

import asyncio
import os
import random
import re
import signal
import sys
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from bot.adapters.github_http import READERS
from bot.demo.github.records import StatusRecord
from bot.demo.irc import Client, Said
from bot.demo.jenkins.ledger import CommitThenDrop, Reset
from bot.demo.jenkins.model import Plan, Starting
from bot.demo.slack import moby
from bot.demo.slack.deliveries import Patience
from bot.demo.slack.double import Team
from bot.demo.slack.link import Socket
from bot.demo.world import CHANNEL, CONTEXTS, PLUGINS, REPO, SLACK, World
from bot.events import comment_key
from tests.soak.clock import LeapingClock
from tests.soak.measures import Sample, Told, rows, sample, table_sizes
from tests.world.crash_rig import AGAIN, LEFT, hook_to_one_port
from tests.world.failing import FLAKE, GREEN, REAL, fleet

ROOT = Path(__file__).parents[2]
HOUR_S, DAY_S = 3600.0, 86400.0
SPEED = float(os.environ.get("GORDON_SOAK_SPEED", "30"))  # more than the machine can do would be a growing backlog
OPEN_PULLS = 40
WAITING = 40  # deliveries of webhooks, after which nothing new happens on GitHub
BEHIND = 100  # pieces of work that Gordon has not begun or ended; then nobody does anything until there are fewer
MARK = "GORDON_REQUEST_ID"
QUEUED = re.compile(r"moby#(\d+) at (\w{7}): queued ([a-z ,]+?) \(item")
IRC_PEOPLE = ("tianon", "jess", "crosbymichael", "vieux", "icecrime", "newcomer")
SLACK_PEOPLE = (moby.TIANON, moby.CROSBYMICHAEL, moby.JESS, moby.NEWCOMER)
WORDS = ("LGTM", "needs a rebase", "what does this do on windows?", "see the log", "thanks!", "ping", "+1")
LABELS = ("kind/bug", "status/1-design", "status/2-code", "area/daemon", "area/docs", "platform/windows")
NUMBERS = {
    "patience_s": 36_000,
    "again_after_s": 20,
    "handler_limit_s": 600,
    "stuck_after_s": 3600,
    "timeout_s": 5,
    "poll_s": 20,
    "idle_poll_s": 60,
    "node_stable_s": 60,
    "gather_s": 20,
    "burst_lines": 50,
    "line_every_s": 0.5,
    "commands_per_minute": 1000,
    "commands_per_minute_in_channel": 10_000,
    "rebuilds_per_hour": 1000,
    "builds_per_person": 1000,
}
RETRIES = "".join(f"{name} = 10000\n" for name in ("per_cause", "per_node", "per_job", "per_hour", "storm"))
CONFIG = f"""
[plugin.retries]
delay_s = 5
{RETRIES}
[diagnosis]
keep_days = 30
"""
RELOADED = "gather_s = "
SLOW_S = 0.2  # by the machine's clock


@dataclass(frozen=True, slots=True)
class Size:
    """How much happens.

    Arguments:
        events: rows that the journal accepts.
        reconnects, reloads: how often, spread over the events.
        speed: seconds of the clock per second.
        leap_s: how much of the wall clock is left out at once, every `every_s` of the clock.
        rest_s: real seconds of quiet before and after, in which connections that stay open for a while are closed.
        within_s: real seconds after which it has failed.
        is_long: there are eight ticks a second of the clock and not two, and Gordon tells at each fifth what it holds.
    """

    events: int
    reconnects: int
    reloads: int
    speed: float = SPEED
    leap_s: float = DAY_S / 2
    every_s: float = HOUR_S / 6
    rest_s: float = 20.0
    within_s: float = 4 * HOUR_S
    is_long: bool = True


LONG = Size(1_000_000, 2_000, 500)
SHORT = Size(1_500, 10, 5, speed=60.0, rest_s=0.5, within_s=200.0, is_long=False)


@dataclass
class Figures:
    """What came of a run.

    Arguments:
        seconds: real ones, from the first deed to quiet.
        days: of the wall clock.
        base, end: at rest, before and after.
        samples: while it was under way.
        held: how large what is held was, by attribute, at fifths of the run.
        tables: rows by table, at the same moments.
        oldest_days: how old the oldest key of an event is in the end, by the wall clock.
        acknowledged: builds that somebody was told are queued.
    """

    size: Size
    seconds: float = 0.0
    days: float = 0.0
    base: Sample | None = None
    end: Sample | None = None
    samples: list[Sample] = field(default_factory=list)
    held: list[Mapping[str, int]] = field(default_factory=list)
    tables: list[Mapping[str, int]] = field(default_factory=list)
    names: list[Mapping[str, int]] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    reconnects: Counter[str] = field(default_factory=Counter)
    reloads: int = 0
    oldest_days: float = 0.0
    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    unended: list[str] = field(default_factory=list)
    again: int = 0


class Soak:
    """One run."""

    def __init__(self, world: World, size: Size, clock: LeapingClock, say: Callable[[str], None]) -> None:
        self.world = world
        self.size = size
        self.figures = Figures(size)
        self.database = world.folder / "state" / "gordon.db"
        self.told = Told(self.database)
        self._clock = clock
        self._say = say
        self._chance = random.Random(2014)
        self._inside = world.folder / "inside.jsonl"
        self._log = world.folder / "gordon.log"
        self._process: asyncio.subprocess.Process | None = None
        self._pulls: deque[int] = deque()
        self._comments: list[int] = []
        self._queued: set[tuple[str, str, str]] = set()
        self._is_welcome = asyncio.Event()
        self._trimmed = 0
        self._before = 0  # events, before anything was counted
        self._has_room = asyncio.Event()
        self._has_room.set()
        assert world.irc is not None
        self._irc = world.irc
        world.irc.on_message(self._heard)

    @property
    def progress(self) -> float:
        """How much of it is over, 0 to 1."""
        return min(1.0, (self.told.count - self._before) / self.size.events)

    @property
    def _is_over(self) -> bool:
        figures, size = self.figures, self.size
        is_through = figures.reconnects.total() >= size.reconnects and figures.reloads >= size.reloads
        return self.progress >= 1 and is_through

    @property
    def _pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    # -- the process --

    async def start(self) -> None:
        """Start Gordon and wait until it is everywhere."""
        self._inside.touch()
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.soak.gordon", str(self.world.config)),
                *(self._clock.tell(), str(self._inside)),
                cwd=ROOT,
                stdin=asyncio.subprocess.DEVNULL,
                stderr=log,
            )
        await self._until(lambda: self._client() is not None and self._slack.link.sockets, "Gordon to come")
        await self._until(self._inside.read_bytes, "Gordon to tell of itself")

    async def stop(self) -> None:
        """End Gordon in order, or else by force."""
        assert self._process is not None
        if self._process.returncode is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), 30)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    # -- the run --

    async def play(self) -> Figures:
        """Do all of it and measure."""
        await self._warm()
        self.figures.base = await self._at_rest()
        self.told.read()
        self._before = self.told.count
        began_s, began = time.monotonic(), self._clock.now()
        streams = (self._github, self._chats, self._strangers, self._misfortunes, self._reloads, self._watch)
        async with asyncio.timeout(self.size.within_s), asyncio.TaskGroup() as group:
            for stream in streams:
                group.create_task(stream())
        await self._quiet()
        self.figures.seconds = time.monotonic() - began_s
        self.figures.days = (self._clock.now() - began).total_seconds() / DAY_S
        self.figures.end = await self._at_rest()
        await self.stop()
        self._judge()
        return self.figures

    async def _warm(self) -> None:
        """Have each part do something once, so that what is made at its first use is there."""
        for _ in range(OPEN_PULLS):
            self._open_pull()
        await self.world.github.hooks.settled()
        for context in CONTEXTS:
            self._irc.say("tianon", CHANNEL, f"!rebuild moby#{self._pulls[0]} {context}")
        self._slack.acts.mentions(moby.TIANON, "status moby#1", moby.DOCKER_DEV)
        await self._quiet()
        await self._warm_pool()

    async def _warm_pool(self) -> None:
        """Have GitHub asked so much at once that all connections are opened which are kept open to it."""
        github = self.world.github
        github.latency_s = SLOW_S * self.size.speed
        for pull in list(self._pulls)[: 2 * READERS]:
            self._irc.say("tianon", CHANNEL, f"!rebuild moby#{pull} {next(iter(CONTEXTS))}")
        await self._quiet()
        github.latency_s = 0.0

    async def _at_rest(self) -> Sample:
        """Measure once what is under way has ended, and what stays open for a while is closed."""
        await asyncio.sleep(self.size.rest_s)
        if self.size.is_long:
            await self._look_inside()
        found = []
        for _ in range(20):  # ticks come all the time, and each is a task for a moment
            await asyncio.sleep(0.1)
            found.append(sample(self._pid, self._inside, self.database, self.progress))
        return replace(
            found[-1],
            files=min(one.files for one in found),
            edge=min(one.edge for one in found),
            work=min(one.work for one in found),
        )

    async def _watch(self) -> None:
        """Count, measure and tell, until there were enough events."""
        next_s, fifths = time.monotonic(), 0
        while not self._is_over:
            await asyncio.sleep(0.2)
            self.told.read()
            [(behind,)] = rows(self.database, "SELECT count(*) FROM deliveries WHERE state = 'open'")
            (self._has_room.set if behind < BEHIND else self._has_room.clear)()
            if time.monotonic() < next_s:
                continue
            next_s = time.monotonic() + min(2.0, self.size.within_s / 400)
            self.figures.samples.append(sample(self._pid, self._inside, self.database, self.progress))
            self._trim()
            if self.size.is_long and self.progress * 5 > fifths:
                fifths += 1
                await self._look_inside()
                self.figures.tables.append(table_sizes(self.database))
            if len(self.figures.samples) % 15 == 1:
                self._say(self._words())
        self._has_room.set()
        self._say(self._words())

    def _words(self) -> str:
        now, reconnects = self.figures.samples[-1], self.figures.reconnects.total()
        return (
            f"{self.progress:4.0%} {self.told.count} events, {reconnects} reconnects, {self.figures.reloads} reloads; "
            f"{now.rss_kb // 1024} MB, {now.files} files, {now.threads} threads, {now.edge}+{now.work} tasks, "
            f"{now.disk_bytes >> 20} MB on disk; {self._clock.now():%Y-%m-%d}"
        )

    async def _look_inside(self) -> None:
        """Have Gordon tell what it holds."""
        answer = self._inside.with_suffix(".held")
        answer.unlink(missing_ok=True)
        os.kill(self._pid, signal.SIGUSR1)
        await self._until(answer.exists, "Gordon to tell what it holds", 60.0)
        found = msgspec.json.decode(answer.read_bytes())
        self.figures.held.append(found["held"])
        self.figures.names.append(found["names"])
        for line in found["memory"]:
            self._say(f"  {line}")

    def _trim(self) -> None:
        """Let the neighbours forget what nobody asks them any more, or they would need all the memory there is."""
        hooks = self.world.github.hooks
        for delivery in hooks.ledger[self._trimmed :]:
            if not delivery.arrived:
                break
            delivery.payload, delivery.body, delivery.headers = {}, b"", {}
            self._trimmed += 1
        hooks.sent.clear()
        self.world.github.requests.clear()
        self.world.jenkins.ledger.requests.clear()
        if self.world.slack is not None:
            self.world.slack.calls.clear()

    # -- what people and neighbours do --

    async def _github(self) -> None:
        """Have people work on pull requests, as fast as webhooks are taken."""
        deeds: Sequence[tuple[int, Callable[[int], object]]] = (
            (60, self._comment),
            (16, self._relabel),
            (8, self._retitle),
            (6, lambda pull: self.world.github.review(REPO, pull, by=self._chance.choice(IRC_PEOPLE))),
            (3, lambda pull: self.world.github.push(REPO, pull)),
            (1, self._close_one),
        )
        while not self._is_over:
            await self._has_room.wait()
            if len(self.world.github.hooks._waiting) < WAITING:
                [(_, deed)] = self._chance.choices(deeds, [weight for weight, _ in deeds])
                deed(self._chance.choice(self._pulls))
            await asyncio.sleep(0 if self._chance.random() < 0.8 else 0.01)

    def _open_pull(self) -> None:
        author = self._chance.choice(IRC_PEOPLE)
        self._pulls.append(self.world.github.open_pull(REPO, title="Something that matters", author=author))

    def _close_one(self, _: int) -> None:
        self.world.github.close(REPO, self._pulls.popleft(), merged=self._chance.random() < 0.7)
        self._open_pull()

    def _comment(self, pull: int) -> None:
        by, words = self._chance.choice(IRC_PEOPLE), self._chance.choice(WORDS)
        self._comments.append(self.world.github.comment(REPO, pull, words, by=by))

    def _relabel(self, pull: int) -> None:
        label, by = self._chance.choice(LABELS), self._chance.choice(IRC_PEOPLE)
        if label in self.world.github.pull_record(REPO, pull).labels:
            self.world.github.unlabel(REPO, pull, label, by=by)
        else:
            self.world.github.label(REPO, pull, label, by=by)

    def _retitle(self, pull: int) -> None:
        self.world.github.edit(REPO, pull, title=f"Something else, the {self._chance.randrange(10**6)}th try")

    async def _chats(self) -> None:
        """Have people give commands on IRC and Slack."""
        while not self._is_over:
            await self._has_room.wait()
            pull = f"moby#{self._chance.choice(self._pulls)}"
            context = self._chance.choice(list(CONTEXTS))
            commands = (
                *("ping", "help", "version", "watches", "help rebuild", "no such command", "plugins"),
                *(f"mute {pull}", f"unmute {pull}", f"watch {pull}", f"unwatch {pull}") * 4,
                *(f"rebuild {pull} {context}", f"rebuild {pull} {context}", f"status {pull}", "nodes"),
            )
            words = self._chance.choice(commands)
            if self._chance.random() < 0.7:
                self._irc.say(self._chance.choice(IRC_PEOPLE), CHANNEL, f"!{words}")
            else:
                self._slack.acts.mentions(self._chance.choice(SLACK_PEOPLE), words, moby.DOCKER_DEV)
            await asyncio.sleep(self._chance.uniform(0.0, 0.12))

    async def _strangers(self) -> None:
        """Have others start builds at Jenkins, and lose an agent now and then."""
        while not self._is_over:
            await self._has_room.wait()
            job = self._chance.choice(list(CONTEXTS.values()))
            self.world.jenkins.trigger(job, {"PR": "", "GIT_SHA1": ""})
            if self._chance.random() < 0.1:
                name = f"node-{self._chance.randint(1, 10)}"
                self.world.jenkins.disconnect_node(name)
                await self._clock.sleep(180)
                self.world.jenkins.connect_node(name)
            await asyncio.sleep(self._chance.uniform(0.5, 1.5))

    # -- what goes wrong --

    async def _misfortunes(self) -> None:
        """Break connections, those to each kind of neighbour one after the other, and see that they are made anew."""
        slack = ((5, "Slack, refreshed", self._refresh_slack), (2, "Slack, cut", self._cut_slack))
        servers = ((1, "Jenkins", self._lose_jenkins), (1, "GitHub", self._lose_github))
        of_slack, of_servers = round(self.size.reconnects * 0.3), round(self.size.reconnects * 0.1)
        async with asyncio.TaskGroup() as group:
            irc = self.size.reconnects - of_slack - of_servers
            group.create_task(self._befall(((1, "IRC", self._cut_irc),), irc))
            group.create_task(self._befall(slack, of_slack))
            group.create_task(self._befall(servers, of_servers))

    async def _befall(self, ways: Sequence[tuple[int, str, Callable[[], Awaitable[None]]]], times: int) -> None:
        """Let something go wrong so many times, spread over the run.

        Arguments:
            ways: how often, beside the others, what it is called, and how.
        """
        for number in range(times):
            await self._come_to(number / times)
            [(_, name, way)] = self._chance.choices(ways, [weight for weight, _, _ in ways])
            await way()
            self.figures.reconnects[name] += 1

    async def _cut_irc(self) -> None:
        client = await self._until(self._client, "Gordon on IRC")
        client.transport.abort()
        await self._until(lambda: self._client() not in (None, client), "Gordon to come back to IRC")

    async def _refresh_slack(self) -> None:
        opened, socket = await self._socket()
        await self._slack.link.disconnect(socket)
        await self._until(lambda: self._slack.link.opened > opened, "a new socket of Slack")

    async def _cut_slack(self) -> None:
        opened, _ = await self._socket()
        self._slack.link.cut()
        await self._until(lambda: self._slack.link.opened > opened, "a new socket of Slack")

    async def _socket(self) -> tuple[int, Socket]:
        """Tell how many sockets of Slack there ever were, and one that is open and was of use.

        One that was not is opened again after ever longer pauses, by the machine's clock.
        """
        link = self._slack.link
        useful = await self._until(lambda: [one for one in link.sockets if one.takes and one.sent], "a socket of Slack")
        return link.opened, useful[0]

    async def _lose_jenkins(self) -> None:
        jenkins = self.world.jenkins
        if self._chance.random() < 0.3:
            fault = self._chance.choice((CommitThenDrop(), Reset()))
            jenkins.faults.next("POST", "*buildWithParameters", fault)
        await jenkins.go_down(self._chance.choice(("refused", "503", "502", "reset")))
        await self._clock.sleep(self._chance.uniform(20, 60))
        await jenkins.come_back()
        asked = len(jenkins.ledger.requests)
        await self._until(lambda: len(jenkins.ledger.requests) != asked, "Gordon to ask Jenkins again")

    async def _lose_github(self) -> None:
        await self.world.github.down()
        await self._clock.sleep(self._chance.uniform(20, 60))
        await self.world.github.up()

    async def _reloads(self) -> None:
        """Change the configuration and have it read again."""
        lines = self.world.config.read_text(encoding="utf-8").split(RELOADED)
        for number in range(self.size.reloads):
            await self._come_to(number / self.size.reloads)
            rest = lines[1].partition("\n")[2]
            text = f"{lines[0]}{RELOADED}{21 + number % 9}\n{rest}" + ("\n[gordon\n" if number % 10 == 9 else "")
            self.world.config.write_text(text, encoding="utf-8")
            os.kill(self._pid, signal.SIGHUP)
            asked = self.told.kinds["ReloadAsked"] + 1
            await self._until(partial(self._has_reloaded, asked), "the reload")
            self.figures.reloads += 1

    def _has_reloaded(self, times: int) -> bool:
        self.told.read()
        return self.told.kinds["ReloadAsked"] >= times

    # -- judgement --

    async def _quiet(self) -> None:
        """Wait until nothing is left to do, to follow or to say, but for the ticks."""
        await self.world.github.hooks.settled()
        within_s = max(60.0, self.size.within_s / 5)
        await self._until(lambda: self._left() == 0, "quiet", within_s)
        self.told.read()

    def _left(self) -> int:
        [(left,)] = rows(self.database, f"{LEFT} - (SELECT count(*) FROM deliveries WHERE handler LIKE 'beating%')")
        return max(0, int(left))

    def _judge(self) -> None:
        """Compare what was promised with what the neighbours have."""
        figures, ledger = self.figures, self.world.jenkins.ledger
        self.told.read()
        figures.kinds = self.told.kinds
        made = [one for one in ledger.triggers if one.parameters.get(MARK)]
        contexts = {job: name for name, job in CONTEXTS.items()}
        known = {(str(one.parameters["PR"]), str(one.parameters["GIT_SHA1"])[:7], contexts[one.job]) for one in made}
        figures.acknowledged = len(self._queued)
        figures.lost += [f"{context} of moby#{pull} at {sha}" for pull, sha, context in self._queued - known]
        figures.twice += [str(mark) for mark, count in ledger.items_by(MARK).items() if mark and count > 1]
        missing = {comment_key(number) for number in self._comments} - self.told.comments
        figures.lost += sorted(missing)
        ours = [(str(one.parameters["GIT_SHA1"]), contexts[one.job]) for one in made if one.parameters["GIT_SHA1"]]
        figures.unended += self._unended(ours)
        counts = rows(self.database, "SELECT value FROM plugin_state WHERE plugin LIKE 'beating%'")
        [(left,)] = rows(self.database, "SELECT count(*) FROM deliveries WHERE handler LIKE 'beating%'")
        done, ticks = sum(int(count) for (count,) in counts), self._beats() - left
        (figures.lost if done < ticks else figures.twice).extend(["a tick"] * abs(ticks - done))
        [(oldest_s,)] = rows(self.database, "SELECT min(accepted_s) FROM events WHERE body IS NULL")
        figures.oldest_days = (self._clock.now().timestamp() - oldest_s) / DAY_S

    def _beats(self) -> int:
        return sum(count for name, count in self.told.ticks.items() if name.startswith("beating"))

    def _unended(self, built: Sequence[tuple[str, str]]) -> list[str]:
        """List the contexts whose status does not tell how their build ended."""
        found = []
        for sha, context in dict.fromkeys(built):
            said: Sequence[StatusRecord] = self.world.github.statuses(REPO, sha)
            last = next((one.state for one in reversed(said) if one.context == f"docker/{context}"), "nothing")
            if last not in ("success", "failure", "error"):
                found.append(f"{context} at {sha[:7]}: {last}")
        return found

    def _heard(self, said: Said) -> None:
        if not said.nick.startswith("gordon"):
            return
        self.figures.again += said.text.startswith(AGAIN)
        for pull, sha, contexts in QUEUED.findall(said.text):
            self._queued |= {(pull, sha, name) for name in re.split("[ ,]+", contexts) if name in CONTEXTS}

    # -- where Gordon is --

    @property
    def _slack(self) -> Team:
        assert self.world.slack is not None
        return self.world.slack.team(SLACK)

    def _client(self) -> Client | None:
        """Tell Gordon's connection to IRC, once it is in the channel."""
        channel = self._irc.channels.get(CHANNEL)
        members = channel.members if channel else ()
        found = (one for one in self._irc.clients if one.me in members and not one.transport.is_closing())
        return next(found, None)

    async def _come_to(self, progress: float) -> None:
        while self.progress < progress:  # noqa: ASYNC110  another process makes it
            await asyncio.sleep(0.02)

    async def _until(self, found: Callable[[], object], what: str, within_s: float = 600.0) -> Any:
        """Wait until there is something, and return it; a Gordon that has ended is told with what it logged."""
        assert self._process is not None
        try:
            async with asyncio.timeout(within_s):
                while not (it := found()):
                    if self._process.returncode is not None:
                        raise AssertionError(f"Gordon ended with {self._process.returncode}:\n{self._end_of_log()}")
                    await asyncio.sleep(0.02)
                return it
        except TimeoutError:
            raise AssertionError(f"waits in vain for {what}; the log ends with:\n{self._end_of_log()}") from None

    def _end_of_log(self) -> str:
        return self._log.read_text(errors="replace")[-3000:]


@asynccontextmanager
async def soaking(folder: Path, size: Size, say: Callable[[str], None] = print) -> AsyncIterator[Soak]:
    """Make a world with a Gordon in it that is ready for a run."""
    clock = LeapingClock.begun(speed=size.speed, leap_s=size.leap_s, every_s=size.every_s)
    world = World(
        folder,
        clock=clock,
        with_irc=True,
        with_slack="socket",
        with_hook=True,
        plugins=(*PLUGINS, "beating", *(["beating_more"] if size.is_long else [])),
        plugin_folder=Path(__file__).parent / "own_plugins",
        agents=fleet(10),
        numbers=NUMBERS,
    )
    async with world:
        world.build_of(fates(random.Random(2013)))
        for job in CONTEXTS.values():
            world.jenkins.job(job).keeps_builds = 20
        world.github.quota = 1_000_000
        text = world.config.read_text(encoding="utf-8").replace("[gordon]\n", "[gordon]\nkeep_days = 5\n", 1)
        world.config.write_text(text + CONFIG, encoding="utf-8")
        hook_to_one_port(world)
        soak = Soak(world, size, clock, say)
        soak._slack.link.grace_s = 1.0
        soak._slack.deliveries.patience = Patience(3.0, (0.25,) * 60)
        await soak.start()
        try:
            yield soak
        finally:
            await soak.stop()


def fates(chance: random.Random) -> Callable[[Starting], Plan]:
    """Decide how builds go: most pass, some fail by what passes when it is tried again, some for good."""

    def decide(_: Starting) -> Plan:
        plan = chance.choices((GREEN, FLAKE, REAL), (6, 2, 1))[0]
        return replace(plan, duration_s=chance.uniform(10, 60))

    return decide
