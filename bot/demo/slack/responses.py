"""What an app may answer with for a while: triggers, which open a view once, and addresses that take messages."""

import asyncio
import json
from dataclasses import dataclass

from aiohttp import web

from bot.demo.slack.block_kit import check_blocks
from bot.demo.slack.calls import ApiError
from bot.demo.slack.chat_methods import note, numbered, said_by_app, take_back, tell_changed, tell_message
from bot.demo.slack.words import stored
from bot.demo.slack.workspace import Channel, Ephemeral, Json, Workspace

TRIGGER_S = 3.0
RESPONSE_S = 30 * 60.0
MOST_USES = 5


@dataclass(slots=True)
class Trigger:
    """Somebody's act that allows to open one view, for three seconds."""

    user: str
    at_s: float
    is_used: bool = False


@dataclass(slots=True)
class Response:
    """An address that takes up to five messages within half an hour.

    Arguments:
        message: the ts of the message that the act was on; empty for a command.
    """

    user: str
    channel: str
    message: str
    at_s: float
    uses: int = 0


class Responses:
    """All triggers and response addresses of a workspace.

    Arguments:
        told: everything that came to response addresses, with the status that it was answered with.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.base_url = ""
        self.triggers: dict[str, Trigger] = {}
        self.told: list[tuple[Json, int]] = []
        self._change = asyncio.Condition()
        self._workspace = workspace
        self._open: dict[str, Response] = {}

    def trigger(self, user: str) -> str:
        """Make a trigger."""
        workspace = self._workspace
        name = f"{len(self.triggers) + 1}.{int(workspace.now_s())}.{workspace.next_id('').lower()}"
        self.triggers[name] = Trigger(user, workspace.now_s())
        return name

    def used(self, name: str) -> Trigger:
        """Use a trigger up.

        Raises:
            ApiError: it is none, too old, or used.
        """
        trigger = self.triggers.get(name)
        if trigger is None:
            raise ApiError("invalid_trigger_id" if name else "invalid_arguments")
        if trigger.is_used:
            raise ApiError("exchanged_trigger_id")
        if self._workspace.now_s() - trigger.at_s > TRIGGER_S:
            raise ApiError("expired_trigger_id")
        trigger.is_used = True
        return trigger

    def address(self, user: str, channel: str, message: str = "") -> str:
        """Make a response address."""
        workspace = self._workspace
        key = f"{workspace.team_id}/{len(self._open) + 1}/{workspace.next_id('').lower()}"
        self._open[key] = Response(user, channel, message, workspace.now_s())
        return f"{self.base_url}/actions/{key}"

    def routes(self) -> list[web.RouteDef]:
        """Say where they are."""
        return [web.post(f"/actions/{self._workspace.team_id}/{{number}}/{{key}}", self._answer)]

    def say(self, told: Json, user: str, channel_id: str, message: str = "") -> None:
        """Take a message in answer to an act: one that only they see unless it says "in_channel".

        Arguments:
            message: the one that it may replace or delete; if that is an ephemeral one, they alone saw it.

        Raises:
            ApiError: the message is none.
        """
        workspace = self._workspace
        channel = workspace.channels[channel_id]
        if told.get("delete_original") and message:
            self._delete(channel, message)
            return
        content = self._content(told)
        if told.get("replace_original") and message:
            self._replace(channel, message, content)
            return
        said = said_by_app(workspace, content)
        if thread := told.get("thread_ts"):
            said["thread_ts"] = thread
        if told.get("response_type") != "in_channel":
            workspace.ephemerals.append(Ephemeral(channel.id, user, said["ts"], said))
            return
        workspace.put(channel, said)
        note(workspace, channel, said, unfurls=True)
        tell_message(workspace, channel, said)

    async def heard(self, count: int, *, limit_s: float = 5.0) -> None:
        """Wait until so much came to response addresses.

        Raises:
            TimeoutError: it did not within so many real seconds.
        """
        async with asyncio.timeout(limit_s), self._change:
            await self._change.wait_for(lambda: len(self.told) >= count)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        key = "/".join((self._workspace.team_id, request.match_info["number"], request.match_info["key"]))
        try:
            told = json.loads(await request.text())
        except ValueError:
            told = None
        status, text = self._take(self._open.get(key), told)
        self.told.append((told if isinstance(told, dict) else {}, status))
        async with self._change:
            self._change.notify_all()
        return web.Response(status=status, text=text)

    def _take(self, response: Response | None, told: object) -> tuple[int, str]:
        if not isinstance(told, dict):
            return 400, "invalid_payload"
        if response is None or self._workspace.now_s() - response.at_s > RESPONSE_S:
            return 404, "expired_url"
        if response.uses == MOST_USES:
            return 404, "used_url"
        response.uses += 1
        try:
            self.say(told, response.user, response.channel, response.message)
        except ApiError as error:
            return 400 if error.body["error"] == "no_text" else 500, str(error.body["error"])
        return 200, "ok"

    def _content(self, told: Json) -> Json:
        content: Json = {}
        if blocks := told.get("blocks"):
            check_blocks(blocks, "message")
            content["blocks"] = numbered(self._workspace, blocks)
        if told.get("attachments"):
            content["attachments"] = told["attachments"]
        if not content and not told.get("text"):
            raise ApiError("no_text")
        return {**content, "text": stored(str(told.get("text", "")))}

    def _delete(self, channel: Channel, message: str) -> None:
        if message in channel.messages:
            take_back(self._workspace, channel, message)
        kept = [each for each in self._workspace.ephemerals if each.ts != message]
        self._workspace.ephemerals[:] = kept

    def _replace(self, channel: Channel, message: str, content: Json) -> None:
        for each in [*channel.messages.values(), *(each.message for each in self._workspace.ephemerals)]:
            if each["ts"] == message:
                before = dict(each)
                for name in ("blocks", "attachments"):
                    each.pop(name, None)
                each |= content
                if message in channel.messages:
                    tell_changed(self._workspace, channel, each, before)
