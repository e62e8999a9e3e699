"""The Home tab: what somebody's own pull requests, builds and watches are, for their eyes alone."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from bot.adapters.slack_api import Api
from bot.adapters.slack_beside import Beside
from bot.adapters.slack_blocks import Block, blocks_of, plain_text
from bot.adapters.slack_seats import Seats
from bot.chat import Card, Heard, Inside, Words
from bot.clock import Clock
from bot.errors import StorageError, Unavailable, UserError
from bot.values import Place, Speaker

REFRESH = "home.refresh"
EVERY_S = 15.0  # for one person; each time they give three of the commands that they may give in a minute
TITLES = ("You", "My pull requests", "My builds", "What I watch")
MAX_IN_SECTION = 20  # of a hundred blocks
NOTHING = "nothing"
MAX_PEOPLE = 1000  # who look at once


class Home:
    """The Home tabs of one workspace: each is published anew when its person looks, or asks for that."""

    def __init__(self, api: Api, seats: Seats, inside: Callable[[], Inside], clock: Clock, beside: Beside) -> None:
        self._api = api
        self._seats = seats
        self._inside = inside
        self._clock = clock
        self._beside = beside
        self._wanted: dict[str, bool] = {}  # who is served, and whether they have looked again since

    def opened(self, user: str, team: str = "", name: str = "") -> None:
        """Show somebody how things stand, soon: at once, or when the last time is long enough ago."""
        if user in self._wanted:
            self._wanted[user] = True
        elif len(self._wanted) < MAX_PEOPLE:
            self._wanted[user] = True
            self._beside.do(self._serve(user, team, name))

    async def _serve(self, user: str, team: str, name: str) -> None:
        try:
            while self._wanted[user]:
                self._wanted[user] = False
                await self._publish(user, team, name)
                await self._clock.sleep(EVERY_S)
        finally:
            del self._wanted[user]

    async def _publish(self, user: str, team: str, name: str) -> None:
        """Ask in their name for all that stands there, and show it."""
        speaker = await self._seats.speaker(user, team, name)
        told = await asyncio.gather(
            self._answer("whoami", speaker, user),
            self._answer("prs mine", speaker, user),
            self._tried(self._inside().builds(speaker)),
            self._answer("watches", speaker, user),
        )
        blocks: list[Block] = []
        for title, words in zip(TITLES, told, strict=True):
            shown = replace(words, buttons=(), picture=None) if isinstance(words, Card) else words
            blocks.append({"type": "header", "text": plain_text(title)})
            blocks += blocks_of(shown)[:MAX_IN_SECTION]
        again = {"type": "button", "action_id": REFRESH, "text": plain_text("Look again")}
        blocks.append({"type": "actions", "elements": [again]})
        await self._api.call("views.publish", lane=user, user_id=user, view={"type": "home", "blocks": blocks})

    def _answer(self, command: str, speaker: Speaker, user: str) -> Awaitable[Words]:
        network, now_s = self._seats.network, self._clock.monotonic_s()
        place = Place(network, user, to=user, private=True, account=speaker.account)
        heard = Heard(f"slack:{network}:home:{user}:{now_s}:{command}", command, speaker, place)
        return self._tried(self._inside().answer(heard))

    async def _tried(self, answer: Awaitable[Words | None]) -> Words:
        """Wait for an answer; why there is none stands in its place."""
        try:
            return await answer or NOTHING
        except (UserError, Unavailable, StorageError) as error:
            return str(error)
