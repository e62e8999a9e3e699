"""The channels of one IRC network: getting in, coming back, and knowing where we may speak."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bot.adapters import irc_wire as wire
from bot.adapters.backoff import Backoff
from bot.adapters.irc_link import Line
from bot.chat import Report
from bot.clock import Clock
from bot.settings import ChannelSettings, IrcSettings

STEADY_S = 60.0  # a membership or a voice that held this long starts its pauses anew
UNANSWERED_S = 60.0  # a JOIN that came to nothing is repeated
AT_ONCE_S = 1.0  # between two JOINs that somebody's invitations make us send

REFUSED_JOIN = {
    "401": "there is no such channel",
    "403": "there is no such channel",
    "405": "the network lets me into no more channels; leave one",
    "437": "it is not available now",
    "442": "the network says that I am not there",
    "470": "the network sends me to another channel instead",
    "471": "it is full; invite me, or raise its limit",
    "473": "it is invite-only; invite me, or let me in for ever by /mode +I",
    "474": "I am banned; lift the ban, or make an exception by /mode +e",
    "475": "its key is another one; look at key_file of the channel",
    "476": "the network allows no such name",
    "477": "only those who are logged in may enter; look at the login",
    "479": "the network allows no such name, or forbids it",
    "480": "the network keeps me out for a while",
    "485": "the network forbids it",
    "489": "only those who use TLS may enter",
    "495": "the network keeps me out for a while after a kick",
    "500": "the network lets me in later, as I join too often",
    "519": "only administrators of the network may enter",
    "520": "only operators of the network may enter",
    "926": "the network forbids it",
}
NOT_THERE = ("401", "403", "442")  # whatever we thought
# Words that were not taken. 408: no colours. 415 and 477: only those who are logged in may speak. 439 and 707: to too
# many places at once.
NOT_SAID = (*NOT_THERE, "404", "408", "415", "439", "477", "707")

log = logging.getLogger(__name__)
_chance = secrets.SystemRandom().random


@dataclass(slots=True, eq=False)
class Channel:
    """One channel of ours.

    Arguments:
        is_in: we are there.
        mute: why we may not speak there now; empty if we may.
        prefix: what a command begins with there.
        notice: whether words there are a NOTICE; `colours`, whether they may be coloured.
        told: what sort of trouble operators were told about; empty for none.
        pauses: how long to wait before coming back; `silences`, before speaking again.
    """

    name: str
    key: str = ""
    prefix: str = ""
    notice: bool = False
    colours: bool = False
    is_in: bool = False
    mute: str = ""
    told: str = ""
    since_s: float = 0.0
    asked_s: float = float("-inf")
    mute_until_s: float = 0.0
    coming_back: asyncio.Task[None] | None = None
    pauses: Backoff = field(default_factory=Backoff)
    silences: Backoff = field(default_factory=Backoff)


class Channels:
    """The channels that are configured; they outlive connections.

    Arguments:
        ask: hands a line to the output, in its turn.
        report: told about each channel's trouble once, and when it is over.
    """

    def __init__(self, network: str, clock: Clock, ask: Callable[[str], None], report: Report) -> None:
        self._network = network
        self._clock = clock
        self._ask = ask
        self._report = report
        self._fold: Callable[[str], str] = wire.casemap
        self._channels: dict[str, Channel] = {}
        self._is_connected = False

    def find(self, name: str) -> Channel | None:
        """Find a channel of ours, however its name is written."""
        return self._channels.get(self._fold(name))

    def configure(self, settings: IrcSettings, keys: Mapping[str, str], prefix: str) -> None:
        """Have these channels from now on: join what is new, leave what is not there any more.

        Arguments:
            keys: by channel, of those that have one.
            prefix: what a command begins with where a channel's own settings say nothing else.
        """
        own = {self._fold(name): each for name, each in settings.channel.items()}
        folded_keys = {self._fold(name): key for name, key in keys.items()}
        had, self._channels = self._channels, {}
        for name in settings.channels:
            folded = self._fold(name)
            channel = self._channels[folded] = had.pop(folded) if folded in had else Channel(name)
            wanted = own.get(folded) or ChannelSettings()
            channel.key = folded_keys.get(folded, "")
            channel.prefix = prefix if wanted.prefix is None else wanted.prefix
            channel.notice = settings.notice if wanted.notice is None else wanted.notice
            channel.colours = settings.colours if wanted.colours is None else wanted.colours
        for channel in had.values():
            self._stop(channel)
            self._well(channel)
            if channel.is_in:
                self._ask(f"PART {channel.name}")
        if self._is_connected:
            self.join_all()

    def connected(self, fold: Callable[[str], str]) -> None:
        """Begin on a new connection, where names compare by `fold`."""
        self._is_connected = True
        self.refold(fold)

    def refold(self, fold: Callable[[str], str]) -> None:
        """Learn how names compare."""
        self._fold = fold
        self._channels = {fold(channel.name): channel for channel in self._channels.values()}

    def lost(self) -> None:
        """Learn that the connection is gone, and with it all memberships."""
        self._is_connected = False
        for channel in self._channels.values():
            self._stop(channel)
            channel.is_in = False
            channel.mute = ""

    def join_all(self) -> None:
        """Ask into all channels where we are not."""
        self._join([one for one in self._channels.values() if not one.is_in and one.coming_back is None])

    def tick(self) -> None:
        """Look after a JOIN that nobody answered, or by words that we do not know: every half minute."""
        now_s = self._clock.monotonic_s()
        unanswered = [one for one in self._channels.values() if not one.is_in and self._is_unanswered(one, now_s)]
        for channel in unanswered:
            if not channel.told:
                words = f"not in {channel.name}: the network does not say why; I try again at least every minute"
                self._trouble(channel, "unanswered", words)
        self._join(unanswered)

    def may_speak(self, channel: Channel) -> str:
        """Tell why nothing can be said in a channel now; empty if it can."""
        if not channel.is_in:
            return "where we are not now"
        if channel.mute and self._clock.monotonic_s() >= channel.mute_until_s:
            channel.mute = ""  # tried again; operators hear of it when it was heard, or not at all
        return f"where we may not speak ({channel.mute})" if channel.mute else ""

    # -- what the server tells --

    def joined(self, name: str) -> None:
        """Learn that we are in a channel."""
        channel = self.find(name)
        if channel is None:  # forwarded, or sent there: what is said there is not for us, and nobody asked us in
            self._ask(f"PART {name}")
            return
        self._stop(channel)
        channel.is_in = True
        channel.mute = ""
        channel.since_s = self._clock.monotonic_s()
        log.info("%s: in %s", self._network, channel.name)
        self._well(channel)

    def kicked(self, line: Line) -> None:
        """Learn that somebody sent us out."""
        self._left(line.word(0), "kick", f"{line.nick} kicked me: {wire.sanitise(line.word(2))}")

    def parted(self, name: str) -> None:
        """Learn that the server took us out."""
        self._left(name, "part", "the network took me out")

    def refused(self, line: Line) -> None:
        """Learn that a channel was not entered."""
        channel = self.find(line.word(1))
        if channel is not None and (not channel.is_in or line.command in NOT_THERE):
            told = wire.sanitise(" ".join(line.arguments[2:]))
            self._left(channel.name, line.command, f"{REFUSED_JOIN[line.command]} ({told})")

    def invited(self, name: str) -> None:
        """Come at once when invited to a channel of ours."""
        channel = self.find(name)
        if channel is None or channel.is_in or self._clock.monotonic_s() - channel.asked_s < AT_ONCE_S:
            return
        self._stop(channel)
        self._join([channel])

    def not_said(self, line: Line) -> str:
        """Learn that words were not taken; tell why we may not speak there, or nothing if it is no channel of ours."""
        channel = self.find(line.word(1))
        if channel is None or not channel.is_in:
            return ""
        now_s = self._clock.monotonic_s()
        if now_s - channel.mute_until_s >= STEADY_S:
            channel.silences.reset()
        channel.mute = wire.sanitise(line.last)
        channel.mute_until_s = now_s + channel.silences.pause_s(_chance())
        mend = "give me a voice by /mode +v, or lift what keeps me silent"
        self._trouble(channel, "mute", f"cannot speak in {channel.name}: {channel.mute}; {mend}")
        return channel.mute

    def heard(self, name: str) -> None:
        """Learn that words arrived in a channel."""
        channel = self.find(name)
        if channel is not None and channel.is_in and not channel.mute:
            self._well(channel)

    def mode_changed(self, name: str) -> None:
        """Learn that a channel's modes, or somebody's in it, changed: we may be heard again."""
        channel = self.find(name)
        if channel is not None and channel.is_in:
            channel.mute = ""
            self._well(channel)

    # -- coming back --

    def _left(self, name: str, kind: str, why: str) -> None:
        channel = self.find(name)
        if channel is None:
            return
        if channel.is_in and self._clock.monotonic_s() - channel.since_s >= STEADY_S:
            channel.pauses.reset()
        channel.is_in = False
        channel.mute = ""
        self._trouble(channel, kind, f"not in {channel.name}: {why}; I try again at least every minute")
        if channel.coming_back is None:
            pause_s = channel.pauses.pause_s(_chance())
            log.info("%s: joining %s again in %.1f s", self._network, channel.name, pause_s)
            channel.coming_back = asyncio.create_task(self._come_back(channel, pause_s))

    async def _come_back(self, channel: Channel, pause_s: float) -> None:
        await self._clock.sleep(pause_s)
        channel.coming_back = None
        self._join([channel])

    def _join(self, channels: Sequence[Channel]) -> None:
        """Ask into channels in few lines; those with keys first, as keys go by their order."""
        asked = sorted(channels, key=lambda channel: not channel.key)
        by_size = {f"{channel.name} {channel.key}": channel for channel in asked}
        for group in wire.packed(by_size):
            together = [by_size[each] for each in group]
            names, keys = ([one.name for one in together], [one.key for one in together if one.key])
            self._ask(" ".join(["JOIN", ",".join(names), *([",".join(keys)] if keys else [])]))
            for channel in together:
                channel.asked_s = self._clock.monotonic_s()

    def _is_unanswered(self, channel: Channel, now_s: float) -> bool:
        return channel.coming_back is None and now_s - channel.asked_s >= UNANSWERED_S

    def _stop(self, channel: Channel) -> None:
        if channel.coming_back is not None:
            channel.coming_back.cancel()
            channel.coming_back = None

    def _trouble(self, channel: Channel, kind: str, words: str) -> None:
        if channel.told != kind:
            channel.told = kind
            self._report(channel.name, words)

    def _well(self, channel: Channel) -> None:
        if channel.told:
            channel.told = ""
            self._report(channel.name, "")
