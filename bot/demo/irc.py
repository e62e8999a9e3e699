"""The demo's own IRC network, on loopback, for any client and for people who only follow a script.

It is a small asyncio server and not the `irc` package's: that one has a thread per client, drops a client at its
first unknown command or stray byte, and lacks CAP, WHO and MODE. The same tests are put to ngircd.
"""

import asyncio
import re
from collections.abc import Callable
from typing import ClassVar

from bot.demo.irc_network import (
    CHANNEL,
    CHANNEL_LENGTH,
    ECHO,
    FEATURES,
    LINE_END,
    LINE_LIMIT,
    NETWORK,
    SERVER,
    TOPIC_LENGTH,
    UNREAD_LIMIT,
    USER_LENGTH,
    VERSION,
    Channel,
    Network,
    Person,
    Said,
    fold,
    is_nick,
    parse,
    rows,
)

__all__ = ["UNREAD_LIMIT", "Client", "DemoNetwork", "Said", "fold", "parse"]


class DemoNetwork(Network):
    """An IRC network of one server without passwords or services; of capabilities it has echo-message."""

    def __init__(self) -> None:
        super().__init__()
        self.clients: set[Client] = set()
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

    def _cap(self, args: list[str]) -> None:
        action = args[0].upper()
        if action in ("LS", "LIST"):
            self._negotiating |= action == "LS" and not self.is_registered
            self.send(f":{SERVER} CAP {self.me.nick} {action} :{ECHO if action == 'LS' or self.me.echoes else ''}")
        elif action == "REQ":
            self._negotiating |= not self.is_registered
            wanted = " ".join(args[1:]).strip()
            if is_known := wanted.removeprefix("-") == ECHO:
                self.me.echoes = wanted == ECHO
            self.send(f":{SERVER} CAP {self.me.nick} {'ACK' if is_known else 'NAK'} :{wanted}")
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
                for row in rows(map(channel.shown, channel.members)):
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
            if wanted == "+i":
                self.send(f":{self.me.mask} MODE {self.me.nick} :+i")
            elif not wanted:
                self.reply("221 +")
        elif channel is None:
            self.reply(f"403 {target} :No such channel")
        elif not wanted:
            self.reply(f"324 {channel.name} +{'m' * channel.is_moderated}n")
        elif wanted in ("b", "+b") and len(args) == 2:
            self.reply(f"368 {channel.name} :End of channel ban list")
        elif self.me not in channel.operators:
            self.reply(f"482 {channel.name} :You are not channel operator")
        else:
            self.reply(f"472 {wanted.lstrip('+-')[:1]} :is unknown mode char for {channel.name}")

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
            for row in rows(
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
        self.reply("306 :You are marked as being away" if self.me.away else "305 :You are not marked as being away")

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
