"""Commands that change nothing, given for somebody who is not there: what a notice at a set time tells.

They are understood and weighed as if they were typed now, by the rights that whoever wanted them has now.
"""

import logging
from datetime import datetime

from bot.access import Access, repo_of
from bot.audit import Audit, of_command, of_event
from bot.chat import Words
from bot.clock import Clock
from bot.commands import Call, bind, find_command
from bot.context import Contexts
from bot.errors import NotAllowed, Refused, StorageError, Unavailable, Unchecked, Unsure, UserError
from bot.events import CommandGiven
from bot.handling import Limits, first_line, named_line, sayable
from bot.intake import not_here
from bot.live import Live
from bot.loader import Registry
from bot.people import FORGE, MACHINE, SCHEDULE
from bot.plugin import Command
from bot.strikes import Strikes
from bot.values import Place, PullRef, Role, Speaker

SHARE = 0.8  # of the limit of whoever asks, who must have some left to tell that it took too long
log = logging.getLogger(__name__)


class Answering:
    """Called on the work loop, within the handler of another plugin; it says nothing itself."""

    def __init__(
        self,
        registry: Registry,
        live: Live,
        access: Access,
        strikes: Strikes,
        audit: Audit,
        contexts: Contexts,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._live = live
        self._access = access
        self._strikes = strikes
        self._audit = audit
        self._contexts = contexts
        self._clock = clock
        self._limits = Limits(live)

    def weigh(self, text: str, *, person: str, place: Place) -> Command:
        """See that a command could be answered now, without giving it; arguments and errors are those of `answer`."""
        return self._understood(text, person, place)[0]

    async def answer(self, text: str, *, person: str, place: Place, within_s: float | None = None) -> Words | None:
        """Give a command that changes nothing, and return its answer.

        Arguments:
            person: the key of whoever wanted it; empty for nobody, who may what anyone may.
            place: where the answer is to be told.
            within_s: of real seconds, a shorter time than it may take else.

        Raises:
            NotAllowed: they may not give it there any more.
            UserError: it is no such command, or it failed.
            Unavailable: a neighbour does not answer, so that it cannot be told now; or the shorter time is over.
        """
        began_s, now = self._clock.monotonic_s(), self._clock.now()
        try:
            command, call, args = self._understood(text, person, place)
        except UserError as error:
            decision = "refused" if isinstance(error, NotAllowed) else "not understood"
            key, speaker = _key_of(text, person, place, now), _speaker(person)
            record = of_command(
                key, text, speaker, place, command="", decision=decision, rule=str(error), person=person
            )
            self._audit.append(record)
            raise
        event = CommandGiven(
            key=_key_of(text, person, place, now),
            lane="",
            at=now,
            command=command.usage.name,
            text=text,
            speaker=_speaker(person),
            place=place,
            person=person,
        )
        try:
            return await self._given(event, command, call, within_s)
        finally:  # what failed was given, too
            found, target = self._access.by_name(person), call.target
            record = of_event(
                event,
                decision="answered",
                latency_ms=round((self._clock.monotonic_s() - began_s) * 1e3, 3),
                person=person,
                role=self._access.role_for(found, call).name.lower(),
                args=args,
                repo=repo_of(call),
                pr=target.number if isinstance(target, PullRef) else None,
            )
            self._audit.append(record)

    def _understood(self, text: str, person: str, place: Place) -> tuple[Command, Call, str]:
        """Find the command, read its words and weigh it, as the intake does for who is there."""
        if place.network in (FORGE, MACHINE):
            raise UserError("what comes at set times is told in chat; say it there")
        usage, words = find_command(self._registry.usages, text)
        command = self._registry.commands[usage.name]
        if not command.reads or command.handle is None:
            raise UserError(f"{usage.name} is not only for reading, so somebody must be there to give it")
        if why := self._strikes.why_off(command.plugin):
            raise UserError(f"{command.plugin} is switched off: {why}")
        if why := not_here(self._live.now.settings, place, command):
            raise NotAllowed(why)
        if person and self._access.people.by_name(person) is None:
            raise NotAllowed(f"{person} is not in people.toml any more")
        if not person and command.role > Role.ANYONE:
            raise NotAllowed(f"{usage.name} needs the role {command.role.name.lower()}, and here nobody gives it")
        call = bind(usage, words, self._live.now.names)
        try:
            self._access.weigh(_speaker(person), command, call)
        except Unchecked as error:  # who may is not who may not, so it waits until that can be told
            raise Unavailable("GitHub", "asking who is in a team") from error
        return command, call, " ".join(words)

    async def _given(self, event: CommandGiven, command: Command, call: Call, within_s: float | None) -> Words | None:
        """Run a command; a mistake in it is its plugin's, and no matter of whoever wanted the answer."""
        handle = command.handle
        assert handle is not None, "what the core does itself is not only for reading"
        ctx = self._contexts.make(event, command.plugin, command.handler)
        limit_s = SHARE * self._live.now.settings.gordon.handler_limit_s
        if within_s is not None:
            limit_s = min(limit_s, within_s)
        try:
            return sayable(await self._limits.run(command.plugin, lambda: handle(ctx, call), within_s=limit_s))
        except (UserError, Unavailable, StorageError):
            raise
        except (Refused, Unsure) as error:
            raise UserError(str(error)) from error
        except Exception as error:
            if within_s is not None and isinstance(error, TimeoutError):  # whoever has less time proves no mistake
                raise Unavailable("Gordon", f"answering {event.command} within {limit_s:g} s") from error
            log.exception("command %s failed on %s", event.command, event.key)
            self._strikes.add(command.plugin, named_line(error))
            # Without the id of this one event: who tells it again and again must see that it is the same.
            raise UserError(f"{event.command} failed inside Gordon ({first_line(error)})") from error


def _speaker(person: str) -> Speaker:
    return Speaker(SCHEDULE, person or SCHEDULE, person, SCHEDULE)


def _key_of(text: str, person: str, place: Place, now: datetime) -> str:
    return f"{SCHEDULE}:{now.isoformat()}:{place}:{person}:{text}"
