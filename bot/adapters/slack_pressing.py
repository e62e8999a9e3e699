"""Buttons of cards: whoever presses counts, not whoever asked, and what was pressed is done once.

A press that is accepted is on disk before Slack is told that it arrived. Once it is done the button makes room for the
name of its presser, if the card still shows what they saw; what is about its presser alone stays there for the others,
and so does what was refused: at once, which is told to its presser alone, or when it had its turn.
"""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from weakref import WeakValueDictionary

from bot.adapters.slack_ack import Ack
from bot.adapters.slack_beside import Beside
from bot.adapters.slack_blocks import Pressed, disabled, read_value
from bot.adapters.slack_clicks import Action, Click, Message
from bot.adapters.slack_output import Output
from bot.adapters.slack_seats import Seats
from bot.adapters.slack_views import About
from bot.bounded import Bounded
from bot.chat import Form, Heard, Inside
from bot.errors import UserError

MAX_KNOWN = 2000  # presses that are remembered; what is forgotten, the journal still takes once
MAX_OPEN = 200  # cards with a form that somebody fills in
NOT_OURS = "that is no button of mine"
BEFORE_YOU = "somebody has pressed that before you; the card says who"


class Show(Protocol):
    """Opens a form for somebody."""

    def __call__(self, trigger: str, user: str, form: Form, about: About) -> None: ...


@dataclass(frozen=True, slots=True)
class Card:
    """A card as it was shown when one of its buttons was pressed."""

    channel: str
    message: Message
    digest: str
    action: str


class Pressing:
    """What is pressed on the cards of one workspace.

    Arguments:
        show: opens the form that a button has; wired by whoever makes both, as forms tell when they are filled in.
    """

    show: Show

    def __init__(self, seats: Seats, output: Output, inside: Callable[[], Inside], beside: Beside) -> None:
        self._seats = seats
        self._output = output
        self._inside = inside
        self._beside = beside
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._done: Bounded[str, str] = Bounded(MAX_KNOWN)  # who has pressed what
        self._refused: Bounded[str, set[str]] = Bounded(MAX_KNOWN)  # which presses were, when they had their turn
        self._seen: Bounded[str, None] = Bounded(MAX_KNOWN)  # presses of what may be pressed again
        self._open: Bounded[tuple[str, ...], Card] = Bounded(MAX_OPEN)

    async def pressed(self, click: Click) -> Ack:
        """Take a press; it may be acknowledged when this has ended.

        Raises:
            StorageError: the disk does not take it.
        """
        action, message = next(iter(click.actions), Action()), click.message
        channel = click.channel.id if click.channel else ""
        pressed = read_value(action.value or "")
        is_ours = message is not None and message.app_id in ("", click.api_app_id)
        if pressed is None or message is None or not channel or not is_ours:
            self._tell(click, NOT_OURS)
            return Ack()
        card = Card(channel, message, pressed.digest, action.action_id)
        try:
            self._seats.place(channel)
        except UserError as error:
            self._tell(click, str(error))
            return Ack()
        if pressed.form is not None:
            self._open_form(click, card, pressed.form)
        elif pressed.is_own:
            await self._answer(click, card, pressed, self._own_key(click, card, pressed))
        elif self._inside().reads(pressed.command):
            press = f"{click.user.id}:{action.action_ts}:{click.trigger_id}"
            if press not in self._seen:
                self._seen[press] = None
                self._beside.do(self._answer(click, card, pressed, self._own_key(click, card, pressed)))
        else:
            await self._do(click, card, pressed)
        return Ack()

    def was_filled(self, about: About, key: str, user: str) -> None:
        """Show on the card that opened a form who has submitted it, once the command with this key is done."""
        if about.card is None:
            return
        if card := self._open.pop((about.channel, *about.card), None):
            self._beside.do(self._filled(card, key, user))

    async def _do(self, click: Click, card: Card, pressed: Pressed) -> None:
        key, own_key = self._key(card, pressed), self._own_key(click, card, pressed)
        async with self._locks.setdefault(key, asyncio.Lock()):
            if first := self._done.get(key):
                if first != click.user.id:
                    self._tell(click, BEFORE_YOU)
                return
            refused = self._refused.get(key, set())
            if own_key in refused:
                return
            heard = await self._heard(click, card, pressed, f"{key}:{len(refused)}" if refused else key)
            refusal = await self._inside().take(heard)
            if refusal is not None:
                self._tell(click, refusal)
                return
            self._done[key] = click.user.id
        self._beside.do(self._settle(card, key, own_key, heard))

    async def _settle(self, card: Card, key: str, own_key: str, heard: Heard) -> None:
        """Show who has pressed what is done; what was refused may be pressed by others."""
        if await self._inside().refused(heard.key):
            self._done.pop(key, None)
            self._refused[key] = {*self._refused.get(key, ()), own_key}
        else:
            await self._mark(card, heard.place.to)

    async def _filled(self, card: Card, key: str, user: str) -> None:
        if not await self._inside().refused(key):
            await self._mark(card, user)

    async def _answer(self, click: Click, card: Card, pressed: Pressed, key: str) -> None:
        refusal = await self._inside().take(await self._heard(click, card, pressed, key))
        if refusal is not None:
            self._tell(click, refusal)

    async def _heard(self, click: Click, card: Card, pressed: Pressed, key: str) -> Heard:
        """Make the command of a press; its answer goes under the card, in a direct message beside it."""
        user, message = click.user, card.message
        channel, thread = ("", "") if pressed.is_own else (card.channel, message.thread_ts or message.ts)
        return await self._seats.heard(
            pressed.command, key, user.id, click.team_id, user.name, channel=channel, thread=thread
        )

    def _open_form(self, click: Click, card: Card, form: Form) -> None:
        about = (card.message.ts, card.digest, card.action)
        self._open[(card.channel, *about)] = card
        thread = card.message.thread_ts or card.message.ts
        self.show(click.trigger_id, click.user.id, form, About(channel=card.channel, thread=thread, card=about))

    async def _mark(self, card: Card, user: str) -> None:
        await self._output.repaint(
            card.channel,
            card.message.ts,
            lambda blocks: disabled(blocks, card.action, user),
            over=card.digest,
            blocks=card.message.blocks,
            text=card.message.text,
        )

    def _key(self, card: Card, pressed: Pressed) -> str:
        """Name what a press does: pressed by whomever, in this state of the card it is done once."""
        meant = hashlib.sha256(f"{pressed.digest} {pressed.command}".encode()).hexdigest()[:16]
        return f"{card.channel}:{card.message.ts}:{meant}"

    def _own_key(self, click: Click, card: Card, pressed: Pressed) -> str:
        """Name one press, however often it is delivered."""
        action = next(iter(click.actions), Action())
        return f"{self._key(card, pressed)}:{click.user.id}:{action.action_ts}"

    def _tell(self, click: Click, words: str) -> None:
        """Say something to a presser alone, where the card is."""
        if click.channel is None:
            return
        thread = click.message.thread_ts if click.message else ""
        self._beside.do(self._output.whisper(click.channel.id, click.user.id, words, thread))
