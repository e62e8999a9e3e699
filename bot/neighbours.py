"""The only file that knows the adapters: settings in, the neighbours that they name out.

Each adapter is imported where it is configured, as some of them take a while to load.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bot.calls import Calls
from bot.chat import Chat
from bot.clock import Clock
from bot.compare import Decode
from bot.config_github import APP, secrets_of, whose
from bot.config_leeroy import LEEROY
from bot.config_values import is_loopback
from bot.forge import ForgeServer, Missed, Told
from bot.health import Health
from bot.loader import Registry
from bot.machine import Machine
from bot.overview import Overlook
from bot.people import FORGE
from bot.ports import BuildServer
from bot.reload import keys_of_channels
from bot.secret import read_key, read_secret
from bot.settings import GitHubSettings, GordonSettings, IrcSettings

if TYPE_CHECKING:
    from bot.adapters.github_hooks import GitHubHooks, Take
    from bot.adapters.slack_http import SlackPage
    from bot.adapters.status_page import StatusPage
    from bot.adapters.web import WebServer

log = logging.getLogger(__name__)


def servers_of(settings: GordonSettings, clock: Clock, calls: Calls | None = None) -> dict[str, BuildServer]:
    """Make the build servers that are configured."""
    if not settings.jenkins:
        return {}
    from bot.adapters.jenkins import Jenkins

    servers: dict[str, BuildServer] = {}
    for name, server in settings.jenkins.items():
        read_token = partial(read_secret, f"Jenkins {name}", server.token_file, server.token_env)
        servers[name] = Jenkins(name, server, read_token(), clock, calls, read_token)
    return servers


def forge_of(settings: GordonSettings, clock: Clock, calls: Calls | None = None) -> ForgeServer | None:
    """Make the forge, if one is configured."""
    github = settings.github
    if github is None:
        return None
    from bot.adapters.github import GitHub

    def read_token() -> str:
        if github.app_key_file is not None:
            return read_key(APP, github.app_key_file)
        return read_secret("GitHub", github.token_file, github.token_env)

    return GitHub(github, read_token, clock, calls)


def decoder_of(clock: Clock) -> Decode:
    """Make what reads a delivery that did not arrive, as the page does that it was sent to."""

    def decode(missed: Missed, repo: str) -> Told | None:
        from bot.adapters.hook_bytes import WrongBody
        from bot.adapters.hook_wire import read_body

        try:
            found = read_body(missed.name, missed.body)
            is_ours = found.is_of_use and found.repo.lower() == repo.lower()
            return found.told(missed.guid, repo, clock.now()) if is_ours else None
        except WrongBody:
            return None

    return decode


def networks_of(
    settings: GordonSettings, clock: Clock, forge: ForgeServer | None = None, calls: Calls | None = None
) -> dict[str, Chat]:
    """Make the IRC networks and Slacks that are configured, and the forge as one where comments are commands."""
    chats: dict[str, Chat] = {}
    if settings.irc:
        from bot.adapters.irc import Irc
        from bot.adapters.irc_secrets import IrcSecrets

        keys = keys_of_channels(settings)
        for name, irc in settings.irc.items():
            read = partial(passwords_of, name, irc)
            chats[name] = Irc(name, irc, IrcSecrets(*read(), keys[name]), settings.gordon.prefix, clock, read)
    if settings.slack:
        from bot.adapters.slack import Slack, SlackSecrets

        for name, slack in settings.slack.items():
            read_token = partial(read_secret, f"the bot on Slack {name}", slack.bot_token_file, slack.bot_token_env)
            app_token = partial(read_secret, f"the app on Slack {name}", slack.app_token_file, slack.app_token_env)
            by_socket = slack.app_token_file or slack.app_token_env
            secrets = SlackSecrets(read_token, app_token if by_socket else None)
            chats[name] = Slack(name, slack, secrets, settings.gordon.prefix, clock, calls)
    if forge is not None and settings.github is not None and settings.github.comments:
        from bot.adapters.github_chat import GitHubChat

        chats[FORGE] = GitHubChat(forge, settings.github.mention)
    return chats


def passwords_of(name: str, irc: IrcSettings) -> tuple[str, str]:
    """Read the password of an IRC network, and that of our account there; errors are those of `read_secret`."""
    return (
        read_secret(f"IRC {name}", irc.password_file, irc.password_env),
        read_secret(f"the account on IRC {name}", irc.account_password_file, irc.account_password_env),
    )


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


def web_of(
    settings: GordonSettings,
    clock: Clock,
    hint: Callable[[str, str, int | None], None],
    *,
    take: "Take | None" = None,
    repos: Callable[[], Collection[str]] = tuple,
    health: Health | None = None,
    machine: Machine | None = None,
    chats: Mapping[str, Chat] = MappingProxyType({}),
    overlook: Overlook | None = None,
) -> "WebServer | None":
    """Make the server that neighbours send things to, if one is configured.

    Arguments:
        hint: told the server, the job and the number of a build that Jenkins says has moved on.
        take: called with what a webhook tells; returns once that is on disk.
        repos: tells the repositories that are configured now.
        machine: does what clients of Leeroy ask for.
        chats: those of `networks_of`, of which some are told here what is said there.
        overlook: puts together what the status page shows.

    Raises:
        ConfigError: a secret cannot be read.
    """
    if settings.web is None:
        return None
    from bot.adapters.hook_secrets import COUNTS_S, HookSecrets
    from bot.adapters.jenkins_notifications import PATH, Notifications
    from bot.adapters.web import Page, WebServer

    secrets = {
        name: HookSecrets(
            f"the notifications of Jenkins {name}",
            [(server.notify_secret_file, server.notify_secret_env)],
            clock,
            overlap_s=COUNTS_S,
        )
        for name, server in settings.jenkins.items()
        if server.notify_secret_file or server.notify_secret_env
    }
    notifications = Notifications(secrets, hint, clock)
    pages = {PATH: Page(notifications.answer, hides=True)}
    hooks = hooks_of(settings.github, clock, take, repos) if settings.github is not None and take is not None else None
    if hooks is not None:
        from bot.adapters.github_hooks import PATH as HOOKS

        pages[HOOKS] = Page(hooks.answer)
    posts = posts_of(settings, clock, chats)
    if posts is not None:
        from bot.adapters.slack_http import PATH as SLACK

        pages[SLACK] = Page(posts.answer)
    if health is not None:
        from bot.adapters.health_pages import HealthPages

        told = HealthPages(
            health, lambda: [part for page in (notifications, hooks, posts) if page for part in page.parts()]
        )
        pages |= told.pages()
    status = status_of(settings, clock, overlook) if overlook is not None else None
    if status is not None:
        from bot.adapters.health_pages import READING
        from bot.adapters.status_page import EVENTS
        from bot.adapters.status_page import PATH as STATUS

        pages |= {STATUS: Page(status.page, READING, end=status.end), EVENTS: Page(status.events, READING)}
    if settings.leeroy is not None and machine is not None:
        from bot.adapters.leeroy_pages import METHODS, LeeroyPages
        from bot.adapters.leeroy_pages import PATH as BUILD

        places = [(settings.leeroy.password_file, settings.leeroy.password_env)]
        passwords = HookSecrets(LEEROY, places, clock, overlap_s=COUNTS_S)
        asked = LeeroyPages(machine.rebuild, machine.rebuild_open, settings.leeroy.user, passwords, clock)
        pages[BUILD] = Page(asked.answer, METHODS)
    return WebServer(settings.web, pages)


def hooks_of(
    github: GitHubSettings, clock: Clock, take: "Take", repos: Callable[[], Collection[str]]
) -> "GitHubHooks | None":
    """Make the page that webhooks are sent to, if one has a secret; arguments and errors are those of `web_of`."""
    from bot.adapters.github_hooks import GitHubHooks, Hook
    from bot.adapters.hook_secrets import HookSecrets

    hooks = []
    for name, places in secrets_of(github).items():
        if places:
            own = github.hook[name].repos if name else ()
            hooks.append(Hook(name, HookSecrets(whose(name), places, clock), own))
    return GitHubHooks(hooks, repos, take, clock) if hooks else None


def posts_of(settings: GordonSettings, clock: Clock, chats: Mapping[str, Chat]) -> "SlackPage | None":
    """Make the page that Slack posts to, if one of the workspaces has a secret for it; errors are those of `web_of`."""
    signed = {name: one for name, one in settings.slack.items() if one.signing_secret_file or one.signing_secret_env}
    if not signed:
        return None
    from bot.adapters.hook_secrets import HookSecrets
    from bot.adapters.slack import Slack
    from bot.adapters.slack_http import SlackPage, Workspace

    workspaces = {}
    for name, slack in signed.items():
        chat, places = chats.get(name), [(slack.signing_secret_file, slack.signing_secret_env)]
        if isinstance(chat, Slack):
            workspaces[name] = Workspace(HookSecrets(f"the signatures of Slack {name}", places, clock), chat.app)
    return SlackPage(workspaces, clock)


def status_of(settings: GordonSettings, clock: Clock, overlook: Overlook) -> "StatusPage | None":
    """Make the status page, unless everybody could read it; errors are those of `web_of`."""
    web = settings.web
    if web is None or not web.status:
        return None
    has_token = bool(web.status_token_file or web.status_token_env)
    if not has_token and not is_loopback(web.host):
        log.warning("no status page: [web] host is %s, and there is no status_token_file to keep it from all", web.host)
        return None
    from bot.adapters.hook_secrets import HookSecrets
    from bot.adapters.page_token import PageToken
    from bot.adapters.status_html import StatusHtml
    from bot.adapters.status_page import StatusPage

    places = [(web.status_token_file, web.status_token_env)]
    secrets = HookSecrets("the status page", places, clock) if has_token else None
    return StatusPage(overlook, StatusHtml(_origins(settings)), PageToken(secrets, clock))


def _origins(settings: GordonSettings) -> Collection[str]:
    """Tell where people look at builds and pull requests; GitHub has another host for them than for programs."""
    urls = [server.url for server in settings.jenkins.values()]
    if settings.github is not None:
        urls.append(settings.github.url.replace("https://api.github.com", "https://github.com", 1))
    return {f"{parts.scheme}://{parts.netloc}" for parts in map(urlsplit, urls)}
