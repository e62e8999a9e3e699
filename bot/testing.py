"""For tests, ours and those of plugin authors: a place to talk that is a value, and a whole Gordon in a small world.

async with running(tmp_path) as gordon:
    assert await gordon.say("tianon", "rebuild moby#1") == "moby#1 at ...: queued janky (item 1) [k7f2]"
"""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from bot.app import App
from bot.chat import Card, Hear, Heard, Inside, Instead, MessageRef, Report, Words
from bot.demo.world import CHANNEL, World
from bot.errors import Refused, Unavailable
from bot.values import Place, Speaker

NETWORK = "test"
ANSWER_WITHIN_S = 30.0


class FakeChat:
    """A place to talk that keeps what is said; `connected` may be taken away.

    Arguments:
        network: its name; people are known on it by their nicks.
    """

    def __init__(self, network: str = NETWORK) -> None:
        self.network = network
        self.report: Report = lambda about, words: None
        self.listens: Callable[[Place], bool] = lambda place: False
        self.inside: Inside | None = None
        self.load = ""
        self.said: list[tuple[Place, str]] = []
        self.is_connected = True
        self._hear: asyncio.Future[Hear] | None = None
        self._something = asyncio.Event()
        self._numbers = itertools.count(1)

    async def run(self, hear: Hear) -> None:
        self._ready().set_result(hear)
        await asyncio.Event().wait()

    async def send(self, place: Place, words: Words, *, instead: Instead | None = None) -> MessageRef:
        if not self.is_connected:
            raise Unavailable(self.network, "saying something")
        self.said.append((place, words.one_line() if isinstance(words, Card) else words))
        self._something.set()
        return MessageRef(place, str(len(self.said)))

    async def arrived(self, ref: MessageRef) -> None:
        """Nothing that was said here is on its way."""

    def show_load(self, words: str) -> None:
        self.load = words

    def meet(self, inside: Inside) -> None:
        self.inside = inside

    def connected(self) -> bool:
        return self.is_connected and self._ready().done()

    async def hear(self, nick: str, text: str, *, key: str = "", proven: bool = True, channel: str = CHANNEL) -> None:
        """Have somebody type a line; with no channel it is said to Gordon alone."""
        speaker = Speaker(self.network, nick, nick, "test") if proven else Speaker(self.network, nick)
        hear = await self._ready()
        place = Place(self.network, channel or nick, to=nick, private=not channel, account="" if channel else nick)
        await hear(Heard(key or f"{self.network}:{next(self._numbers)}", text, speaker, place))

    async def overhear(self, nick: str, text: str, *, channel: str = CHANNEL) -> bool:
        """Have somebody say something to nobody here; tell whether Gordon listens there, and so was told of it."""
        hear = await self._ready()
        place = Place(self.network, channel, to=nick)
        if not self.listens(place):
            return False
        key = f"{self.network}:{next(self._numbers)}"
        await hear(Heard(key, text, Speaker(self.network, nick), place, is_for_us=False))
        return True

    async def line(self, pattern: str, *, after: int = 0, within_s: float = ANSWER_WITHIN_S) -> str:
        """Wait for a line that has this regular expression, and return it.

        Raises:
            AssertionError: it did not come; the text shows what did.
        """
        async with asyncio.timeout(within_s) as limit:
            try:
                while True:
                    for _, text in self.said[after:]:
                        if re.search(pattern, text):
                            return text
                    self._something.clear()
                    await self._something.wait()
            except asyncio.CancelledError:
                if limit.when() is not None and asyncio.get_running_loop().time() >= (limit.when() or 0):
                    raise AssertionError(f"nothing like {pattern!r} in {[text for _, text in self.said]}") from None
                raise
        raise AssertionError("not reached")

    def _ready(self) -> "asyncio.Future[Hear]":
        if self._hear is None:
            self._hear = asyncio.get_running_loop().create_future()
        return self._hear


class EditableChat(FakeChat):
    """A place to talk with threads, where what was said can be edited; it keeps each version of each message.

    Arguments:
        network: as for FakeChat.
    """

    def __init__(self, network: str = NETWORK) -> None:
        super().__init__(network)
        self.versions: dict[str, list[Words]] = {}
        self.gone: set[str] = set()

    @property
    def messages(self) -> Sequence[Words]:
        """What people see: the last version of each message, in order."""
        return [versions[-1] for versions in self.versions.values()]

    async def send(self, place: Place, words: Words, *, instead: Instead | None = None) -> MessageRef:
        ref = await super().send(place, words, instead=instead)
        self.versions[ref.id] = [words]
        return ref

    def under(self, ref: MessageRef) -> Place:
        return replace(ref.place, thread=ref.id)

    async def edit(self, ref: MessageRef, words: Words) -> MessageRef:
        if not self.is_connected:
            raise Unavailable(self.network, "editing something")
        if ref.id in self.gone:
            raise Refused(self.network, "there is no such message any more")
        self.versions[ref.id].append(words)
        self._something.set()
        return ref

    async def card(self, wanted: Callable[[Card], bool], *, within_s: float = ANSWER_WITHIN_S) -> Card:
        """Wait until a message is a card as it is wanted, and return it.

        Raises:
            AssertionError: none was within the time; the text shows what there was.
        """
        try:
            async with asyncio.timeout(within_s):
                while True:
                    found = next((one for one in self.messages if isinstance(one, Card) and wanted(one)), None)
                    if found is not None:
                        return found
                    self._something.clear()
                    await self._something.wait()
        except TimeoutError:
            raise AssertionError(f"no such card in {self.messages}") from None


class Gordon:
    """A Gordon that runs, with its world and the place where the test talks to it."""

    def __init__(self, world: World, chat: FakeChat, app: App) -> None:
        self.world = world
        self.chat = chat
        self.app = app

    @property
    def lines(self) -> Sequence[str]:
        """All that was said, in order."""
        return [text for _, text in self.chat.said]

    async def say(self, nick: str, text: str, *, proven: bool = True, expect: str = "", key: str = "") -> str:
        """Type a line and return the next one that is said, or the next that has the pattern."""
        before = len(self.chat.said)
        await self.chat.hear(nick, text, proven=proven, key=key)
        return await self.chat.line(expect or ".", after=before)

    async def confirmed(self, nick: str, text: str, *, expect: str = "") -> str:
        """Type a command, confirm it as Gordon asks, and return the line that comes of it."""
        asked = await self.say(nick, text, expect="to go on say: ")
        return await self.say(nick, confirmation(asked), expect=expect)


def confirmation(asked: str) -> str:
    """Find in Gordon's question the words that go on.

    Raises:
        AssertionError: it asks for nothing.
    """
    found = re.search(r"to go on say: (confirm [a-z2-7]{26}) \(within \d+ s\)", asked)
    assert found, f"asks for no confirmation: {asked!r}"
    return found[1]


@asynccontextmanager
async def running(
    folder: Path, *, world: World | None = None, chat: FakeChat | None = None, **numbers: float
) -> AsyncIterator[Gordon]:
    """Run a Gordon in a world, both made unless given; end it in order."""
    if world is None:
        async with World(folder, numbers=numbers) as made, running(folder, world=made, chat=chat) as gordon:
            yield gordon
        return
    chat = chat or FakeChat()
    app = world.gordon(chat)
    task = asyncio.create_task(app.run())
    try:
        waiting = asyncio.create_task(app.ready.wait())
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if task.done():
            task.result()
        yield Gordon(world, chat, app)
    finally:
        app.stop()
        await task
