"""All that people do on one Slack besides talking, given to whom it concerns."""

from collections.abc import Callable, Mapping
from typing import Any

from bot.adapters.slack_ack import Ack
from bot.adapters.slack_api import Api
from bot.adapters.slack_beside import Beside
from bot.adapters.slack_clicks import Click, read_click, read_opened, read_shared
from bot.adapters.slack_forms import Forms
from bot.adapters.slack_home import REFRESH, Home
from bot.adapters.slack_output import Output
from bot.adapters.slack_places import Places
from bot.adapters.slack_pressing import Pressing
from bot.adapters.slack_seats import Seats, Who
from bot.adapters.slack_shortcuts import Shortcuts
from bot.adapters.slack_unfurl import Unfurl
from bot.adapters.slack_views import About
from bot.adapters.slack_wire import Slash
from bot.chat import Heard, Inside
from bot.clock import Clock
from bot.settings import SlackSettings

HOME = "home"


class Interactions:
    """Buttons, forms, shortcuts, the Home tab and links of one workspace.

    Arguments:
        inside: what to ask of Gordon; known once the program has told.
        who: tells who somebody is: of a workspace, a user and a name that proves nothing.
        settings: those in force.
    """

    def __init__(
        self,
        network: str,
        api: Api,
        places: Places,
        output: Output,
        inside: Callable[[], Inside],
        who: Who,
        settings: Callable[[], SlackSettings],
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._beside = Beside()
        self._seats = seats = Seats(network, places, who)
        self._pressing = Pressing(seats, output, inside, self._beside)
        self._forms = Forms(api, seats, output, inside, clock, self._beside, self._pressing.was_filled)
        self._pressing.show = self._forms.show
        self._home = Home(api, seats, inside, clock, self._beside)
        self._unfurl = Unfurl(api, seats, places, inside, clock)
        self._shortcuts = Shortcuts(seats, output, self._forms, inside, self._beside)

    async def close(self) -> None:
        """End what is under way."""
        await self._beside.close()

    async def clicked(self, payload: Mapping[str, Any]) -> Ack:
        """Take what somebody clicked, typed into a menu or submitted; what is none of ours is acknowledged.

        Raises:
            StorageError: the disk does not take the command; it is not to be acknowledged.
            Unreadable: Slack sends no such thing.
        """
        click = read_click(payload)
        if click.type == "block_actions":
            return await self._pressed(click)
        if click.type == "view_submission":
            return await self._forms.submitted(click)
        if click.type == "block_suggestion":
            return await self._forms.options(click)
        if click.type in ("message_action", "shortcut"):
            self._shortcuts.taken(click)
        return Ack()

    def told(self, payload: Mapping[str, Any]) -> bool:
        """Take an event of links or of the Home tab, beside its acknowledgement; False for any other.

        Raises:
            Unreadable: it is none that Slack sends.
        """
        event = payload.get("event")
        kind = event.get("type") if isinstance(event, Mapping) else None
        if not isinstance(event, Mapping) or kind not in ("link_shared", "app_home_opened"):
            return False
        if kind == "app_home_opened":
            if (opened := read_opened(event)).tab == HOME:
                self._home.opened(opened.user)
        elif self._settings().unfurl:
            self._beside.do(self._unfurl.shared(read_shared(event)))
        return True

    async def given(self, slash: Slash) -> Heard:
        """Make a command of one with a slash.

        Raises:
            UserError: it is not obeyed where it was given; in words for whoever gave it.
        """
        return await self._seats.heard(
            slash.text, slash.trigger, slash.user, slash.team, slash.name, channel=slash.channel
        )

    def asks(self, slash: Slash) -> bool:
        """Open the form of a command with a slash whose rest is to be asked for; False if it is to be done as it is."""
        if not self._forms.wants(slash.text):
            return False
        about = About(channel="" if slash.is_private else slash.channel)
        self._forms.open(slash.trigger, slash.user, about, lambda: self.given(slash))
        return True

    async def _pressed(self, click: Click) -> Ack:
        if click.container.type != "view" and click.view is None:
            return await self._pressing.pressed(click)
        if any(action.action_id == REFRESH for action in click.actions):
            self._home.opened(click.user.id, click.team_id, click.user.name)
        return Ack()
