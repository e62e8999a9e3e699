"""Links to builds and pull requests of ours become cards; no address is ever fetched, only names are read from it.

The card is what anybody may read. It is shown where Gordon obeys, and in a message that is being written, and only
for a member of the workspace, as others may see what they post.
"""

from collections.abc import Callable
from typing import Any

from bot.adapters.slack_api import Api
from bot.adapters.slack_blocks import Block, preview_of
from bot.adapters.slack_clicks import Shared
from bot.adapters.slack_places import Places
from bot.adapters.slack_seats import Seats
from bot.bounded import Bounded
from bot.chat import Card, Heard, Inside, Mentioned, Words
from bot.clock import Clock
from bot.errors import UserError
from bot.values import Place, Speaker

MAX_LINKS = 5
KEPT_S = 30.0
MAX_KEPT = 200
MAX_SEEN = 1000
COMPOSER = "composer"


class Unfurl:
    """The links that people write in one workspace.

    Arguments:
        places: tell where Gordon obeys.
    """

    def __init__(self, api: Api, seats: Seats, places: Places, inside: Callable[[], Inside], clock: Clock) -> None:
        self._api = api
        self._seats = seats
        self._places = places
        self._inside = inside
        self._clock = clock
        self._seen: Bounded[str, None] = Bounded(MAX_SEEN)
        self._kept: Bounded[tuple[str, str], tuple[list[Block], float]] = Bounded(MAX_KEPT)

    async def shared(self, shared: Shared) -> None:
        """Show cards for the links of a message, once however often that is told.

        Raises:
            Unavailable, Refused: Slack does not take them.
        """
        key = shared.unfurl_id or f"{shared.channel}:{shared.message_ts}"
        place = self._place(shared)
        if place is None or key in self._seen:
            return
        self._seen[key] = None
        speaker = await self._seats.speaker(shared.user)
        if not speaker.account or speaker.doubt:
            return
        cards = {}
        for url in list(dict.fromkeys(link.url for link in shared.links))[:MAX_LINKS]:
            found = self._inside().mentioned(url)
            if len(found) == 1 and (blocks := await self._blocks(found[0], place, speaker)):
                cards[url] = {"blocks": blocks}
        if not cards:
            return
        where: dict[str, Any] = {"channel": shared.channel, "ts": shared.message_ts}
        if shared.unfurl_id:
            where = {"unfurl_id": shared.unfurl_id, "source": shared.source}
        await self._api.call("chat.unfurl", lane=shared.channel, unfurls=cards, **where)

    def _place(self, shared: Shared) -> Place | None:
        if shared.source == COMPOSER:
            return Place(self._seats.network, shared.user, to=shared.user, private=True)
        known = self._places.place_of(shared.channel)
        return Place(self._seats.network, known, to=shared.user) if known is not None else None

    async def _blocks(self, found: Mentioned, place: Place, speaker: Speaker) -> list[Block]:
        """Ask as nobody in particular, and keep the answer for a while; nothing if there is none."""
        key, now_s = (found.word, place.channel), self._clock.monotonic_s()
        blocks, until_s = self._kept.get(key, ([], 0.0))
        if now_s < until_s:
            return blocks
        if found.is_pull:
            words = await self._answer("pr", found, place, speaker)
            words = words if isinstance(words, Card) else None  # else why there is no card
        else:
            words = await self._answer("why", found, place, speaker)
            if not isinstance(words, Card):  # it has not failed
                words = await self._answer("status", found, place, speaker)
        blocks = preview_of(words) if words else []
        self._kept[key] = blocks, now_s + KEPT_S
        return blocks

    async def _answer(self, command: str, found: Mentioned, place: Place, speaker: Speaker) -> Words | None:
        nobody = Speaker(speaker.network, speaker.name, doubt="a link is shown to everybody")
        key = f"slack:{speaker.network}:link:{self._clock.monotonic_s()}:{command}:{found.word}"
        try:
            return await self._inside().answer(Heard(key, f"{command} {found.word}", nobody, place))
        except UserError:  # what is not for everybody, or not for here, stays a link
            return None
