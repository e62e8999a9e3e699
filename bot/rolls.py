"""Lists of members that somebody else keeps, of those whose names the configuration has.

A list counts for five minutes from the moment when it was asked for, so that a membership that was taken away is
refused by then, whether its keeper answers or not. It is asked for again a minute before.
"""

import asyncio
import contextlib
import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from bot.chat import Report
from bot.clock import Clock, sleep_until
from bot.errors import Refused, Unavailable

CURRENT_S = 300.0
REFRESH_S = 240.0
RETRY_S, RETRY_AT_MOST_S = 5.0, 30.0  # the pause after a look-up that failed, doubled with each
FIRST_WITHIN_S = 3.0  # real seconds; what an earlier process left is weighed after this
log = logging.getLogger(__name__)
M = TypeVar("M", int, str)


@dataclass(frozen=True, slots=True)
class Roll(Generic[M]):
    """What is known of one list.

    Arguments:
        members: the accounts of its members.
        asked_s: when they were asked for, by the monotonic clock.
        next_s: when they are asked for again.
        failures: look-ups since then that failed.
        why: what became of the last of these, in words for those whose role hangs on it.
        is_told: operators know of it.
    """

    members: frozenset[M] = frozenset()
    asked_s: float = -math.inf
    next_s: float = -math.inf
    failures: int = 0
    why: str = ""
    is_told: bool = False


class Rolls(ABC, Generic[M]):
    """The lists, kept on the edge loop and read from both; nothing is asked while none is named.

    Arguments:
        keeper: who keeps the lists, "GitHub".
        noun: what has members, "team".
        report: what to call with a list that counts no more; the program sets it.
    """

    def __init__(self, clock: Clock, keeper: str, noun: str) -> None:
        self.report: Report = lambda about, words: None
        self._clock = clock
        self._keeper = keeper
        self._noun = noun
        self._nothing: Roll[M] = Roll(why=f"{keeper} has not answered yet")
        self._rolls: Mapping[str, Roll[M]] = {}
        self._changed = asyncio.Event()

    @abstractmethod
    def named(self) -> Collection[str]:
        """List the names of the lists that are wanted now."""

    @abstractmethod
    async def look_up(self, name: str) -> Collection[M]:
        """Ask for the members of a list.

        Raises:
            Unavailable: nobody can tell them now.
            Refused: they are not told to us.
        """

    @abstractmethod
    def without(self, name: str) -> str:
        """Say what it means that nobody can tell who is in a list."""

    def members(self, name: str) -> Collection[M] | None:
        """Tell the accounts of a list's members; None when nobody can tell them now."""
        roll = self._rolls.get(name)
        if roll is None or self._clock.monotonic_s() - roll.asked_s >= CURRENT_S:
            return None
        return roll.members

    def has(self, name: str, account: M) -> bool | None:
        """Tell whether an account is in a list; None when nobody can tell now, though it may be.

        Who was not in it when its keeper last told is not in it, however long ago that was: that only ever refuses.
        """
        roll = self._rolls.get(name, self._nothing)
        if roll.asked_s > -math.inf and account not in roll.members:
            return False
        return None if self.members(name) is None else True

    def why_unknown(self, name: str) -> str:
        """Tell why nobody can tell who is in a list."""
        return self._rolls.get(name, self._nothing).why

    def changed(self, names: Collection[str] = ()) -> None:
        """Look at once whether lists are named that were not before, and ask again for those that have changed."""
        for name in names:
            if name in self._rolls:
                self._put(name, replace(self._rolls[name], next_s=-math.inf))
        self._changed.set()

    async def begin(self, within_s: float = FIRST_WITHIN_S) -> None:
        """Ask for every list, for a little while: what an earlier process left should find them."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._refresh()

    async def go_on(self) -> None:
        """Wait until a list is due, and ask for it again."""
        due_s = min((self._next_s(name) for name in self.named()), default=math.inf)
        await sleep_until(self._changed, max(0.0, due_s - self._clock.monotonic_s()), self._clock)
        self._changed.clear()
        await self._refresh()

    def _next_s(self, name: str) -> float:
        return self._rolls.get(name, self._nothing).next_s

    async def _refresh(self) -> None:
        named, now_s = self.named(), self._clock.monotonic_s()
        self._rolls = {name: roll for name, roll in self._rolls.items() if name in named}
        await asyncio.gather(*(self._ask(name) for name in named if self._next_s(name) <= now_s))

    async def _ask(self, name: str) -> None:
        asked_s, before = self._clock.monotonic_s(), self._rolls.get(name, self._nothing)
        pause_s = min(RETRY_S * 2**before.failures, RETRY_AT_MOST_S)
        self._put(name, replace(before, next_s=asked_s + pause_s))  # holds also if the look-up ends by a mistake
        try:
            members = frozenset(await self.look_up(name))
        except Unavailable as error:
            self._failed(name, before, pause_s, error, f"{error.peer} does not answer")
            return
        except Refused as error:
            self._failed(name, before, pause_s, error, f"{error.peer} does not tell me")
            return
        self._put(name, Roll(members, asked_s, asked_s + REFRESH_S, why=f"{self._keeper} has not answered for long"))
        if before.failures:
            log.info("the members of %s are known again", name)
        if before.is_told:
            self.report(self._about(name), "")

    def _failed(self, name: str, before: Roll[M], pause_s: float, error: Unavailable | Refused, why: str) -> None:
        if not before.failures:
            log.warning("who is in %s is not known: %s", name, error)
        must_tell = not before.is_told and self.members(name) is None
        if must_tell:
            self.report(self._about(name), f"{self.without(name)} until {self._keeper} tells who is in it: {error}")
        next_s = self._clock.monotonic_s() + pause_s
        is_told = before.is_told or must_tell
        self._put(name, replace(before, next_s=next_s, failures=before.failures + 1, why=why, is_told=is_told))

    def _put(self, name: str, roll: Roll[M]) -> None:
        self._rolls = {**self._rolls, name: roll}  # another mapping, never this one: the work loop may be reading it

    def _about(self, name: str) -> str:
        return f"the {self._noun} {name}"
