"""A Gordon in a process of its own, killed and started again, between neighbours that live in the test's loop.

What happened is told by the Jenkins stand-in's ledger and by what people read, never by Gordon's own database; that
one is asked only whether work is left, so that a test knows when to look.
"""

import asyncio
import contextlib
import os
import re
import signal
import sqlite3
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import aiohttp

from bot.demo.jenkins.model import Plan
from bot.demo.world import CHANNEL, CONTEXTS, HOOK_EVENTS, HOOK_SECRET, PLUGINS, REPO, SLACK, World
from tests.rigs import free_port
from tests.world.forked import Forked, forked, with_empty_database
from tests.world.slack_person import SlackPerson
from tests.world.slack_rig import Transport

GORDON = ("bot.cli", "run")
AGAIN = "(again) "
MARK = "GORDON_REQUEST_ID"
WITHIN_S = 40.0  # for whatever must happen; a machine that is busy with other tests needs most of it
# Short, so that a case takes two seconds; no shorter than loopback needs on a busy machine.
NUMBERS = {
    "timeout_s": 0.5,
    "poll_s": 0.3,  # a quarter of the processor went into looking ten times a second
    "gather_s": 0.1,
    "again_after_s": 0.2,
    "burst_lines": 100,
    "line_every_s": 0.001,
    "builds_per_person": 1000,
}
BUILD_S = 0.3
LEFT = """
SELECT (SELECT count(*) FROM deliveries WHERE state != 'dead') + (SELECT count(*) FROM effects WHERE state = 'sending')
     + (SELECT count(*) FROM builds WHERE state IN ('asked', 'queued', 'running', 'lost') AND ours)
     + (SELECT count(*) FROM undiagnosed WHERE is_told) + (SELECT count(*) FROM outbox)
"""
COMPARED = "SELECT count(*) FROM compared"


class Person(Protocol):
    """Somebody who types commands and keeps what Gordon says, wherever that is."""

    nick: str

    @property
    def heard(self) -> Sequence[str]:
        """What Gordon has said, an answer to somebody with their name before it."""

    @property
    def gordons_joins(self) -> int:
        """How often Gordon has come."""

    def type(self, command: str) -> object:
        """Give a command in the channel."""

    async def hears(self, pattern: str, *, after: int = 0) -> str:
        """Wait for a line of Gordon's that has this regular expression, and return it."""

    async def sees_gordon_join(self, before: int) -> None:
        """Wait until Gordon has come once more than before."""


class Maintainer:
    """Somebody with a bare IRC client: types commands and keeps what Gordon says."""

    def __init__(self, nick: str) -> None:
        self.nick = nick
        self.heard: list[str] = []
        self.gordons_joins = 0
        self._is_in = False
        self._something = asyncio.Event()

    async def join(self, port: int) -> None:
        """Connect and enter the channel."""
        reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
        self._reading = asyncio.create_task(self._read(reader))
        self._write(f"NICK {self.nick}", f"USER {self.nick} 0 * :{self.nick}", f"JOIN {CHANNEL}")
        await self._until(lambda: self._is_in, "joining")

    async def leave(self) -> None:
        """Hang up."""
        self._writer.close()
        await self._reading

    def type(self, command: str) -> None:
        """Give a command in the channel."""
        self._write(f"PRIVMSG {CHANNEL} :!{command}")

    async def hears(self, pattern: str, *, after: int = 0) -> str:
        """Wait for a line of Gordon's that has this regular expression, and return it."""
        await self._until(lambda: self._find(pattern, after), f"{pattern!r} after line {after}")
        return self._find(pattern, after)

    async def sees_gordon_join(self, before: int) -> None:
        """Wait until Gordon has entered the channel once more than before."""
        await self._until(lambda: self.gordons_joins > before, "Gordon's JOIN")

    def _find(self, pattern: str, after: int) -> str:
        return next((line for line in self.heard[after:] if re.search(pattern, line)), "")

    async def _until(self, holds: Callable[[], object], what: str) -> None:
        try:
            async with asyncio.timeout(WITHIN_S):
                while not holds():
                    self._something.clear()
                    await self._something.wait()
        except TimeoutError:
            raise AssertionError(f"{self.nick} waits in vain for {what}; heard {self.heard}") from None

    def _write(self, *lines: str) -> None:
        self._writer.write("".join(f"{line}\r\n" for line in lines).encode())

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while line := (await reader.readline()).decode().rstrip("\r\n"):
            source, _, rest = line.removeprefix(":").partition(" ")
            nick = source.partition("!")[0]
            if line.startswith("PING"):
                self._write(line.replace("PING", "PONG", 1))
            elif rest.startswith("JOIN"):
                self._is_in = self._is_in or nick == self.nick
                self.gordons_joins += nick.startswith("gordon")
            elif rest.startswith("PRIVMSG") and nick.startswith("gordon"):
                self.heard.append(rest.partition(" :")[2])
            self._something.set()


class CrashRig:
    """A world, people who type, and the process that is to survive.

    Arguments:
        entry: the module that is run and its arguments; the configuration's path is added.
    """

    def __init__(self, world: World, people: Sequence[Person], entry: Sequence[str]) -> None:
        self.world = world
        self.people = people
        self._entry = entry
        self._process: Forked | None = None
        self._log = world.folder / "gordon.log"

    async def start(self, crash_at: str = "") -> None:
        """Start Gordon and wait until it is in the channel; with a point's name it dies there."""
        joins = self.people[0].gordons_joins
        environment = {name: value for name, value in os.environ.items() if name != "GORDON_CRASH_AT"}
        if crash_at:
            environment["GORDON_CRASH_AT"] = crash_at
        module, *arguments = self._entry
        with_empty_database(self.world.folder / "state")
        self._process = await forked(module, *arguments, str(self.world.config), environment=environment, log=self._log)
        joined = asyncio.create_task(self.people[0].sees_gordon_join(joins))
        ended = asyncio.create_task(self._process.wait())
        await asyncio.wait({joined, ended}, return_when=asyncio.FIRST_COMPLETED)
        if not joined.done():
            joined.cancel()
            raise AssertionError(f"Gordon ended with {ended.result()}:\n{self._log.read_text()[-3000:]}")
        ended.cancel()
        joined.result()
        for hook in self.world.github.hooks.all:  # what is told before it listens is lost
            await until_open(urlsplit(hook.url).port or 0)

    async def died(self) -> None:
        """Wait until Gordon has killed itself at its crash point.

        Raises:
            AssertionError: it lives on, so the point was not reached, or it ended in another way.
        """
        assert self._process is not None
        try:
            status = await asyncio.wait_for(self._process.wait(), WITHIN_S)
        except TimeoutError:
            raise AssertionError(f"the crash point was not reached; heard {self.people[0].heard}") from None
        assert status == -signal.SIGKILL, f"Gordon ended with {status}:\n{self._log.read_text()[-3000:]}"

    async def kill(self) -> None:
        """Kill Gordon now."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def stop(self) -> None:
        """End Gordon in order."""
        assert self._process is not None
        self._process.terminate()
        assert await asyncio.wait_for(self._process.wait(), WITHIN_S) == 0, self._log.read_text()[-3000:]

    async def quiet(self, within_s: float = WITHIN_S) -> None:
        """Wait until everything that was typed is taken in, and nothing is left to do, to follow or to say."""
        first = self.people[0]
        before = len(first.heard)
        first.type("ping")
        await first.hears(f"^{first.nick}: pong", after=before)
        try:
            async with asyncio.timeout(within_s):
                while self.count(LEFT):  # noqa: ASYNC110  another process tells nobody
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{self.count(LEFT)} things are left; heard {first.heard}") from None

    async def compared(self) -> None:
        """Wait until Gordon has compared what it knows of pull requests with GitHub."""
        async with asyncio.timeout(WITHIN_S):
            while not self.count(COMPARED):  # noqa: ASYNC110  as above
                await asyncio.sleep(0.02)

    async def close(self) -> None:
        """Leave no process behind."""
        if self._process is not None and not self._process.is_over:
            await self.kill()

    def lines(self) -> list[str]:
        """List what Gordon said to the channel."""
        return [line for line in self.people[0].heard if not line.endswith(": pong")]

    def builds(self) -> Counter[tuple[str, str, str]]:
        """Count what was put into the queue by (pull request, commit, job), by the stand-in's ledger."""
        made = (each for each in self.world.jenkins.ledger.triggers if not each.folded)
        return Counter((str(p.get("PR", "")), str(p.get("GIT_SHA1", "")), e.job) for e in made for p in [e.parameters])

    def marked_twice(self) -> dict[str, int]:
        """List the request ids that made more than one build, by the stand-in's ledger."""
        counts = self.world.jenkins.ledger.items_by(MARK)
        return {str(mark): count for mark, count in counts.items() if count > 1 and mark}

    def count(self, query: str) -> int:
        """Ask the disk for a number; only whether to go on, never what has happened."""
        return count_in(self.world, query)


def count_in(world: World, query: str) -> int:
    """Ask the disk of the Gordon of a world for a number."""
    with sqlite3.connect(f"file:{world.folder / 'state' / 'gordon.db'}?mode=ro", uri=True) as database:
        count: int = database.execute(query).fetchone()[0]
    database.close()
    return count


@asynccontextmanager
async def crash_rig(
    folder: Path,
    *nicks: str,
    quiet_period_s: float = 0.0,
    build_s: float = BUILD_S,
    entry: Sequence[str] = GORDON,
    numbers: Mapping[str, float] = NUMBERS,
    plugins: Sequence[str] = PLUGINS,
    plugin_folder: Path | None = None,
    config: str = "",
    with_hook: bool = False,
    slack: Transport | None = None,
) -> AsyncIterator[CrashRig]:
    """Make a world with these maintainers in its channel; Gordon is not started yet.

    Arguments:
        config: what stands at the end of its `gordon.toml`.
        with_hook: GitHub's webhook goes to one port whichever Gordon listens there, and is lost while none does.
        slack: they are on Slack and not on IRC, which delivers by this.
    """
    async with World(
        folder,
        with_irc=slack is None,
        with_slack=slack or "",
        with_hook=with_hook,
        quiet_period_s=quiet_period_s,
        numbers={**NUMBERS, **numbers},
        plugins=plugins,
        plugin_folder=plugin_folder,
    ) as world:
        world.build_of(lambda starting: Plan("SUCCESS", duration_s=build_s))
        with world.config.open("a", encoding="utf-8") as file:
            file.write(config)
        if with_hook:
            hook_to_one_port(world)
        async with people_of(world, nicks or ("tianon",), slack) as people:
            rig = CrashRig(world, people, entry)
            try:
                yield rig
            finally:
                await rig.close()


@asynccontextmanager
async def people_of(world: World, nicks: Sequence[str], slack: Transport | None) -> AsyncIterator[Sequence[Person]]:
    """Let people be in the channel."""
    if slack is not None:
        if slack == "http":
            slack_to_one_port(world)
        yield [SlackPerson(world, nick) for nick in nicks]
        return
    maintainers = [Maintainer(nick) for nick in nicks]
    for person in maintainers:
        await person.join(world.irc_port)
    try:
        yield maintainers
    finally:
        for person in maintainers:
            await person.leave()


async def until_open(port: int) -> None:
    """Wait until somebody listens at a port."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.02)


def one_port(world: World) -> int:
    """Have each Gordon listen at the same port."""
    port, text = free_port(), world.config.read_text(encoding="utf-8")
    world.config.write_text(text.replace("[web]\nport = 0\n", f"[web]\nport = {port}\n", 1), encoding="utf-8")
    return port


def hook_to_one_port(world: World) -> None:
    """Have GitHub's webhook sent to a port that outlasts each Gordon."""
    port = one_port(world)
    world.github.add_hook(f"http://127.0.0.1:{port}/notification/github", HOOK_SECRET, repo=REPO, events=HOOK_EVENTS)


def slack_to_one_port(world: World) -> None:
    """Have Slack post to a port that outlasts each Gordon."""
    assert world.slack is not None
    world.slack.team(SLACK).post_to(f"http://127.0.0.1:{one_port(world)}/slack/{SLACK}/events")


async def trigger_by_hand(world: World, pull: int, context: str, **more: str) -> None:
    """Put a build of a pull request's new head into the queue as somebody with a browser does.

    Arguments:
        more: further parameters.
    """
    form = {"GIT_BASE_REPO": REPO, "PR": str(pull), "GIT_SHA1": world.github.push(REPO, pull), **more}
    await build_by_hand(world, CONTEXTS[context], form)


async def build_by_hand(world: World, job: str, form: Mapping[str, str] | None = None) -> None:
    """Put a build of a job into the queue as somebody with a browser does."""
    world.jenkins.add_user("somebody", token="theirs")
    path = "/".join(f"job/{part}" for part in job.split("/"))
    headers = {"Authorization": "Basic " + b64encode(b"somebody:theirs").decode()}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{world.jenkins.url}{path}/buildWithParameters", data=dict(form or {})) as answer,
    ):
        assert answer.status == 201, await answer.text()
