"""What is done again and again: the ticks of plugins, forgetting what is old, showing how much is under way."""

import itertools
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from typing import Any, Protocol

from bot.builds import BuildLedger
from bot.chat import Chat, Report
from bot.clock import Clock
from bot.errors import GordonError
from bot.events import Event, Tick
from bot.live import Live
from bot.loader import Registry
from bot.ports import Letter
from bot.strikes import Strikes

PURGE_EVERY_S = 3600.0
LOOK_EVERY_S = 30.0
STUCK = "what got stuck"
log = logging.getLogger(__name__)


class Keeper(Protocol):
    """Something that keeps what was done, and may forget it, and what got stuck."""

    async def letters(self) -> Sequence[Letter]:
        """List what nobody may repeat unasked."""

    async def purge(self, before_s: float) -> int:
        """Forget what ended before; tell how much."""


class Rounds:
    """Each of these goes on until it is cancelled, whatever one of its turns comes to.

    Arguments:
        accept: takes an event in.
        keepers: the journal and the effects.
        report: takes what operators should know: what it is about, and what is wrong or "".
        forget: forgets which webhooks' deliveries came before; tells how many.
        forget_facts: forgets builds of which nobody wants to know any more why they failed; tells how many.
    """

    def __init__(
        self,
        live: Live,
        registry: Registry,
        strikes: Strikes,
        clock: Clock,
        accept: Callable[[Event], Awaitable[None]],
        keepers: Sequence[Keeper],
        ledger: BuildLedger,
        chats: Mapping[str, Chat],
        report: Report,
        forget: Callable[[float], Awaitable[int]],
        forget_facts: Callable[[], Awaitable[int]],
    ) -> None:
        self._live = live
        self._registry = registry
        self._strikes = strikes
        self._clock = clock
        self._accept = accept
        self._keepers = keepers
        self._ledger = ledger
        self._chats = chats
        self._report = report
        self._forget = forget
        self._forget_facts = forget_facts

    def all(self) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        """List what is to go on, by name."""
        for name, handler in self._registry.handlers.items():
            if handler.every_s:
                yield f"tick {name}", self._beat(name, handler.every_s)
        yield "purge", self.again("purge", PURGE_EVERY_S, self._forget_old)
        yield "load", self.again("load", LOOK_EVERY_S, self._show_load)
        yield "letters", self.again("letters", LOOK_EVERY_S, self._count_letters)

    async def again(self, name: str, every_s: float, turn: Callable[[], Awaitable[None]]) -> None:
        """Do something after each of these pauses."""
        while True:
            await self._clock.sleep(every_s)
            await self.whatever_comes(name, turn())

    async def whatever_comes(self, name: str, work: Awaitable[None]) -> None:
        """Do something that is done again anyway, so that it may fail."""
        try:
            await work
        except GordonError as error:
            log.warning("%s: %s", name, error)
        except Exception:
            log.exception("%s failed; it goes on with the next", name)

    async def _beat(self, handler: str, every_s: float) -> None:
        """Make ticks, the first at the next whole period of the wall clock, which a restart does not bring nearer.

        From then on the clock counts that never jumps, and no key comes twice when the other one is set back.
        """
        plugin, began = self._registry.handlers[handler].plugin, self._clock.now()
        first_s = self._clock.monotonic_s() + every_s - began.timestamp() % every_s
        for beat in itertools.count():
            await self._clock.sleep(max(0.0, first_s + beat * every_s - self._clock.monotonic_s()))
            if not self._strikes.why_off(plugin):
                key = f"tick:{handler}:{began.timestamp():.6f}:{beat}"
                tick = Tick(key=key, lane=f"tick:{handler}", at=self._clock.now())
                await self.whatever_comes(f"tick {handler}", self._accept(tick))

    async def _forget_old(self) -> None:
        before_s = self._clock.now().timestamp() - self._live.now.settings.gordon.keep_days * 86400
        forgotten = [await each.purge(before_s) for each in self._keepers] + [await self._ledger.purge(before_s)]
        forgotten.append(await self._forget(before_s))
        forgotten.append(await self._forget_facts())
        log.info("forgot %d old events, %d effects, %d builds, %d deliveries of webhooks, %d facts", *forgotten)

    async def _count_letters(self) -> None:
        count = sum([len(await each.letters()) for each in self._keepers])
        waits = "1 letter waits" if count == 1 else f"{count} letters wait"
        self._report(STUCK, f"{waits} for an operator; letters lists them" if count else "")

    async def _show_load(self) -> None:
        words = load_words([row.state for row in await self._ledger.watched() if row.ours])
        for chat in self._chats.values():
            chat.show_load(words)


def load_words(states: Collection[str]) -> str:
    """Say how many builds of ours run and wait: "3 builds running, 2 queued"; empty for none."""
    running, queued = (sum(state == wanted for state in states) for wanted in ("running", "queued"))
    builds = f"build{'' if (running or queued) == 1 else 's'}"
    if running and queued:
        return f"{running} {builds} running, {queued} queued"
    return f"{running or queued} {builds} {'running' if running else 'queued'}" if running or queued else ""
