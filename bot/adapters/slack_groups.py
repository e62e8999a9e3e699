"""Who is in a user group of a Slack workspace."""

from bot.adapters.slack_api import Api
from bot.errors import Refused

HANDLE = "@"


async def members(api: Api, group: str) -> frozenset[str]:
    """Tell the ids of the users in a group; people of other workspaces in it are nobody's account here.

    Arguments:
        group: its handle with an @, or its id.

    Raises:
        Unavailable: Slack does not answer, or takes no more for now.
        Refused: there is no such group, it is disabled, or the token may not read groups.
    """
    answer = await api.call("usergroups.users.list", usergroup=await _id_of(api, group), include_disabled=False)
    return frozenset(one for one in answer.get("users") or () if isinstance(one, str))


async def _id_of(api: Api, group: str) -> str:
    if not group.startswith(HANDLE):
        return group
    answer = await api.call("usergroups.list", include_disabled=False)
    for one in answer.get("usergroups") or ():
        if one.get("handle", "").lower() == group.removeprefix(HANDLE).lower():
            return str(one["id"])
    raise Refused(api.peer, f"there is no user group {group}")
