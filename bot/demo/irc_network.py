"""Who is on the demo's IRC network, in which channels, and how words reach them.

Everything happens in the loop, one line at a time, so nothing is shared, locked or awaited.
"""

import asyncio
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

NETWORK = "GordonDemo"
SERVER = "irc.demo"
ECHO = "echo-message"  # what a client says comes back to it, so that it knows that it was said
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


class Connection(Protocol):
    """What takes lines to a client."""

    def send(self, line: str) -> None:
        """Send one line, cut to what fits."""


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
    client: Connection | None = None
    echoes: bool = False
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
    is_moderated: bool = False  # only operators may speak

    def tell(self, line: str, but: Person | None = None) -> None:
        for member in list(self.members):
            if member is not but:
                member.hear(line)

    def shown(self, member: Person) -> str:
        return ("@" if member in self.operators else "") + member.nick


class Network:
    """People and channels, for clients and for those who only follow a script."""

    def __init__(self) -> None:
        self.people: dict[str, Person] = {}
        self.channels: dict[str, Channel] = {}
        self._observers: list[Callable[[Said], None]] = []

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
            if channel.is_moderated and person not in channel.operators:
                return f"404 {target} :Cannot send to channel (+m)"
            channel.tell(f":{person.mask} {command} {target} :{text}", but=None if person.echoes else person)
        elif hearer := self.people.get(fold(target)):
            target = hearer.nick
            for one in (hearer, person) if person.echoes else (hearer,):
                one.hear(f":{person.mask} {command} {target} :{text}")
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
    """Give what people see of a text: no stray bytes, and no space without width, which keeps names from pinging."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\u200b", "")


def rows(words: Iterable[str]) -> list[str]:
    """Pack words into rows that fit a reply."""
    packed: list[str] = []
    for word in words:
        if packed and len(packed[-1]) + len(word) < LINE_LIMIT - 2 * CHANNEL_LENGTH - NICK_LENGTH:
            packed[-1] += " " + word
        else:
            packed.append(word)
    return packed
