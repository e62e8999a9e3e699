"""From dialling to the welcome on one IRC connection, and who we are on it ever after.

Capabilities (https://ircv3.net/specs/extensions/capability-negotiation), SASL, the nick that is ours, and what the
network says of itself in its 005 lines. A login that fails keeps nobody out: it is told, and rights rest on it.
"""

import base64
import logging
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence

from bot.adapters import irc_wire as wire
from bot.adapters.irc_link import Line
from bot.adapters.irc_secrets import IrcSecrets
from bot.chat import Report
from bot.clock import Clock
from bot.errors import ConfigError
from bot.settings import IrcSettings

WANTED = (
    "account-notify",
    "account-tag",
    "batch",
    "cap-notify",
    "echo-message",
    "extended-join",
    "message-tags",
    "server-time",
)
CHUNK_CHARS = 400  # of an AUTHENTICATE; one that is full says that more follows
SASL_LIMIT_S = 10.0
SASL_AGAIN_S = 600.0  # services may come back, or be mended, without a word
NICK_AGAIN_S = 50.0  # looked at with every tick, so it is tried about once a minute
NICK_TROUBLE = ("432", "433", "436", "437")
WRONG_NAME, EXPIRED = (62, 64), 10  # OpenSSL's X509_V_ERR_...
THE_LOGIN, THE_NICK = "the login", "the nick"
DISBELIEF = (
    "I could not log in to this network myself, so I believe nobody's account here; an operator must mend my login"
)

log = logging.getLogger(__name__)


def tls_context(network: str, settings: IrcSettings) -> ssl.SSLContext | None:
    """Make what TLS connections need; the server's certificate is always checked.

    Raises:
        ConfigError: one of the files cannot be used.
    """
    if not settings.tls:
        return None
    at = f"irc.{network}"
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
    except OSError as error:
        raise ConfigError(
            (f"{at}: ca_file {settings.ca_file} holds no certificates that can be read: {error}",)
        ) from error
    if settings.certificate_file is not None:
        files = settings.certificate_file, settings.key_file
        try:
            context.load_cert_chain(*files, password="")  # or OpenSSL would ask for one at the terminal
        except OSError as error:
            named = " with ".join(str(file) for file in files if file)
            problem = f"{at}: certificate_file {named} is no certificate and its key without a passphrase: {error}"
            raise ConfigError((problem,)) from error
    return context


def certificate_words(host: str, error: ssl.SSLCertVerificationError) -> str:
    """Say what is wrong with a server's certificate and what to do about it."""
    why = f"its certificate is not taken: {error.verify_message}"
    if error.verify_code in WRONG_NAME:
        return f"{why}; `host` must be a name in it, and is {host}"
    if error.verify_code == EXPIRED:
        return f"{why}; whoever runs {host} must renew it"
    return f"{why}; if an authority of your own has signed it, name that one's certificate as `ca_file`"


class Sasl:
    """Proving to the network who we are, by each way that we have.

    Arguments:
        send: writes a line.
        ended: told how it ended: empty for success, else why not.
    """

    def __init__(
        self, settings: IrcSettings, secrets: IrcSecrets, send: Callable[[str], None], ended: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._answers: dict[str, bytes] = {}
        self.take(secrets)
        self._send = send
        self._ended = ended
        self._left: list[str] = []
        self._why = ""
        self.way = ""

    @property
    def is_wanted(self) -> bool:
        return bool(self._answers)

    def take(self, secrets: IrcSecrets) -> None:
        """Have these secrets count from the next try on."""
        if self._settings.certificate_file is not None:
            self._answers["EXTERNAL"] = b""
        if self._settings.account and secrets.account_password:
            self._answers["PLAIN"] = f"\0{self._settings.account}\0{secrets.account_password}".encode()

    def begin(self, offered: str) -> None:
        """Try each of our ways that the network offers; where it does not say, all of them."""
        ways = offered.upper().split(",") if offered else list(self._answers)
        self._left = [way for way in self._answers if way in ways]
        self._why = f"the network offers SASL {offered}, and we have {', '.join(self._answers)}"
        self._next()

    def heard(self, line: Line) -> None:
        """Take an AUTHENTICATE or a numeric from 902 to 907."""
        if not self.way:
            return
        if line.command == "AUTHENTICATE":
            if line.word(0) == "+":
                for chunk in chunks(self._answers[self.way]):
                    self._send(f"AUTHENTICATE {chunk}")
        elif line.command in ("903", "907"):
            self._end("")
        else:
            self._why = f"SASL {self.way}: {line.command} {wire.sanitise(line.last)}"
            self._next()

    def give_up(self) -> None:
        """End what nobody answers."""
        self._send("AUTHENTICATE *")
        self._end(f"SASL {self.way}: no answer; are the network's services there?")

    def _next(self) -> None:
        if not self._left:
            self._end(self._why)
            return
        self.way = self._left.pop(0)
        self._send(f"AUTHENTICATE {self.way}")

    def _end(self, why: str) -> None:
        self.way = ""
        self._ended(why)


def chunks(answer: bytes) -> Iterator[str]:
    """Cut an answer for AUTHENTICATE; one after a full one, or for nothing, is "+"."""
    text = base64.b64encode(answer).decode()
    for at in range(0, len(text) + 1, CHUNK_CHARS):
        yield text[at : at + CHUNK_CHARS] or "+"


class Login:
    """Who we are on one connection, and what this connection can do.

    Arguments:
        send: writes a line at once.
        give_up: drops the connection, with the reason.
        changed: called when what the connection can do has changed, or whether we are logged in.
    """

    def __init__(
        self,
        network: str,
        settings: IrcSettings,
        secrets: IrcSecrets,
        clock: Clock,
        send: Callable[[str], None],
        give_up: Callable[[str], None],
        report: Report,
        changed: Callable[[], None],
    ) -> None:
        self.settings = settings
        self._network = network
        self._clock = clock
        self._send = send
        self._give_up = give_up
        self._report = report
        self._changed = changed
        self._sasl = Sasl(settings, secrets, send, self._sasl_ended)
        self._sasl_since_s = 0.0
        self._others = wire.alternates(settings.nick)
        self._offered: dict[str, str] = {}
        self._asked: list[list[str]] = []
        self._is_negotiating = True
        self._nick_tried_s = float("-inf")
        self._wanted = settings.nick
        self._mask = ""
        self.nick = settings.nick
        self.welcome = False
        self.logged_in = False
        self.disbelief = ""
        self.granted: set[str] = set()
        self.mapping = "rfc1459"
        self.has_whox = False
        self._on: dict[str, Callable[[Line], None]] = {
            "001": self._on_welcome,
            "005": self._on_features,
            "396": self._on_host,
            "900": self._on_account,
            "901": self._on_account,
            "CAP": self._on_cap,
            "NICK": self._on_nick,
            "QUIT": self._on_quit,
            **dict.fromkeys(("AUTHENTICATE", "902", "903", "904", "905", "906", "907"), self._sasl.heard),
            **dict.fromkeys(NICK_TROUBLE, self._on_nick_trouble),
        }

    def fold(self, name: str) -> str:
        """Fold a name as this network does."""
        return wire.casemap(name, self.mapping)

    def is_me(self, nick: str) -> bool:
        """Tell whether a nick is the one that this connection has now."""
        return nick == self.nick or self.fold(nick) == self.fold(self.nick)

    def relayed_as(self) -> str:
        """Give the prefix that others see on our lines, or the longest it may be."""
        return f"{self.nick}!{self._mask}" if self._mask else wire.longest_prefix(self.nick)

    def heard(self, line: Line) -> None:
        """Take what concerns us of a line."""
        if line.mask and line.nick == self.nick:
            self._mask = line.mask
        if handle := self._on.get(line.command):
            handle(line)

    def tick(self) -> None:
        """Look after what nobody answers: every half minute."""
        self.tick_login()
        if not self.welcome and not self._sasl.way:
            self._end_negotiation()
        elif self.welcome and not self.is_me(self._wanted):
            self._take_nick_back()

    def tick_login(self) -> None:
        """Give up a login that nobody answers, and try one that failed again: more often before the welcome."""
        since_s = self._clock.monotonic_s() - self._sasl_since_s
        if self._sasl.way and since_s >= SASL_LIMIT_S:
            self._sasl.give_up()
        elif self.welcome and self.disbelief and "sasl" in self.granted and since_s >= SASL_AGAIN_S:
            self._begin_sasl()

    @property
    def is_without_login(self) -> bool:
        """Tell whether the last try to log in has failed, and no other one is under way."""
        return bool(self.disbelief) and not self._sasl.way

    def renew(self, secrets: IrcSecrets) -> None:
        """Log in by other secrets, with the next tick."""
        self._sasl.take(secrets)
        self._sasl_since_s = float("-inf")

    # -- capabilities --

    def _on_cap(self, line: Line) -> None:
        what, names = line.word(1).upper(), line.last.split()
        if what in ("LS", "NEW"):
            self._offered |= {name: value for name, _, value in (one.partition("=") for one in names)}
            if what == "NEW" or line.word(2) != "*":  # with the star, more of the list follows
                self._request(self._offered if what == "LS" else [name.partition("=")[0] for name in names])
        elif what == "DEL":
            self._offered = {name: value for name, value in self._offered.items() if name not in names}
            self.granted.difference_update(names)
            self._changed()
        elif what in ("ACK", "NAK"):
            self._answered([name.lstrip("~=") for name in names], is_granted=what == "ACK")

    def _request(self, names: Sequence[str] | Mapping[str, str]) -> None:
        wanted = [name for name in WANTED if name in names and name not in self.granted]
        if self._sasl.is_wanted and "sasl" in names and not self.logged_in:
            wanted.append("sasl")
        for group in wire.packed(wanted):
            self._ask_for(group)
        self._go_on()

    def _ask_for(self, names: list[str]) -> None:
        self._asked.append(names)
        self._send(f"CAP REQ :{' '.join(names)}")

    def _answered(self, names: Sequence[str], *, is_granted: bool) -> None:
        asked = next((group for group in self._asked if set(group) & {name.lstrip("-") for name in names}), None)
        if asked is not None:
            self._asked.remove(asked)
        if is_granted:
            self.granted |= {name for name in names if not name.startswith("-")}
            self.granted -= {name[1:] for name in names if name.startswith("-")}
            self._changed()
            if "sasl" in names and not self._sasl.way:
                self._begin_sasl()
        elif asked is not None and len(asked) > 1:  # all of a request is refused for one of it
            for name in asked:
                self._ask_for([name])
        self._go_on()

    def _go_on(self) -> None:
        if not self._asked and not self._sasl.way:
            self._end_negotiation()

    def _end_negotiation(self) -> None:
        if self._is_negotiating:
            self._is_negotiating = False
            self._without_login()
            self._send("CAP END")

    # -- the login --

    def _begin_sasl(self) -> None:
        self._sasl_since_s = self._clock.monotonic_s()
        self._sasl.begin(self._offered.get("sasl", ""))

    def _without_login(self) -> None:
        if self._sasl.is_wanted and not self.logged_in and not self.disbelief:
            self._sasl_ended("the network offers no SASL now; are its services there?")

    def _sasl_ended(self, why: str) -> None:
        self.logged_in = not why
        self.disbelief = DISBELIEF if why else ""
        if why:
            mend = "look at certificate_file, account and its password"
            why = f"not logged in ({why}); commands that need a role are refused here; {mend}"
        self._report(THE_LOGIN, why)
        self._changed()
        if self.welcome and self.logged_in and not self.is_me(self._wanted):
            self._take_nick_back()
        self._go_on()

    def _on_account(self, line: Line) -> None:
        """900: logged in; 901: not any more, by whoever did that."""
        if line.command == "901" and self.logged_in:
            self._sasl_ended("logged out by the network")

    # -- the nick --

    def _on_welcome(self, line: Line) -> None:
        self.nick = line.word(0) or self.nick
        self.welcome = True
        if self._wanted.startswith(self.nick):
            self._wanted = self.nick  # cut to what this network allows
        log.info("%s: connected as %s", self._network, self.nick)
        if self._is_negotiating:  # the server knows no capabilities
            self._is_negotiating = False
            self._without_login()
        self._tell_nick()
        if not self.is_me(self._wanted):
            self._take_nick_back()

    def _on_nick_trouble(self, line: Line) -> None:
        if self.welcome:
            return
        nick = next(self._others, None)
        if nick is None:
            self._give_up(f"no nick like {self.settings.nick} is free")
            return
        self.nick = nick
        self._send(f"NICK {nick}")

    def _on_nick(self, line: Line) -> None:
        if self.is_me(line.nick):
            self.nick = line.word(0) or self.nick
            self._tell_nick()
            if self.welcome and not self.is_me(self._wanted):
                self._take_nick_back()
        else:
            self._on_quit(line)

    def _on_quit(self, line: Line) -> None:
        if self.welcome and self.fold(line.nick) == self.fold(self._wanted) and not self.is_me(line.nick):
            self._send(f"NICK {self._wanted}")

    def _take_nick_back(self) -> None:
        """Ask services, which can take it from whoever has it, and try whether it is free."""
        if self._clock.monotonic_s() - self._nick_tried_s < NICK_AGAIN_S:
            return
        self._nick_tried_s = self._clock.monotonic_s()
        if self.logged_in and self.settings.services:
            self._send(f"PRIVMSG {self.settings.services} :REGAIN {self._wanted}")
        self._send(f"NICK {self._wanted}")

    def _tell_nick(self) -> None:
        if not self.welcome:
            return
        mend = "it is tried again every minute, and when whoever has it leaves"
        self._report(
            THE_NICK, "" if self.is_me(self._wanted) else f"I am {self.nick}, as {self._wanted} is taken; {mend}"
        )

    # -- the network --

    def _on_features(self, line: Line) -> None:
        for feature in line.arguments[1:]:
            name, _, value = feature.partition("=")
            if name == "CASEMAPPING":
                self.mapping = value.lower()
            elif name == "WHOX":
                self.has_whox = True
            elif name == "NICKLEN" and value.isdecimal() and int(value):
                self._wanted = self._wanted[: int(value)]
        self._changed()

    def _on_host(self, line: Line) -> None:
        if self._mask and (host := line.word(1)):
            self._mask = host if "@" in host else f"{self._mask.partition('@')[0]}@{host}"
