"""The methods of the Web API about channels, and reactions to what stands in them."""

from bot.demo.slack.bodies import channel_body
from bot.demo.slack.calls import ApiError, Call, Method, page
from bot.demo.slack.workspace import Channel, Json, Workspace

TYPES = {"public_channel", "private_channel", "mpim", "im"}
READS = ("channels:read", "groups:read", "im:read")
HISTORY = ("channels:history", "groups:history", "im:history")


def methods() -> list[Method]:
    """List them."""
    return [
        Method("conversations.list", conversations, READS),
        Method("conversations.info", info, READS),
        Method("conversations.members", members, READS),
        Method("conversations.open", open_im, ("im:write",)),
        Method("conversations.join", join, ("channels:join",)),
        Method("conversations.history", history, HISTORY),
        Method("conversations.replies", replies, HISTORY),
        Method("reactions.add", add_reaction, ("reactions:write",)),
        Method("reactions.remove", remove_reaction, ("reactions:write",)),
    ]


def conversations(call: Call) -> Json:
    """List the channels that the app can see."""
    wanted = {each.strip() for each in (call.text("types") or "public_channel").split(",")}
    if not wanted <= TYPES:
        raise ApiError("invalid_types")
    bot = call.workspace.app.user_id
    found = [
        channel_body(call.workspace, channel)
        for channel in call.workspace.channels.values()
        if type_of(channel) in wanted
        and (type_of(channel) == "public_channel" or bot in channel.members)
        and not (call.flag("exclude_archived") and channel.is_archived)
    ]
    shown, more = page(call, found)
    return {"ok": True, "channels": shown, **more}


def type_of(channel: Channel) -> str:
    return "im" if channel.is_im else "private_channel" if channel.is_private else "public_channel"


def info(call: Call) -> Json:
    """Tell what a channel is."""
    body = channel_body(call.workspace, call.channel())
    if not call.flag("include_num_members"):
        body.pop("num_members", None)
    return {"ok": True, "channel": body}


def members(call: Call) -> Json:
    """List who is in a channel."""
    shown, more = page(call, call.channel().members)
    return {"ok": True, "members": shown, **more}


def open_im(call: Call) -> Json:
    """Open a direct message with one person, or find one by its id."""
    if call.text("channel"):
        channel = call.channel()
    else:
        users = [each for each in call.text("users").split(",") if each]
        if not users:
            raise ApiError("users_list_not_supplied")
        if len(users) > 1:
            raise ApiError("method_not_supported_for_channel_type")
        user = call.workspace.users.get(users[0])
        if user is None:
            raise ApiError("user_not_found")
        if user.deleted:
            raise ApiError("user_disabled")
        channel = call.workspace.im_with(user.id)
    body = channel_body(call.workspace, channel) if call.flag("return_im") else {"id": channel.id}
    return {"ok": True, "no_op": True, "already_open": True, "channel": body}


def join(call: Call) -> Json:
    """Let the app into a public channel."""
    channel, workspace = call.channel(), call.workspace
    if channel.is_im or channel.is_private:
        raise ApiError("method_not_supported_for_channel_type")
    if channel.is_archived:
        raise ApiError("is_archived")
    body: Json = {"ok": True, "channel": channel_body(workspace, channel)}
    if workspace.app.user_id in channel.members:
        return {**body, "warning": "already_in_channel", "response_metadata": {"warnings": ["already_in_channel"]}}
    channel.members.append(workspace.app.user_id)
    joined = {"type": "member_joined_channel", "user": workspace.app.user_id, "channel": channel.id}
    workspace.tell({**joined, "channel_type": "C", "team": workspace.team_id, "event_ts": workspace.next_ts()})
    return {**body, "channel": channel_body(workspace, channel)}


def history(call: Call) -> Json:
    """List what was said in a channel, the newest first, without replies in threads but those told to all."""
    channel = _readable(call)
    found = [
        message
        for message in channel.messages.values()
        if (message.get("thread_ts", message["ts"]) == message["ts"] or message.get("subtype") == "thread_broadcast")
    ]
    found = [dict(message) for message in reversed(found) if _is_between(call, message["ts"])]
    shown, more = page(call, found, most=999)
    has_more = bool(more["response_metadata"]["next_cursor"])
    return {"ok": True, "messages": shown, "has_more": has_more, "pin_count": 0, **(more if has_more else {})}


def replies(call: Call) -> Json:
    """List a thread, its first message first."""
    channel = _readable(call)
    ts = call.needed("ts")
    if ts not in channel.messages:
        raise ApiError("thread_not_found")
    first, *rest = channel.thread(channel.messages[ts].get("thread_ts", ts))
    found = [dict(first), *(dict(message) for message in rest if _is_between(call, message["ts"]))]
    shown, more = page(call, found)
    has_more = bool(more["response_metadata"]["next_cursor"])
    return {"ok": True, "messages": shown, "has_more": has_more, **(more if has_more else {})}


def add_reaction(call: Call) -> Json:
    """Put a sign to a message as the app."""
    channel, message, name = _reacted(call)
    return react(call.workspace, channel, message, name, call.workspace.app.user_id)


def react(workspace: Workspace, channel: Channel, message: Json, name: str, user: str) -> Json:
    """Put somebody's sign to a message and tell the app of it."""
    known = message.setdefault("reactions", [])
    mine = next((each for each in known if each["name"] == name), None)
    if mine is None:
        known.append(mine := {"name": name, "users": [], "count": 0})
    if user in mine["users"]:
        raise ApiError("already_reacted")
    mine["users"].append(user)
    mine["count"] = len(mine["users"])
    _tell(workspace, "reaction_added", channel, message, name, user)
    return {"ok": True}


def remove_reaction(call: Call) -> Json:
    """Take a sign of the app's own back."""
    channel, message, name = _reacted(call)
    user = call.workspace.app.user_id
    mine = next((each for each in message.get("reactions", ()) if each["name"] == name), None)
    if mine is None or user not in mine["users"]:
        raise ApiError("no_reaction")
    mine["users"].remove(user)
    mine["count"] = len(mine["users"])
    message["reactions"] = [each for each in message["reactions"] if each["count"]]
    if not message["reactions"]:
        del message["reactions"]
    _tell(call.workspace, "reaction_removed", channel, message, name, user)
    return {"ok": True}


def _tell(workspace: Workspace, kind: str, channel: Channel, message: Json, name: str, user: str) -> None:
    if workspace.app.user_id not in channel.members:
        return
    item = {"type": "message", "channel": channel.id, "ts": message["ts"]}
    told = {"type": kind, "user": user, "reaction": name, "item": item, "item_user": message.get("user", "")}
    workspace.tell({**told, "event_ts": workspace.next_ts()})


def _reacted(call: Call) -> tuple[Channel, Json, str]:
    name = call.text("name").strip(":")
    if not name:
        raise ApiError("invalid_name")
    channel = call.channel()
    if "timestamp" not in call.arguments:
        raise ApiError("no_item_specified")
    message = channel.messages.get(call.text("timestamp"))
    if message is None:
        raise ApiError("message_not_found")
    if channel.is_archived:
        raise ApiError("is_archived")
    return channel, message, name


def _readable(call: Call) -> Channel:
    channel = call.channel()
    if call.workspace.app.user_id not in channel.members:
        raise ApiError("not_in_channel")
    return channel


def _is_between(call: Call, ts: str) -> bool:
    try:
        oldest, latest = float(call.text("oldest") or 0), float(call.text("latest") or "inf")
    except ValueError:
        raise ApiError("invalid_ts_latest" if call.text("latest") else "invalid_ts_oldest") from None
    moment = float(ts)
    return oldest <= moment <= latest if call.flag("inclusive") else oldest < moment < latest
