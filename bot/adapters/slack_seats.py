"""Where somebody clicked and who they are, as commands are told it."""

from collections.abc import Awaitable, Callable

from bot.adapters.slack_places import Places
from bot.chat import Heard
from bot.errors import UserError
from bot.values import Place, Speaker

Who = Callable[[str, str, str], Awaitable[Speaker]]  # of a workspace, a user and a name that proves nothing


class Seats:
    """People in the places of one workspace."""

    def __init__(self, network: str, places: Places, who: Who) -> None:
        self.network = network
        self._places = places
        self._who = who

    async def heard(
        self, text: str, key: str, user: str, team: str = "", name: str = "", *, channel: str = "", thread: str = ""
    ) -> Heard:
        """Make a command of what somebody did.

        Arguments:
            key: what tells it from all else that was done here.
            channel: the id of where it is answered; empty, or a direct message: to them alone.

        Raises:
            UserError: commands are not obeyed there.
        """
        known = self.place(channel)
        speaker = await self._who(team, user, name)
        place = Place(self.network, user, to=user, private=True, account=speaker.account)
        if known:
            place = Place(self.network, known, thread, to=user)
        return Heard(f"slack:{self.network}:{key}", text, speaker, place, awaits_disk=True)

    def place(self, channel: str) -> str:
        """Tell how the configuration calls a channel; empty for a direct message.

        Raises:
            UserError: commands are not obeyed there.
        """
        if not channel or channel.startswith("D"):
            return ""
        if (known := self._places.place_of(channel)) is None:
            raise UserError(self._places.elsewhere())
        return known

    async def speaker(self, user: str, team: str = "", name: str = "") -> Speaker:
        """Tell who somebody is."""
        return await self._who(team, user, name)

    async def is_own(self, channel: str, user: str) -> bool:
        """Tell whether a direct message is that of somebody with us.

        Raises:
            Unavailable: Slack does not tell.
            Refused: there is none.
        """
        return await self._places.id_of(Place(self.network, user, to=user, private=True)) == channel
