"""One handler at a time within its limits: its time, its tasks, and what it may leave behind."""

import asyncio
import math
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, TypeVar

from bot import codec
from bot.audit import short_id
from bot.chat import Card, Words
from bot.errors import Unavailable
from bot.events import CommandGiven, Event
from bot.live import Live
from bot.plugin import Context
from bot.ports import Later, Outcome
from bot.secret import redact
from bot.values import Place

MAX_TASKS = 100  # of one plugin at once
CANCELLED_WITHIN_S = 1.0
MAX_REASON_CHARS = 200
_events = codec.Codec()
T = TypeVar("T")
_plugin: ContextVar[str] = ContextVar("plugin", default="")


class Hops:
    """How many calls of one handler wait for the edge, where the neighbours are."""

    open = 0


_hops: ContextVar[Hops | None] = ContextVar("hops", default=None)


@contextmanager
def hop() -> Iterator[None]:
    """Count a call to the edge for the handler that makes it."""
    hops = _hops.get() or Hops()
    hops.open += 1
    try:
        yield
    finally:
        hops.open -= 1


class Limits:
    """Runs handlers on the loop of the caller."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._tasks_of: dict[str, int] = {}

    def new_task(self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T], **more: Any) -> asyncio.Task[T]:
        """Make a task, count it for its plugin, and keep its exits from ending the loop."""
        plugin = _plugin.get()
        if plugin and self._tasks_of.get(plugin, 0) >= MAX_TASKS:
            work.close()
            raise RuntimeError(f"{plugin} has {MAX_TASKS} tasks, which is as many as a plugin may have")
        task = asyncio.Task(_contained(work), loop=loop, **more)
        task.add_done_callback(lambda _: work.close())  # one that was cancelled before it began has not begun its work
        if plugin:
            self._tasks_of[plugin] = self._tasks_of.get(plugin, 0) + 1
            task.add_done_callback(lambda _: self._tasks_of.update({plugin: self._tasks_of[plugin] - 1}))
        return task

    async def run(
        self, plugin: str, work: Callable[[], Awaitable[Words | None]], *, within_s: float | None = None
    ) -> Words | None:
        """Run a handler up to its limit, in a task of its own that is left behind if it will not be cancelled.

        Arguments:
            within_s: another limit than that of the configuration.

        Raises:
            Unavailable: at its limit it waited for a neighbour, which is no mistake of the plugin's.
            TimeoutError: at its limit it waited for something of its own.
        """
        hops = Hops()

        async def named() -> Words | None:
            _plugin.set(plugin)
            _hops.set(hops)
            return await work()

        task = asyncio.get_running_loop().create_task(named())
        limit_s = self._live.now.settings.gordon.handler_limit_s if within_s is None else within_s
        done, _ = await asyncio.wait({task}, timeout=limit_s)
        if not done:
            waits_for_neighbour = hops.open > 0
            task.cancel()
            await asyncio.wait({task}, timeout=CANCELLED_WITHIN_S)
            if waits_for_neighbour:
                raise Unavailable("Jenkins or GitHub", f"reading or starting builds took over {limit_s:g} s")
            raise TimeoutError(f"it took longer than {limit_s:g} s and was stopped")
        if task.cancelled():
            raise RuntimeError("it cancelled itself")
        error = task.exception()
        if error is not None and not isinstance(error, Exception):  # nobody catches it, so it would end the lane
            raise RuntimeError(f"it raised {error!r}") from error
        return task.result()


def only(words: Words, event: Event, ctx: Context) -> Outcome:
    """Leave nothing of a handler but words to who asked, without half characters that a plugin may have put there."""
    told = signed(words if isinstance(words, Card) else words.encode("utf-8", "replace").decode(), event)
    return Outcome(((ctx.place, told),) if ctx.place and told else ())


def left_behind(ctx: Context, reply: Any, handlers_of: Callable[[Event], tuple[str, ...]]) -> Outcome:
    """Gather what a handler leaves behind, once it is sure that it can be written and read back.

    Raises:
        TypeError, ValueError, KeyError: it cannot; a mistake of the plugin's, told before anything is written.
    """
    outcome = ctx.outcome(signed(sayable(reply), ctx.event))
    for place, words in outcome.outbox:
        if not isinstance(place, Place):
            raise TypeError(f"words are said at a Place, not at {type(place).__name__}")
        codec.load_place(codec.dump_place(place))
        sayable(words)
    for _, key, value in outcome.state:
        codec.dump({key: value})
    return replace(outcome, later=tuple(_filled(each, handlers_of) for each in outcome.later))


def sayable(words: Any) -> Words | None:
    """Return words that a chat and the disk will take; nothing is fine too.

    Raises:
        TypeError, ValueError: they are none.
    """
    if words is None:
        return None
    if not isinstance(words, str | Card):
        raise TypeError(f"an answer is a text or a Card, not {type(words).__name__}")
    return codec.load_words(codec.dump_words(words))


def signed(words: Words | None, event: Event) -> Words | None:
    """Add the short id that finds a command's records."""
    if words is None or not isinstance(event, CommandGiven):
        return words
    mark = f" [{short_id(event.key)}]"
    if isinstance(words, Card):
        return replace(words, title=words.title + mark, brief=words.brief + mark if words.brief else "")
    return words + mark


def first_line(error: BaseException) -> str:
    """Say an error of any plugin in one line without secrets, though it may have no words, or half a character."""
    lines = "".join(traceback.format_exception_only(error)).partition(": ")[2].splitlines()
    line = lines[0] if lines and lines[0] else type(error).__name__
    return redact(line)[:MAX_REASON_CHARS].encode("utf-8", "replace").decode()


def named_line(error: BaseException) -> str:
    """Say an error in one line with its kind."""
    return f"{type(error).__name__}: {first_line(error)}"


def _filled(later: Later, handlers_of: Callable[[Event], tuple[str, ...]]) -> Later:
    """Say who wants an event that is to come, and see that it can be read back."""
    if not math.isfinite(later.delay_s):
        raise ValueError(f"{later.delay_s} s is no time to wait")
    _events.load(*_events.dump(later.event))
    return replace(later, handlers=handlers_of(later.event))


async def _contained(work: Coroutine[Any, Any, T]) -> T:
    """Turn what would end the whole loop into an ordinary failure."""
    try:
        return await work
    except (SystemExit, KeyboardInterrupt) as error:
        raise RuntimeError(f"a plugin tried to end the program: {error!r}") from error
