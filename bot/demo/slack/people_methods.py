"""The methods of the Web API about people, teams and the app itself."""

from bot.demo.slack.bodies import bot_body, user_body, usergroup_body
from bot.demo.slack.calls import ApiError, Call, Method, page
from bot.demo.slack.workspace import Json


def methods() -> list[Method]:
    """List them."""
    return [
        Method("auth.test", auth_test),
        Method("team.info", team_info, ("team:read",)),
        Method("users.info", user_info, ("users:read",)),
        Method("users.list", users, ("users:read",)),
        Method("usergroups.list", groups, ("usergroups:read",)),
        Method("usergroups.users.list", group_users, ("usergroups:read",)),
        Method("bots.info", bot_info, ("users:read",)),
    ]


def auth_test(call: Call) -> Json:
    """Tell whose token it is."""
    workspace = call.workspace
    return {
        "ok": True,
        "url": f"https://{workspace.domain}.slack.com/",
        "team": workspace.name,
        "user": workspace.bot.name,
        "team_id": workspace.team_id,
        "user_id": workspace.bot.id,
        "bot_id": workspace.app.bot_id,
        "is_enterprise_install": False,
    }


def team_info(call: Call) -> Json:
    """Tell which workspace it is."""
    workspace = call.workspace
    body = {"id": workspace.team_id, "name": workspace.name, "domain": workspace.domain, "email_domain": "", "icon": {}}
    return {"ok": True, "team": {**body, "url": f"https://{workspace.domain}.slack.com/"}}


def user_info(call: Call) -> Json:
    """Tell who somebody is."""
    return {"ok": True, "user": user_body(call.user())}


def users(call: Call) -> Json:
    """List everybody, strangers too; without a limit all at once."""
    found = [user_body(user) for user in call.workspace.users.values()]
    shown, more = page(call, found, default=1000)
    return {"ok": True, "members": shown, "cache_ts": int(call.workspace.now_s()), **more}


def groups(call: Call) -> Json:
    """List the user groups, with their people and those that are disabled if asked for."""
    bodies = [usergroup_body(call.workspace, group) for group in call.workspace.usergroups.values()]
    if not call.flag("include_disabled"):
        bodies = [body for body in bodies if not body["date_delete"]]
    for body in bodies:
        if not call.flag("include_users"):
            del body["users"]
        if not call.flag("include_count"):
            del body["user_count"]
    return {"ok": True, "usergroups": bodies}


def group_users(call: Call) -> Json:
    """List the people of a user group."""
    group = call.workspace.usergroups.get(call.text("usergroup"))
    if group is None or (group.date_delete and not call.flag("include_disabled")):
        raise ApiError("no_such_subteam")
    return {"ok": True, "users": list(group.users)}


def bot_info(call: Call) -> Json:
    """Tell what a bot is."""
    workspace = call.workspace
    wanted = call.text("bot") or workspace.app.bot_id
    user = next((user for user in workspace.users.values() if user.bot_id and user.bot_id == wanted), None)
    if user is None:
        raise ApiError("bot_not_found")
    return {"ok": True, "bot": bot_body(workspace, user)}
