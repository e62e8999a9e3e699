"""From a line that somebody typed to an accepted command: understood, permitted, on disk, and only then under way."""

import asyncio
import logging
from dataclasses import replace

from bot.access import Access
from bot.audit import Audit, of_command, of_event, short_id
from bot.clock import Clock
from bot.commands import Call, Names, bind, match, tokens_of
from bot.errors import NotAllowed, StorageError, UserError
from bot.events import BuildRef, CommandGiven, PullRef, Role
from bot.loader import Registry
from bot.outbox import Outbox
from bot.plugin import Command
from bot.ports import Heard, Journal, OutboxRow, Words
from bot.strikes import Strikes
from bot.work import WorkLoop

UNPROVEN_PER_MINUTE = 10
FORGET_ABOVE = 10_000  # speakers whose pace is remembered
log = logging.getLogger(__name__)


class Pace:
    """How many commands each speaker may still give: a bucket that refills by the minute."""

    def __init__(self, clock: Clock, per_minute: int) -> None:
        self._clock = clock
        self._per_minute = per_minute
        self._left: dict[str, tuple[float, float, bool]] = {}

    def allows(self, who: str, *, is_proven: bool) -> tuple[bool, bool]:
        """Take one from a bucket; tell whether there was one, and whether its lack was told already."""
        most = self._per_minute if is_proven else min(UNPROVEN_PER_MINUTE, self._per_minute)
        now_s = self._clock.monotonic_s()
        left, since_s, was_told = self._left.get(who, (float(most), now_s, False))
        left = min(float(most), left + (now_s - since_s) * most / 60)
        if len(self._left) > FORGET_ABOVE:
            self._left.clear()
        if left < 1:
            self._left[who] = (left, now_s, True)
            return False, was_told
        self._left[who] = (left - 1, now_s, False)
        return True, False


class Intake:
    """Takes in what chats hear, on the edge loop."""

    def __init__(
        self,
        registry: Registry,
        names: Names,
        access: Access,
        strikes: Strikes,
        journal: Journal,
        work: WorkLoop,
        outbox: Outbox,
        audit: Audit,
        clock: Clock,
        commands_per_minute: int,
    ) -> None:
        self._registry = registry
        self._names = names
        self._access = access
        self._strikes = strikes
        self._journal = journal
        self._work = work
        self._outbox = outbox
        self._audit = audit
        self._clock = clock
        self._pace = Pace(clock, commands_per_minute)
        self._reading: set[asyncio.Task[None]] = set()
        self.closed = ""

    async def hear(self, heard: Heard) -> None:
        """Take in one line; every line gets an answer."""
        if not heard.text.strip():
            return
        person = self._access.people.find(heard.speaker)
        is_paced, was_told = self._pace.allows(
            f"{heard.speaker.network}/{heard.speaker.account or heard.speaker.name}", is_proven=person is not None
        )
        if not is_paced:
            if not was_told:
                self._refuse(
                    heard, "", UserError("that is too many commands at once; some were ignored, wait a minute")
                )
            return
        name, unseen = "", next((char for char in heard.text if not char.isprintable() and char != "\t"), "")
        heard = replace(heard, text=heard.text.encode("utf-8", "replace").decode())  # half a character is in no file
        try:
            if self.closed:
                raise UserError(self.closed)
            if unseen:  # words are echoed, recorded and sent to servers, and nobody meant to type this one
                raise UserError(f"a character in that cannot be seen (U+{ord(unseen):04X}); type it again without it")
            command, call = self._understand(heard)
            name = command.usage.name
            if why := self._strikes.why_off(command.plugin):
                raise UserError(f"{command.plugin} is switched off: {why}")
        except UserError as error:
            self._refuse(heard, name, error)
            return
        event = CommandGiven(
            key=heard.key,
            lane=lane_of(call, heard),
            at=self._clock.now(),
            command=command.usage.name,
            text=heard.text,
            speaker=heard.speaker,
            place=heard.place,
        )
        if command.reads:
            task = asyncio.create_task(self._answer(event))
            self._reading.add(task)
            task.add_done_callback(self._reading.discard)
        else:
            await self._accept(event, command)

    async def _accept(self, event: CommandGiven, command: Command) -> None:
        # Handed in first, so that it is on disk with the event: of what was accepted there is always a record.
        self._audit.append(of_event(event, decision="accepted", person=self._person(event)))
        try:
            deliveries = await self._journal.accept(event, (command.handler,))
        except StorageError as error:
            log.error("refused %s: %s", event.key, error)
            self._audit.append(of_event(event, decision="refused", rule=str(error), person=self._person(event)))
            words = f"I cannot take commands now, nothing was started: {error}"
            self._outbox.say_now(OutboxRow(0, event.place, words, event_key=event.key))
            return
        self._work.submit(deliveries)

    async def _answer(self, event: CommandGiven) -> None:
        reply = await self._work.read(event)
        self._audit.append(of_event(event, decision="answered", person=self._person(event)))
        if reply is not None:
            self._outbox.say_now(OutboxRow(0, event.place, reply, event_key=event.key))

    def _understand(self, heard: Heard) -> tuple[Command, Call]:
        """Find the command and read its words; who may not give it learns nothing about names.

        Raises:
            UserError: it is no command, wrong, or not for this speaker.
        """
        usage, words = match(self._registry.usages, tokens_of(heard.text))
        command = self._registry.commands[usage.name]
        if command.role > Role.ANYONE and self._access.people.find(heard.speaker) is None:
            raise NotAllowed(self._access.why_not(heard.speaker, command, ""))
        call = bind(usage, words, self._names)
        repo = call.target.repo if isinstance(call.target, PullRef) else ""
        if why := self._access.why_not(heard.speaker, command, repo):
            raise NotAllowed(why)
        return command, call

    def _refuse(self, heard: Heard, command: str, error: UserError) -> None:
        decision = "refused" if isinstance(error, NotAllowed) else "not understood"
        record = of_command(
            heard.key, heard.text, heard.speaker, heard.place, command=command, decision=decision, rule=str(error)
        )
        self._audit.append(record)
        words: Words = str(error) + (f" [{short_id(heard.key)}]" if decision == "refused" else "")
        self._outbox.say_now(OutboxRow(0, heard.place, words, event_key=heard.key))

    def _person(self, event: CommandGiven) -> str:
        person = self._access.people.find(event.speaker)
        return person.key if person else ""


def lane_of(call: Call, heard: Heard) -> str:
    """Tell a command's lane: its target, else who said it where."""
    target = call.target
    if isinstance(target, BuildRef):
        return str(target.job)
    return str(target) if target is not None else f"{heard.place}:{heard.speaker.name}"
