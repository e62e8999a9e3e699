"""One way to talk with a Gordon on each of its chats: a command is typed as people type it there, and its answer read.

    async with talking("slack", folder) as talk:
        found = await talk.asks("status moby#1", r"moby#1 at (\\w{7})")

Nothing but the typing and the reading differs: the world, who speaks and what is configured are the same.
"""

import asyncio
import html
import io
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from bot.adapters.console import Console
from bot.chat import Chat
from bot.clock import SystemClock
from bot.demo.irc_network import Person
from bot.demo.jenkins.model import Plan, Starting
from bot.demo.slack import moby
from bot.demo.slack.workspace import Json
from bot.demo.world import CHANNEL, CONTEXTS, REPO, World
from bot.testing import FakeChat
from tests.world.failing import REAL
from tests.world.slack_rig import OnSlack, running_on_slack
from tests.world.test_comments import answers, obey_comments

Reads = Callable[[], str]
Types = Callable[[str], Reads]
Kind = Literal["fake", "irc", "console", "slack", "github"]
KINDS: tuple[Kind, ...] = ("fake", "irc", "console", "slack", "github")
WHO = "icecrime"  # an operator, who may do all there is
NUMBERS = {"gather_s": 0.05, "poll_s": 0.1, "idle_poll_s": 0.2, "burst_lines": 100, "line_every_s": 0.001}
LONG_S = 3600.0
WITHIN_S = 40.0  # as five of them talk at once
AGAIN_S = 0.5
SPEED = 30.0  # of GitHub's clock, which takes a write a second
SCALED = {"timeout_s": 120.0, "handler_limit_s": 600.0, "stuck_after_s": 3600.0, "patience_s": 3600.0}
SCALED |= {"gather_s": 1.5, "poll_s": 3.0, "idle_poll_s": 6.0}


@dataclass(frozen=True, slots=True)
class Talk:
    """A Gordon that runs, and a person who talks with it.

    Arguments:
        types: types a command, and gives what reads all that has been said in answer since.
    """

    kind: Kind
    world: World
    types: Types

    async def asks(self, text: str, pattern: str) -> re.Match[str]:
        """Type a command, and return what its answer has of a regular expression.

        Raises:
            AssertionError: no such answer came; the text shows what did.
        """
        reads = self.types(text)
        found = await has(reads, pattern, WITHIN_S)
        assert found, f"{self.kind}: {text!r} is answered {flat(reads())!r}, not {pattern!r}"
        return found

    async def asks_until(self, text: str, pattern: str) -> None:
        """Type a command again until its answer has a regular expression.

        Raises:
            TimeoutError: it never has.
        """
        async with asyncio.timeout(WITHIN_S):
            while not await has(self.types(text), pattern, AGAIN_S):
                pass


async def has(reads: Reads, pattern: str, within_s: float) -> re.Match[str] | None:
    """Wait until what is read has a regular expression; None if it has not within so many seconds."""
    deadline_s = asyncio.get_running_loop().time() + within_s
    while asyncio.get_running_loop().time() < deadline_s:
        if found := re.search(pattern, flat(reads())):
            return found
        await asyncio.sleep(0.005)
    return None


def flat(text: str) -> str:
    """Take off how a chat shows words, and leave the words, on one line."""
    bare = re.sub(r"[\\`*]|<@\w+> |<!--.*?-->|(?:^|(?<=\n))icecrime: ", "", html.unescape(text))
    return " ".join(bare.split())


def fate(starting: Starting) -> Plan:
    """Have the first build of janky fail at once, and all others go on for as long as anybody looks."""
    is_first = (starting.job, starting.number) == (CONTEXTS["janky"], 1)
    return REAL if is_first else Plan(duration_s=LONG_S)


@asynccontextmanager
async def talking(kind: Kind, folder: Path) -> AsyncIterator[Talk]:
    """Run a Gordon in a world where it is spoken with on one chat."""
    is_forge = kind == "github"
    clock = SystemClock(speed=SPEED) if is_forge else None
    numbers = NUMBERS | (SCALED if is_forge else {})
    world = World(
        folder,
        clock=clock,
        numbers=numbers,
        with_irc=kind == "irc",
        with_slack="socket" if kind == "slack" else "",
        with_hook=is_forge,
    )
    async with world:
        world.build_of(fate)
        text = world.config.read_text(encoding="utf-8")
        world.config.write_text(text + "\n[plugin.retries]\noff = true\n", encoding="utf-8")
        if kind == "slack":
            async with running_on_slack(world) as on_slack:
                yield Talk(kind, world, partial(typed_on_slack, on_slack))
            return
        if is_forge:
            obey_comments(world)
        with speaking(kind, world) as (chats, types):
            app = world.gordon(*chats)
            running = asyncio.create_task(app.run())
            try:
                await app.ready.wait()
                if is_forge:
                    await world.send_webhook_to(app)
                if kind == "irc":
                    await joined(world)
                yield Talk(kind, world, types)
            finally:
                app.stop()
                await running


@contextmanager
def speaking(kind: Kind, world: World) -> Iterator[tuple[Sequence[Chat], Types]]:
    """Give the chats that the world does not have by itself, and what types a command there."""
    match kind:
        case "console":
            with at_a_console() as (console, types):
                yield [FakeChat(), console], types  # people are known by their names at the first
        case "irc":
            yield [], on_irc(world)
        case "github":
            yield [FakeChat()], partial(commented, world)
        case _:
            chat = FakeChat()
            yield [chat], partial(typed_at, chat)


def typed_at(chat: FakeChat, text: str) -> Reads:
    before = len(chat.said)
    asyncio.get_running_loop().create_task(chat.hear(WHO, text))
    return lambda: "\n".join(said for place, said in chat.said[before:] if place.to == WHO)


@contextmanager
def at_a_console() -> Iterator[tuple[Console, Types]]:
    reading, writing = os.pipe()
    with os.fdopen(reading) as stdin, os.fdopen(writing, "w") as typed, io.StringIO() as out:

        def types(text: str) -> Reads:
            before = len(out.getvalue())
            print(text, file=typed, flush=True)
            return lambda: out.getvalue()[before:]

        yield Console(WHO, history=None, completions=tuple, stdin=stdin, stdout=out), types


def on_irc(world: World) -> Types:
    assert world.irc is not None
    network, said = world.irc, list[str]()
    network.on_message(lambda one: said.append(one.text) if one.nick == "gordon" else None)

    def types(text: str) -> Reads:
        before = len(said)
        network.say(WHO, CHANNEL, f"!{text}")
        return lambda: "\n".join(said[before:])

    return types


async def joined(world: World) -> None:
    """Wait until Gordon is in the channel, and come there."""
    assert world.irc is not None
    async with asyncio.timeout(WITHIN_S):
        while "gordon" not in [person.nick for person in members(world)]:  # noqa: ASYNC110  nothing tells when
            await asyncio.sleep(0.01)
    world.irc.join(WHO, CHANNEL)


def members(world: World) -> list[Person]:
    assert world.irc is not None
    there = world.irc.channels.get(CHANNEL)
    return there.members if there else []


def typed_on_slack(on_slack: OnSlack, text: str) -> Reads:
    said = on_slack.acts.mentions(moby.ICECRIME, html.escape(text, quote=False), moby.DOCKER_DEV)
    return lambda: "\n".join(seen(one) for one in on_slack.messages() if one.get("thread_ts") == said.ts)


def seen(message: Json) -> str:
    """Tell what people see of a message: its plain words, and those of its blocks."""
    quoted = (
        text["text"]
        for block in message.get("blocks", ())
        for part in block.get("elements", ())
        for text in part.get("elements", ())
        if text.get("type") == "text"
    )
    return " ".join([message["text"], *quoted])


def commented(world: World, text: str) -> Reads:
    written = world.github.comment(REPO, 1, f"@gordon {text}", by=WHO)
    return lambda: answers(world, 1).get(written, "")
