"""Who is in which group of users of a chat network, for the groups that `people.toml` gives roles."""

from collections.abc import Callable, Collection, Mapping

from bot.chat import Chat, Grouped
from bot.clock import Clock
from bot.errors import Refused
from bot.live import Live
from bot.rolls import Rolls


class Groups(Rolls[str]):
    """The accounts of their members, on the network whose name comes first: `moby/@maintainers`.

    Arguments:
        chats: tells the networks.
    """

    def __init__(self, chats: Callable[[], Mapping[str, Chat]], live: Live, clock: Clock) -> None:
        super().__init__(clock, "Slack", "group")
        self._chats = chats
        self._live = live

    def changed_on(self, network: str) -> None:
        """Ask again for the groups of a network, where one has changed."""
        self.changed([name for name in self.named() if name.partition("/")[0] == network])

    def named(self) -> Collection[str]:
        """List the groups that give roles."""
        return list(self._live.now.people.groups)

    async def look_up(self, name: str) -> Collection[str]:
        """Ask the network."""
        network, _, group = name.partition("/")
        chat = self._chats().get(network)
        if not isinstance(chat, Grouped):
            raise Refused(network, "has no groups")
        return await chat.members(group)

    def without(self, name: str) -> str:
        """Say what does not count."""
        return f"roles by {name} do not count"
