"""The methods of the Web API that post, change and take back messages."""

from typing import Any

from bot.demo.slack.block_kit import check_blocks
from bot.demo.slack.bodies import bot_body
from bot.demo.slack.calls import ApiError, Call, Method
from bot.demo.slack.words import LARGEST_TEXT, LARGEST_UPDATE, linked, links, pings, stored
from bot.demo.slack.workspace import Channel, Ephemeral, Json, Workspace

MOST_ATTACHMENTS = 100
MRKDWN_KEYS = ("text", "fallback", "pretext", "title", "footer")


def methods() -> list[Method]:
    """List them."""
    return [
        Method("chat.postMessage", post, ("chat:write",)),
        Method("chat.postEphemeral", post_ephemeral, ("chat:write",)),
        Method("chat.update", update, ("chat:write",)),
        Method("chat.delete", delete, ("chat:write",)),
        Method("chat.getPermalink", permalink),
        Method("chat.unfurl", unfurl, ("links:write",)),
    ]


def post(call: Call) -> Json:
    """Post a message as the app."""
    channel = call.channel()
    workspace = call.workspace
    _writable(call, channel)
    if channel.is_im and any(workspace.users[each].deleted for each in channel.members):
        raise ApiError("cannot_dm_bot" if workspace.users[channel.members[0]].is_bot else "channel_not_found")
    content = content_of(call)
    if thread := call.text("thread_ts"):
        if thread not in channel.messages:
            raise ApiError("thread_not_found")
        if channel.messages[thread].get("subtype") == "tombstone":
            raise ApiError("cannot_reply_to_message")
        content["thread_ts"] = channel.messages[thread].get("thread_ts", thread)
        if call.flag("reply_broadcast"):
            content |= {"subtype": "thread_broadcast"}
    message = said_by_app(workspace, content)
    workspace.put(channel, message)
    note(workspace, channel, message, unfurls=call.flag("unfurl_links", default=True))
    tell_message(workspace, channel, message)
    return {"ok": True, "channel": channel.id, "ts": message["ts"], "message": dict(message)}


def post_ephemeral(call: Call) -> Json:
    """Post a message that one person sees."""
    channel = call.channel()
    _writable(call, channel)
    user = call.text("user")
    if not user or user not in call.workspace.users:
        raise ApiError("user_not_found" if user else "invalid_arguments")
    if user not in channel.members:
        raise ApiError("user_not_in_channel")
    message = said_by_app(call.workspace, content_of(call))
    if thread := call.text("thread_ts"):
        message["thread_ts"] = thread
    call.workspace.ephemerals.append(Ephemeral(channel.id, user, message["ts"], message))
    return {"ok": True, "message_ts": message["ts"]}


def update(call: Call) -> Json:
    """Change a message of the app's own: blocks stay if neither they nor a text are given, and go if a text alone is.

    Only a message that is shown by its text is marked as edited.
    """
    channel, workspace = call.channel(), call.workspace
    ts = call.needed("ts")
    message = channel.messages.get(ts)
    if message is None:
        raise ApiError("message_not_found")
    if message.get("bot_id") != workspace.app.bot_id or message.get("subtype") in ("tombstone", "channel_join"):
        raise ApiError("cant_update_message")
    if channel.is_archived:
        raise ApiError("is_archived")
    if len(call.text("text")) > LARGEST_UPDATE:
        raise ApiError("msg_too_long")
    content = content_of(call, is_update=True)
    before = dict(message)
    if "blocks" in call.arguments or "text" in call.arguments:
        message.pop("blocks", None)
    if "attachments" in call.arguments:
        message.pop("attachments", None)
    message |= content
    if "blocks" not in message:
        message["edited"] = {"user": workspace.app.user_id, "ts": workspace.next_ts()}
    tell_changed(workspace, channel, message, before)
    return {"ok": True, "channel": channel.id, "ts": ts, "text": message.get("text", ""), "message": dict(message)}


def delete(call: Call) -> Json:
    """Take back a message of the app's own."""
    channel, workspace = call.channel(), call.workspace
    ts = call.needed("ts")
    message = channel.messages.get(ts)
    if message is None:
        raise ApiError("message_not_found")
    if message.get("bot_id") != workspace.app.bot_id:
        raise ApiError("cant_delete_message")
    take_back(workspace, channel, ts)
    return {"ok": True, "channel": channel.id, "ts": ts}


def permalink(call: Call) -> Json:
    """Tell the address of a message."""
    channel, ts = call.channel(), call.text("message_ts")
    message = channel.messages.get(ts)
    if message is None:
        raise ApiError("message_not_found")
    return {"ok": True, "channel": channel.id, "permalink": link_to(call.workspace, channel, message)}


def unfurl(call: Call) -> Json:
    """Show previews of links that somebody posted, by channel and ts or by the id that the event named."""
    wanted = call.value("unfurls", "invalid_unfurls_format")
    if not isinstance(wanted, dict) or not wanted:
        raise ApiError("missing_unfurls" if not wanted else "invalid_unfurls_format")
    workspace = call.workspace
    if unfurl_id := call.text("unfurl_id"):
        if call.text("source") not in ("composer", "conversations_history"):
            raise ApiError("missing_source")
        known = unfurl_id in workspace.unfurls
    else:
        channel = workspace.channels.get(call.text("channel"))
        if channel is None:
            raise ApiError("cannot_find_channel")
        if call.text("ts") not in channel.messages:
            raise ApiError("cannot_find_message")
        unfurl_id = next((key for key, each in workspace.unfurls.items() if each["ts"] == call.text("ts")), "")
        known = bool(unfurl_id)
    if not known:
        raise ApiError("cannot_unfurl_url")
    about = workspace.unfurls[unfurl_id]
    for url, preview in wanted.items():
        if url not in about["links"]:
            raise ApiError("cannot_unfurl_url")
        if isinstance(preview, dict) and "blocks" in preview:
            check_blocks(preview["blocks"], "unfurl")
    about["shown"] |= wanted
    if about["ts"] in (messages := workspace.channels[about["channel"]].messages):
        messages[about["ts"]]["attachments"] = [{"from_url": url, **each} for url, each in about["shown"].items()]
    return {"ok": True}


def content_of(call: Call, *, is_update: bool = False) -> Json:
    """Read text, blocks, attachments and metadata of a call, checked, as Slack stores them."""
    content: Json = {}
    text = call.text("text")
    if len(text) > LARGEST_TEXT:
        text = text[:LARGEST_TEXT]
        call.warnings.append("message_truncated")
    blocks = call.value("blocks", "invalid_blocks_format")
    attachments = call.value("attachments", "invalid_attachments")
    if blocks is not None:
        check_blocks(blocks, "message")
        if blocks:
            content["blocks"] = numbered(call.workspace, blocks)
    if attachments:
        content["attachments"] = attached(call.workspace, attachments)
    if not text and not content and not (is_update and (blocks is not None or attachments is not None)):
        raise ApiError("no_text")
    if blocks and not text:
        call.warnings.append("missing_text_in_message")
    if "text" in call.arguments or not is_update:
        full = call.text("parse") == "full"
        content["text"] = stored(linked(call.workspace, text, names=call.flag("link_names"), full=full))
    if (metadata := call.value("metadata", "invalid_metadata_format")) is not None:
        if not isinstance(metadata, dict) or not {"event_type", "event_payload"} <= metadata.keys():
            raise ApiError("invalid_metadata_schema")
        content["metadata"] = metadata
    return content


def numbered(workspace: Workspace, blocks: list[Json]) -> list[Json]:
    """Give blocks, and what of them can be pressed or filled in, their ids where the app gave none."""
    done: list[Json] = []
    for block in blocks:
        mine = {**block, "block_id": block.get("block_id") or workspace.next_id("b")}
        if mine["type"] == "actions":
            mine["elements"] = [{"action_id": workspace.next_id("a"), **each} for each in mine["elements"]]
        for name in ("accessory", "element"):
            if name in mine and mine[name]["type"] != "image":
                mine[name] = {"action_id": workspace.next_id("a"), **mine[name]}
        done.append(mine)
    return done


def attached(workspace: Workspace, attachments: Any) -> list[Json]:
    """Read attachments, checked, as Slack stores them."""
    if not isinstance(attachments, list) or not all(isinstance(each, dict) for each in attachments):
        raise ApiError("invalid_attachments")
    if len(attachments) > MOST_ATTACHMENTS:
        raise ApiError("too_many_attachments")
    done: list[Json] = []
    for number, attachment in enumerate(attachments, start=1):
        mine = {"id": number, **attachment}
        if "blocks" in mine:
            check_blocks(mine["blocks"], "message", error="invalid_attachments")
            mine["blocks"] = numbered(workspace, mine["blocks"])
        done.append(mine | {key: stored(mine[key]) for key in MRKDWN_KEYS if isinstance(mine.get(key), str)})
    return done


def said_by_app(workspace: Workspace, content: Json) -> Json:
    """Make a message of the app's bot; its ts is new."""
    app = workspace.app
    head = {"user": app.user_id, "type": "message", "ts": workspace.next_ts(), "bot_id": app.bot_id, "app_id": app.id}
    return {**head, "team": workspace.team_id, "bot_profile": bot_body(workspace, workspace.bot), **content}


def note(workspace: Workspace, channel: Channel, message: Json, *, unfurls: bool) -> None:
    """Note whom a new message notifies, and which of its links Slack shows previews of."""
    for text in texts_of(message):
        workspace.pings += pings(workspace, channel, message["ts"], text)
        if unfurls:
            workspace.unfurled += [(channel.id, message["ts"], url) for url in links(text)]


# The tokens that elements of rich text are as good as: by their type, what they name, and how it is written.
TOKENS = {
    "user": ("user_id", "<@{}>"),
    "usergroup": ("usergroup_id", "<!subteam^{}>"),
    "broadcast": ("range", "<!{}>"),
    "link": ("url", "<{}>"),
}


def texts_of(message: Json) -> list[str]:
    """List the texts of a message in which tokens count: its blocks' if it has any, or else its own."""
    parts: list[str] = []

    def walk(part: Any) -> None:
        if isinstance(part, dict):
            if part.get("type") == "mrkdwn" and isinstance(part.get("text"), str):
                parts.append(stored(part["text"]))
            elif (token := TOKENS.get(str(part.get("type")))) and isinstance(part.get(token[0]), str):
                parts.append(token[1].format(part[token[0]]))
            for each in part.values():
                walk(each)
        elif isinstance(part, list):
            for each in part:
                walk(each)

    walk(message.get("blocks"))
    if not message.get("blocks"):
        parts.append(message.get("text", ""))
    for attachment in message.get("attachments", ()):
        walk(attachment)
        parts += [attachment[key] for key in ("text", "pretext") if isinstance(attachment.get(key), str)]
    return parts


def link_to(workspace: Workspace, channel: Channel, message: Json) -> str:
    """Write the address of a message."""
    address = f"https://{workspace.domain}.slack.com/archives/{channel.id}/p{message['ts'].replace('.', '')}"
    thread = message.get("thread_ts", message["ts"])
    return address if thread == message["ts"] else f"{address}?thread_ts={thread}&cid={channel.id}"


def tell_message(workspace: Workspace, channel: Channel, message: Json) -> None:
    """Tell the app of a message where it is a member; its own messages too, as Slack does."""
    if workspace.app.user_id in channel.members:
        place = {"channel": channel.id, "event_ts": message["ts"], "channel_type": channel.kind}
        workspace.tell({**message, **place})


def tell_changed(workspace: Workspace, channel: Channel, message: Json, before: Json) -> None:
    """Tell the app that a message was changed."""
    ts = workspace.next_ts()
    changed = {"subtype": "message_changed", "message": dict(message), "previous_message": before, "hidden": True}
    tell_message(workspace, channel, {"type": "message", "ts": ts, **changed})


def take_back(workspace: Workspace, channel: Channel, ts: str) -> None:
    """Remove a message; one with replies leaves a tombstone."""
    before = channel.messages.pop(ts)
    if len([each for each in channel.messages.values() if each.get("thread_ts") == ts]):
        tombstone = {"type": "message", "subtype": "tombstone", "text": "This message was deleted.", "ts": ts}
        channel.messages[ts] = {**tombstone, "user": "USLACKBOT", "hidden": True, "thread_ts": ts}
        channel.messages = dict(sorted(channel.messages.items()))
    gone = {"subtype": "message_deleted", "deleted_ts": ts, "previous_message": before, "hidden": True}
    tell_message(workspace, channel, {"type": "message", "ts": workspace.next_ts(), **gone})


def _writable(call: Call, channel: Channel) -> None:
    app = call.workspace.app
    if channel.is_archived:
        raise ApiError("is_archived")
    may_anywhere = "chat:write.public" in app.scopes and not channel.is_private and call.method == "chat.postMessage"
    if app.user_id not in channel.members and not may_anywhere:
        raise ApiError("not_in_channel")
