"""Who somebody on Slack is: what Slack says of their account now, as nothing that they chose proves anything.

Slack signs who did something. What it signs counts for members of the workspace; guests, people from elsewhere and
programs count only where people.toml lists them, and nobody counts while Slack cannot be asked.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from bot.adapters import slack_wire as wire
from bot.adapters.slack_wire import Installation, Member, Unreadable
from bot.bounded import Bounded
from bot.clock import Clock
from bot.errors import Refused, Unavailable
from bot.values import Speaker

BY_SLACK = "Slack"
KEPT_S = 600.0  # what Slack said of somebody; what changes is told, and this is for what was not told
LOOK_UP_S = 2.0  # what is heard is to be acknowledged within three seconds, and the disk needs some of them
MAX_KNOWN = 5000
CANNOT_CHECK = "I cannot check right now who you are, as Slack does not tell; try again in a minute"
GONE = "Slack says that your account is deactivated"
PROGRAM = "programs are obeyed only where [slack] bots lists them"


class Call(Protocol):
    """A call of Slack's Web API."""

    def __call__(self, method: str, **arguments: Any) -> Awaitable[Mapping[str, Any]]: ...


class Members:
    """What Slack says of people, asked once in a while.

    Arguments:
        call: asks Slack; raises Unavailable or Refused.
        installed: who we are there.
    """

    def __init__(self, network: str, call: Call, installed: Callable[[], Installation], clock: Clock) -> None:
        self._network = network
        self._call = call
        self._installed = installed
        self._clock = clock
        self._known: Bounded[str, tuple[Member, float]] = Bounded(MAX_KNOWN)
        self._asking: dict[str, asyncio.Task[Member]] = {}

    async def who(self, team: str, user: str, name: str = "") -> Speaker:
        """Tell who did something, and what proves it.

        Arguments:
            team: the workspace that they are said to be of; empty where nothing is said.
            name: what they are called if Slack cannot be asked.
        """
        try:
            return self.speaker(await self.member(user), team)
        except Unavailable:
            return self.nobody(name or user, CANNOT_CHECK)

    async def member(self, id_: str) -> Member:
        """Tell what Slack says of a user, or of a bot.

        Raises:
            Unavailable: it does not, or not in time.
        """
        try:
            async with asyncio.timeout(LOOK_UP_S):
                while (known := self._fresh(id_)) is None:  # what was asked before a change counts for nothing
                    await asyncio.shield(self._asking.get(id_) or self._ask(id_))
                return known
        except (TimeoutError, Refused, Unreadable) as error:
            raise Unavailable(f"Slack {self._network}", "telling who somebody is") from error

    def speaker(self, member: Member, team: str = "") -> Speaker:
        """Tell what a member's account is, and how far it is believed."""
        us = self._installed()
        is_ours = us.team in member.teams and not member.is_stranger
        if team not in ("", *us.teams, *member.teams):
            return self.nobody(member.name, CANNOT_CHECK)  # Slack says both this and that
        if member.is_deleted:
            return self.nobody(member.name, GONE)
        if member.is_bot and not is_ours:
            return self.nobody(member.name, PROGRAM)
        account, doubt = member.id, ""
        if not is_ours:
            account = f"{member.teams[0]}/{member.id}"
            doubt = f"you are from another workspace, and people.toml has nobody with the account {account}"
        elif member.is_guest:
            doubt = f"you are a guest of this workspace, and people.toml has nobody with the account {account}"
        return Speaker(self._network, member.name, account, BY_SLACK, doubt)

    def nobody(self, name: str, doubt: str) -> Speaker:
        """Make a speaker of somebody who is believed to be nobody, and tell why."""
        return Speaker(self._network, name, "", BY_SLACK, doubt)

    def changed(self, payload: Mapping[str, Any]) -> None:
        """Take an event that tells that something about somebody has changed: what was known of them is forgotten."""
        try:
            user = wire.read_changed(payload)
        except Unreadable:
            return
        self._known.pop(user, None)
        self._asking.pop(user, None)

    async def close(self) -> None:
        """End the look-ups that are under way."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _fresh(self, id_: str) -> Member | None:
        member, at_s = self._known.get(id_, (None, 0.0))
        return member if self._clock.monotonic_s() - at_s < KEPT_S else None

    def _ask(self, id_: str) -> asyncio.Task[Member]:
        asking = self._asking[id_] = asyncio.create_task(self._asked(id_))
        asking.add_done_callback(lambda task: task.cancelled() or task.exception())
        return asking

    async def _asked(self, id_: str) -> Member:
        """Ask, and keep the answer unless something has changed meanwhile.

        It is kept before this ends: whoever finds it over, and no answer, would wait for it without ever pausing.
        """
        try:
            member = await self._look_up(id_)
            if self._is_asked_by_this(id_):
                self._known[id_] = member, self._clock.monotonic_s()
            return member
        finally:
            if self._is_asked_by_this(id_):
                del self._asking[id_]

    def _is_asked_by_this(self, id_: str) -> bool:
        return self._asking.get(id_) is asyncio.current_task()

    async def _look_up(self, id_: str) -> Member:
        if id_.startswith("B"):
            return wire.read_bot(await self._call("bots.info", bot=id_), self._installed().team)
        return wire.read_member(await self._call("users.info", user=id_))
