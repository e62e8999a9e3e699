"""Who is in our channels on one IRC connection, so that words of others ping nobody (A16)."""

from collections.abc import Callable

from bot.adapters.irc_link import Line

SIGNS = "~&@%+!"  # before a nick in NAMES: what it may do in the channel
MAX_MEMBERS = 20_000  # of one channel; the largest have half as many


class Members:
    """The nicks in each channel.

    Arguments:
        fold: folds a nick or a channel as this network does.
    """

    def __init__(self, fold: Callable[[str], str]) -> None:
        self._fold = fold
        self._in: dict[str, set[str]] = {}

    def has(self, channel: str, nick: str) -> bool:
        """Tell whether somebody is in a channel, as far as the server has told."""
        return self._fold(nick) in self._in.get(self._fold(channel), ())

    def names(self, line: Line) -> None:
        """Note one line of NAMES, 353."""
        for name in line.last.split():
            self.came(name.lstrip(SIGNS), line.word(2))

    def we_came(self, channel: str) -> None:
        """Begin with a channel that we are in now."""
        self._in[self._fold(channel)] = set()

    def came(self, nick: str, channel: str) -> None:
        """Note a JOIN."""
        members = self._in.get(self._fold(channel))
        if members is not None and len(members) < MAX_MEMBERS:
            members.add(self._fold(nick))

    def left(self, nick: str, channel: str) -> None:
        """Note a PART or a KICK."""
        self._in.get(self._fold(channel), set()).discard(self._fold(nick))

    def gone(self, nick: str) -> None:
        """Note a QUIT."""
        for members in self._in.values():
            members.discard(self._fold(nick))

    def renamed(self, old: str, new: str) -> None:
        """Note a NICK."""
        for members in self._in.values():
            if self._fold(old) in members:
                members.remove(self._fold(old))
                members.add(self._fold(new))
