"""Whose turn it is at a channel of Slack: one message after the other, and announcements no faster than they may be."""

import asyncio
from dataclasses import dataclass, field

from bot.adapters.bucket import Bucket
from bot.clock import Clock

BURST, EVERY_S = 3, 1.0  # Slack takes one message a second at a channel, and some at once
EDITS, EDITS_EVERY_S = 5, 1.5  # it promises to take 50 in any minute, of all messages together
MAX_CHANNELS = 1_000


@dataclass(eq=False, slots=True)
class Turns:
    """The turns at one channel.

    Arguments:
        turn: to be held while a message is sent.
        waited: how many announcements in a row had to wait for the pace.
    """

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    waited: int = 0
    bucket: Bucket = field(default_factory=lambda: Bucket(BURST, EVERY_S))


class Pace:
    """The turns at all channels of a workspace."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._channels: dict[str, Turns] = {}
        self._edits = Bucket(EDITS, EDITS_EVERY_S)

    def answer(self, channel_id: str) -> Turns:
        """Let an answer go; it waits for nothing, and takes of what there is room for before announcements do."""
        turns = self._at(channel_id)
        turns.bucket.take(self._clock.monotonic_s())
        return turns

    async def announcement(self, channel_id: str) -> Turns:
        """Wait until an announcement may go."""
        turns = self._at(channel_id)
        has_waited = False
        while (wait_s := turns.bucket.take(self._clock.monotonic_s())) > 0:
            has_waited = True
            await self._clock.sleep(wait_s)
        turns.waited = turns.waited + 1 if has_waited else 0
        return turns

    def edit(self) -> float:
        """Let a message be changed and return 0, or return how many seconds to wait before asking again."""
        return self._edits.take(self._clock.monotonic_s())

    def _at(self, channel_id: str) -> Turns:
        if channel_id not in self._channels and len(self._channels) >= MAX_CHANNELS:
            self._channels = {key: one for key, one in self._channels.items() if one.turn.locked()}
        return self._channels.setdefault(channel_id, Turns())
