"""What `gordon doctor` asks one Slack workspace, without taking a delivery from anybody.

What it changes is what Gordon itself does when it starts: it enters the public channels of the configuration.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

from bot.adapters.slack_account import Account
from bot.adapters.slack_api import Api
from bot.adapters.slack_places import Places, about
from bot.errors import Refused, Unavailable, Unrecognised
from bot.findings import About, At, Finding
from bot.settings import SlackSettings
from bot.slack_manifest import LINK_SCOPES, SCOPES

APPS = "https://api.slack.com/apps"
BOT, APP = "bot_token_file", "app_token_file"
SILENT = "run `curl -sSI https://slack.com/api/api.test`; see https://slack-status.com, and HTTPS_PROXY"


class SlackExamination:
    """Looks at one workspace.

    Arguments:
        open_socket: has a socket's address given, without opening it; None where Slack posts to us.
        troubles: those that are reported, by what they are about.
    """

    def __init__(
        self,
        network: str,
        settings: SlackSettings,
        api: Api,
        account: Account,
        places: Places,
        open_socket: Callable[[], Awaitable[str]] | None,
        troubles: Mapping[str, str],
    ) -> None:
        self._about = About(f"Slack {network}")
        self._at: At = ("slack", network)
        self._network = network
        self._settings = settings
        self._api = api
        self._account = account
        self._places = places
        self._open_socket = open_socket
        self._troubles = troubles

    async def findings(self) -> AsyncIterator[Finding]:
        """Look at everything; once Slack does not answer, or not to us, the rest would end alike."""
        try:
            await self._account.introduce()
            for finding in self._met():
                yield finding
        except (Unavailable, Refused) as error:
            yield self._silence(error, BOT)
            return
        yield await self._way_in()
        try:
            await self._places.refresh()
        except (Unavailable, Refused) as error:
            yield self._silence(error, BOT)
            return
        for finding in self._channels():
            yield finding

    def _met(self) -> Iterator[Finding]:
        us, peer = self._account.us, self._about.neighbour
        yield self._about.well("reachable", f"{self._settings.url} answers")
        yield self._about.well("authenticated", f"it knows us as {us.name or us.user} in the workspace {us.team}")
        if self._api.ahead is not None:
            yield self._about.clock(self._api.ahead)
        has, scopes = self._api.scopes, {**SCOPES, **(LINK_SCOPES if self._settings.unfurl else {})}
        if has is None:
            yield self._about.unknown("allowed", "it does not tell which scopes the token has")
            return
        lacking = [name for name in scopes if name not in has]
        for name in lacking:
            what = f"{peer}: the app lacks the scope {name}, to {scopes[name]}"
            remedy = f"paste what `gordon slack manifest` prints at {APPS}/{us.app}/app-manifest, and install it again"
            yield self._about.wrong("allowed", what, remedy)
        if not lacking:
            yield self._about.well("allowed", "the app has the scopes of its manifest")

    async def _way_in(self) -> Finding:
        if self._open_socket is None:
            what = f"it posts to /slack/{self._network}/events on [web]; whether that arrives only Slack's page tells"
            remedy = f"look at {APPS}/{self._account.us.app}/event-subscriptions: Request URL must say Verified"
            return self._about.unknown("delivers", what, remedy)
        try:
            await self._open_socket()
        except (Unavailable, Refused) as error:
            return self._silence(error, APP)
        return self._about.well("delivers", "it gives us a socket")

    def _channels(self) -> Iterator[Finding]:
        for name in self._settings.channels:
            if words := self._troubles.get(about(name), ""):
                remedy = f"in Slack say `/invite @gordon` in {name}, or mend its name here"
                what = f"{self._about.neighbour}: {about(name)}: {words}"
                yield self._about.wrong(f"channel {name}", what, remedy, (*self._at, "channels"))
            else:
                yield self._about.well(f"channel {name}", f"we are in {name}")
        known = {about(name) for name in self._settings.channels}
        for what, words in self._troubles.items():
            if words and what not in known:
                yield self._about.wrong("trouble", f"{self._about.neighbour}: {what}: {words}", f"see {APPS}")

    def _silence(self, error: Unavailable | Refused, key: str) -> Finding:
        at = (*self._at, key)
        if isinstance(error, Unavailable):
            return self._about.wrong("reachable", str(error), SILENT, (*self._at, "url"))
        page = "OAuth & Permissions" if key == BOT else "Basic Information, App-Level Tokens"
        remedy = f"take a new token from {APPS}, {page}, and write it into the file"
        check = "authenticated" if isinstance(error, Unrecognised) else "allowed"
        return self._about.wrong(check if key == BOT else "delivers", str(error), remedy, at)
