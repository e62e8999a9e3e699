"""IRC as a `Chat`: one network, in the running loop, reconnecting and pacing itself.

The `irc` package parses and formats. Everything that must hold when the network misbehaves is here: a line that cannot
be read ends nothing, a silent server is noticed, nothing is written faster than the network takes it.
What is not here yet: services accounts (SASL, account-tag, WHOX), taking a lost nick back, per-channel keys.
"""

import asyncio
import contextlib
import logging
import secrets
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from irc.client import Event, NickMask, is_channel
from irc.client_aio import AioConnection, AioReactor, IrcProtocol
from irc.connection import AioFactory
from jaraco.stream.buffer import LenientDecodingLineBuffer

from bot.adapters import irc_wire as wire
from bot.clock import Clock
from bot.config import is_loopback
from bot.errors import ConfigError, Refused, Unavailable
from bot.events import Place, Speaker
from bot.ports import Hear, Heard, Instead, MessageRef, Report, Words
from bot.settings import IrcSettings

CONNECT_LIMIT_S = 20.0
GOODBYE_LIMIT_S = 1.0
TICK_S = 28.0  # three ticks without a line end a connection: half-open is noticed within 90 s
MAX_SILENT_TICKS = 2
STEADY_S = 60.0  # a connection or a membership that held this long starts its pauses anew
MAX_LINE_BYTES = 16 * 1024  # tags may take 8 KiB; longer is no IRC
MAX_WAITING = 1000

REFUSED_JOIN = (
    "nosuchchannel",
    "toomanychannels",
    "unavailresource",
    "channelisfull",
    "inviteonlychan",
    "bannedfromchan",
    "badchannelkey",
    "nochanmodes",
)
NICK_TROUBLE = ("nicknameinuse", "nickcollision", "erroneusnickname", "unavailresource")
NOT_DELIVERED = ("nosuchnick", "cannotsendtochan")

log = logging.getLogger(__name__)
_chance = secrets.SystemRandom().random


@contextlib.contextmanager
def _one_line(network: str, what: str) -> Iterator[None]:
    """Keep what one line breaks to that line: others write them, and the next one may be a command."""
    try:
        yield
    except Exception:
        log.exception("%s: %s", network, what)


class _Protocol(IrcProtocol):
    """The library's protocol, which also tells when writing must wait and when the connection is gone."""

    connection: "_Link"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(high=1, low=0)  # a line counts as sent when the socket has all of it

    def pause_writing(self) -> None:
        self.connection.writable.clear()

    def resume_writing(self) -> None:
        self.connection.writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.connection.writable.set()
        if not self.connection.lost.done():
            self.connection.lost.set_result(None)


class _Link(AioConnection):
    """One connection from its dialling to its end; never used again."""

    buffer_class = LenientDecodingLineBuffer
    protocol_class = _Protocol
    transport: asyncio.Transport | None = None

    def __init__(self, owner: "Irc", reactor: AioReactor) -> None:
        super().__init__(reactor)
        self.owner = owner
        self.lost: asyncio.Future[None] = reactor.loop.create_future()
        self.writable = asyncio.Event()
        self.writable.set()
        self.welcome = False
        self.joined: set[str] = set()
        self.prefix = ""
        self.error = ""
        self.silent_ticks = 0
        self.other_nicks = wire.alternates(owner.settings.nick)

    def process_data(self, new_data: bytes) -> None:
        """Read lines, each by itself: the library's own loop ends at the first one it cannot read."""
        self.silent_ticks = 0
        self.buffer.feed(new_data)
        for line in self.buffer:
            if len(line) > MAX_LINE_BYTES:
                log.warning("%s: a line of %d characters was dropped", self.owner.network, len(line))
            elif line:
                with _one_line(self.owner.network, f"a line that cannot be read: {line[:200]!r}"):
                    self._process_line(line)
        if len(self.buffer) > MAX_LINE_BYTES:
            self.error = "a line without an end"
            self.abort()

    def _handle_message(
        self, arguments: list[str], command: str, source: NickMask | None, tags: list[dict[str, str | None]] | None
    ) -> None:
        # The library's own version unquotes \x10 sequences into line feeds and mixes CTCP with words.
        if command == "privmsg" and source is not None:
            self.owner.on_words(self, source.nick, arguments[0], arguments[1], tags or ())

    def send_raw(self, string: str) -> None:
        """Write one line; unlike the library's own it neither logs it, as PASS is one, nor lets a bare CR through."""
        if self.transport is not None:
            self.transport.write(self._prep_message(string.replace("\r", "").replace("\n", "").replace("\0", "")))

    def abort(self) -> None:
        """Drop the connection without waiting for the other side."""
        if self.transport is not None:
            self.transport.abort()

    def is_me(self, nick: str) -> bool:
        """Tell whether a nick is the one that this connection has now."""
        return wire.casemap(nick) == wire.casemap(self.get_nickname())

    def relayed_as(self) -> str:
        """Give the prefix that others see on our lines, or the longest it may be."""
        nick: str = self.get_nickname()
        if self.prefix:
            return f"{nick}!{self.prefix}"
        return wire.longest_prefix(nick)


@dataclass(slots=True)
class _Membership:
    """How often we had to come back to a channel."""

    name: str
    pauses: wire.Backoff = field(default_factory=wire.Backoff)
    since_s: float = 0.0
    coming_back: bool = False


class Irc:
    """One IRC network.

    Arguments:
        network: its name in `gordon.toml`.
        password: the server's password; empty for none.
        prefix: what a command in a channel begins with, "!".
    """

    def __init__(self, network: str, settings: IrcSettings, password: str, prefix: str, clock: Clock) -> None:
        if settings.nick_is_identity and not is_loopback(settings.host):
            problem = f"irc.{network}: nick_is_identity on {settings.host}: anybody can take a nick there"
            raise ConfigError((f"{problem}; it is allowed on 127.0.0.1, ::1 and localhost only",))
        self.network = network
        self.report: Report = lambda about, words: None
        self.settings = settings
        self._password = password
        self._prefix = prefix
        self._clock = clock
        self._tls = ssl.create_default_context() if settings.tls else None
        self._channels = {wire.casemap(name): _Membership(name) for name in settings.channels}
        self._bucket = wire.Bucket(settings.burst_lines, settings.line_every_s)
        self._turn = asyncio.Lock()
        self._waiting: asyncio.Queue[Heard] = asyncio.Queue(MAX_WAITING)
        self._unheard = 0
        self._arrivals = 0
        self._started = ""
        self._link: _Link | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def connected(self) -> bool:
        """Tell whether the server has welcomed us and is still there; a channel may be missing all the same."""
        return self._link is not None and self._link.welcome and not self._link.lost.done()

    async def run(self, hear: Hear) -> None:
        """Connect, hand on what is heard in its order, reconnect by itself; end only when cancelled."""
        hearing = asyncio.create_task(self._hand_on(hear))
        pauses = wire.Backoff()
        try:
            while True:
                began_s = self._clock.monotonic_s()
                ended = await self._connect_once()
                if self._clock.monotonic_s() - began_s >= STEADY_S:
                    pauses.reset()
                pause_s = pauses.pause_s(_chance())
                log.warning("%s: %s; connecting again in %.1f s", self.network, ended, pause_s)
                await self._clock.sleep(pause_s)
        finally:
            await _cancel({hearing, *self._tasks})

    async def send(self, place: Place, words: Words, *, instead: Instead | None = None) -> MessageRef:
        """Say words at a place; returns when the socket has taken all of them.

        Raises:
            Unavailable: not connected, not in the channel, or lost in the middle of a long message.
            Refused: the place is neither a channel of ours nor a nick, so waiting changes nothing.
        """
        text = words if isinstance(words, str) else words.one_line().replace("\n", "\u240a")
        if place.to and not place.private:
            text = f"{place.to}: {text}"
        target = self._target(place)
        async with self._turn:
            link = self._ready(place, target)
            room = wire.budget(link.relayed_as(), target)
            for piece in wire.messages(text, room):
                await self._say(place, target, piece)
        return MessageRef(place)

    async def arrived(self, ref: MessageRef) -> None:
        """Not yet."""

    def show_load(self, words: str) -> None:
        """Not yet."""

    def _target(self, place: Place) -> str:
        if place.private:
            if wire.is_nick(place.channel):
                return place.channel
            raise Refused(f"IRC {self.network}", f"{wire.sanitise(place.channel)!r} is not a nick")
        channel = self._channels.get(wire.casemap(place.channel))
        if channel is None:
            raise Refused(f"IRC {self.network}", f"{wire.sanitise(place.channel)!r} is not one of the channels")
        return channel.name

    def _ready(self, place: Place, target: str) -> _Link:
        link = self._link
        if link is None or not link.welcome or link.lost.done():
            raise Unavailable(f"IRC {self.network}", f"talking to {target}")
        if not place.private and wire.casemap(target) not in link.joined:
            raise Unavailable(f"IRC {self.network}", f"talking in {target}, where we are not now")
        return link

    async def _say(self, place: Place, target: str, piece: str) -> None:
        while (wait_s := self._bucket.take(self._clock.monotonic_s())) > 0:
            await self._clock.sleep(wait_s)
        link = self._ready(place, target)
        link.privmsg(target, piece)
        if not link.writable.is_set():
            await link.writable.wait()
            self._ready(place, target)

    async def _hand_on(self, hear: Hear) -> None:
        while True:
            heard = await self._waiting.get()
            with _one_line(self.network, f"{heard.key} could not be handed on"):
                await hear(heard)
            if self._unheard and self._waiting.qsize() < MAX_WAITING // 2:
                log.error("%s: too much at once; %d lines were not heard", self.network, self._unheard)
                self._unheard = 0

    # -- one connection --

    async def _connect_once(self) -> str:
        """Connect, stay until the connection ends, and return why it did."""
        reactor = AioReactor(loop=asyncio.get_running_loop())
        self._listen(reactor)
        self._link = link = _Link(self, reactor)
        self._started = str(int(self._clock.now().timestamp() * 1000))
        try:
            async with asyncio.timeout(CONNECT_LIMIT_S):
                await link.connect(
                    self.settings.host,
                    self.settings.port,
                    self.settings.nick,
                    password=self._password or None,
                    connect_factory=AioFactory(ssl=self._tls) if self._tls else AioFactory(),
                )
        except OSError as error:
            self._link = None
            return f"no connection ({error or type(error).__name__})"
        watching = asyncio.create_task(self._watch(link))
        try:
            await asyncio.shield(link.lost)
            return link.error or "the connection is gone"
        finally:
            self._link = None
            await _cancel({watching})
            await _hang_up(link)

    def _listen(self, reactor: AioReactor) -> None:
        reactor.add_global_handler("welcome", self._on_welcome)
        reactor.add_global_handler("join", self._on_join)
        reactor.add_global_handler("kick", self._on_kick)
        reactor.add_global_handler("part", self._on_part)
        reactor.add_global_handler("error", self._on_error)
        for name in NICK_TROUBLE:
            reactor.add_global_handler(name, self._on_nick_trouble)
        for name in REFUSED_JOIN:
            reactor.add_global_handler(name, self._on_refused_join)
        for name in NOT_DELIVERED:
            reactor.add_global_handler(name, self._on_not_delivered)

    async def _watch(self, link: _Link) -> None:
        """Ping a silent server, and drop a connection that is dead or never comes to a welcome."""
        ticks = 0
        while not link.lost.done():
            await self._clock.sleep(TICK_S)
            ticks += 1
            if link.silent_ticks >= MAX_SILENT_TICKS or (not link.welcome and ticks > MAX_SILENT_TICKS):
                link.error = "the server is silent" if link.welcome else "the server gave no welcome"
                link.abort()
                return
            link.silent_ticks += 1
            if link.welcome:
                link.ping(link.get_server_name() or "alive")

    def _spawn(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- what the server tells --

    def _on_welcome(self, link: _Link, event: Event) -> None:
        link.welcome = True
        log.info("%s: connected as %s", self.network, link.get_nickname())
        for channel in self._channels.values():
            link.join(channel.name)

    def _on_nick_trouble(self, link: _Link, event: Event) -> None:
        if link.welcome:
            return
        nick = next(link.other_nicks, None)
        if nick is None:
            link.error = f"no nick like {self.settings.nick} is free"
            link.abort()
            return
        link.real_nickname = nick  # the library believes the first one until the welcome
        link.nick(nick)

    def _on_join(self, link: _Link, event: Event) -> None:
        channel = self._channels.get(wire.casemap(event.target))
        if not link.is_me(event.source.nick):
            return
        link.prefix = event.source.partition("!")[2]
        if channel is None:
            return
        link.joined.add(wire.casemap(event.target))
        channel.since_s = self._clock.monotonic_s()
        log.info("%s: in %s", self.network, channel.name)

    def _on_kick(self, link: _Link, event: Event) -> None:
        if event.arguments and link.is_me(event.arguments[0]):
            why = event.arguments[1] if len(event.arguments) > 1 else ""
            self._left(link, event.target, f"{event.source.nick} kicked us: {wire.sanitise(why)}")

    def _on_part(self, link: _Link, event: Event) -> None:
        if link.is_me(event.source.nick):
            self._left(link, event.target, "the server took us out")

    def _on_refused_join(self, link: _Link, event: Event) -> None:
        if event.arguments:
            self._left(link, event.arguments[0], wire.sanitise(" ".join(event.arguments[1:])))

    def _left(self, link: _Link, name: str, why: str) -> None:
        channel = self._channels.get(wire.casemap(name))
        if channel is None:
            return
        was_in = wire.casemap(name) in link.joined
        link.joined.discard(wire.casemap(name))
        if was_in and self._clock.monotonic_s() - channel.since_s >= STEADY_S:
            channel.pauses.reset()
        if not channel.coming_back:
            channel.coming_back = True
            pause_s = channel.pauses.pause_s(_chance())
            log.warning("%s: not in %s (%s); joining again in %.1f s", self.network, channel.name, why, pause_s)
            self._spawn(asyncio.create_task(self._come_back(channel, pause_s)))

    async def _come_back(self, channel: _Membership, pause_s: float) -> None:
        try:
            await self._clock.sleep(pause_s)
        finally:
            channel.coming_back = False
        link = self._link
        if link is not None and link.welcome and wire.casemap(channel.name) not in link.joined:
            link.join(channel.name)

    def _on_error(self, link: _Link, event: Event) -> None:
        link.error = wire.sanitise(event.target or "")

    def _on_not_delivered(self, link: _Link, event: Event) -> None:
        log.warning("%s: not delivered: %s", self.network, wire.sanitise(" ".join(event.arguments)))

    # -- what people say --

    def on_words(self, link: _Link, nick: str, target: str, text: str, tags: Sequence[dict[str, str | None]]) -> None:
        """Take one PRIVMSG and queue it if it is for us."""
        if "\x01" in text or not wire.is_nick(nick) or link.is_me(nick):
            return
        private = not is_channel(target)
        if private and not link.is_me(target):
            return  # to "@#channel" or a server mask: for nobody in particular
        names = (link.get_nickname(), self.settings.nick)
        words = wire.addressed(wire.sanitise(text), names, self._prefix, private=private)
        if words is None:
            return
        if private:
            place = Place(self.network, nick, to=nick, private=True)
        else:
            channel = self._channels.get(wire.casemap(target))
            if channel is None:
                return
            place = Place(self.network, channel.name, to=nick)
        self._put(Heard(self._key(tags), words, self._speaker(nick), place))

    def _put(self, heard: Heard) -> None:
        try:
            self._waiting.put_nowait(heard)
        except asyncio.QueueFull:
            self._unheard += 1
            if self._unheard == 1:
                log.error("%s: %d lines wait; what comes now is not heard", self.network, MAX_WAITING)
                self._spawn(asyncio.create_task(self._tell_overrun(heard.place)))

    async def _tell_overrun(self, place: Place) -> None:
        with contextlib.suppress(Unavailable, Refused):  # the log has it already
            await self.send(place, "too much at once: I do not hear new lines until I am through with the old ones")

    def _key(self, tags: Sequence[dict[str, str | None]]) -> str:
        self._arrivals += 1
        for tag in tags:
            if tag["key"] == "msgid" and tag["value"]:
                return f"irc:{self.network}:{tag['value']}"
        return f"irc:{self.network}:{self._started}-{self._arrivals}"

    def _speaker(self, nick: str) -> Speaker:
        if self.settings.nick_is_identity:
            return Speaker(self.network, nick, wire.casemap(nick), "nick on loopback")
        return Speaker(self.network, nick)


async def _cancel(tasks: set[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _hang_up(link: _Link) -> None:
    """Say goodbye and wait a little for the server to close; then close anyway."""
    if link.lost.done():
        return
    link.disconnect("Goodbye")
    await asyncio.wait({link.lost}, timeout=GOODBYE_LIMIT_S)
    link.abort()
    await link.lost
