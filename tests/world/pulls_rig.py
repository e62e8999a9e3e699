"""A Gordon that announces what happens to pull requests, and what its channel has heard of them.

async with announcing(tmp_path, 'lines_per_hour = 5') as here:
    here.github.close(REPO, here.open("tianon"), merged=True)
    await here.hears("merged")
"""

import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.demo.github.double import GitHubDouble
from bot.demo.world import CHANNEL, REPO, World
from bot.testing import NETWORK, FakeChat, Gordon
from tests.moved_clock import MovedClock
from tests.world.failing import Tries, failing
from tests.world.honesty import at_rest, until

ONLY = ("failures", "pulls", "watches")
HERE = f"{NETWORK}/{CHANNEL}"
GATHER_S = 5.0
TOLD = re.compile(r"^(?:\(again\) )?moby#(\d+) (.+?): \"")


@dataclass(frozen=True, slots=True)
class Site:
    """A Gordon, and its GitHub."""

    gordon: Gordon
    clock: MovedClock

    @property
    def github(self) -> GitHubDouble:
        return self.gordon.world.github

    def open(self, author: str = "tianon", title: str = "Fix volumes", **how: Any) -> int:
        return self.github.open_pull(REPO, title=title, author=author, **how)

    def told(self) -> list[tuple[int, str]]:
        """List what was said by itself: of which pull request, and what happened to it."""
        found = [TOLD.match(text) for place, text in self.gordon.chat.said if not place.to]
        return [(int(one[1]), one[2]) for one in found if one]

    def told_of(self, number: int) -> list[str]:
        """List what was said of one pull request."""
        return [what for of, what in self.told() if of == number]

    def heard_at(self, channel: str) -> set[int]:
        """Tell of which pull requests a place has heard."""
        said = [TOLD.match(text) for place, text in self.gordon.chat.said if place.channel == channel]
        return {int(one[1]) for one in said if one}

    async def hears(self, pattern: str, step_s: float = 1.0) -> str:
        """Wait for a line, while time passes."""
        try:
            await self.passes(lambda: any(re.search(pattern, line) for line in self.gordon.lines), step_s)
        except TimeoutError:
            raise AssertionError(f"nothing like {pattern!r} in {self.gordon.lines}") from None
        return next(line for line in self.gordon.lines if re.search(pattern, line))

    async def passes(self, holds: Callable[[], object], step_s: float = 1.0) -> None:
        """Let time pass, faster than it does, until something holds."""

        def held() -> object:
            self.clock.move(step_s)
            return holds()

        await until(held)

    async def is_through(self) -> None:
        """Let everything that has happened be told: what came before the last one opened is due no later."""
        await self.github.hooks.settled()
        number = self.open("tianon", "The last one")
        await self.passes(lambda: self.told_of(number))
        await at_rest(self.gordon, lambda: self.clock.move(1.0))


def table(keys: str, place: str = HERE) -> str:
    """Write the table of a place."""
    return f'\n[plugin.pulls.channel."{place}"]\n{keys}\n'


@asynccontextmanager
async def announcing(
    folder: Path,
    keys: str = "",
    *,
    top: str = "",
    more: str = "",
    chat: FakeChat | None = None,
    plugins: Sequence[str] = ONLY,
    prepare: Callable[[World], object] = lambda world: None,
    clock: MovedClock | None = None,
) -> AsyncIterator[Site]:
    """Run a Gordon that knows which pull requests there are, so that what is opened next is news.

    Arguments:
        keys: what stands in the table of the channel.
        top: what stands in `[plugin.pulls]`.
        more: what stands behind these.
    """
    used = clock or MovedClock()
    config = f"\n[plugin.pulls]\ngather_s = {GATHER_S}\n{top}\n{table(keys)}{more}"
    async with failing(
        folder, Tries(), config=config, plugins=plugins, with_hook=True, clock=used, chat=chat, prepare=prepare
    ) as gordon:
        await until(lambda: "compared at" in gordon.app.forge_side.words())
        yield Site(gordon, used)
