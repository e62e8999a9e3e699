"""Who is in which team of GitHub's, for the teams that `people.toml` or the settings of a plugin name.

A list counts for five minutes from the moment when it was asked for, so that a membership that was taken away is
refused by then, whether GitHub answers or not. It is asked for again a minute before.
"""

import asyncio
import contextlib
import logging
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bot.chat import Report
from bot.clock import Clock
from bot.errors import Refused, Unavailable
from bot.forge import PullForge
from bot.live import Live
from bot.people import People
from bot.plugin import NamesTeams

CURRENT_S = 300.0
REFRESH_S = 240.0
RETRY_S, RETRY_AT_MOST_S = 5.0, 30.0  # the pause after a look-up that failed, doubled with each
FIRST_WITHIN_S = 3.0  # real seconds; what an earlier process left is weighed after this
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Roll:
    """What is known of one team.

    Arguments:
        members: the numbers of its members' accounts.
        asked_s: when they were asked for, by the monotonic clock.
        next_s: when they are asked for again.
        failures: look-ups since then that failed.
        why: what became of the last of these, in words for those whose role hangs on it.
        is_told: operators know of it.
    """

    members: frozenset[int] = frozenset()
    asked_s: float = -math.inf
    next_s: float = -math.inf
    failures: int = 0
    why: str = "GitHub has not answered yet"
    is_told: bool = False


class Teams:
    """The lists, kept on the edge loop and read from both; nothing is asked while no team is named.

    Arguments:
        report: what to call with a list that counts no more; the program sets it.
    """

    def __init__(self, forge: PullForge | None, live: Live, clock: Clock) -> None:
        self.report: Report = lambda about, words: None
        self._forge = forge
        self._live = live
        self._clock = clock
        self._rolls: Mapping[str, Roll] = {}
        self._changed = asyncio.Event()

    def members(self, team: str) -> Collection[int] | None:
        """Tell the numbers of a team's members; None when nobody can tell them now."""
        roll = self._rolls.get(team)
        if roll is None or self._clock.monotonic_s() - roll.asked_s >= CURRENT_S:
            return None
        return roll.members

    def has(self, team: str, number: int) -> bool | None:
        """Tell whether an account is in a team; None when nobody can tell now, though it may be.

        Who was not in it when GitHub last told is not in it, however long ago that was: that only ever refuses.
        """
        roll = self._rolls.get(team, Roll())
        if roll.asked_s > -math.inf and number not in roll.members:
            return False
        return None if self.members(team) is None else True

    def why_unknown(self, team: str) -> str:
        """Tell why nobody can tell who is in a team."""
        return self._rolls.get(team, Roll()).why

    def changed(self) -> None:
        """Look at once whether teams are named that were not before."""
        self._changed.set()

    async def begin(self, within_s: float = FIRST_WITHIN_S) -> None:
        """Ask for every list, for a little while: what an earlier process left should find them."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._refresh()

    async def go_on(self) -> None:
        """Wait until a list is due, and ask for it again."""
        due_s = min((self._next_s(name) for name in self._named()), default=math.inf)
        waits: set[asyncio.Task[Any]] = {asyncio.create_task(self._changed.wait())}
        if due_s < math.inf:
            waits.add(asyncio.create_task(self._clock.sleep(max(0.0, due_s - self._clock.monotonic_s()))))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiting in waits:
                waiting.cancel()
        self._changed.clear()
        await self._refresh()

    def _named(self) -> Collection[str]:
        now = self._live.now
        return named_teams(now.people, now.plugin_settings) if self._forge is not None else ()

    def _next_s(self, name: str) -> float:
        return self._rolls.get(name, Roll()).next_s

    async def _refresh(self) -> None:
        named, now_s = self._named(), self._clock.monotonic_s()
        self._rolls = {name: roll for name, roll in self._rolls.items() if name in named}
        due = [name for name in named if self._next_s(name) <= now_s]
        if self._forge is not None:
            await asyncio.gather(*(self._ask(self._forge, name) for name in due))

    async def _ask(self, forge: PullForge, name: str) -> None:
        asked_s, before = self._clock.monotonic_s(), self._rolls.get(name, Roll())
        pause_s = min(RETRY_S * 2**before.failures, RETRY_AT_MOST_S)
        self._put(name, replace(before, next_s=asked_s + pause_s))  # holds also if the look-up ends by a mistake
        try:
            members = frozenset(await forge.team(name))
        except Unavailable as error:
            self._failed(name, before, pause_s, error, f"{error.peer} does not answer")
            return
        except Refused as error:
            self._failed(name, before, pause_s, error, f"{error.peer} does not tell me")
            return
        self._put(name, Roll(members, asked_s, asked_s + REFRESH_S, why="GitHub has not answered for long"))
        if before.failures:
            log.info("the members of %s are known again", name)
        if before.is_told:
            self.report(_about(name), "")

    def _failed(self, name: str, before: Roll, pause_s: float, error: Unavailable | Refused, why: str) -> None:
        if not before.failures:
            log.warning("who is in %s is not known: %s", name, error)
        must_tell = not before.is_told and self.members(name) is None
        if must_tell:
            gives_roles = name in self._live.now.people.teams
            what = f"roles by {name} do not count" if gives_roles else f"what is for {name} alone is told of everybody"
            self.report(_about(name), f"{what} until GitHub tells who is in it: {error}")
        next_s = self._clock.monotonic_s() + pause_s
        is_told = before.is_told or must_tell
        self._put(name, replace(before, next_s=next_s, failures=before.failures + 1, why=why, is_told=is_told))

    def _put(self, name: str, roll: Roll) -> None:
        self._rolls = {**self._rolls, name: roll}  # another mapping, never this one: the work loop may be reading it


def _about(name: str) -> str:
    return f"the team {name}"


def named_teams(people: People, plugin_settings: Mapping[str, Any]) -> Collection[str]:
    """List the teams whose members somebody wants to know: what gives roles, and what plugins ask for."""
    asking = [one for one in plugin_settings.values() if isinstance(one, NamesTeams)]
    return list(dict.fromkeys([*people.teams, *(team for one in asking for team in sorted(one.teams()))]))
