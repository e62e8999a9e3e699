"""Where things are said on Slack: which id a channel of the configuration has, and whether Gordon is in it.

Channels go by their names, as the configuration has them. One that is renamed stays known under its old name as long
as no other channel takes that, so that nothing is lost until somebody has changed the configuration.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bot.adapters.slack_api import Api, Declined
from bot.adapters.slack_errors import words_of
from bot.chat import Report
from bot.clock import Clock, sleep_until
from bot.errors import Refused, Unavailable, Unrecognised
from bot.settings import SlackSettings
from bot.values import Place

READ_AGAIN_S = 600.0
AFTER_FAILURE_S = 30.0
DEAF_S = 60.0  # without any list, before operators are told
LOOK_AGAIN_S = 20.0  # a name that nobody knows makes us read the list no more often
PUBLIC, PRIVATE = "public_channel", "private_channel"
MAX_DIRECT = 5000
LIST = "its channels"
# Events about channels; those of private ones begin with "group_".
CHANGES = ("rename", "archive", "unarchive", "deleted", "created", "left", "id_changed")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Known:
    """A channel as Slack last told of it."""

    id: str
    name: str
    is_private: bool
    is_archived: bool
    is_member: bool


class Places:
    """The channels and direct messages of one workspace.

    Arguments:
        tell: what to call with troubles that operators should know of.
    """

    def __init__(self, api: Api, clock: Clock, tell: Report) -> None:
        self.own_id = ""  # of Gordon, "U…"; set once it is known
        self._api = api
        self._clock = clock
        self._tell = tell
        self._configured: tuple[str, ...] = ()
        self._known: dict[str, Known] = {}
        self._ids: dict[str, str] = {}  # of what is configured
        self._told: dict[str, str] = {}
        self._direct: dict[str, str] = {}
        self._read_s = float("-inf")
        self._readings = 0
        self._list_told = ""
        self._is_list_refused = False
        self._reading = asyncio.Lock()
        self._stale = asyncio.Event()

    def configure(self, settings: SlackSettings) -> None:
        """Go by these channels; how they stand is known after the next reading."""
        self._configured = settings.channels
        self._ids = {text: id_ for text, id_ in self._ids.items() if text in self._configured}
        for text in [text for text in self._told if text not in self._configured]:
            del self._told[text]
            self._tell(about(text), "")
        self._resolve()
        self._stale.set()

    async def run(self) -> None:
        """Read the list again from time to time, and soon after something has changed, until cancelled."""
        began_s = self._clock.monotonic_s()
        while True:
            try:
                await self.refresh()
                pause_s = READ_AGAIN_S
                self._is_list_refused = False
                self._say_list("")
            except Unavailable as error:
                log.info("channels are read later: %s", error)
                pause_s = AFTER_FAILURE_S
                if not self.are_known and self._clock.monotonic_s() - began_s >= DEAF_S:
                    self._say_list(f"cannot be read, and without them nothing is heard: {error}")
            except Unrecognised as error:  # operators know of the token, and it is looked at so often
                log.info("channels are read later: %s", error)
                pause_s = AFTER_FAILURE_S
            except Refused as error:
                self._is_list_refused = True
                self._say_list(f"cannot be listed: {error.reason}")
                pause_s = AFTER_FAILURE_S
            await sleep_until(self._stale, pause_s, self._clock)

    async def refresh(self) -> None:
        """Read which channels there are, enter those that are configured, and tell operators what is wrong.

        Raises:
            Unavailable: Slack does not answer.
            Refused: it does not tell.
        """
        readings = self._readings
        async with self._reading:
            if self._readings != readings and not self._stale.is_set():
                return  # somebody else has read it meanwhile
            self._stale.clear()
            try:
                bodies = await self._listed(f"{PUBLIC},{PRIVATE}")
            except Declined as error:
                if error.code != "missing_scope":
                    raise
                bodies = await self._listed(PUBLIC)
            self._known = {known.id: known for body in bodies if (known := read_channel(body))}
            self._read_s = self._clock.monotonic_s()
            self._readings += 1
            self._resolve()
            await self._enter_all()

    async def id_of(self, place: Place) -> str:
        """Find the id of a place; a direct message is opened if need be, with the account and never with its name.

        Raises:
            Unavailable: Slack does not answer.
            Refused: there is no such place.
        """
        if place.private:
            return await self._direct_with((place.account or place.channel).rpartition("/")[2])
        if not place.channel.startswith("#"):
            return place.channel
        if not (found := self._id_of_name(place.channel)) and self._is_old():
            await self.refresh()
            found = self._id_of_name(place.channel)
        if not found:
            raise Refused(self._api.peer, f"{place.channel}: {words_of('channel_not_found')}")
        return found

    @property
    def are_known(self) -> bool:
        """Tell whether it is known which channel is which, as far as Slack tells."""
        return self._readings > 0 or self._is_list_refused or all(text in self._ids for text in self._configured)

    def place_of(self, channel_id: str) -> str | None:
        """Tell how the configuration calls a channel; None if it does not."""
        return next((text for text in self._configured if self._ids.get(text) == channel_id), None)

    def elsewhere(self) -> str:
        """Say where commands are obeyed, to whoever gave one where they are not; what is private is named to nobody."""
        known = (self._known.get(self._ids.get(text, "")) for text in self._configured)
        names = [f"#{one.name}" for one in known if one is not None and not one.is_private]
        return f"I obey in {', '.join([*names, 'a direct message'])}, and not here"

    def is_member(self, channel_id: str) -> bool:
        """Tell whether Gordon is in a channel."""
        known = self._known.get(channel_id)
        return known is not None and known.is_member

    def name_of(self, channel_id: str) -> str:
        """Call a channel by its name where it is known."""
        known = self._known.get(channel_id)
        return self.place_of(channel_id) or (f"#{known.name}" if known else channel_id)

    def heard_of(self, event: Mapping[str, Any]) -> None:
        """Take an event about channels, and look again if it concerns us; other events are none of ours."""
        kind = str(event.get("type"))
        family, _, change = kind.partition("_")
        told = event.get("channel")
        id_ = str(told.get("id", "") if isinstance(told, Mapping) else told or event.get("old_channel_id", ""))
        if kind in ("member_joined_channel", "member_left_channel"):
            if not self.own_id or event.get("user") != self.own_id:
                return
            self._note(id_, is_member=kind == "member_joined_channel")
        elif family not in ("channel", "group") or change not in CHANGES:
            return
        elif change in ("archive", "unarchive"):
            self._note(id_, is_archived=change == "archive")
        elif change == "rename" and isinstance(told, Mapping):
            self._note(id_, name=str(told.get("name", "")))
        elif change == "left":
            self._note(id_, is_member=False)
        name = str(told.get("name", "")) if isinstance(told, Mapping) else ""
        if id_ in self._ids.values() or f"#{name}" in self._configured or kind == "member_joined_channel":
            self._stale.set()

    async def lost(self, place: Place, channel_id: str, code: str) -> str:
        """Look again for a place where Slack did not let us post; give its id if that may work now, or "".

        Raises:
            Unavailable: Slack does not answer.
        """
        try:
            if place.private:
                self._direct = {user: id_ for user, id_ in self._direct.items() if id_ != channel_id}
                found = await self.id_of(place)
                return "" if found == channel_id else found
            if code == "not_in_channel":
                await self._api.call("conversations.join", channel=channel_id)
                self._note(channel_id, is_member=True)
                return channel_id
            if self._is_old():
                await self.refresh()
            found = await self.id_of(place)
        except Refused:
            return ""
        return "" if found == channel_id else found

    # -- names --

    def _is_old(self) -> bool:
        return self._clock.monotonic_s() - self._read_s >= LOOK_AGAIN_S

    def _id_of_name(self, text: str) -> str:
        return self._ids.get(text) or next((one.id for one in self._known.values() if f"#{one.name}" == text), "")

    def _note(self, channel_id: str, **how: Any) -> None:
        if known := self._known.get(channel_id):
            self._known[channel_id] = replace(known, **how)

    def _resolve(self) -> None:
        """Find the ids of what is configured; a name that nobody has stays with the channel that had it."""
        by_name: dict[str, Known] = {}
        for known in self._known.values():
            if not known.is_archived or known.name not in by_name:
                by_name[known.name] = known
        for text in self._configured:
            if not text.startswith("#"):
                self._ids[text] = text
            elif named := by_name.get(text[1:]):
                self._ids[text] = named.id
            elif self._ids.get(text, "") not in self._known:
                self._ids.pop(text, None)

    async def _listed(self, types: str) -> list[Any]:
        return await self._api.pages("conversations.list", "channels", types=types, exclude_archived=False)

    async def _direct_with(self, user: str) -> str:
        if user not in self._direct:
            opened = await self._api.call("conversations.open", users=user)
            channel = opened.get("channel")
            if not isinstance(channel, Mapping) or not isinstance(id_ := channel.get("id"), str):
                raise Refused(self._api.peer, f"it opens no direct message with {user}")
            if len(self._direct) >= MAX_DIRECT:
                del self._direct[next(iter(self._direct))]
            self._direct[user] = id_
        return self._direct[user]

    # -- being there --

    async def _enter_all(self) -> None:
        failed: Unavailable | None = None
        for text in self._configured:
            try:
                await self._enter(text)
            except Unavailable as error:
                failed = error
        if failed is not None:
            raise failed

    async def _enter(self, text: str) -> None:
        """See that Gordon is in a channel of the configuration, and tell what is in the way."""
        known = self._known.get(self._ids.get(text, ""))
        if known is None:
            words = "there is no such channel, or it is private and Gordon is not in it; say /invite @gordon there"
        elif known.is_archived:
            words = "it is archived"
        elif not known.is_member and known.is_private:
            words = "Gordon is not in it, and hears nothing there; say /invite @gordon there"
        elif not known.is_member:
            words = await self._join(known)
        elif text.startswith("#") and text[1:] != known.name:
            words = f"it is called #{known.name} now; write that in the configuration, or its id, {known.id}"
        else:
            words = ""
        if words != self._told.pop(text, ""):
            self._tell(about(text), words)
        if words:
            self._told[text] = words

    async def _join(self, known: Known) -> str:
        try:
            await self._api.call("conversations.join", channel=known.id)
        except Refused as error:
            log.info("%s", error)
            return "Gordon is not in it, and hears nothing there; say /invite @gordon there"
        self._note(known.id, is_member=True)
        return ""

    def _say_list(self, words: str) -> None:
        if words != self._list_told:
            self._list_told = words
            self._tell(LIST, words)


def about(text: str) -> str:
    """Name the trouble of not being in a channel."""
    return f"being in {text}"


def read_channel(body: object) -> Known | None:
    """Read a channel of a list; None if it is none."""
    if not isinstance(body, Mapping) or not isinstance(id_ := body.get("id"), str):
        return None
    flags = {name: body.get(name) is True for name in ("is_private", "is_archived", "is_member")}
    return Known(id_, str(body.get("name", "")), **flags)
