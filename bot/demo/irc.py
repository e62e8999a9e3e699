"""The demo's own IRC network, on loopback, for any client and for people who only follow a script.

It is a small asyncio server and not the `irc` package's: that one has a thread per client, drops a client at its
first unknown command or stray byte, and lacks CAP, WHO and MODE. Here everything happens in the loop, one line at
a time, so nothing is shared, locked or awaited. Replies follow ngircd, to which the same tests are put.
"""

import asyncio
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import ClassVar

NETWORK = "GordonDemo"
SERVER = "irc.demo"
VERSION = "gordon-demo"
NICK_LENGTH, USER_LENGTH, CHANNEL_LENGTH, TOPIC_LENGTH = 30, 10, 50, 390
LINE_LIMIT = 512  # bytes, the line's end included
UNREAD_LIMIT = 1 << 20  # a client this many bytes behind is let go

NICK = re.compile(r"[A-Za-z\[\]\\`_^{|}][A-Za-z0-9\[\]\\`_^{|}-]*")
CHANNEL = re.compile(r"#[^\s,:\x07]+")
LINE_END = re.compile(rb"[\r\n]")  # a bare CR ends a line too, so that a client that lets one through is found out
ASCII_FOLD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")

FEATURES = (
    f"NETWORK={NETWORK} CASEMAPPING=ascii CHANTYPES=# PREFIX=(o)@ CHANMODES=b,,,n NICKLEN={NICK_LENGTH} "
    f"CHANNELLEN={CHANNEL_LENGTH} TOPICLEN={TOPIC_LENGTH} MAXTARGETS=4 :are supported on this server"
)


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody said in a channel, or to a scripted person."""

    nick: str
    target: str
    text: str
    is_notice: bool


@dataclass(eq=False, slots=True)
class Person:
    """Somebody on the network; one without a client is scripted and hears nothing."""

    nick: str
    user: str
    real_name: str
    client: "Client | None" = None
    away: str = ""

    @property
    def mask(self) -> str:
        return f"{self.nick}!{self.user}@127.0.0.1"

    def hear(self, line: str) -> None:
        if self.client is not None:
            self.client.send(line)


@dataclass(eq=False, slots=True)
class Channel:
    name: str
    topic: str = ""
    members: list[Person] = field(default_factory=list)
    operators: set[Person] = field(default_factory=set)

    def tell(self, line: str, but: Person | None = None) -> None:
        for member in list(self.members):
            if member is not but:
                member.hear(line)

    def shown(self, member: Person) -> str:
        return ("@" if member in self.operators else "") + member.nick


class DemoNetwork:
    """An IRC network of one server without passwords, services or capabilities."""

    def __init__(self) -> None:
        self.people: dict[str, Person] = {}
        self.channels: dict[str, Channel] = {}
        self.clients: set[Client] = set()
        self._observers: list[Callable[[Said], None]] = []
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> int:
        """Listen on loopback only and return the port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Client(self), "127.0.0.1", port)
        address: tuple[str, int] = self._server.sockets[0].getsockname()
        return address[1]

    async def stop(self) -> None:
        """Send everybody home and stop listening."""
        if self._server is None:
            return
        self._server.close()
        leaving = list(self.clients)
        for client in leaving:
            client.hang_up("Server shutting down")
        await asyncio.gather(*(client.gone for client in leaving))
        await self._server.wait_closed()
        self._server = None

    def on_message(self, observer: Callable[[Said], None]) -> None:
        """Call the observer with everything said from now on; private words between clients stay private."""
        self._observers.append(observer)

    def join(self, nick: str, channel: str) -> None:
        """Let a scripted person join; a nick a client holds already is a ValueError."""
        person = self.people.get(fold(nick))
        if person is None:
            if not is_nick(nick):
                raise ValueError(f"{nick!r} is no nick")
            person = self.people[fold(nick)] = Person(nick, "~" + nick[: USER_LENGTH - 1], nick)
        if person.client is not None:
            raise ValueError(f"{nick} is here with a client of their own")
        self.enter(person, channel)

    def say(self, nick: str, channel: str, text: str) -> None:
        """Let a scripted person speak, and join first if need be."""
        self.join(nick, channel)
        words = re.sub(r"[\r\n\0]+", " ", text)
        self.speak(self.people[fold(nick)], "PRIVMSG", self.channels[fold(channel)].name, words)

    def leave(self, nick: str, reason: str = "Leaving") -> None:
        """Let a scripted person leave the network."""
        person = self.people[fold(nick)]
        if person.client is not None:
            raise ValueError(f"{nick} is here with a client of their own")
        self.remove(person, reason)

    def enter(self, person: Person, name: str) -> Channel:
        """Put a person into a channel, which their coming may create."""
        channel = self.channels.setdefault(fold(name), Channel(name))
        if person not in channel.members:
            if not channel.members:
                channel.operators.add(person)
            channel.members.append(person)
            channel.tell(f":{person.mask} JOIN :{channel.name}")
        return channel

    def exit(self, person: Person, channel: Channel) -> None:
        """Take a person out of a channel, which ends with its last member."""
        channel.members.remove(person)
        channel.operators.discard(person)
        if not channel.members:
            del self.channels[fold(channel.name)]

    def speak(self, person: Person, command: str, target: str, text: str) -> str:
        """Carry words to a channel or a person and return the error reply, if there is one."""
        if channel := self.channels.get(fold(target)):
            if person not in channel.members:
                return f"404 {target} :Cannot send to channel"
            target = channel.name
            channel.tell(f":{person.mask} {command} {target} :{text}", but=person)
        elif hearer := self.people.get(fold(target)):
            target = hearer.nick
            hearer.hear(f":{person.mask} {command} {target} :{text}")
            if hearer.away and command == "PRIVMSG":
                person.hear(f":{SERVER} 301 {person.nick} {hearer.nick} :{hearer.away}")
            if hearer.client is not None:
                return ""
        else:
            return f"401 {target} :No such nick or channel name"
        said = Said(person.nick, target, _printable(text), command == "NOTICE")
        for observer in self._observers:
            # Not called from here: what goes wrong in an observer must not cost the speaker the connection.
            asyncio.get_running_loop().call_soon(observer, said)
        return ""

    def remove(self, person: Person, reason: str) -> None:
        """Take a person off the network and tell those who could see them."""
        for neighbour in self.neighbours(person):
            neighbour.hear(f":{person.mask} QUIT :{reason}")
        for channel in self.channels_of(person):
            self.exit(person, channel)
        del self.people[fold(person.nick)]

    def channels_of(self, person: Person) -> list[Channel]:
        return [channel for channel in self.channels.values() if person in channel.members]

    def neighbours(self, person: Person) -> set[Person]:
        return {member for channel in self.channels_of(person) for member in channel.members} - {person}


class Client(asyncio.Protocol):
    """One connection: it reads lines, answers them, and never raises for what it reads."""

    transport: asyncio.Transport

    def __init__(self, network: DemoNetwork) -> None:
        self.network = network
        self.me = Person("*", "", "", client=self)
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._unread = b""
        self._negotiating = False

    @property
    def is_registered(self) -> bool:
        return self.network.people.get(fold(self.me.nick)) is self.me

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.network.clients.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._depart("Connection closed")
        self.network.clients.discard(self)
        self.gone.set_result(None)

    def data_received(self, data: bytes) -> None:
        *lines, self._unread = LINE_END.split(self._unread + data)
        for line in lines:
            if len(line) > LINE_LIMIT - 2:
                self.hang_up("Request too long")
            if self.transport.is_closing():
                return
            self._obey(line.replace(b"\0", b"").decode("utf-8", "surrogateescape"))
        if len(self._unread) > LINE_LIMIT:
            self.hang_up("Request too long")

    def send(self, line: str) -> None:
        """Send one line, cut to what fits."""
        if self.transport.is_closing():
            return
        self.transport.write(line.encode("utf-8", "surrogateescape")[: LINE_LIMIT - 2] + b"\r\n")
        if self.transport.get_write_buffer_size() > UNREAD_LIMIT:
            self.transport.abort()

    def reply(self, numeric_and_words: str) -> None:
        numeric, _, words = numeric_and_words.partition(" ")
        self.send(f":{SERVER} {numeric} {self.me.nick} {words}")

    def hang_up(self, reason: str) -> None:
        """Say why, and close; a client that does not read is cut off."""
        self.send(f"ERROR :{reason}")
        self._depart(reason)
        self.transport.close()
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    def _depart(self, reason: str) -> None:
        if self.is_registered:
            self.network.remove(self.me, reason)

    def _obey(self, line: str) -> None:
        command, args = parse(line)
        if not command:
            return
        handler, needed, is_early = self.COMMANDS.get(command, (None, 0, False))
        if not self.is_registered and not is_early:
            self.reply("451 :Connection not registered")
        elif handler is None:
            self.reply(f"421 {command} :Unknown command")
        elif len(args) < needed:
            self.reply(f"461 {command} :Syntax error")
        else:
            handler(self, args)

    # Coming and going

    def _cap(self, args: list[str]) -> None:
        action = args[0].upper()
        if action in ("LS", "LIST"):
            self._negotiating |= action == "LS" and not self.is_registered
            self.send(f":{SERVER} CAP {self.me.nick} {action} :")
        elif action == "REQ":
            self._negotiating |= not self.is_registered
            self.send(f":{SERVER} CAP {self.me.nick} NAK :{' '.join(args[1:])}")
        elif action == "END":
            self._negotiating = False
            self._register()
        else:
            self.reply(f"410 {args[0]} :Invalid CAP subcommand")

    def _pass(self, args: list[str]) -> None:
        if self.is_registered:
            self.reply("462 :Connection already registered")

    def _nick(self, args: list[str]) -> None:
        if not args or not args[0]:
            self.reply("431 :No nickname given")
        elif not is_nick(args[0]):
            self.reply(f"432 {args[0]} :Erroneous nickname")
        elif self.network.people.get(fold(args[0]), self.me) is not self.me:
            self.reply(f"433 {args[0]} :Nickname already in use")
        elif self.is_registered:
            self._rename(args[0])
        else:
            self.me.nick = args[0]
            self._register()

    def _rename(self, nick: str) -> None:
        for hearer in {*self.network.neighbours(self.me), self.me}:
            hearer.hear(f":{self.me.mask} NICK :{nick}")
        del self.network.people[fold(self.me.nick)]
        self.me.nick = nick
        self.network.people[fold(nick)] = self.me

    def _user(self, args: list[str]) -> None:
        if self.is_registered:
            self.reply("462 :Connection already registered")
            return
        name = re.sub(r"[^A-Za-z0-9._-]", "", args[0]) or "user"
        self.me.user, self.me.real_name = "~" + name[: USER_LENGTH - 1], args[3]
        self._register()

    def _register(self) -> None:
        if self._negotiating or self.is_registered or self.me.nick == "*" or not self.me.user:
            return
        if fold(self.me.nick) in self.network.people:  # somebody was faster
            taken, self.me.nick = self.me.nick, "*"
            self.reply(f"433 {taken} :Nickname already in use")
            return
        self.network.people[fold(self.me.nick)] = self.me
        self.reply(f"001 :Welcome to {NETWORK} {self.me.mask}")
        self.reply(f"002 :Your host is {SERVER}, running version {VERSION}")
        self.reply("003 :This server lives as long as the demo")
        self.reply(f"004 {SERVER} {VERSION} i bno")
        self.reply(f"005 {FEATURES}")
        self._lusers([])
        self._motd([])

    def _quit(self, args: list[str]) -> None:
        self.hang_up(args[0] if args else "Quit")

    def _ping(self, args: list[str]) -> None:
        if args:
            self.send(f":{SERVER} PONG {SERVER} :{args[0]}")
        else:
            self.reply("409 :No origin specified")

    def _pong(self, args: list[str]) -> None:
        """Any line at all shows that a client lives, so there is nothing to do."""

    # Channels

    def _join(self, args: list[str]) -> None:
        if args[0] == "0":
            for channel in self.network.channels_of(self.me):
                self._part([channel.name])
            return
        for name in args[0].split(","):
            if not CHANNEL.fullmatch(name) or len(name) > CHANNEL_LENGTH:
                self.reply(f"403 {name} :No such channel")
            elif self.me not in (known := self.network.channels.get(fold(name), Channel(name))).members:
                channel = self.network.enter(self.me, known.name)
                if channel.topic:
                    self.reply(f"332 {channel.name} :{channel.topic}")
                self._names([channel.name])

    def _mine(self, name: str) -> Channel | None:
        channel = self.network.channels.get(fold(name))
        if channel is None:
            self.reply(f"403 {name} :No such channel")
        elif self.me not in channel.members:
            self.reply(f"442 {name} :You are not on that channel")
        else:
            return channel
        return None

    def _part(self, args: list[str]) -> None:
        for name in args[0].split(","):
            if channel := self._mine(name):
                channel.tell(f":{self.me.mask} PART {channel.name} :{args[1] if len(args) > 1 else self.me.nick}")
                self.network.exit(self.me, channel)

    def _topic(self, args: list[str]) -> None:
        channel = self._mine(args[0])
        if channel is None:
            return
        if len(args) > 1:
            channel.topic = args[1][:TOPIC_LENGTH]
            channel.tell(f":{self.me.mask} TOPIC {channel.name} :{channel.topic}")
        elif channel.topic:
            self.reply(f"332 {channel.name} :{channel.topic}")
        else:
            self.reply(f"331 {channel.name} :No topic is set")

    def _kick(self, args: list[str]) -> None:
        channel, person = self._mine(args[0]), self.network.people.get(fold(args[1]))
        if channel is None:
            return
        if person is None or person not in channel.members:
            self.reply(f"441 {args[1]} {channel.name} :They are not on that channel")
        elif self.me not in channel.operators:
            self.reply(f"482 {channel.name} :You are not channel operator")
        else:
            reason = args[2] if len(args) > 2 else self.me.nick
            channel.tell(f":{self.me.mask} KICK {channel.name} {person.nick} :{reason}")
            self.network.exit(person, channel)

    def _names(self, args: list[str]) -> None:
        names = args[0].split(",") if args else [channel.name for channel in self.network.channels.values()]
        for name in names:
            if channel := self.network.channels.get(fold(name)):
                for row in _rows(map(channel.shown, channel.members)):
                    self.reply(f"353 = {channel.name} :{row}")
            self.reply(f"366 {name} :End of NAMES list")

    def _list(self, args: list[str]) -> None:
        wanted = {fold(name) for name in args[0].split(",")} if args else self.network.channels.keys()
        self.reply("321 Channel :Users  Name")
        for key, channel in self.network.channels.items():
            if key in wanted:
                self.reply(f"322 {channel.name} {len(channel.members)} :{channel.topic}")
        self.reply("323 :End of LIST")

    def _mode(self, args: list[str]) -> None:
        target, wanted = args[0], args[1] if len(args) > 1 else ""
        channel = self.network.channels.get(fold(target))
        if fold(target) == fold(self.me.nick):
            if not wanted:
                self.reply("221 +")
        elif channel is None:
            self.reply(f"403 {target} :No such channel")
        elif not wanted:
            self.reply(f"324 {channel.name} +n")
        elif wanted in ("b", "+b") and len(args) == 2:
            self.reply(f"368 {channel.name} :End of channel ban list")
        elif self.me not in channel.operators:
            self.reply(f"482 {channel.name} :You are not channel operator")
        else:
            self.reply(f"472 {wanted.lstrip('+-')[:1]} :is unknown mode char for {channel.name}")

    # People

    def _privmsg(self, args: list[str]) -> None:
        self._speak("PRIVMSG", args)

    def _notice(self, args: list[str]) -> None:
        self._speak("NOTICE", args)

    def _speak(self, command: str, args: list[str]) -> None:
        problem = ""
        if not args:
            problem = f"411 :No recipient given ({command})"
        elif len(args) < 2 or not args[1]:
            problem = "412 :No text to send"
        for target in args[0].split(",") if not problem else ():
            if error := self.network.speak(self.me, command, target, args[1]):
                problem = error
        if problem and command == "PRIVMSG":  # a notice is never answered, so that two programs cannot loop
            self.reply(problem)

    def _who(self, args: list[str]) -> None:
        channel = self.network.channels.get(fold(args[0]))
        person = self.network.people.get(fold(args[0]))
        for member in channel.members if channel else [person] if person else []:
            flags = ("G" if member.away else "H") + ("@" if channel and member in channel.operators else "")
            where = channel.name if channel else "*"
            who = f"{where} {member.user} 127.0.0.1 {SERVER} {member.nick} {flags}"
            self.reply(f"352 {who} :0 {member.real_name}")
        self.reply(f"315 {args[0]} :End of WHO list")

    def _whois(self, args: list[str]) -> None:
        person = self.network.people.get(fold(args[-1]))
        if person is None:
            self.reply(f"401 {args[-1]} :No such nick or channel name")
        else:
            self.reply(f"311 {person.nick} {person.user} 127.0.0.1 * :{person.real_name}")
            self.reply(f"312 {person.nick} {SERVER} :{NETWORK}")
            for row in _rows(
                channel.shown(person)[: -len(person.nick)] + channel.name
                for channel in self.network.channels_of(person)
            ):
                self.reply(f"319 {person.nick} :{row}")
            if person.away:
                self.reply(f"301 {person.nick} :{person.away}")
        self.reply(f"318 {args[-1]} :End of WHOIS list")

    def _userhost(self, args: list[str]) -> None:
        known = [person for nick in args[:5] if (person := self.network.people.get(fold(nick)))]
        self.reply("302 :" + " ".join(f"{p.nick}={'-' if p.away else '+'}{p.user}@127.0.0.1" for p in known))

    def _ison(self, args: list[str]) -> None:
        nicks = [nick for arg in args for nick in arg.split()]
        self.reply(
            "303 :" + " ".join(self.network.people[fold(n)].nick for n in nicks if fold(n) in self.network.people)
        )

    def _away(self, args: list[str]) -> None:
        self.me.away = args[0] if args else ""
        if self.me.away:
            self.reply("306 :You have been marked as being away")
        else:
            self.reply("305 :You are no longer marked as being away")

    def _lusers(self, args: list[str]) -> None:
        self.reply(f"251 :There are {len(self.network.people)} users and 0 services on 1 servers")
        self.reply(f"254 {len(self.network.channels)} :channels formed")
        self.reply(f"255 :I have {len(self.network.people)} users, 0 services and 0 servers")

    def _motd(self, args: list[str]) -> None:
        self.reply("422 :No message of the day here")

    # What a command is called: its method, how many arguments it needs, and whether it comes before registration
    COMMANDS: ClassVar[dict[str, tuple[Callable[["Client", list[str]], None], int, bool]]] = {
        "AWAY": (_away, 0, False),
        "CAP": (_cap, 1, True),
        "ISON": (_ison, 1, False),
        "JOIN": (_join, 1, False),
        "KICK": (_kick, 2, False),
        "LIST": (_list, 0, False),
        "LUSERS": (_lusers, 0, False),
        "MODE": (_mode, 1, False),
        "MOTD": (_motd, 0, False),
        "NAMES": (_names, 0, False),
        "NICK": (_nick, 0, True),
        "NOTICE": (_notice, 0, False),
        "PART": (_part, 1, False),
        "PASS": (_pass, 1, True),
        "PING": (_ping, 0, True),
        "PONG": (_pong, 0, True),
        "PRIVMSG": (_privmsg, 0, False),
        "QUIT": (_quit, 0, True),
        "TOPIC": (_topic, 1, False),
        "USER": (_user, 4, True),
        "USERHOST": (_userhost, 1, False),
        "WHO": (_who, 1, False),
        "WHOIS": (_whois, 1, False),
    }


def parse(line: str) -> tuple[str, list[str]]:
    """Split a client's line into its command, in capitals, and the arguments."""
    line = re.sub(r"^(@\S*( +|$))?(:\S*( +|$))?", "", line)
    front, colon, last = line.partition(" :")
    words = [word for word in front.split(" ") if word]
    return (words[0].upper() if words else ""), words[1:] + ([last] if colon else [])


def fold(name: str) -> str:
    """Lower the letters that CASEMAPPING=ascii lowers."""
    return name.translate(ASCII_FOLD)


def is_nick(word: str) -> bool:
    return len(word) <= NICK_LENGTH and NICK.fullmatch(word) is not None


def _printable(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _rows(words: Iterable[str]) -> list[str]:
    """Pack words into rows that fit a reply."""
    rows: list[str] = []
    for word in words:
        if rows and len(rows[-1]) + len(word) < LINE_LIMIT - 2 * CHANNEL_LENGTH - NICK_LENGTH:
            rows[-1] += " " + word
        else:
            rows.append(word)
    return rows
