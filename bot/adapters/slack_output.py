"""What Gordon says on Slack: one message after the other at each channel, answers first, states never backwards.

A message whose answer was lost may be there; it has no id then, and `arrived` says so. All else that fails has not
been posted.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bot.adapters.slack_api import PATIENCE_S, Api, Declined, Limited
from bot.adapters.slack_blocks import Block, blocks_of, digest_of, fallback, user_id, words_fit
from bot.adapters.slack_errors import MOST_STATED_S, OF_BLOCKS, OF_CHANNEL, OF_THREAD, words_of
from bot.adapters.slack_files import Files, wants_files
from bot.adapters.slack_pace import Pace
from bot.adapters.slack_places import Places
from bot.adapters.slack_text import cut
from bot.chat import Card, Instead, MessageRef, Report, Words
from bot.clock import Clock
from bot.errors import Refused, Unavailable, Unrecognised, Unsent
from bot.settings import SlackSettings
from bot.values import Place

MESSAGE_CHARS = 3_900
PARAGRAPH = 0.5  # of a message that is full: a line that ends after that is where the next message begins
EDIT_EVERY_S = 1.2  # of one message
CROWDED = 5  # announcements in a row that had to wait; then several go as one
JOINED_BYTES = 3_000
LONG_S = 60.0  # a limit that operators hear of
MAX_SHOWN = 1_000  # messages of which it is remembered what they show
CLOSING_S = 1.0
WHISPERED_AGAIN_S = (0.5, 2.0, 5.0)  # nobody else tries again, as what is whispered is on no disk
QUIETLY: Mapping[str, Any] = {"parse": "none", "link_names": False}
POSTED: Mapping[str, Any] = {**QUIETLY, "unfurl_links": False, "unfurl_media": False}
LIMIT = "limit"

log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Shown:
    """What a message shows, or is about to.

    Arguments:
        next_s: when it may be changed again.
        state: the digest of its newest state.
        number: of that state, counted.
        files: what of it is attached.
    """

    next_s: float
    state: str = ""
    blocks: Sequence[Mapping[str, Any]] = ()
    text: str = ""
    number: int = 0
    files: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Output:
    """The way out to one workspace.

    Arguments:
        tell: what to call with troubles that operators should know of.
    """

    def __init__(self, api: Api, places: Places, files: Files, clock: Clock, tell: Report) -> None:
        self._api = api
        self._places = places
        self._files = files
        self._clock = clock
        self._tell = tell
        self._settings = SlackSettings()
        self._pace = Pace(clock)
        self._shown: dict[str, _Shown] = {}
        self._told: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def configure(self, settings: SlackSettings) -> None:
        """Go on by these settings."""
        self._settings = settings
        for about in self._told.keys() - set(settings.channels):
            if self._told.pop(about):
                self._tell(about, "")

    async def close(self) -> None:
        """Let what is being attached end, for a moment."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSING_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- messages --

    async def send(self, place: Place, words: Words, *, instead: Instead | None = None) -> MessageRef:
        """Say words at a place; its reference has no id if nobody knows whether they are there.

        Arguments:
            instead: asked for other words where announcements come faster than they may be said.

        Raises:
            Unsent: nothing is said now.
            Refused: waiting changes nothing.
        """
        channel_id = await self._found(place)
        is_answer = bool(place.to) or place.private
        turns = self._pace.answer(channel_id) if is_answer else await self._pace.announcement(channel_id)
        if turns.waited >= CROWDED and not is_answer and not place.thread and instead is not None:
            words = instead(JOINED_BYTES)
        async with turns.turn:
            try:
                # An announcement leaves the turn to answers as long as a limit lasts.
                return await self._say(place, channel_id, words, PATIENCE_S if is_answer else 0.0)
            except Unsent:
                turns.waited = 0  # whoever tries again is no crowd
                raise

    async def arrived(self, ref: MessageRef) -> None:
        """What Slack has answered it has kept.

        Raises:
            Unavailable: it did not answer.
        """
        if not ref.id:
            raise Unavailable(self._api.peer, "telling whether words arrived")

    def under(self, ref: MessageRef) -> Place:
        """Tell the place of the thread under a message that was sent."""
        return replace(ref.place, thread=ref.place.thread or ref.id.partition(":")[2])

    async def whisper(self, channel_id: str, user: str, words: Words, thread: str = "") -> None:
        """Say words to one person alone, where they are; where they cannot be shown them, in a direct message.

        Raises:
            Unavailable: they may not have been told.
            Refused: they cannot be told.
        """
        user = user_id(user)
        said: dict[str, Any] = {"text": fallback(words), "blocks": blocks_of(words), "thread_ts": thread or None}
        said |= {"channel": channel_id, "user": user, **QUIETLY}
        for pause_s in (*WHISPERED_AGAIN_S, None):
            try:
                await self._api.call("chat.postEphemeral", lane=channel_id, **said)
            except Declined as error:
                if error.code not in OF_CHANNEL:
                    raise
                direct = Place("", user, to=user, private=True, account=user)
                await self.send(direct, words)
            except Unsent:
                if pause_s is None:
                    raise
                await self._clock.sleep(pause_s)
                continue
            return

    # -- states --

    async def edit(self, ref: MessageRef, words: Words) -> MessageRef:
        """Have a message show another state, once it may be changed again; of several the last one wins.

        Raises:
            Unavailable: not now.
            Refused: it is gone, or too old.
        """
        shown = self._shown.get(ref.id) or self._remember(ref.id, _Shown(self._clock.monotonic_s()))
        shown.state, shown.blocks, shown.text = digest_of(words), blocks_of(words), fallback(words)
        shown.number += 1
        number = shown.number
        async with shown.turn:
            if await self._until(shown, number):
                await self._update(ref.id, shown)
        if isinstance(words, Card) and _files_of(words) != shown.files:
            shown.files = _files_of(words)
            self._attach(ref, words)
        return ref

    async def repaint(
        self,
        channel_id: str,
        ts: str,
        change: Callable[[Sequence[Mapping[str, Any]]], list[Block]],
        *,
        over: str,
        blocks: Sequence[Mapping[str, Any]],
        text: str,
    ) -> bool:
        """Change how a message shows its state, "pressed by"; False if it shows a newer one, or is about to.

        Arguments:
            over: the digest of the state that is meant.
            blocks: what it shows, as Slack told it, for a message of which nothing is remembered any more.

        Raises:
            Unavailable: not now.
            Refused: the message is gone, or too old.
        """
        id_ = f"{channel_id}:{ts}"
        shown = self._shown.get(id_) or self._remember(id_, _Shown(self._clock.monotonic_s(), over, blocks, text))
        if shown.state != over:
            return False
        shown.blocks = change(shown.blocks)
        number = shown.number
        async with shown.turn:
            if not await self._until(shown, number):
                return False
            await self._update(id_, shown)
        return True

    # -- saying --

    async def _found(self, place: Place) -> str:
        try:
            return await self._places.id_of(place)
        except Unrecognised as error:
            raise Unsent(error.peer, error.reason) from None
        except Unavailable as error:
            raise Unsent(error.peer, error.doing) from None  # where it is was asked; nothing was said
        except Refused as error:
            code = error.code if isinstance(error, Declined) else "channel_not_found"
            self._note(place, "", code, f"{words_of(code)}; what is said there is lost")
            raise

    async def _say(self, place: Place, channel_id: str, words: Words, patience_s: float) -> MessageRef:
        """Post words, and in a text that is long one message after the other."""
        follows = isinstance(words, Card) and words.follows and not place.private
        is_broadcast = follows and place.thread and not place.to and self._broadcasts(place.channel)
        message: dict[str, Any] = {"thread_ts": place.thread or None, "reply_broadcast": True if is_broadcast else None}
        # Who asked is told of answers in their thread; what follows may stand in that of a card.
        called = "" if place.private or (place.thread and not follows) else place.to
        first = ""
        for number, piece in enumerate(pieces_of(words)):
            to = "" if number else called
            said = message | {"text": fallback(piece, to=to), "blocks": blocks_of(piece, to=to)}
            try:
                channel_id, ts = await self._post(place, channel_id, said, MOST_STATED_S if number else patience_s)
            except Unsent:
                if not number:
                    raise
                ts = ""  # what goes before is there
            if not ts:
                return MessageRef(place)
            first = first or ts
        ref = MessageRef(place, f"{channel_id}:{first}")
        if isinstance(words, Card):
            self._shows(ref.id, words, called)
            self._attach(ref, words)
        return ref

    async def _post(
        self, place: Place, channel_id: str, message: Mapping[str, Any], patience_s: float
    ) -> tuple[str, str]:
        """Post one message, if need be without what Slack does not take of it.

        Returns:
            The channel that it is at, and its name there; none if nobody knows.
        """
        left = dict(message)
        has_looked = False
        while True:
            try:
                answer = await self._api.call(
                    "chat.postMessage", lane=channel_id, patience_s=patience_s, channel=channel_id, **left, **POSTED
                )
            except Limited as error:
                if error.wait_s > LONG_S:
                    words = f"Slack takes no more words for {error.wait_s / 60:.0f} min; they wait"
                    self._note(place, channel_id, LIMIT, words)
                raise
            except Unsent:
                raise
            except Unavailable as error:
                log.info("may have been said: %s", error)
                return channel_id, ""
            except Unrecognised as error:
                raise Unsent(error.peer, error.reason) from None  # the words wait for a token that counts
            except Declined as error:
                if error.code in OF_BLOCKS and left.pop("blocks", None):
                    log.error("said without its structure: %s", error)
                elif error.code in OF_THREAD and left.pop("thread_ts", None):
                    left.pop("reply_broadcast", None)
                    log.info("said beside its thread: %s", error)
                elif not has_looked and (found := await self._look(place, channel_id, error)):
                    has_looked, channel_id = True, found
                else:
                    self._note(place, channel_id, error.code, f"{words_of(error.code)}; what is said there is lost")
                    raise
            else:
                self._note(place, channel_id, "", "")
                return channel_id, str(answer.get("ts", ""))

    async def _look(self, place: Place, channel_id: str, error: Declined) -> str:
        """Find where words may go that a channel did not take; empty if there is no such place."""
        if error.code not in OF_CHANNEL:
            return ""
        try:
            return await self._places.lost(place, channel_id, error.code)
        except Unavailable as away:
            raise Unsent(away.peer, away.doing) from None

    def _note(self, place: Place, channel_id: str, kind: str, words: str) -> None:
        """Tell operators how it stands with a channel, if that is new; of people's own messages nothing."""
        if place.private:
            return
        about = self._places.name_of(channel_id) if channel_id else place.channel
        if self._told.get(about, "") != kind:
            self._told[about] = kind
            self._tell(about, words)

    def _broadcasts(self, channel: str) -> bool:
        own = self._settings.channel.get(channel)
        return self._settings.broadcast if own is None or own.broadcast is None else own.broadcast

    # -- what messages show --

    async def _until(self, shown: _Shown, number: int) -> bool:
        """Wait until a message may show a state; False if there is a newer one by then."""
        while number == shown.number:
            wait_s = shown.next_s - self._clock.monotonic_s()
            if wait_s <= 0 and (wait_s := self._pace.edit()) <= 0:
                return True
            await self._clock.sleep(wait_s)
        return False

    def _shows(self, id_: str, card: Card, to: str) -> None:
        next_s = self._clock.monotonic_s() + EDIT_EVERY_S
        shown = _Shown(next_s, digest_of(card), blocks_of(card, to=to), fallback(card, to=to), files=_files_of(card))
        self._remember(id_, shown)

    def _remember(self, id_: str, shown: _Shown) -> _Shown:
        if len(self._shown) >= MAX_SHOWN:
            oldest = next((key for key, one in self._shown.items() if not one.turn.locked()), None)
            if oldest is not None:
                del self._shown[oldest]
        self._shown[id_] = shown
        return shown

    async def _update(self, id_: str, shown: _Shown) -> None:
        channel_id, _, ts = id_.partition(":")
        if not ts:
            raise Refused(self._api.peer, "nobody knows which message that was")
        said = {"channel": channel_id, "ts": ts, "text": shown.text, "blocks": list(shown.blocks), **QUIETLY}
        try:
            await self._api.call("chat.update", lane=channel_id, **said)
        except Unrecognised as error:
            raise Unsent(error.peer, error.reason) from None
        except Declined as error:
            if error.code not in OF_BLOCKS:
                raise
            log.error("shown without its structure: %s", error)
            await self._api.call("chat.update", lane=channel_id, **{**said, "blocks": []})
        finally:
            shown.next_s = self._clock.monotonic_s() + EDIT_EVERY_S

    # -- files --

    def _attach(self, ref: MessageRef, card: Card) -> None:
        """Show beside everything else what belongs to a card; its message stands, whatever becomes of that."""
        if not wants_files(card):
            return
        task = asyncio.create_task(self._attach_all(ref, card))
        self._tasks.add(task)
        task.add_done_callback(self._attached)

    async def _attach_all(self, ref: MessageRef, card: Card) -> None:
        place = self.under(ref)
        channel_id = ref.id.partition(":")[0]
        missing = await self._files.show(channel_id, place.thread, card)
        if missing:
            said = {"text": fallback("; ".join(missing)), "blocks": blocks_of("\n".join(missing))}
            try:
                await self._post(place, channel_id, {**said, "thread_ts": place.thread}, PATIENCE_S)
            except (Refused, Unavailable) as error:
                log.info("nobody was told that something is missing: %s", error)

    def _attached(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("something could not be attached", exc_info=error)


def _files_of(card: Card) -> int:
    return hash((card.quote, card.picture))


def pieces_of(words: Words) -> list[Words]:
    """Part a text that is too long for one message; a card is one, and cut."""
    if not isinstance(words, str):
        return [words]
    pieces: list[Words] = []
    rest = words
    while rest or not pieces:
        chars = MESSAGE_CHARS
        while not words_fit(piece := _head(rest, chars)):
            chars //= 2  # addresses weigh more than they are long
        pieces.append(piece)
        rest = rest[len(piece) :].lstrip()
    return pieces


def _head(text: str, chars: int) -> str:
    """Give the beginning of a text, up to the end of a line if it is not too short then, or else of a word."""
    if len(text) <= chars:
        return text
    end = text.rfind("\n", int(chars * PARAGRAPH), chars)
    return text[:end] if end > 0 else cut(text, chars + 1, len)[:-1]
