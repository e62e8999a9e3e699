"""What people say on one Slack: which lines are commands, who said them, and handing them on in their order."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Protocol
from weakref import WeakValueDictionary

from bot.adapters import slack_wire as wire
from bot.adapters.slack_members import CANNOT_CHECK, Members
from bot.adapters.slack_wire import Installation, Line, Unreadable
from bot.bounded import Bounded
from bot.chat import Hear, Heard
from bot.clock import Clock
from bot.errors import Refused, StorageError, Unavailable
from bot.settings import SlackSettings
from bot.values import Place, Speaker

MAX_WAITING = 1000
MAX_OVERHEARD = 100  # lines that are no commands leave the rest of the room to commands
MAX_KNOWN = 10_000  # lines that are remembered, as each comes twice and is delivered again
TOO_OLD_S = 3600.0  # Slack delivers again for as long; who asked an hour ago may not want it any more
OLD_S = 300.0  # what was said to nobody in particular needs no answer after so long
FORWARDED = "what is forwarded is no command; type it yourself"
WITH_MORE = "a line with a file, or one with /me, is no command; type it by itself"
EDITED = "a line that was edited is no command; give it anew"
TOO_OLD = "that was said an hour ago or more, and reached me only now; say it again if you still want it"
TOO_MUCH = "too much at once: I do not hear new lines until I am through with the old ones"
log = logging.getLogger(__name__)


class Whisper(Protocol):
    """Says something to one person alone, where they are."""

    def __call__(self, channel_id: str, user: str, words: str, thread: str = "") -> Awaitable[object]: ...


class Hearing:
    """The lines of one workspace that are for us.

    Arguments:
        prefix: what a command may begin with that mentions nobody.
        installed: who we are there.
        place_of: tells by which name a channel is configured; None for those that are not.
        elsewhere: says where commands are obeyed.
        hear: takes what was heard; ends once that is on disk, or was refused.
        listens: tells where lines are heard, too, that are addressed to nobody.
    """

    def __init__(
        self,
        network: str,
        settings: SlackSettings,
        prefix: str,
        clock: Clock,
        members: Members,
        *,
        installed: Callable[[], Installation],
        place_of: Callable[[str], str | None],
        elsewhere: Callable[[], str],
        hear: Hear,
        whisper: Whisper,
        listens: Callable[[Place], bool],
    ) -> None:
        self._network = network
        self._settings = settings
        self._prefix = prefix
        self._clock = clock
        self._members = members
        self._installed = installed
        self._place_of = place_of
        self._elsewhere = elsewhere
        self._hear = hear
        self._whisper = whisper
        self._listens = listens
        self._under_way: dict[str, asyncio.Future[None]] = {}
        self._done: Bounded[str, None] = Bounded(MAX_KNOWN)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._whispering: set[asyncio.Task[None]] = set()
        self._unheard = 0

    def configure(self, settings: SlackSettings, prefix: str) -> None:
        """Go by other settings from now on."""
        self._settings = settings
        self._prefix = prefix

    async def close(self) -> None:
        """End what is under way; what is on no disk by then Slack delivers again."""
        tasks = [*self._under_way.values(), *self._whispering]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def heard(self, payload: Mapping[str, Any]) -> None:
        """Take an event about a line; it may be acknowledged when this has ended.

        Raises:
            StorageError: the disk does not take it, so that it is to be delivered again.
        """
        try:
            line = wire.read_line(payload)
        except Unreadable as error:
            log.info("%s: not heard: %s", self._network, error)
            return
        if self._is_nobodys(line):
            return
        words = wire.command_of(line.text, self._installed(), self._prefix, private=line.is_private)
        if words is None:
            await self._overhear(line)
            return
        channel = "" if line.is_private else self._place_of(line.channel)
        if channel is not None or line.is_mention:  # where we do not belong the prefix may be somebody else's
            await self._once(line, lambda: self._take(line, words, channel))

    def _is_nobodys(self, line: Line) -> bool:
        """Tell whether a line is our own, a bridge's, of Slack itself, or of a program while none is listed."""
        us, ids = self._installed(), {line.user, line.bot} - {""}
        is_own = line.user == us.user or (line.bot and line.bot == us.bot) or (line.app and line.app == us.app)
        if is_own or not ids or ids & set(self._settings.relays):
            return True
        return line.is_of_program and not self._settings.bots

    async def _overhear(self, line: Line) -> None:
        """Hand on a line that is no command, if somebody listens there; who said it is asked of nobody."""
        channel = None if line.is_private or line.is_mention else self._place_of(line.channel)
        if channel is None or line.is_of_program or self._why_not(line) or line.subtype not in wire.TYPED:
            return
        place = Place(self._network, channel, line.thread or line.ts, to=line.user)
        text = wire.first_line(wire.plain(line.text))
        if not text or self._age_s(line) > OLD_S or len(self._under_way) >= MAX_OVERHEARD or not self._listens(place):
            return
        heard = Heard(self._key(line), text, Speaker(self._network, line.user), place, is_for_us=False)
        await self._once(line, lambda: self._hear(heard))

    async def _once(self, line: Line, begin: Callable[[], Awaitable[None]]) -> None:
        """Do something about a line, once however often it is told of, and wait until it is done."""
        key = self._key(line)
        if key in self._done:
            return
        work = self._under_way.get(key)
        if work is None:
            if len(self._under_way) >= MAX_WAITING:
                self._not_heard(line)
                raise StorageError(f"{MAX_WAITING} lines wait for it")
            work = self._under_way[key] = asyncio.ensure_future(begin())
            work.add_done_callback(partial(self._ended, key))
        await asyncio.shield(work)

    def _ended(self, key: str, work: "asyncio.Future[None]") -> None:
        del self._under_way[key]
        if not work.cancelled() and work.exception() is None:  # else it is delivered again, and tried again
            self._done[key] = None
        if self._unheard and len(self._under_way) < MAX_WAITING // 2:
            log.error("%s: too much at once; %d times a line was not heard yet", self._network, self._unheard)
            self._unheard = 0

    async def _take(self, line: Line, words: str, channel: str | None) -> None:
        """Hand on a command after those that were given there before it, whoever takes longer to look up."""
        if why := self._elsewhere() if channel is None else self._why_not(line):
            self._tell(line, why)
            return
        if line.subtype not in (*wire.TYPED, *wire.OF_PROGRAMS):
            return
        turn = self._turns.setdefault(line.channel, asyncio.Lock())
        looking = asyncio.create_task(self._who(line))
        try:
            async with turn:
                speaker = await looking
                if speaker is None:
                    return
                place = self._place(channel or "", line.user or speaker.account, speaker, line.thread, line.ts)
                heard = Heard(self._key(line), words, speaker, place, awaits_disk=True)
                handing = asyncio.ensure_future(self._hear(heard))  # begins before that of the next one
            await handing
        finally:
            looking.cancel()

    def _why_not(self, line: Line) -> str:
        """Tell why a line that is for us is no command; empty if it may be one."""
        if line.is_edited:
            return EDITED
        if line.is_forwarded:
            return FORWARDED
        if line.has_files or line.subtype in wire.WITH_MORE:
            return WITH_MORE
        return TOO_OLD if self._age_s(line) >= TOO_OLD_S else ""

    async def _who(self, line: Line) -> Speaker | None:
        """Tell who said a line; None for a program that is not listed, which is not answered, or it might answer."""
        try:
            member = await self._members.member(line.bot or line.user)
        except Unavailable as error:
            log.info("%s", error)
            return None if line.is_of_program else self._members.nobody(line.user, CANNOT_CHECK)
        if member.is_bot or line.is_of_program:
            is_listed = {member.id, line.bot} & set(self._settings.bots)
            # A program that speaks in somebody's name is not that somebody.
            if not is_listed or not member.is_bot or line.user not in ("", member.id):
                return None
        us = self._installed()
        return self._members.speaker(member, next((one for one in line.teams if one not in us.teams), ""))

    def _place(self, channel: str, user: str, speaker: Speaker, thread: str = "", ts: str = "") -> Place:
        if not channel:
            return Place(self._network, user, thread, to=user, private=True, account=speaker.account)
        return Place(self._network, channel, thread or ts, to=user)

    def _key(self, line: Line) -> str:
        return f"slack:{self._network}:{line.channel}:{line.ts}"

    def _age_s(self, line: Line) -> float:
        return self._clock.now().timestamp() - line.at_s

    def _not_heard(self, line: Line) -> None:
        self._unheard += 1
        if self._unheard == 1:
            log.error("%s: %d lines wait; what comes now is to come again", self._network, MAX_WAITING)
            self._tell(line, TOO_MUCH)

    def _tell(self, line: Line, words: str) -> None:
        """Tell a person why they are not obeyed, beside everything else; a program is told nothing."""
        if not line.user or line.is_of_program:
            return
        task = asyncio.create_task(self._say(line, words))
        self._whispering.add(task)
        task.add_done_callback(self._whispering.discard)

    async def _say(self, line: Line, words: str) -> None:
        try:
            await self._whisper(line.channel, line.user, words, line.thread)
        except (Unavailable, Refused) as error:
            log.info("%s: not told %r: %s", self._network, words, error)
