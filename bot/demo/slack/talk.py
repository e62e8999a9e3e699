"""What people say, change and take back, in channels, threads and direct messages."""

import hashlib
import re

from bot.demo.slack.act import Act
from bot.demo.slack.bodies import rich_text
from bot.demo.slack.chat_methods import link_to, note, take_back
from bot.demo.slack.deliveries import Deliveries, Delivery
from bot.demo.slack.place_methods import react
from bot.demo.slack.responses import Responses
from bot.demo.slack.words import links
from bot.demo.slack.workspace import Channel, Json, User, Workspace


class Talk:
    """Lines; `text` is as events carry it: `<@U…>` is a mention, and `&lt;` what a person typed as `<`.

    A `channel` is an id; somebody's own id is their direct message with the app.
    """

    def __init__(self, workspace: Workspace, deliveries: Deliveries, responses: Responses) -> None:
        self._workspace = workspace
        self._deliveries = deliveries
        self._responses = responses

    def says(self, user: str, text: str, channel: str, *, thread_ts: str = "", broadcast: bool = False) -> Act:
        """Say a line; one that mentions the app is told twice, as a message and as a mention.

        A line with a link to one of the app's domains is told as that, too.

        Arguments:
            thread_ts: the first message of the thread that it is said in.
            broadcast: show an answer in a thread to the channel as well.
        """
        place = self.place(channel)
        message = self._message(user, text)
        if thread_ts:
            message |= {"thread_ts": thread_ts, "parent_user_id": place.messages[thread_ts].get("user", "")}
        if broadcast:
            message["subtype"] = "thread_broadcast"
        return self._said(place, message)

    def mentions(self, user: str, words: str, channel: str, *, thread_ts: str = "") -> Act:
        """Say a line that begins with the app's name."""
        return self.says(user, f"<@{self._workspace.app.user_id}> {words}", channel, thread_ts=thread_ts)

    def edits(self, channel: str, ts: str, text: str) -> Act:
        """Change a line of one's own; a mention that comes in by this is told as one."""
        place = self.place(channel)
        message = place.messages[ts]
        before = dict(message)
        message |= {"text": text, "blocks": rich_text(text)}
        message["edited"] = {"user": message["user"], "ts": self._workspace.next_ts()}
        told = {"type": "message", "subtype": "message_changed", "message": dict(message), "hidden": True}
        act = self._tell(place, {**told, "previous_message": before, "ts": self._workspace.next_ts()})
        if self._is_named(text) and not self._is_named(before["text"]) and not place.is_im:
            act.deliveries += self._event(place, message, "app_mention")
        act.ts = ts
        return act

    def takes_back(self, channel: str, ts: str) -> Act:
        """Delete a line of one's own."""
        known = len(self._deliveries.ledger)
        take_back(self._workspace, self.place(channel), ts)
        return Act(self._deliveries.ledger[known:], channel, ts)

    def forwards(self, user: str, channel: str, ts: str, to: str, words: str = "") -> Act:
        """Forward somebody's message, with words of one's own or none; what was said is in an attachment."""
        place = self.place(channel)
        shared = place.messages[ts]
        attachment = {
            "ts": ts,
            "author_id": shared.get("user", ""),
            "channel_id": place.id,
            "channel_team": self._workspace.team_id,
            "is_msg_unfurl": True,
            "is_share": True,
            "message_blocks": [{"team": self._workspace.team_id, "channel": place.id, "ts": ts}],
            "fallback": shared.get("text", ""),
            "text": shared.get("text", ""),
            "from_url": link_to(self._workspace, place, shared),
            "mrkdwn_in": ["text"],
            "id": 1,
            "footer": "Posted in a channel",
        }
        message = {**self._message(user, words), "attachments": [attachment]}
        return self._said(self.place(to), message)

    def bot_says(self, bot: str, text: str, channel: str, *, is_old: bool = True, thread_ts: str = "") -> Act:
        """Let another app's bot say a line.

        Arguments:
            is_old: as an incoming webhook does, with a subtype and no user; otherwise as chat.postMessage does.
        """
        user = self._workspace.users[bot]
        message: Json = {"type": "message", "text": text, "ts": self._workspace.next_ts(), "bot_id": user.bot_id}
        message |= {"app_id": "A0OTHERAP", "team": user.team_id}
        if thread_ts:
            message["thread_ts"] = thread_ts
        whose = {"subtype": "bot_message", "username": user.real_name} if is_old else {"user": user.id}
        return self._said(self.place(channel), message | whose)

    def workflow_says(self, text: str, channel: str) -> Act:
        """Let a workflow post a line, in nobody's name."""
        message = {"type": "message", "subtype": "bot_message", "text": text, "ts": self._workspace.next_ts()}
        whose = {"bot_id": "B0WORKFLW", "app_id": "A0WORKFLW", "username": "A workflow", "workflow_id": "Wf0000001"}
        return self._said(self.place(channel), message | whose)

    def reacts(self, user: str, name: str, channel: str, ts: str) -> Act:
        """Put a sign to a message."""
        place, known = self.place(channel), len(self._deliveries.ledger)
        react(self._workspace, place, place.messages[ts], name, user)
        return Act(self._deliveries.ledger[known:], place.id, ts)

    def types_link(self, user: str, url: str, channel: str) -> Act:
        """Write a link and not send it: the app is asked for a preview all the same."""
        place = self.place(channel)
        unfurl_id = self._workspace.next_id("Uxxxxxxx-")
        about = {"channel": place.id, "ts": unfurl_id, "links": [url], "shown": {}}
        self._workspace.unfurls[unfurl_id] = about
        return Act(self._link_shared(place, user, "COMPOSER", unfurl_id, unfurl_id, [url], "composer"), place.id)

    def place(self, channel: str) -> Channel:
        """Find a channel, or somebody's direct message with the app."""
        if channel in self._workspace.users:
            return self._workspace.im_with(channel)
        return self._workspace.channels[channel]

    def _message(self, user: str, text: str) -> Json:
        who = self._workspace.users[user]
        ts = self._workspace.next_ts()
        message: Json = {"type": "message", "user": user, "text": text, "ts": ts, "team": who.team_id}
        message["client_msg_id"] = hashlib.md5(ts.encode(), usedforsecurity=False).hexdigest()
        if text:
            message["blocks"] = rich_text(text)
        return message | self.foreign(who)

    def foreign(self, user: User) -> Json:
        """Say of whose workspace a stranger is, as messages of theirs do."""
        if user.team_id == self._workspace.team_id:
            return {}
        profile = {"team": user.team_id, "name": user.name, "display_name": user.display_name}
        teams = {"user_team": user.team_id, "source_team": user.team_id}
        return {**teams, "user_profile": {**profile, "real_name": user.real_name, "is_restricted": False}}

    def _said(self, place: Channel, message: Json) -> Act:
        workspace = self._workspace
        workspace.put(place, message)
        note(workspace, place, message, unfurls=False)
        act = self._tell(place, message)
        text = message["text"]
        if self._is_named(text) and not place.is_im:
            act.deliveries += self._event(place, message, "app_mention")
        ours = [url for url in links(text) if _domain(url).endswith(workspace.app.domains)]
        if ours and message.get("bot_id") != workspace.app.bot_id:
            unfurl_id = f"{place.id}.{message['ts']}.{hashlib.sha256(text.encode()).hexdigest()}"
            workspace.unfurls[unfurl_id] = {"channel": place.id, "ts": message["ts"], "links": ours, "shown": {}}
            user, ts = message.get("user", ""), message["ts"]
            told = self._link_shared(place, user, place.id, ts, unfurl_id, ours, "conversations_history")
            act.deliveries += told
        return act

    def _tell(self, place: Channel, message: Json) -> Act:
        act = Act([], place.id, message["ts"])
        act.deliveries += self._event(place, message, "message")
        return act

    def _event(self, place: Channel, message: Json, kind: str) -> list[Delivery]:
        """Tell the app of a message, if it is a member there."""
        if self._workspace.app.user_id not in place.members:
            return []
        event = {**message, "type": kind, "channel": place.id, "event_ts": message["ts"]}
        if kind == "message":
            event["channel_type"] = place.kind
        told = self._deliveries.event(event, is_ext_shared_channel=place.is_ext_shared)
        return [told] if told else []

    def _link_shared(
        self, place: Channel, user: str, channel: str, ts: str, unfurl_id: str, urls: list[str], source: str
    ) -> list[Delivery]:
        event: Json = {"type": "link_shared", "channel": channel, "user": user, "message_ts": ts, "source": source}
        event["is_bot_user_member"] = self._workspace.app.user_id in place.members
        event["links"] = [{"domain": _domain(url), "url": url} for url in urls]
        event |= {"unfurl_id": unfurl_id, "event_ts": self._workspace.next_ts()}
        told = self._deliveries.event(event, is_ext_shared_channel=place.is_ext_shared)
        return [told] if told else []

    def _is_named(self, text: str) -> bool:
        return bool(re.search(rf"<@{self._workspace.app.user_id}(\|[^>]*)?>", text))


def _domain(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].partition(":")[0]
