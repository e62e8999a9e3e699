"""Who is in which team of GitHub's, for the teams that `people.toml` or the settings of a plugin name."""

from collections.abc import Collection, Mapping
from typing import Any

from bot.clock import Clock
from bot.forge import PullForge
from bot.live import Live
from bot.people import People
from bot.plugin import NamesTeams
from bot.rolls import Rolls


class Teams(Rolls[int]):
    """The numbers of their members' accounts."""

    def __init__(self, forge: PullForge | None, live: Live, clock: Clock) -> None:
        super().__init__(clock, "GitHub", "team")
        self._forge = forge
        self._live = live

    def named(self) -> Collection[str]:
        """List the teams whose members somebody wants to know; none without a forge."""
        now = self._live.now
        return named_teams(now.people, now.plugin_settings) if self._forge is not None else ()

    async def look_up(self, name: str) -> Collection[int]:
        """Ask the forge."""
        return await self._forge.team(name) if self._forge is not None else ()

    def without(self, name: str) -> str:
        """Say what does not count, or is told of everybody."""
        gives_roles = name in self._live.now.people.teams
        return f"roles by {name} do not count" if gives_roles else f"what is for {name} alone is told of everybody"


def named_teams(people: People, plugin_settings: Mapping[str, Any]) -> Collection[str]:
    """List the teams whose members somebody wants to know: what gives roles, and what plugins ask for."""
    asking = [one for one in plugin_settings.values() if isinstance(one, NamesTeams)]
    return list(dict.fromkeys([*people.teams, *(team for one in asking for team in sorted(one.teams()))]))
