"""One thing that somebody did at Slack, and what came of it."""

import asyncio
from dataclasses import dataclass
from typing import Self

from bot.demo.slack.deliveries import Delivery
from bot.demo.slack.workspace import Json


@dataclass(slots=True)
class Act:
    """What somebody did.

    Arguments:
        deliveries: what the app is told of it; none if it is not told.
        ts: of the message that it made or is about.
        view_id: of the view that it is about.
    """

    deliveries: list[Delivery]
    channel: str = ""
    ts: str = ""
    trigger_id: str = ""
    response_url: str = ""
    view_id: str = ""

    async def acknowledged(self, limit_s: float = 5.0) -> Self:
        """Wait until the app has acknowledged all of it, or Slack has given up.

        Raises:
            TimeoutError: neither came within so many real seconds.
        """
        async with asyncio.timeout(limit_s):
            for delivery in self.deliveries:
                await delivery.done.wait()
        return self

    @property
    def answer(self) -> Json:
        """What came with the acknowledgement."""
        return self.deliveries[0].answer if self.deliveries else {}

    @property
    def failure(self) -> str:
        """What they see if the app did not acknowledge it; empty otherwise."""
        return next((delivery.failure for delivery in self.deliveries if delivery.failure), "")
