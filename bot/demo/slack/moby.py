"""The demo's team on Slack: the people of its GitHub and IRC, a guest, a stranger, and their channels."""

from bot.clock import Clock
from bot.demo.slack.workspace import AppRecord, Channel, User, Usergroup, Workspace

TEAM, APP, BOT, BOT_ID = "T0MOBY001", "A0GORDON1", "U0GORDON1", "B0GORDON1"
BOT_TOKEN = "xoxb-1000-2000-demo-token-of-gordon"  # noqa: S105  of a stand-in that no network reaches
APP_TOKEN = "xapp-1-A0GORDON1-3000-demo-token-of-gordon"  # noqa: S105
SIGNING_SECRET = "demo-signing-secret-of-gordon"  # noqa: S105

TIANON, CROSBYMICHAEL, ICECRIME = "U0TIANON1", "U0CROSBY1", "U0ICECRIM"
JESS, VIEUX, NEWCOMER = "U0JESS001", "U0VIEUX01", "U0NEWCOME"
GUEST, SINGLE_GUEST, GONE, OTHER_BOT = "U0GUEST01", "U0GUEST02", "U0GONE001", "U0OTHERBT"
STRANGER, STRANGERS_TEAM = "U0STRANGE", "T0ELSEWHR"
IMPOSTOR = "U666"  # whose display name is a maintainer's

DOCKER_DEV, BUILDS, MAINTAINERS, SHARED = "C0DOCKDEV", "C0BUILDS1", "C0MAINTNR", "C0SHARED1"
SECRETS, QUIET, OLD = "C0SECRETS", "C0QUIET01", "C0OLD0001"
MAINTAINERS_GROUP = "S0MAINTNR"


def moby(clock: Clock) -> Workspace:
    """Make the workspace."""
    app = AppRecord(APP, BOT, BOT_ID, BOT_TOKEN, APP_TOKEN, SIGNING_SECRET)
    workspace = Workspace("moby", TEAM, app, clock)
    names = {
        TIANON: ("tianon", "Tianon Gravi"),
        CROSBYMICHAEL: ("crosbymichael", "Michael Crosby"),
        ICECRIME: ("icecrime", "Arnaud Porterie"),
        JESS: ("jess", "Jess Frazelle"),
        VIEUX: ("vieux", "Victor Vieux"),
        NEWCOMER: ("newcomer", "New Comer"),
    }
    people = [workspace.add_user(User(id_, name, TEAM, real, name)) for id_, (name, real) in names.items()]
    members = [person.id for person in people]
    workspace.users[ICECRIME].is_admin = True
    for user in (
        User(GUEST, "visitor", TEAM, "Several Channels", "visitor", is_restricted=True),
        User(SINGLE_GUEST, "lodger", TEAM, "One Channel", "lodger", is_restricted=True, is_ultra_restricted=True),
        User(GONE, "leaver", TEAM, "Somebody Gone", "leaver", deleted=True),
        User(OTHER_BOT, "ci", TEAM, "CI", is_bot=True, bot_id="B0OTHERBT"),
        User(STRANGER, "stranger", STRANGERS_TEAM, "Some Stranger", "tianon", is_stranger=True),
        User(IMPOSTOR, "mallory", TEAM, "Tianon Gravi", "tianon"),
    ):
        workspace.add_user(user)
    everybody = [BOT, *members, IMPOSTOR, OTHER_BOT]
    workspace.add_channel(Channel(DOCKER_DEV, "docker-dev"), [*everybody, GUEST, SINGLE_GUEST])
    workspace.add_channel(Channel(BUILDS, "builds"), everybody)
    workspace.add_channel(Channel(MAINTAINERS, "maintainers"), [BOT, TIANON, CROSBYMICHAEL, ICECRIME])
    workspace.add_channel(Channel(SHARED, "docker-and-friends", is_ext_shared=True), [BOT, *members, STRANGER])
    workspace.add_channel(Channel(SECRETS, "secrets", is_private=True), [ICECRIME])
    workspace.add_channel(Channel(QUIET, "quiet"), members)
    workspace.add_channel(Channel(OLD, "old", is_archived=True), everybody)
    group = Usergroup(MAINTAINERS_GROUP, "maintainers", "Maintainers", [TIANON, CROSBYMICHAEL, ICECRIME])
    workspace.usergroups[group.id] = group
    return workspace
