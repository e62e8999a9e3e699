"""IRC as a `Chat`: one network, in the running loop, that reconnects by itself and comes back to where it belongs.

The parts: `irc_link` reads and writes lines, `irc_login` gets in and keeps the nick, `irc_channels` the places,
`irc_accounts` who is logged in as whom, `irc_hearing` what is said to us, `irc_output` what we say. Here they meet.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from secrets import SystemRandom

from bot.adapters import irc_wire as wire
from bot.adapters.backoff import Backoff
from bot.adapters.irc_channels import Channels
from bot.adapters.irc_examination import IrcExamination
from bot.adapters.irc_hearing import Hearing
from bot.adapters.irc_login import tls_context
from bot.adapters.irc_output import Output, Turn
from bot.adapters.irc_presence import Presence
from bot.adapters.irc_secrets import IrcSecrets, Passwords, RenewedSecrets
from bot.adapters.irc_session import THE_CONNECTION, Addressee, Parts, Session, cancel
from bot.adapters.open_troubles import OpenTroubles
from bot.chat import Card, Hear, Instead, MessageRef, Report, Tone, Words
from bot.clock import Clock
from bot.config_values import is_loopback
from bot.errors import ConfigError, Refused, Unavailable
from bot.findings import Finding, words_of
from bot.settings import IrcSettings
from bot.values import Place

STEADY_S = 60.0  # a connection that held this long starts its pauses anew
MOST_PAUSE_S = 30.0  # so that what waits is said within a minute of a network's return
DOWN_S = 60.0  # operators are told on other networks of one that is away, or sends us away, this long

log = logging.getLogger(__name__)
_chance = SystemRandom().random


class Irc:
    """One IRC network.

    Arguments:
        network: its name in `gordon.toml`.
        prefix: what a command in a channel begins with, "!", where the channel's own settings say nothing else.
        read_passwords: reads those that are to be used now; None where there are only the first ones.

    Raises:
        ConfigError: nicks are believed on a network where anybody can take one, or a file for TLS cannot be used.
    """

    def __init__(
        self,
        network: str,
        settings: IrcSettings,
        secrets: IrcSecrets,
        prefix: str,
        clock: Clock,
        read_passwords: Callable[[], Passwords] | None = None,
    ) -> None:
        if settings.nick_is_identity and not is_loopback(settings.host):
            problem = f"irc.{network}: nick_is_identity on {settings.host}: anybody can take a nick there"
            raise ConfigError((f"{problem}; it is allowed on 127.0.0.1, ::1 and localhost only",))
        self.network = network
        self.report: Report = lambda about, words: None
        self._settings = settings
        self._secrets = RenewedSecrets(network, secrets, read_passwords)
        self._clock = clock
        self._tls = tls_context(network, settings)
        self._output = Output(network, clock, settings.burst_lines, settings.line_every_s)
        self._channels = Channels(network, clock, self._output.ask, self._tell)
        self._channels.configure(settings, secrets.channel_keys, prefix)
        self.listens: Callable[[Place], bool] = lambda place: False
        self._hearing = Hearing(
            network, settings, prefix, clock, self._channels, self._overrun, self._tell, lambda at: self.listens(at)
        )
        self._presence = Presence(clock, self._output.ask, is_wanted=settings.presence)
        self._session: Session | None = None
        self._troubles = OpenTroubles(network)
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = ""

    # -- for the program --

    def connected(self) -> bool:
        """Tell whether the server has welcomed us and is still there; a channel may be missing all the same."""
        return self._session is not None and self._session.is_open()

    def examine(self) -> AsyncIterator[Finding]:
        """Join for a moment, and tell how the network, the login and the channels are."""
        examination = IrcExamination(
            self.network,
            self._settings,
            self.run,
            lambda: self._session,
            lambda: self._ended,
            self._output.ask,
            self._channels,
            self._troubles,
        )
        return examination.findings()

    async def check(self) -> Sequence[str]:
        """Tell what is wrong with the connection, the login or the channels."""
        return words_of([one async for one in self.examine()])

    def change(self, settings: IrcSettings, keys: Mapping[str, str], prefix: str) -> None:
        """Go by other settings from now on, as far as they are not about how to connect.

        Arguments:
            keys: of the channels that have one.
        """
        self._settings = settings
        self._output.pace(settings.burst_lines, settings.line_every_s)
        self._channels.configure(settings, keys, prefix)
        self._hearing.configure(settings, prefix)
        self._presence.is_wanted = settings.presence
        if self.connected():
            self._presence.tick()

    async def run(self, hear: Hear) -> None:
        """Connect, hand on what is heard in its order, reconnect by itself; end only when cancelled."""
        hearing = asyncio.create_task(self._hearing.hand_on(hear))
        pauses = Backoff(most_s=MOST_PAUSE_S)
        down_since_s = self._clock.monotonic_s()
        parts = Parts(self._output, self._channels, self._hearing, self._presence, self._tell)
        try:
            while True:
                began_s = self._clock.monotonic_s()
                session = Session(self.network, self._settings, self._secrets, self._tls, self._clock, parts)
                self._session = session
                self._ended = ended = await session.run()
                self._session = None
                now_s = self._clock.monotonic_s()
                is_steady = now_s - began_s >= STEADY_S
                if is_steady:
                    pauses.reset()
                if is_steady and session.login.welcome:
                    down_since_s = now_s
                elif now_s - down_since_s >= DOWN_S:
                    self._tell(THE_CONNECTION, f"not connected to {self._settings.host}: {ended}")
                pause_s = pauses.pause_s(_chance())
                log.warning("%s: %s; connecting again in %.1f s", self.network, ended, pause_s)
                await self._clock.sleep(pause_s)
                await self._secrets.again()
        finally:
            self._session = None
            await cancel({hearing, *self._tasks})

    async def send(self, place: Place, words: Words, *, instead: Instead | None = None) -> MessageRef:
        """Say words at a place; returns when the socket has taken all of them.

        Raises:
            Unavailable: not connected, not in the channel or silenced there.
            Refused: the place is neither a channel of ours nor a nick, or the nick is somebody else's now.
        """
        target = self._target(place)
        session = self._ready(place, target)
        addressee = Addressee(target)
        session.addressees.add(addressee)
        try:
            await self._is_same_person(session, place)

            def pieces(had_to_wait: bool) -> Sequence[str]:
                self._ready(place, target)
                if place.private and place.account and addressee.has_left:
                    raise Unavailable(f"IRC {self.network}", f"talking to {target}, who has just left")
                return self._pieces(session, place, target, words, instead if had_to_wait else None)

            turn = Turn.ANSWER if place.to else Turn.ANNOUNCEMENT
            command, _ = self._manner(place)
            return MessageRef(place, await self._output.say(command, target, pieces, turn))
        finally:
            session.addressees.discard(addressee)

    async def arrived(self, ref: MessageRef) -> None:
        """Wait until the server has shown that it took what was said.

        Raises:
            Unavailable: the connection went before, or nobody may speak there now.
            Refused: there is nobody of that name.
        """
        await self._output.arrived(ref.id)
        self._channels.heard(ref.place.channel)

    def show_load(self, words: str) -> None:
        """Show by AWAY what is under way, if the settings want that: on change, and at most once a minute."""
        self._presence.say(words)
        if self.connected():
            self._presence.tick()

    # -- what goes out --

    def _target(self, place: Place) -> str:
        if place.private:
            if wire.is_nick(place.channel):
                return place.channel
            raise Refused(f"IRC {self.network}", f"{wire.sanitise(place.channel)!r} is not a nick")
        channel = self._channels.find(place.channel)
        if channel is None:
            raise Refused(f"IRC {self.network}", f"{wire.sanitise(place.channel)!r} is not one of the channels")
        return channel.name

    def _ready(self, place: Place, target: str) -> Session:
        session = self._session
        if session is None or not self.connected():
            raise Unavailable(f"IRC {self.network}", f"talking to {target}")
        channel = None if place.private else self._channels.find(target)
        if channel is not None and (why := self._channels.may_speak(channel)):
            raise Unavailable(f"IRC {self.network}", f"talking in {target}, {why}")
        return session

    async def _is_same_person(self, session: Session, place: Place) -> None:
        """See that private words go to whoever asked for them, and to nobody who took the nick since (F2).

        Raises:
            Refused: it is somebody else now.
            Unavailable: that cannot be told.
        """
        if not place.private or not place.account or self._settings.nick_is_identity:
            return
        if not await session.accounts.is_still(place.channel, place.account):
            raise Refused(f"IRC {self.network}", f"{place.channel} is not logged in as {place.account} any more")

    def _pieces(
        self, session: Session, place: Place, target: str, words: Words, instead: Instead | None
    ) -> Sequence[str]:
        """Cut words into harmless pieces that fit, in colour where that is wanted."""
        command, is_coloured = self._manner(place)
        name = f"{place.to}: " if place.to and not place.private else ""
        room = wire.budget(session.login.relayed_as(), target, command) - (wire.COLOUR_BYTES if is_coloured else 0)
        if instead is not None:
            words = instead(room - len(name.encode()))
        text = words if isinstance(words, str) else words.one_line().replace("\n", "\u240a")
        tone = words.tone if isinstance(words, Card) and is_coloured else Tone.PLAIN
        may_be_pinged = [session.login.fold(one) for one in (session.login.nick, *place.to.split(", "))]

        def must_not_be_pinged(nick: str) -> bool:
            is_there = not place.private and session.members.has(target, nick)
            return is_there and session.login.fold(nick) not in may_be_pinged

        return [wire.coloured(piece, tone) for piece in wire.messages(text, room, must_not_be_pinged, name)]

    def _manner(self, place: Place) -> tuple[str, bool]:
        """Tell by which command words are said at a place, and whether they may be coloured."""
        channel = None if place.private else self._channels.find(place.channel)
        how = self._settings if channel is None else channel
        return "NOTICE" if how.notice else "PRIVMSG", how.colours

    def _overrun(self, place: Place) -> None:
        task = asyncio.create_task(self._tell_overrun(place))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell_overrun(self, place: Place) -> None:
        try:
            await self.send(place, "too much at once: I do not hear new lines until I am through with the old ones")
        except (Unavailable, Refused) as error:
            log.info("%s: %s", self.network, error)

    def _tell(self, about: str, words: str) -> None:
        """Report a trouble when it begins, changes or ends."""
        if self._troubles.note(about, words):
            self.report(about, words)
