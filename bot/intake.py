"""From a line that somebody typed to an accepted command: understood, permitted, on disk, and only then under way."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bot.access import Access, repo_of
from bot.audit import Audit, of_command, of_event, short_id
from bot.chat import Heard, Words
from bot.clock import Clock
from bot.commands import Call, bind, find_command
from bot.confirm import CONFIRM, Confirmations, Offer
from bot.errors import NoCommand, NotAllowed, StorageError, Unavailable, UserError
from bot.events import CommandGiven
from bot.live import Live
from bot.loader import Registry
from bot.logs import on_behalf_of
from bot.outbox import Outbox
from bot.overheard import Overheard
from bot.pace import Pace, TooMany
from bot.plugin import Command
from bot.ports import Journal, OutboxRow
from bot.settings import READS, GordonSettings
from bot.strikes import Strikes
from bot.values import BuildRef, NodeRef, Person, Place, PullRef, Role
from bot.work import WorkLoop

STILL_AT_IT_S = 4.5  # the promise is an honest word within 5 s, whoever stands before one or blocks the work loop
TOO_MANY = "too many commands at once; wait a moment"  # where silence would look like a press that was lost
MAX_PRESSED = 1000  # commands of which it is remembered whether they were refused when they had their turn
MAX_ACCEPTING = 256  # commands on their way to the disk; while it is locked more are not even read
log = logging.getLogger(__name__)


class Intake:
    """Takes in what chats hear, on the edge loop."""

    def __init__(
        self,
        registry: Registry,
        live: Live,
        access: Access,
        strikes: Strikes,
        journal: Journal,
        work: WorkLoop,
        outbox: Outbox,
        audit: Audit,
        clock: Clock,
        confirmations: Confirmations,
        overheard: Overheard,
    ) -> None:
        self._registry = registry
        self._live = live
        self._access = access
        self._strikes = strikes
        self._journal = journal
        self._work = work
        self._outbox = outbox
        self._audit = audit
        self._clock = clock
        self._confirmations = confirmations
        self._overheard = overheard
        self._pace = Pace(clock, live)
        self._loop = asyncio.get_running_loop()
        self._reading: set[asyncio.Task[None]] = set()
        self._accepting: set[asyncio.Task[None]] = set()
        self._untold: dict[str, asyncio.TimerHandle] = {}
        self._pressed: OrderedDict[str, asyncio.Future[bool]] = OrderedDict()
        self.closed = ""

    async def hear(self, heard: Heard) -> None:
        """Take in one line; every line that is for us gets an answer."""
        with on_behalf_of(heard.key):
            await self._hear(heard)

    async def _hear(self, heard: Heard) -> None:
        if not heard.text.strip():
            return
        if not heard.is_for_us:
            if not self.closed and (words := self._overheard.overheard(heard)):
                # To nobody by name, as nobody has asked.
                self._outbox.say_now(OutboxRow(0, replace(heard.place, to=""), words, event_key=heard.key))
            return
        begun = self._begun(heard)
        if isinstance(begun, str):
            if begun:
                self._outbox.say_now(OutboxRow(0, heard.place, begun, event_key=heard.key))
            return
        event, given = begun
        if event.key not in self._untold:
            self._untold[event.key] = self._loop.call_later(STILL_AT_IT_S, self._still_at_it, event)
        if given.command.reads:
            self._spawn(self._answer(event, given), self._reading)
            return
        if heard.awaits_disk:  # asked for here, as tasks begin in the order in which they are made
            await self._spawn(self._accept(event, given), self._accepting)
            return
        # Not awaited, or commands that only read would stand behind a locked disk. The order stays that of arrival:
        # tasks begin in the order in which they are made, and the one writer keeps it.
        self._spawn(self._accept(event, given), self._accepting)
        if len(self._accepting) >= MAX_ACCEPTING:
            await asyncio.wait(self._accepting, return_when=asyncio.FIRST_COMPLETED)

    async def take(self, heard: Heard) -> str | None:
        """Take in a line that is on disk itself: return once its command is, too, whether that reads only or not.

        Returns:
            The words that refuse it, which may be none; None if it was accepted, now or before.

        Raises:
            StorageError: the disk does not take it.
            Unavailable: no commands are taken in any more.
        """
        with on_behalf_of(heard.key):
            return await self._take(heard)

    async def _take(self, heard: Heard) -> str | None:
        if self.closed:
            raise Unavailable("Gordon", "taking commands")
        begun = self._begun(heard)
        if isinstance(begun, str):
            return begun
        event, given = begun
        self._audit.append(of_event(event, decision="accepted", **self._facts(event, given)))
        self._work.submit(await self._journal.accept(event, (given.command.handler,)))
        return None

    async def press(self, heard: Heard) -> str | None:
        """Take in a command whose refusal is shown apart, as `Inside.take` says."""
        with on_behalf_of(heard.key):
            return await self._press(heard)

    async def _press(self, heard: Heard) -> str | None:
        begun = self._begun(heard)
        if isinstance(begun, str):
            return begun or TOO_MANY
        event, given = begun
        if given.command.reads:
            self._spawn(self._answer(event, given), self._reading)
            return None
        self._audit.append(of_event(event, decision="accepted", **self._facts(event, given)))
        is_first = event.key not in self._pressed
        if is_first:
            self._pressed[event.key] = self._loop.create_future()
            if len(self._pressed) > MAX_PRESSED:
                self._told(next(iter(self._pressed)))
                self._pressed.popitem(last=False)
        deliveries = await self._journal.accept(event, (given.command.handler,))
        if is_first and not deliveries:  # an earlier process has had it
            self._told(event.key)
        self._work.submit(deliveries)
        return None

    async def refused(self, key: str) -> bool:
        """Wait for the turn of what was pressed, as `Inside.refused` says."""
        turn = self._pressed.get(key)
        return turn is not None and await asyncio.shield(turn)

    def weigh(self, heard: Heard) -> None:
        """See that somebody may give a command, before its blanks are filled in.

        Raises:
            UserError: it is no command, or not for this speaker.
        """
        self._understand(heard)

    async def answer(self, heard: Heard) -> Words | None:
        """Give the answer of a command that only reads, as `Inside.answer` says."""
        begun = self._begun(heard)
        if isinstance(begun, str):
            raise UserError(begun or TOO_MANY)
        event, given = begun
        if not given.command.reads:
            raise UserError(f"{given.command.usage.name} changes something, so it is no question")
        reply = await self._work.read(event)
        self._audit.append(of_event(event, decision="answered", **self._facts(event, given)))
        return reply

    def told(self, event_key: str, is_refused: bool) -> None:
        """Learn that there was a first word, or none to come, for a command; from any thread."""
        self._loop.call_soon_threadsafe(self._told, event_key, is_refused)

    async def drain(self, within_s: float) -> None:
        """Wait for commands that are on their way to the disk."""
        if self._accepting:
            await asyncio.wait(self._accepting, timeout=within_s)

    def _told(self, event_key: str, is_refused: bool = False) -> None:
        if timer := self._untold.pop(event_key, None):
            timer.cancel()
        if (turn := self._pressed.get(event_key)) and not turn.done():
            turn.set_result(is_refused)

    def _still_at_it(self, event: CommandGiven) -> None:
        del self._untold[event.key]
        words = f"no answer yet, I am still at it [{short_id(event.key)}]"
        self._outbox.say_now(OutboxRow(0, event.place, words, event_key=event.key))

    def _spawn(self, work: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> asyncio.Task[None]:
        def ended(task: asyncio.Task[None]) -> None:
            tasks.discard(task)
            if not task.cancelled() and (error := task.exception()):
                log.error("a command could not be taken in", exc_info=error)

        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(ended)
        return task

    async def _accept(self, event: CommandGiven, given: "Given") -> None:
        # Handed in first, so that it is on disk with the event: of what was accepted there is always a record.
        self._audit.append(of_event(event, decision="accepted", **self._facts(event, given)))
        try:
            deliveries = await self._journal.accept(event, (given.command.handler,))
        except StorageError as error:
            self._told(event.key)
            log.error("refused %s: %s", event.key, error)
            self._audit.append(of_event(event, decision="refused", rule=str(error), **self._facts(event, given)))
            words = f"I cannot take commands now, nothing was started: {error}"
            self._outbox.say_now(OutboxRow(0, event.place, words, event_key=event.key))
            return
        if not deliveries:  # a repeat, which somebody has been told about before
            self._told(event.key)
        self._work.submit(deliveries)

    async def _answer(self, event: CommandGiven, given: "Given") -> None:
        began_s = self._clock.monotonic_s()
        try:
            reply = await self._work.read(event)
        finally:
            self._told(event.key)
        latency_ms = round((self._clock.monotonic_s() - began_s) * 1e3, 3)
        record = of_event(event, decision="answered", latency_ms=latency_ms, **self._facts(event, given))
        self._audit.append(record)
        if reply is not None:
            self._outbox.say_now(OutboxRow(0, event.place, reply, event_key=event.key))

    def _begun(self, heard: Heard) -> "tuple[CommandGiven, Given] | str":
        """Understand and weigh a line: its event and what was given, or the words that refuse it, which may be none."""
        unseen = next((char for char in heard.text if not char.isprintable() and char != "\t"), "")
        heard = replace(heard, text=heard.text.encode("utf-8", "replace").decode())  # half a character is in no file
        person, name = self._access.people.find(heard.speaker), ""
        try:
            self._pace.command(heard.speaker, heard.place, person)
            if self.closed:
                raise UserError(self.closed)
            if unseen:  # words are echoed, recorded and sent to servers, and nobody meant to type this one
                raise UserError(f"a character in that cannot be seen (U+{ord(unseen):04X}); type it again without it")
            given = self._understand(heard)
            name = given.command.usage.name
            if person is not None:
                given = self._agreed(given, heard, person)
            if why := self._strikes.why_off(given.command.plugin):
                raise UserError(f"{given.command.plugin} is switched off: {why}")
        except UserError as error:
            if isinstance(error, NoCommand) and (answer := self._overheard.asked(heard)):
                return answer
            return "" if isinstance(error, TooMany) and not error.is_news else self._refused(heard, name, error)
        if given.offer is not None:
            self._confirmations.use(given.offer, heard.key)
        log.info("%s, given at %s", name, heard.place)
        return _event_of(given, heard, person.key if person else "", self._clock.now()), given

    def _understand(self, heard: Heard) -> "Given":
        """Find the command and read its words; who may not give it learns nothing about names.

        Raises:
            UserError: it is no command, wrong, or not for this speaker.
        """
        usage, words = find_command(self._registry.usages, heard.text)
        command = self._registry.commands[usage.name]
        if why := not_here(self._live.now.settings, heard.place, command):
            raise NotAllowed(why)
        if command.role > Role.ANYONE and self._access.people.find(heard.speaker) is None:
            raise NotAllowed(self._access.why_not(heard.speaker, command, ""))
        call = bind(usage, words, self._live.now.names)
        self._access.weigh(heard.speaker, command, call)
        return Given(command, call, " ".join(words))

    def _agreed(self, given: "Given", heard: Heard, person: Person) -> "Given":
        """Take what was asked for the command that confirms it, and count what starts or stops builds, once.

        Raises:
            UserError: there is nothing to confirm, or it is not permitted any more, or there were too many.
        """
        if given.command is CONFIRM:
            offer = self._confirmations.find(given.call["token"], person, heard.place, heard.key)
            return replace(self._understand(replace(heard, text=offer.event.text)), offer=offer)
        if given.command.builds and self._access.role_for(person, given.call) < Role.MAINTAINER:
            self._pace.build(person)
        return given

    def _refused(self, heard: Heard, command: str, error: UserError) -> str:
        """Record a refusal, and tell its words."""
        decision = "refused" if isinstance(error, NotAllowed) else "not understood"
        is_confirming = heard.text.split()[0].lower() == CONFIRM.usage.name
        text = f"{CONFIRM.usage.name} ..." if is_confirming else heard.text  # a token is recorded nowhere
        record = of_command(
            heard.key, text, heard.speaker, heard.place, command=command, decision=decision, rule=str(error)
        )
        self._audit.append(record)
        return str(error) + (f" [{short_id(heard.key)}]" if decision == "refused" else "")

    def _facts(self, event: CommandGiven, given: "Given") -> dict[str, Any]:
        """Tell what the record of an understood command says of its asker and its target."""
        person, target = self._access.people.find(event.speaker), given.call.target
        return {
            "person": person.key if person else "",
            "role": self._access.role_for(person, given.call).name.lower(),
            "args": given.args,
            "repo": repo_of(given.call),
            "pr": target.number if isinstance(target, PullRef) else None,
            "confirm_by": short_id(given.offer.event.key) if given.offer else "",
        }


@dataclass(frozen=True, slots=True)
class Given:
    """A command that was understood, with its words as they were typed.

    Arguments:
        offer: what its asker has confirmed; the command is that of then.
    """

    command: Command
    call: Call
    args: str
    offer: Offer | None = None


def _event_of(given: Given, heard: Heard, person: str, now: datetime) -> CommandGiven:
    """Make the event of a command; a confirmed one has the key of its token and the words of its first asking."""
    offer = given.offer
    return CommandGiven(
        key=offer.key if offer else heard.key,
        lane=lane_of(given.call, heard),
        at=now,
        command=given.command.usage.name,
        text=offer.event.text if offer else heard.text,
        speaker=heard.speaker,
        place=heard.place,
        person=person,
        agreed=offer.digest if offer else "",
        meant=offer.effect if offer else "",
        written_at=offer.event.written_at if offer else heard.written_at,
    )


def not_here(settings: GordonSettings, place: Place, command: Command) -> str:
    """Tell why a command is not obeyed in a channel, and where it is; empty if it is."""
    network = settings.network(place.network)
    if network is None or place.private or command is CONFIRM:  # that counts only where its command was obeyed
        return ""
    only = {name.lower(): channel.commands for name, channel in network.channel.items() if channel.commands}
    if _is_among(command, only.get(place.channel.lower())):
        return ""
    obeyed = [name for name in network.channels if _is_among(command, only.get(name.lower()))]
    here = only[place.channel.lower()]
    takes = [", ".join(word for word in here if word != READS), *(["what changes nothing"] if READS in here else [])]
    words = " and ".join(part for part in takes if part)
    alone = "a direct message" if place.network in settings.slack else "a private message"  # as it is called there
    where = " or ".join([*obeyed, alone])
    return f"{command.usage.name} is not obeyed in {place.channel}, which takes only {words}; give it in {where}"


def _is_among(command: Command, only: Sequence[str] | None) -> bool:
    return not only or command.usage.name in only or (command.reads and READS in only)


def lane_of(call: Call, heard: Heard) -> str:
    """Tell a command's lane: its target, else who said it where."""
    target = call.target
    if isinstance(target, BuildRef):
        return str(target.job)
    if isinstance(target, NodeRef):
        return f"node:{target.server}/{target.name}"
    return str(target) if target is not None else f"{heard.place}:{heard.speaker.name}"
