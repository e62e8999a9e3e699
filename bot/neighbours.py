"""The only file that knows the adapters: settings in, the neighbours that they name out.

Each adapter is imported where it is configured, as some of them take a while to load.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from bot.clock import Clock
from bot.forge import ForgeServer
from bot.loader import Registry
from bot.ports import BuildServer, Chat
from bot.reload import keys_of_channels
from bot.secret import read_secret
from bot.settings import GordonSettings

if TYPE_CHECKING:
    from bot.adapters.web import WebServer


def servers_of(settings: GordonSettings, clock: Clock) -> dict[str, BuildServer]:
    """Make the build servers that are configured."""
    if not settings.jenkins:
        return {}
    from bot.adapters.jenkins import Jenkins

    return {
        name: Jenkins(name, server, read_secret(f"Jenkins {name}", server.token_file, server.token_env), clock)
        for name, server in settings.jenkins.items()
    }


def forge_of(settings: GordonSettings, clock: Clock) -> ForgeServer | None:
    """Make the forge, if one is configured."""
    github = settings.github
    if github is None:
        return None
    from bot.adapters.github import GitHub

    return GitHub(github, read_secret("GitHub", github.token_file, github.token_env), clock)


def networks_of(settings: GordonSettings, clock: Clock) -> dict[str, Chat]:
    """Make the IRC networks that are configured."""
    chats: dict[str, Chat] = {}
    if settings.irc:
        from bot.adapters.irc import Irc
        from bot.adapters.irc_login import IrcSecrets

        keys = keys_of_channels(settings)
        for name, irc in settings.irc.items():
            password = read_secret(f"IRC {name}", irc.password_file, irc.password_env)
            login = read_secret(f"the account on IRC {name}", irc.account_password_file, irc.account_password_env)
            chats[name] = Irc(name, irc, IrcSecrets(password, login, keys[name]), settings.gordon.prefix, clock)
    return chats


def terminal_of(settings: GordonSettings, registry: Registry) -> dict[str, Chat]:
    """Make the prompt on this terminal, if one is configured."""
    chats: dict[str, Chat] = {}
    if settings.console is not None:
        from bot.adapters.console import Console

        history = settings.gordon.state / "history"
        chats["console"] = Console(
            settings.console.person,
            history=history,
            completions=lambda: [usage.text for usage in registry.usages.values()],
        )
    return chats


def web_of(settings: GordonSettings, clock: Clock, hint: Callable[[str, str, int | None], None]) -> "WebServer | None":
    """Make the server that neighbours send things to, if one is configured.

    Arguments:
        hint: told the server, the job and the number of a build that Jenkins says has moved on.
    """
    if settings.web is None:
        return None
    from bot.adapters.jenkins_notifications import PATH, Notifications
    from bot.adapters.web import WebServer

    secrets = {
        name: read_secret(f"the notifications of Jenkins {name}", server.notify_secret_file, server.notify_secret_env)
        for name, server in settings.jenkins.items()
    }
    return WebServer(settings.web, {PATH: Notifications(secrets, hint, clock).answer})
