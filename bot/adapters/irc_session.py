"""One connection to an IRC network, from its dialling to its end: each line goes to the part that it concerns."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from irc.client import is_channel

from bot.adapters import irc_wire as wire
from bot.adapters.irc_accounts import Accounts, Proofs
from bot.adapters.irc_channels import NOT_SAID, REFUSED_JOIN, Channels
from bot.adapters.irc_hearing import Hearing
from bot.adapters.irc_link import Line, Link
from bot.adapters.irc_login import Login, certificate_words
from bot.adapters.irc_members import Members
from bot.adapters.irc_output import Output, Turn
from bot.adapters.irc_presence import Presence
from bot.adapters.irc_secrets import RenewedSecrets
from bot.chat import Report
from bot.clock import Clock
from bot.errors import Refused, Unavailable
from bot.settings import IrcSettings

CONNECT_LIMIT_S = 20.0
GOODBYE_LIMIT_S = 1.0
TICK_S = 28.0  # three ticks without a line end a connection: half-open is noticed within 90 s
MAX_SILENT_TICKS = 2
LOGIN_TICK_S = 4.0  # before the welcome, for which servers wait half a minute
WHOX_TOKEN = "77"  # noqa: S105  marks the answers to our own WHO
WHOIS_REPLIES = ("263", "307", "311", "318", "330", "401")
NO_SUCH_PERSON = ("401", "404", "408", "415", "477", "486", "494", "531", "716")  # or takes no words from us
THE_CONNECTION = "the connection"


@dataclass(frozen=True, slots=True)
class Parts:
    """What outlives connections.

    Arguments:
        tell: reports a trouble, when it begins, changes or ends.
    """

    output: Output
    channels: Channels
    hearing: Hearing
    presence: Presence
    tell: Report


@dataclass(slots=True, eq=False)
class Addressee:
    """Somebody whom private words wait for, and whether the nick may be somebody else's since."""

    nick: str
    has_left: bool = False


class Session:
    """One connection; used once.

    Arguments:
        tls: None for a connection without.

    Attributes:
        overhear: told each line, besides whoever it concerns; may be set.
    """

    def __init__(
        self,
        network: str,
        settings: IrcSettings,
        secrets: RenewedSecrets,
        tls: ssl.SSLContext | None,
        clock: Clock,
        parts: Parts,
    ) -> None:
        self._network = network
        self._settings = settings
        self._secrets = secrets
        self._tls = tls
        self._clock = clock
        self._output = parts.output
        self._channels = parts.channels
        self._hearing = parts.hearing
        self._presence = parts.presence
        self._tell = parts.tell
        self.link = Link(network, self._on_line)
        self.login = Login(
            network, settings, secrets.now, clock, self._send_now, self.link.give_up, self._tell, self._on_change
        )
        self.accounts = Accounts(network, clock, self.login.fold, partial(self._output.ask, turn=Turn.ANNOUNCEMENT))
        self.members = Members(self.login.fold)
        self.addressees: set[Addressee] = set()
        self.overhear: Callable[[Line], None] = lambda line: None
        self._on: dict[str, Callable[[Line], None]] = {
            "001": self._on_welcome,
            "353": self.members.names,
            "354": self._on_who,
            "ACCOUNT": self._on_account,
            "ERROR": self._on_error,
            "INVITE": self._on_invite,
            "JOIN": self._on_join,
            "KICK": self._on_kick,
            "MODE": lambda line: self._channels.mode_changed(line.word(0)),
            "NICK": self._on_nick,
            "NOTICE": self._on_words,
            "PART": self._on_part,
            "PING": lambda line: self._send_now(f"PONG :{line.word(0)}"),
            "PONG": self._on_pong,
            "PRIVMSG": self._on_words,
            "QUIT": self._on_quit,
            **dict.fromkeys((*WHOIS_REPLIES, *REFUSED_JOIN, *NOT_SAID, *NO_SUCH_PERSON), self._on_reply),
        }

    def is_open(self) -> bool:
        """Tell whether the server has welcomed us and is still there."""
        return self.login.welcome and not self.link.lost.done()

    async def run(self) -> str:
        """Connect, stay until the connection ends, and return why it did."""
        settings = self._settings
        self._hearing.connected()
        try:
            async with asyncio.timeout(CONNECT_LIMIT_S):
                await self.link.dial(settings.host, settings.port, settings.nick, self._secrets.now.password, self._tls)
        except ssl.SSLCertVerificationError as error:
            words = certificate_words(settings.host, error)
            self._tell(THE_CONNECTION, f"not connected to {settings.host}: {words}")
            return f"no connection ({words})"
        except OSError as error:
            return f"no connection ({error or type(error).__name__})"
        watching = asyncio.create_task(self._watch())
        try:
            await asyncio.shield(self.link.lost)
            return self.link.error or "the connection is gone"
        finally:
            self._output.lost()
            self._channels.lost()
            self.accounts.ended()
            await cancel({watching})
            await _hang_up(self.link)

    def _send_now(self, text: str) -> None:
        if self.login.welcome:
            self._output.now(text)
        else:
            self.link.send_raw(text)

    async def _watch(self) -> None:
        """Ping a silent server, and drop a connection that is dead or never comes to a welcome."""
        link, login, ticks = self.link, self.login, 0
        while not link.lost.done():
            await self._next_tick()
            ticks += 1
            if link.silent_ticks >= MAX_SILENT_TICKS or (not login.welcome and ticks > MAX_SILENT_TICKS):
                link.give_up("the server is silent" if login.welcome else "the server gave no welcome")
                return
            link.silent_ticks += 1
            if login.is_without_login and await self._secrets.again():
                login.renew(self._secrets.now)
            login.tick()
            if login.welcome:
                self._output.now("PING :alive")
                self._channels.tick()
                self._presence.tick()

    async def _next_tick(self) -> None:
        due_s = self._clock.monotonic_s() + TICK_S
        while (left_s := due_s - self._clock.monotonic_s()) > 0:
            await self._clock.sleep(left_s if self.login.welcome else min(left_s, LOGIN_TICK_S))
            if not self.login.welcome:
                self.login.tick_login()

    # -- what the server tells --

    def _on_line(self, line: Line) -> None:
        if self._hearing.is_history(self.login, line):
            return
        if line.command == "001" and not self.login.welcome:
            self._output.connected(self.link.send_raw, self.link.drained, "echo-message" in self.login.granted)
        self.login.heard(line)
        self.overhear(line)
        if handle := self._on.get(line.command):
            handle(line)

    def _on_change(self) -> None:
        """What the connection can do has changed, or whether we are logged in."""
        login, granted = self.login, self.login.granted
        self.accounts.proofs = Proofs(
            account_tag="account-tag" in granted,
            account_notify="account-notify" in granted,
            extended_join="extended-join" in granted,
            whox=login.has_whox,
        )
        self.accounts.read_only = login.disbelief
        self._channels.refold(login.fold)

    def _on_welcome(self, line: Line) -> None:
        self._tell(THE_CONNECTION, "")
        self._hearing.began(self.login, "", line)
        self._channels.connected(self.login.fold)
        self._channels.join_all()
        self._presence.connected()
        self._presence.tick()

    def _on_join(self, line: Line) -> None:
        login, channel = self.login, line.word(0)
        if login.is_me(line.nick):
            self._channels.joined(channel)
            self._hearing.began(login, channel, line)
            self.accounts.we_joined(channel)
            self.members.we_came(channel)
            if login.has_whox:
                self._output.ask(f"WHO {channel} %tcuhna,{WHOX_TOKEN}")
        elif channel:
            self.members.came(line.nick, channel)
            account = line.word(1) if "extended-join" in login.granted else None
            self.accounts.joined(line.nick, line.mask, channel, account)

    def _on_kick(self, line: Line) -> None:
        if self.login.is_me(line.word(1)):
            self._channels.kicked(line)
            self.accounts.we_left(line.word(0))
        else:
            self.accounts.left(line.word(1), line.word(0))
            self.members.left(line.word(1), line.word(0))

    def _on_part(self, line: Line) -> None:
        for channel in line.word(0).split(","):
            if self.login.is_me(line.nick):
                self._channels.parted(channel)
                self.accounts.we_left(channel)
            else:
                self.accounts.left(line.nick, channel)
                self.members.left(line.nick, channel)

    def _on_quit(self, line: Line) -> None:
        self.accounts.gone(line.nick)
        self.members.gone(line.nick)
        self._has_left(line.nick)

    def _on_nick(self, line: Line) -> None:
        if not self.login.is_me(line.word(0)):
            self.accounts.renamed(line.nick, line.word(0))
            self.members.renamed(line.nick, line.word(0))
            self._has_left(line.nick)
            self._has_left(line.word(0))  # unseen, or it could not be had

    def _has_left(self, nick: str) -> None:
        for addressee in self.addressees:
            if self.login.fold(addressee.nick) == self.login.fold(nick):
                addressee.has_left = True

    def _on_account(self, line: Line) -> None:
        if "account-notify" in self.login.granted:
            self.accounts.account_changed(line.nick, line.word(0))

    def _on_who(self, line: Line) -> None:
        if line.word(1) == WHOX_TOKEN and len(line.arguments) == 7:
            channel, user, host, nick, account = line.arguments[2:]
            self.accounts.who_reply(nick, f"{user}@{host}", channel, account)

    def _on_invite(self, line: Line) -> None:
        if self.login.is_me(line.word(0)):
            self._channels.invited(line.word(1))

    def _on_error(self, line: Line) -> None:
        self.link.error = wire.sanitise(line.word(0))

    def _on_pong(self, line: Line) -> None:
        self._output.ponged(line.last)

    def _on_reply(self, line: Line) -> None:
        """A numeric that tells of somebody, of a channel that was not entered, or of words that were not taken."""
        about, peer = line.word(1), f"IRC {self._network}"
        if line.command in WHOIS_REPLIES:
            self.accounts.whois(line.command, line.arguments[1:])
        if line.command in REFUSED_JOIN:
            self._channels.refused(line)
        where, told = wire.sanitise(about), wire.sanitise(line.last)
        if line.command in NOT_SAID and is_channel(about):
            why = self._channels.not_said(line) or "where we are not now"
            self._output.rejected(about, Unavailable(peer, f"talking in {where}, {why}"))
        elif line.command in NO_SUCH_PERSON:
            self._output.rejected(about, Refused(peer, f"{where}: {told}"))
        elif line.command in NOT_SAID:
            self._output.rejected(about, Unavailable(peer, f"talking to {where}, {told}"))

    def _on_words(self, line: Line) -> None:
        login, target = self.login, line.word(0)
        if login.is_me(line.nick):
            if "echo-message" in login.granted:
                self._output.echoed(target)
                self._channels.heard(target)
        elif line.command == "PRIVMSG":
            self._hearing.heard(login, self.accounts, line)


async def cancel(tasks: set[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _hang_up(link: Link) -> None:
    """Say goodbye and wait a little for the server to close; then close anyway."""
    if link.lost.done():
        return
    link.disconnect("Goodbye")
    await asyncio.wait({link.lost}, timeout=GOODBYE_LIMIT_S)
    link.abort()
    await link.lost
