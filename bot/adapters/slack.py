"""Slack as a `Chat`: one workspace, by a socket that we open or by requests that it posts, and by its Web API.

The parts: `slack_socket` and `slack_http` bring what Slack delivers, `slack_app` acknowledges it, `slack_hearing` makes
commands of lines, `slack_interactions` of what is clicked, `slack_members` tells who it was, `slack_places` where, and
`slack_account` who we are; `slack_output` says what we say. Here they meet.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bot.adapters import slack_groups
from bot.adapters import slack_wire as wire
from bot.adapters.open_troubles import OpenTroubles
from bot.adapters.slack_account import Account
from bot.adapters.slack_ack import Ack
from bot.adapters.slack_api import PROOF, Api
from bot.adapters.slack_app import SlackApp
from bot.adapters.slack_blocks import blocks_of, fallback
from bot.adapters.slack_examination import SlackExamination
from bot.adapters.slack_files import Files
from bot.adapters.slack_hearing import Hearing
from bot.adapters.slack_interactions import Interactions
from bot.adapters.slack_members import Members
from bot.adapters.slack_output import Output
from bot.adapters.slack_pictures import Pictures
from bot.adapters.slack_places import Places
from bot.adapters.slack_socket import SlackSocket
from bot.adapters.slack_wire import Unreadable
from bot.bounded import Bounded
from bot.calls import Calls
from bot.chat import Hear, Heard, Inside, Instead, MessageRef, Report, Words
from bot.clock import Clock
from bot.errors import ConfigError, Refused, StorageError, Unavailable, UserError
from bot.findings import Finding, words_of
from bot.settings import SlackSettings
from bot.values import Place

LINES = ("message", "app_mention")
GONE = ("tokens_revoked", "app_uninstalled")
CLICKS = ("block_actions", "view_submission", "view_closed", "block_suggestion", "message_action", "shortcut")
GROUPS = "subteam_"
MAX_SEEN = 1000  # commands with a slash that are remembered; what changes something the journal takes once anyway
LIMITED = "app_rate_limited"  # comes once a minute then: https://docs.slack.dev/reference/events/app_rate_limited/
NOT_TOLD = "more than 30,000 events in an hour; Slack leaves some out, and commands among them are not heard"
TOKENS = "its tokens"
HELP = "help"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SlackSecrets:
    """What lets us in.

    Arguments:
        read_token: reads the bot's token, which may be renewed.
        read_app_token: reads the one that opens sockets, which may be renewed, too; None where Slack posts to us.
    """

    read_token: Callable[[], str]
    read_app_token: Callable[[], str] | None = None


class Slack:
    """One workspace.

    Arguments:
        network: its name in `gordon.toml`.
        prefix: what a command may begin with that mentions nobody, "!".

    Raises:
        ConfigError: a secret cannot be read.
    """

    def __init__(
        self,
        network: str,
        settings: SlackSettings,
        secrets: SlackSecrets,
        prefix: str,
        clock: Clock,
        calls: Calls | None = None,
    ) -> None:
        self.network = network
        self.report: Report = lambda about, words: None
        self.listens: Callable[[Place], bool] = lambda place: False
        self.on_groups_changed: Callable[[], None] = lambda: None
        self.app = SlackApp(network, self.take)
        self._settings = settings
        self._secrets = secrets
        self._clock = clock
        self._hear: Hear | None = None
        self._inside: Inside | None = None
        self._troubles = OpenTroubles(network)
        self._slashed: Bounded[str, None] = Bounded(MAX_SEEN)
        token = secrets.read_token()
        self._api = Api(network, settings.url, token, settings.timeout_s, clock, self._tell, calls)
        self._account = Account(self._api, token, secrets.read_token, clock)
        self._places = Places(self._api, clock, self._tell)
        self._pictures = Pictures()
        self._output = Output(
            self._api, self._places, Files(self._api, self._pictures.draw, clock.sleep), clock, self._tell
        )
        self._members = Members(network, self._api.call, lambda: self._account.us, clock)
        self._hearing = Hearing(
            network,
            settings,
            prefix,
            clock,
            self._members,
            installed=lambda: self._account.us,
            place_of=self._places.place_of,
            elsewhere=self._places.elsewhere,
            hear=self._hand_on,
            whisper=self._output.whisper,
            listens=lambda place: self.listens(place),
        )
        self._interactions = Interactions(
            network,
            self._api,
            self._places,
            self._output,
            self._ask,
            self._members.who,
            lambda: self._settings,
            clock,
        )
        self._opener: Api | None = None
        self._socket: SlackSocket | None = None
        if secrets.read_app_token is not None:
            # What is wrong with its token is told with the socket, which there is none without.
            self._opener = Api(
                network, settings.url, secrets.read_app_token(), settings.timeout_s, clock, lambda about, words: None
            )
            self._socket = SlackSocket(network, self._address, self.app, self._tell, self._greeted)
        self._configure(settings)

    # -- for the program --

    def meet(self, inside: Inside) -> None:
        """Learn what to ask of Gordon besides handing lines on."""
        self._inside = inside

    def connected(self) -> bool:
        """Tell whether Slack answers, knows us by our token, and has a way to us; a channel may be missing."""
        is_reached = self._socket is None or self._socket.is_open()
        is_answered = not self._api.is_refused_token and not self._api.is_silent
        return self._account.is_known and is_answered and is_reached

    def change(self, settings: SlackSettings, keys: Mapping[str, str], prefix: str) -> None:
        """Go by other settings from now on, as far as they are not about how to connect.

        Arguments:
            keys: of channels, which Slack has none of.
        """
        self._settings = settings
        self._hearing.configure(settings, prefix)
        self._configure(settings)

    async def run(self, hear: Hear) -> None:
        """Find out who we are, hand on what is delivered, connect again by itself; end only when cancelled."""
        self._hear = hear
        try:
            await self._account.meet()
            self._places.own_id = self._account.us.user
            async with asyncio.TaskGroup() as parts:
                parts.create_task(self._places.run(), name=f"channels of {self.network}")
                parts.create_task(self._account.run(), name=f"token of {self.network}")
                if self._socket is not None:
                    parts.create_task(self._socket.run(), name=f"socket of {self.network}")
        finally:
            self._hear = None
            await self.close()

    async def close(self) -> None:
        """End what is under way, and hang up."""
        await asyncio.gather(self._interactions.close(), self._hearing.close(), self._output.close())
        await self._members.close()
        await self._api.close()
        if self._opener is not None:
            await self._opener.close()
        self._pictures.close()

    async def send(self, place: Place, words: Words, *, instead: Instead | None = None) -> MessageRef:
        """Say words at a place.

        Raises:
            Unavailable: nothing is said now.
            Refused: waiting changes nothing.
        """
        return await self._output.send(place, words, instead=instead)

    async def edit(self, ref: MessageRef, words: Words) -> MessageRef:
        """Have a message say something else; several states in a row are folded into the last.

        Raises:
            Unavailable: not now.
            Refused: it is gone, or too old.
        """
        return await self._output.edit(ref, words)

    async def arrived(self, ref: MessageRef) -> None:
        """What Slack has answered it has kept.

        Raises:
            Unavailable: it did not answer.
        """
        await self._output.arrived(ref)

    def under(self, ref: MessageRef) -> Place:
        """Tell the place of the thread under a message that was sent."""
        return self._output.under(ref)

    async def members(self, group: str) -> frozenset[str]:
        """Tell the accounts of a user group's members.

        Raises:
            Unavailable: not now.
            Refused: there is no such group, or we may not see it.
        """
        return await slack_groups.members(self._api, group)

    def show_load(self, words: str) -> None:
        """A bot at Slack has no status."""

    # -- what is delivered --

    async def take(self, payload: Mapping[str, Any]) -> Ack:
        """Take a delivery; it may be acknowledged when this has ended.

        Raises:
            StorageError: the disk does not take it, or we are not ready; it is to be delivered again.
        """
        is_known = self._account.is_known and self._places.are_known  # else what is for us would be refused as not
        if self._hear is None or self._inside is None or not is_known:
            raise StorageError("not ready for deliveries yet")
        if not self._is_ours(payload):
            log.warning("%s: something of another workspace or app was delivered, and is none of ours", self.network)
            return Ack()
        try:
            if "command" in payload:
                return await self._slash(payload)
            if payload.get("type") in CLICKS:
                return await self._interactions.clicked(payload)
            await self._told(payload)
        except Unreadable as error:
            log.info("%s: not understood: %s", self.network, error)
        return Ack()

    async def _told(self, payload: Mapping[str, Any]) -> None:
        """Take an event."""
        event = payload.get("event")
        if payload.get("type") == LIMITED:
            log.error("%s: %s", self.network, NOT_TOLD)
        if not isinstance(event, Mapping):
            return
        kind = str(event.get("type"))
        if kind in LINES:
            await self._hearing.heard(payload)
        elif kind == "user_change":
            self._members.changed(payload)
        elif kind in GONE:
            self._account.doubt()
        elif kind.startswith(GROUPS):
            self.on_groups_changed()
        elif not self._interactions.told(payload):
            self._places.heard_of(event)

    async def _slash(self, payload: Mapping[str, Any]) -> Ack:
        """Take a command with a slash, once; a refusal is for whoever gave it alone, and the rest is there for all."""
        slash = wire.read_slash({**payload, "text": payload.get("text") or HELP})
        if slash.trigger in self._slashed:
            return Ack()
        self._slashed[slash.trigger] = None
        if self._interactions.asks(slash):
            return Ack()
        try:
            refusal = await self._ask().take(await self._interactions.given(slash))
        except UserError as error:
            refusal = str(error)
        except StorageError:
            self._slashed.pop(slash.trigger, None)
            raise
        if refusal is None:
            return Ack() if slash.is_private else Ack({"response_type": "in_channel"})
        return Ack({"response_type": "ephemeral", "text": fallback(refusal), "blocks": blocks_of(refusal)})

    def _is_ours(self, payload: Mapping[str, Any]) -> bool:
        """Tell whether something was delivered for this app in this workspace."""
        us, app = self._account.us, payload.get("api_app_id")
        if us.app and isinstance(app, str) and app != us.app:
            return False
        named, team, view = payload.get("authorizations"), payload.get("team"), payload.get("view")
        installed = view.get("app_installed_team_id") if isinstance(view, Mapping) else None
        if isinstance(installed, str):  # who submits may be elsewhere: https://github.com/slackapi/bolt-js/issues/1614
            return installed in us.teams
        if isinstance(named, list) and named:  # of a shared channel `team_id` may be another one's
            told = [one.get(key) for one in named if isinstance(one, Mapping) for key in ("team_id", "enterprise_id")]
            return any(one in us.teams for one in told if one)
        told_team = team.get("id") if isinstance(team, Mapping) else payload.get("team_id")
        return told_team is None or told_team in us.teams

    async def _hand_on(self, heard: Heard) -> None:
        if self._hear is None:
            raise StorageError("not ready for deliveries any more")
        await self._hear(heard)

    def _ask(self) -> Inside:
        if self._inside is None:
            raise StorageError("not ready for deliveries yet")
        return self._inside

    # -- who we are --

    async def examine(self) -> AsyncIterator[Finding]:
        """Tell how the tokens, their rights and the channels are, without taking a delivery from anybody."""
        examination = SlackExamination(
            self.network,
            self._settings,
            self._api,
            self._account,
            self._places,
            self._address if self._opener is not None else None,
            self._troubles,
        )
        try:
            async for finding in examination.findings():
                yield finding
        finally:
            await self.close()

    async def check(self) -> list[str]:
        """Tell what is wrong with the tokens, their rights and the channels."""
        return words_of([one async for one in self.examine()])

    async def _address(self) -> str:
        if self._opener is None or self._secrets.read_app_token is None:
            raise Refused(f"Slack {self.network}", "there is no app token to open a socket with")
        try:
            self._opener.renew(await asyncio.to_thread(self._secrets.read_app_token))
        except ConfigError as error:
            log.warning("%s", error)
        url = (await self._opener.call("apps.connections.open")).get("url")
        if not isinstance(url, str):
            raise Unavailable(f"Slack {self.network}", "opening a socket")
        return url

    def _greeted(self, app_id: str) -> None:
        own = self._account.us.app
        is_other = app_id and own and app_id != own
        words = f"the app token is of the app {app_id} and the bot token of {own}; take both of one app"
        self._tell(TOKENS, words if is_other else "")

    def _configure(self, settings: SlackSettings) -> None:
        self._places.configure(settings)
        self._output.configure(settings)

    def _tell(self, about: str, words: str) -> None:
        """Report a trouble when it begins, changes or ends."""
        if not self._troubles.note(about, words):
            return
        if about == PROOF and words:
            self._account.doubt()
        self.report(about, words)
