"""What people say on one IRC network: which lines are commands, who said them, and handing them on in their order."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from irc.client import is_channel

from bot.adapters import irc_wire as wire
from bot.adapters.irc_accounts import Accounts
from bot.adapters.irc_channels import Channels
from bot.adapters.irc_link import Line, one_line
from bot.adapters.irc_login import Login
from bot.chat import Hear, Heard, Report
from bot.clock import Clock
from bot.settings import IrcSettings
from bot.values import Place, Speaker

MAX_WAITING = 1000
THE_CLOCK = "the clock"
MAX_OVERHEARD = 100  # lines that are no commands leave the rest of the room to commands
MAX_LOOK_UPS = 50  # lines that wait for one at once: more would not be answered in time at the pace of ours
MAX_BATCHES = 100
NICK = "nick on loopback"  # the evidence where the configuration believes nicks
OLD = timedelta(minutes=5)  # older lines are played back, by a bouncer or a channel's memory
HISTORY = ("chathistory", "draft/chathistory", "playback", "znc.in/playback")
# What a tag of a line rests on: without that capability anybody may have written it.
NEEDED = {
    "account": "account-tag",
    "batch": "batch",
    "time": "server-time",
    "bot": "message-tags",
    "draft/bot": "message-tags",
    "inspircd.org/bot": "message-tags",
    "msgid": "message-tags",
}
BOTS = ("bot", "draft/bot", "inspircd.org/bot")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Arrival:
    """A line for us, as it came.

    Arguments:
        who: who said it, or the look-up that will tell.
        is_for_us: it may be a command.
    """

    key: str
    text: str
    place: Place
    who: "Speaker | asyncio.Task[Speaker]"
    is_for_us: bool = True


class Hearing:
    """The lines of one network that are for us.

    Arguments:
        prefix: what a command may begin with in private.
        tell: reports a trouble, when it begins, changes or ends.
        overrun: told the place of a line that was not heard, as too many wait; once for each time.
        listens: tells where lines are heard, too, that are addressed to nobody.
    """

    def __init__(
        self,
        network: str,
        settings: IrcSettings,
        prefix: str,
        clock: Clock,
        channels: Channels,
        overrun: Callable[[Place], None],
        tell: Report,
        listens: Callable[[Place], bool],
    ) -> None:
        self._network = network
        self._settings = settings
        self._prefix = prefix
        self._clock = clock
        self._channels = channels
        self._overrun = overrun
        self._tell = tell
        self._listens = listens
        self._waiting: asyncio.Queue[_Arrival] = asyncio.Queue(MAX_WAITING)
        self._looking: set[asyncio.Task[Speaker]] = set()
        self._unheard = 0
        self._arrivals = 0
        self._started = ""
        self._batches: set[str] = set()
        self._since: dict[str, datetime] = {}
        self._was_old = False

    def configure(self, settings: IrcSettings, prefix: str) -> None:
        """Go by other settings from now on."""
        self._settings = settings
        self._prefix = prefix

    def connected(self) -> None:
        """Begin on a new connection."""
        self._started = str(int(self._clock.now().timestamp() * 1000))
        self._batches.clear()
        self._since.clear()
        self._was_old = False

    def began(self, login: Login, channel: str, line: Line) -> None:
        """Note by which line of the server we came into a channel, or for "" onto the network."""
        if at := wire.said_at(tag(login, line, "time") or ""):
            self._since[login.fold(channel)] = at

    async def hand_on(self, hear: Hear) -> None:
        """Hand on what was heard, in its order, for ever."""
        while True:
            arrival = await self._waiting.get()
            with one_line(self._network, f"{arrival.key} could not be handed on"):
                speaker = arrival.who if isinstance(arrival.who, Speaker) else await arrival.who
                place = arrival.place
                if place.private and speaker.evidence != NICK:
                    place = replace(place, account=speaker.account)
                await hear(Heard(arrival.key, arrival.text, speaker, place, is_for_us=arrival.is_for_us))
            if self._unheard and self._waiting.qsize() < MAX_WAITING // 2:
                log.error("%s: too much at once; %d lines were not heard", self._network, self._unheard)
                self._unheard = 0

    def is_history(self, login: Login, line: Line) -> bool:
        """Tell whether a line is of the past, and learn which of the next ones will be."""
        batch = tag(login, line, "batch")
        is_old = batch is not None and batch in self._batches
        if line.command == "BATCH" and "batch" in login.granted:
            name = line.word(0)
            if name.startswith("+") and (is_old or line.word(1) in HISTORY) and len(self._batches) < MAX_BATCHES:
                self._batches.add(name[1:])
            elif name.startswith("-"):
                self._batches.discard(name[1:])
        return is_old

    def heard(self, login: Login, accounts: Accounts, line: Line) -> None:
        """Take a PRIVMSG of somebody else's, and queue it as a command, or as one that somebody listens to."""
        nick, target, text = line.nick, line.word(0), line.word(1)
        if "\x01" in text or not wire.is_nick(nick):
            return
        private = not is_channel(target)
        channel = self._channels.find(target)
        if not login.is_me(target) if private else channel is None:
            return  # to "@#channel" or a server mask: for nobody in particular
        words = wire.addressed(
            wire.sanitise(text),
            (login.nick, self._settings.nick),
            channel.prefix if channel is not None else self._prefix,
            private=private,
            fold=login.fold,
        )
        if words is None or self._is_no_person(login, line):
            if channel is not None:
                self._overhear(login, line, Place(self._network, channel.name, to=nick))
            return
        if self._is_old(login, line, "" if channel is None else channel.name):
            return
        place = Place(self._network, nick if channel is None else channel.name, to=nick, private=private)
        if self._waiting.full():
            self._not_heard(place)
            return
        who = self._who(login, accounts, line)
        self._waiting.put_nowait(_Arrival(self._key(login, line), words, place, who))

    def _overhear(self, login: Login, line: Line, place: Place) -> None:
        """Queue a line that is no command, if somebody listens there; who said it is asked of nobody."""
        if self._waiting.qsize() >= MAX_OVERHEARD or not self._listens(place):
            return
        at = wire.said_at(tag(login, line, "time") or "")
        is_past = at is not None and (self._is_before(login, at, place.channel) or self._clock.now() - at > OLD)
        if is_past or _is_bot(login, line):
            return
        speaker = Speaker(self._network, line.nick)
        arrival = _Arrival(self._key(login, line), wire.sanitise(line.word(1)), place, speaker, is_for_us=False)
        self._waiting.put_nowait(arrival)

    def _is_no_person(self, login: Login, line: Line) -> bool:
        """Tell whether a program speaks, or somebody else through one."""
        return _is_bot(login, line) or login.fold(line.nick) in map(login.fold, self._settings.relays)

    def _is_before(self, login: Login, at: datetime, channel: str) -> bool:
        """Tell whether something was said before we came."""
        since = self._since.get(login.fold(channel))
        return since is not None and at < since

    def _is_old(self, login: Login, line: Line, channel: str) -> bool:
        """Tell whether a line was said before we came, or too long ago, by the time that the server puts on it."""
        at = wire.said_at(tag(login, line, "time") or "")
        if at is None:
            return False
        if self._is_before(login, at, channel):
            return True
        is_old = self._clock.now() - at > OLD
        if is_old and not self._was_old:
            self._tell(
                THE_CLOCK,
                f"what was said at {at:%Y-%m-%d %H:%M} UTC is too old to be a command; if it was said just now, the "
                "clock of this machine or of the server is wrong, and I obey nobody there",
            )
        elif not is_old:
            self._tell(THE_CLOCK, "")
        self._was_old = is_old
        return is_old

    def _who(self, login: Login, accounts: Accounts, line: Line) -> "Speaker | asyncio.Task[Speaker]":
        if self._settings.nick_is_identity:
            return Speaker(self._network, line.nick, login.fold(line.nick), NICK)
        known = accounts.who(line.nick, line.mask, tag(login, line, "account"))
        if known is not None:
            return known
        if len(self._looking) >= MAX_LOOK_UPS:
            doubt = "I cannot check right now who you are, as too many ask at once; try again in a minute"
            return Speaker(self._network, line.nick, doubt=doubt)
        looking = asyncio.create_task(accounts.find_out(line.nick, line.mask))
        self._looking.add(looking)
        looking.add_done_callback(self._looking.discard)
        return looking

    def _key(self, login: Login, line: Line) -> str:
        self._arrivals += 1
        return f"irc:{self._network}:{tag(login, line, 'msgid') or f'{self._started}-{self._arrivals}'}"

    def _not_heard(self, place: Place) -> None:
        self._unheard += 1
        if self._unheard == 1:
            log.error("%s: %d lines wait; what comes now is not heard", self._network, MAX_WAITING)
            self._overrun(place)


def _is_bot(login: Login, line: Line) -> bool:
    return any(tag(login, line, name) is not None for name in BOTS)


def tag(login: Login, line: Line, name: str) -> str | None:
    """Give a tag of a line if its capability was granted on this connection; None without it."""
    return line.tags.get(name) if NEEDED[name] in login.granted else None
