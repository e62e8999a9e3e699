"""Trying builds again that failed for a reason which passes by itself: decided on disk, within limits, done once."""

from bot.events import BuildDiagnosed, RetryDue
from bot.facts import Retry, RetryLimits, RetryPlan
from bot.rights import Asker
from bot.values import QueueItem


class Retrying:
    """Plans, starts and drops retries, on the edge loop."""

    async def plan(self, event: BuildDiagnosed, plan: RetryPlan, limits: RetryLimits) -> Retry:
        raise NotImplementedError

    async def refuse(self, event: BuildDiagnosed, plan: RetryPlan, reason: str) -> Retry:
        raise NotImplementedError

    async def start(self, asker: Asker, due: RetryDue, node: str) -> QueueItem:
        raise NotImplementedError

    async def passed(self, event: BuildDiagnosed) -> None:
        raise NotImplementedError

    async def drop(self, due: RetryDue, reason: str) -> None:
        raise NotImplementedError
