"""How Slack writes down users, channels, messages and views."""

import re

from bot.demo.slack.workspace import Channel, File, Json, User, Usergroup, View, Workspace

RICH = re.compile(r"(<[^<>\n]*>)")
CREATED = 1_400_000_000


def user_body(user: User) -> Json:
    """Write a user as users.info does."""
    guest = user.is_restricted or user.is_ultra_restricted
    profile = {
        "real_name": user.real_name or user.name,
        "real_name_normalized": user.real_name or user.name,
        "display_name": user.display_name,
        "display_name_normalized": user.display_name,
        "status_text": "",
        "status_emoji": "",
        "status_expiration": 0,
        "avatar_hash": "g0",
        "image_48": "https://secure.gravatar.com/avatar/g0.jpg",
        "team": user.team_id,
    }
    body: Json = {
        "id": user.id,
        "team_id": user.team_id,
        "name": user.name,
        "deleted": user.deleted,
        "profile": profile,
        "is_bot": user.is_bot,
        "is_app_user": False,
        "updated": CREATED,
    }
    if user.is_bot:
        profile |= {"bot_id": user.bot_id, "api_app_id": ""}
    if user.is_stranger:
        body |= {"is_stranger": True}
    if user.deleted:
        return body
    return body | {
        "real_name": profile["real_name"],
        "color": "9f69e7",
        "tz": user.tz,
        "tz_label": "Central European Time",
        "tz_offset": 3600,
        "is_admin": user.is_admin,
        "is_owner": False,
        "is_primary_owner": False,
        "is_restricted": guest,
        "is_ultra_restricted": user.is_ultra_restricted,
        "is_email_confirmed": True,
    }


def bot_body(workspace: Workspace, user: User) -> Json:
    """Write a bot as bots.info and messages do."""
    is_own = user.id == workspace.app.user_id
    return {
        "id": user.bot_id,
        "deleted": user.deleted,
        "name": user.real_name or user.name,
        "updated": CREATED,
        "app_id": workspace.app.id if is_own else "",
        "user_id": user.id,
        "icons": {"image_36": "https://a.slack-edge.com/bot_36.png"},
        "team_id": user.team_id,
    }


def channel_body(workspace: Workspace, channel: Channel) -> Json:
    """Write a channel as conversations.info does."""
    bot = workspace.app.user_id
    if channel.is_im:
        other = next((user for user in channel.members if user != bot), bot)
        return {
            "id": channel.id,
            "created": CREATED,
            "is_archived": channel.is_archived,
            "is_im": True,
            "is_org_shared": False,
            "context_team_id": workspace.team_id,
            "updated": CREATED * 1000,
            "user": other,
            "is_user_deleted": workspace.users[other].deleted,
            "priority": 0,
        }
    return {
        "id": channel.id,
        "name": channel.name,
        "is_channel": not channel.is_private,
        "is_group": False,
        "is_im": False,
        "is_mpim": False,
        "is_private": channel.is_private,
        "created": CREATED,
        "is_archived": channel.is_archived,
        "is_general": False,
        "unlinked": 0,
        "name_normalized": channel.name,
        "is_shared": channel.is_ext_shared,
        "is_org_shared": False,
        "is_pending_ext_shared": False,
        "pending_shared": [],
        "context_team_id": workspace.team_id,
        "updated": CREATED * 1000,
        "parent_conversation": None,
        "creator": next(iter(channel.members), bot),
        "is_ext_shared": channel.is_ext_shared,
        "shared_team_ids": [workspace.team_id],
        "pending_connected_team_ids": [],
        "is_member": bot in channel.members,
        "topic": {"value": "", "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
        "previous_names": [],
        "num_members": len(channel.members),
    }


def usergroup_body(workspace: Workspace, group: Usergroup) -> Json:
    """Write a user group as usergroups.list does, with its users."""
    return {
        "id": group.id,
        "team_id": workspace.team_id,
        "is_usergroup": True,
        "is_subteam": True,
        "name": group.name,
        "description": "",
        "handle": group.handle,
        "is_external": False,
        "date_create": CREATED,
        "date_update": CREATED,
        "date_delete": group.date_delete,
        "auto_type": None,
        "auto_provision": False,
        "enterprise_subteam_id": "",
        "created_by": workspace.app.user_id,
        "updated_by": workspace.app.user_id,
        "deleted_by": None,
        "prefs": {"channels": [], "groups": []},
        "user_count": len(group.users),
        "users": list(group.users),
    }


def file_body(workspace: Workspace, file: File) -> Json:
    """Write a file as files.info and messages do."""
    stem, _, suffix = file.name.rpartition(".")
    kind = file.snippet_type or (suffix if stem else "text")
    is_picture = kind in ("png", "jpg", "jpeg", "gif")
    return {
        "id": file.id,
        "created": CREATED,
        "timestamp": CREATED,
        "name": file.name,
        "title": file.title or file.name,
        "mimetype": f"image/{kind}" if is_picture else "text/plain",
        "filetype": kind,
        "pretty_type": kind.upper(),
        "user": workspace.app.user_id,
        "user_team": workspace.team_id,
        "editable": not is_picture,
        "size": file.length,
        "mode": "hosted" if is_picture else "snippet",
        "is_external": False,
        "is_public": bool(file.channels),
        "url_private": f"https://files.slack.com/files-pri/{workspace.team_id}-{file.id}/{file.name}",
        "permalink": f"https://{workspace.domain}.slack.com/files/{workspace.app.user_id}/{file.id}/{file.name}",
        "channels": [each for each in file.channels if each.startswith("C")],
        "groups": [each for each in file.channels if each.startswith("G")],
        "ims": [each for each in file.channels if each.startswith("D")],
        **({"alt_txt": file.alt_txt} if file.alt_txt else {}),
    }


def view_body(workspace: Workspace, view: View) -> Json:
    """Write a view as views.open does, and payloads about it."""
    app = workspace.app
    given = {
        name: view.view.get(name, default)
        for name, default in (
            ("type", "modal"), ("blocks", []), ("private_metadata", ""), ("callback_id", ""), ("title", None),
            ("close", None), ("submit", None), ("clear_on_close", False), ("notify_on_close", False),
            ("external_id", ""),
        )
    }  # fmt: skip
    return given | {
        "id": view.id,
        "team_id": workspace.team_id,
        "state": {"values": {}},
        "hash": view.hash,
        "previous_view_id": view.previous_id,
        "root_view_id": view.root_id,
        "app_id": app.id,
        "app_installed_team_id": workspace.team_id,
        "bot_id": app.bot_id,
    }


def rich_text(text: str) -> list[Json]:
    """Write what a person typed as the rich text block that their client adds."""
    elements: list[Json] = []
    for part in RICH.split(text):
        target, _, label = part[1:-1].partition("|")
        if not part:
            continue
        if not RICH.fullmatch(part):
            elements.append({"type": "text", "text": plain(part)})
        elif target.startswith("@"):
            elements.append({"type": "user", "user_id": target[1:]})
        elif target.startswith("#"):
            elements.append({"type": "channel", "channel_id": target[1:]})
        elif target.startswith("!subteam^"):
            elements.append({"type": "usergroup", "usergroup_id": target.removeprefix("!subteam^")})
        elif target.startswith("!"):
            elements.append({"type": "broadcast", "range": target[1:]})
        else:
            elements.append({"type": "link", "url": plain(target), **({"text": plain(label)} if label else {})})
    section = {"type": "rich_text_section", "elements": elements}
    return [{"type": "rich_text", "block_id": "typed", "elements": [section]}]


def plain(text: str) -> str:
    """Take the escapes out of a stored text."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
