"""Files that belong to a card on Slack: a quotation that is too long for a message, and numbers as a picture."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from bot.adapters.slack_api import Api
from bot.adapters.slack_blocks import quote_fits
from bot.adapters.slack_errors import words_of
from bot.adapters.slack_pictures import alt_of
from bot.adapters.slack_text import clean, cut, one_line
from bot.chat import Card, Picture
from bot.errors import Refused, Unavailable
from bot.secret import redact

MAX_QUOTE_BYTES = 1024 * 1024
TITLE_CHARS = 200
TRIES, PAUSE_S = 3, 1.0

log = logging.getLogger(__name__)


class Files:
    """Shows in a thread what belongs to a card.

    Arguments:
        draw: makes a PNG of a picture, beside the loop.
        sleep: waits for so many seconds.
    """

    def __init__(
        self, api: Api, draw: Callable[[Picture], Awaitable[bytes]], sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self._api = api
        self._draw = draw
        self._sleep = sleep

    async def show(self, channel_id: str, thread: str, card: Card) -> list[str]:
        """Show a card's files, each once, and tell in words for everybody what of it cannot be shown."""
        missing: list[str] = []
        title = cut(one_line(card.title), TITLE_CHARS)
        if not quote_fits(card):
            content = await asyncio.to_thread(content_of, card.quote)
            if why := await self._upload(channel_id, thread, "log.txt", title, content):
                missing.append(f"the rest of the quotation could not be attached: {why}")
        if card.picture is not None:
            try:
                drawn = await self._draw(card.picture)
            except Unavailable as error:
                missing.append(f"the picture could not be drawn: {error}")
            else:
                alt, name = alt_of(card.picture), cut(one_line(card.picture.title), TITLE_CHARS)
                if why := await self._upload(channel_id, thread, "picture.png", name or title, drawn, alt):
                    missing.append(f"the picture could not be attached: {why}")
        return missing

    async def _upload(self, channel_id: str, thread: str, name: str, title: str, content: bytes, alt: str = "") -> str:
        """Upload a file, and tell why that failed; nothing of it is shown then."""
        why = ""
        for tries_left in reversed(range(TRIES)):
            try:
                await self._api.upload(channel_id, thread, name, title, content, alt)
            except Refused as error:
                log.info("not attached: %s", error)
                return words_of(error.reason)
            except Unavailable as error:
                log.info("not attached: %s", error)
                why = "Slack does not take it now"
                if tries_left:
                    await self._sleep(PAUSE_S)
            else:
                return ""
        return why


def wants_files(card: Card) -> bool:
    """Tell whether something belongs to a card that its message cannot show."""
    return card.picture is not None or not quote_fits(card)


def content_of(quote: str) -> bytes:
    """Write a quotation as a file, without secrets, as much of it as fits in whole lines."""
    content = redact(clean(quote[:MAX_QUOTE_BYTES])).encode()
    if len(content) > MAX_QUOTE_BYTES or len(quote) > MAX_QUOTE_BYTES:
        content = content[:MAX_QUOTE_BYTES]
        content = content[: content.rfind(b"\n") + 1] or b""
        return content + "… and more\n".encode()
    return content
