"""The neighbours of the embedded world, and the configuration that points Gordon at them; for demo and tests."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Literal, Self

from msgspec import structs

from bot.app import App
from bot.chat import Chat
from bot.clock import Clock, SystemClock
from bot.config import load
from bot.demo import libcontainer
from bot.demo.github.double import GitHubDouble
from bot.demo.github.hooks import Hook
from bot.demo.irc import DemoNetwork
from bot.demo.jenkins.model import BooleanParameter, ChoiceParameter, Plan, Starting, StringParameter
from bot.demo.jenkins.nodes import Agent
from bot.demo.jenkins.standin import JenkinsStandIn
from bot.demo.slack import moby
from bot.demo.slack.double import SlackDouble

REPO = "moby/moby"
CONTEXTS = {"experimental": "docker-prs-experimental", "janky": "docker-prs", "lxc": "lxc/docker-prs", "windows": "win"}
FACTS = ("GIT_BASE_REPO", "GIT_HEAD_REPO", "GIT_SHA1", "GITHUB_URL", "PR", "BASE_BRANCH", "GORDON_REQUEST_ID")
CLOSED = 88  # a pull request that was merged long ago, far from the numbers that new ones get
CHANNEL = "#docker-maintainers"
SLACK, SLACK_CHANNEL = "moby", "#docker-dev"
TOKEN = "demo-token-of-gordon"  # noqa: S105  of stand-ins that no network reaches
GITHUB_TOKEN = "demo-token-of-gordon-on-the-hub"  # noqa: S105
HOOK_SECRET = "demo-secret-of-the-webhook"  # noqa: S105
HOOK_EVENTS = ("issue_comment", "pull_request", "pull_request_review", "push")

# What the labels of the agents of a show mean.
TAGS = """
[jenkins.ci.tags]
distro = "distro:(.+)"
driver = "driver:(.+)"
kernel = "kernel:(.+)"
"""

PEOPLE = """
[people.icecrime]
github_id = 101
{accounts[icecrime]}
roles = {{ "*" = "operator" }}

[people.tianon]
github_id = 102
{accounts[tianon]}
roles = {{ {maintainer} }}

[people.jess]
github_id = 103
{accounts[jess]}
roles = {{ {triager} }}

[people.newcomer]
github_id = 104
{accounts[newcomer]}

[people.crosbymichael]
github_id = 105
{accounts[crosbymichael]}
roles = {{ {maintainer} }}

[people.vieux]
github_id = 106
{accounts[vieux]}
roles = {{ {triager} }}
"""

CONFIG = """
[gordon]
home = "moby/moby"
state = "state"
people = "people.toml"
patience_s = {patience_s}
again_after_s = {again_after_s}
handler_limit_s = {handler_limit_s}
stuck_after_s = {stuck_after_s}
commands_per_minute = {commands_per_minute}
commands_per_minute_in_channel = {commands_per_minute_in_channel}
rebuilds_per_hour = {rebuilds_per_hour}
rebuilds_per_commit = {rebuilds_per_commit}
builds_per_person = {builds_per_person}
plugins = [{plugins}]
{plugin_folder}

[jenkins.ci]
url = "{jenkins}"
user = "gordon"
token_file = "jenkins-token"
timeout_s = {timeout_s}
poll_s = {poll_s}
idle_poll_s = {idle_poll_s}
node_stable_s = {node_stable_s}
{tags}
[github]
url = "{github}"
token_file = "github-token"
timeout_s = {timeout_s}
{hook}{web}
[repos."moby/moby"]
aliases = ["moby", "docker"]
announce = [{announce}]

{contexts}
[jobs.base-image]
jenkins = "ci"
job = "infra/base-image"

[plugin.failures]
gather_s = {gather_s}
{second}
{chats}
"""

HOOK = """secret_files = ["github-hook"]
"""

WEB = """
[web]
port = {port}
"""

IRC = """
[irc.demo]
host = "127.0.0.1"
port = {port}
tls = false
nick = "gordon"
channels = ["#docker-maintainers"]
nick_is_identity = true
burst_lines = {burst_lines}
line_every_s = {line_every_s}
"""

SLACK_CONFIG = """
[slack.moby]
url = "{url}"
bot_token_file = "slack-bot"
{transport}
channels = ["#docker-dev"]
"""
SLACK_TRANSPORTS = {"socket": 'app_token_file = "slack-app"', "http": 'signing_secret_file = "slack-signing"'}
SLACK_PEOPLE = {
    "icecrime": moby.ICECRIME,
    "tianon": moby.TIANON,
    "jess": moby.JESS,
    "newcomer": moby.NEWCOMER,
    "crosbymichael": moby.CROSBYMICHAEL,
    "vieux": moby.VIEUX,
}

NUMBERS: dict[str, float] = {
    "patience_s": 600,
    "again_after_s": 1,
    "handler_limit_s": 30,
    "stuck_after_s": 60,
    "timeout_s": 5,
    "poll_s": 0.5,
    "node_stable_s": 60,
    "gather_s": 0.5,
    "commands_per_minute": 1000,
    "commands_per_minute_in_channel": 10_000,
    "rebuilds_per_hour": 1000,
    "rebuilds_per_commit": 3,
    "builds_per_person": 100,
    "burst_lines": 20,
    "line_every_s": 0.1,
}
IDLE_POLL_S = 30.0
PLUGINS = (
    "rebuild", "rebuild_open", "status", "nodes", "retries", "failures", "pushes", "causes", "pr_builds", "dco",
    "conflicts", "statuses", "heads", "watches", "pulls", "triage", "notices", "scheduled_builds", "answers",
    "comments", "help", "people", "operate",
)  # fmt: skip


def people_of(network: str, repos: Sequence[str] = (REPO,), slack: str = "") -> str:
    """Write the people file: who has which account on networks, and which role in these repositories.

    Arguments:
        network: where accounts are called as people are; empty for nowhere.
        slack: the Slack of the demo, if people are there.
    """
    roles = {role: ", ".join(f'"{repo}" = "{role}"' for repo in repos) for role in ("maintainer", "triager")}
    by_name = f'irc = {{{{ {network} = "{{0}}" }}}}\n' if network else ""
    by_id = f'slack = {{{{ {slack} = "{{1}}" }}}}\n' if slack else ""
    accounts = {name: (by_name + by_id).format(name, id_) for name, id_ in SLACK_PEOPLE.items()}
    return PEOPLE.format(accounts=accounts, **roles)


class World:
    """A Jenkins, a GitHub and, if wanted, an IRC network and a Slack, in this loop on loopback.

    Arguments:
        folder: where Gordon's configuration and state go.
        clock: the neighbours' time, and that of a Gordon made by `gordon`.
        with_irc: start the IRC network too.
        with_slack: start the Slack too, which reaches Gordon by a socket, or by posts, which need `send_slack_to`.
        with_hook: let GitHub tell Gordon of pull requests, by `send_webhook_to`, and Gordon it how builds stand.
        with_second: there is docker/libcontainer, too, whose pull requests are built by themselves, and comments are
            obeyed.
        web_port: where Gordon listens; 0 for another one each time.
        agents: those of the Jenkins; with any, their labels are tags.
        numbers: settings that differ from `NUMBERS`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Clock | None = None,
        with_irc: bool = False,
        with_slack: Literal["", "socket", "http"] = "",
        with_hook: bool = False,
        with_second: bool = False,
        plugins: Sequence[str] = PLUGINS,
        plugin_folder: Path | None = None,
        quiet_period_s: float = 0.0,
        web_port: int = 0,
        executors: int = 50,
        agents: Sequence[Agent] = (),
        numbers: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        self.folder = folder
        self.clock = clock or SystemClock()
        self.jenkins = JenkinsStandIn(self.clock, quiet_period_s=quiet_period_s, executors=executors, nodes=agents)
        self._tags = TAGS if agents else ""
        self.github = GitHubDouble(self.clock)
        self.irc = DemoNetwork() if with_irc else None
        self.irc_port = 0
        self.slack = SlackDouble(self.clock) if with_slack else None
        self._with_slack = with_slack
        self._with_hook = with_hook
        self._web_port = web_port
        self.repos = (REPO, libcontainer.REPO) if with_second else (REPO,)
        self._hooks: dict[str, Hook] = {}
        places = [*([f"demo/{CHANNEL}"] if with_irc else []), *([f"{SLACK}/{SLACK_CHANNEL}"] if with_slack else [])]
        self.announce = ", ".join(f'"{place}"' for place in places)
        self._plugins = plugins
        self._plugin_folder = plugin_folder
        self._numbers = {**NUMBERS, **numbers}
        self._numbers.setdefault("idle_poll_s", max(IDLE_POLL_S, self._numbers["poll_s"]))
        self._stack = AsyncExitStack()

    @property
    def config(self) -> Path:
        """The file that `gordon run` takes."""
        return self.folder / "gordon.toml"

    async def __aenter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._populate()
        await self.jenkins.start()
        self._stack.push_async_callback(self.jenkins.stop)
        await self.github.start()
        self._stack.push_async_callback(self.github.stop)
        if self.irc is not None:
            self.irc_port = await self.irc.start()
            self._stack.push_async_callback(self.irc.stop)
        if self.slack is not None:
            await self._stack.enter_async_context(self.slack)
        self.write_config()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def write_config(self) -> None:
        """Write the configuration, the people and the secrets that fit this world."""
        secrets = {"jenkins-token": TOKEN, "github-token": GITHUB_TOKEN, "github-hook": HOOK_SECRET}
        of_slack = {"slack-bot": moby.BOT_TOKEN, "slack-app": moby.APP_TOKEN, "slack-signing": moby.SIGNING_SECRET}
        secrets |= of_slack if self.slack is not None else {}
        for name, secret in secrets.items():
            path = self.folder / name
            path.unlink(missing_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
                file.write(secret)
        network = "demo" if self.irc is not None else "test" if self.slack is None else ""
        chats = IRC.format(port=self.irc_port, **self._numbers) if self.irc is not None else ""
        if self.slack is not None:
            transport = SLACK_TRANSPORTS[self._with_slack]
            chats += SLACK_CONFIG.format(url=self.slack.api_url, transport=transport)
        contexts = "".join(
            f'[repos."moby/moby".contexts.{name}]\njenkins = "ci"\njob = "{job}"\n'
            + (f'status = "docker/{name}"\n\n' if self._with_hook else "\n")
            for name, job in CONTEXTS.items()
        )
        is_second = libcontainer.REPO in self.repos
        text = CONFIG.format(
            jenkins=self.jenkins.url,
            github=self.github.base_url,
            contexts=contexts,
            plugins=", ".join(f'"{name}"' for name in self._plugins),
            plugin_folder=f'plugin_folder = "{self._plugin_folder}"' if self._plugin_folder else "",
            announce=self.announce,
            second=libcontainer.config(self.announce) if is_second else "",
            chats=chats,
            hook=(libcontainer.COMMENTS if is_second else "") + (HOOK if self._with_hook else ""),
            web=WEB.format(port=self._web_port) if self._with_hook or self._with_slack == "http" else "",
            tags=self._tags,
            **self._numbers,
        )
        self.config.write_text(text, encoding="utf-8")
        people = people_of(network, self.repos, SLACK if self.slack is not None else "")
        (self.folder / "people.toml").write_text(people, encoding="utf-8")

    def gordon(self, *chats: Chat) -> App:
        """Make a Gordon that lives in this world and talks at these places, besides its IRC network and its Slack.

        Without them the channel that hears how builds end is that of the first of the places.
        """
        settings = load(self.config)
        if chats and not self.announce:
            repos = {
                name: structs.replace(repo, announce=(f"{chats[0].network}/{CHANNEL}",))
                for name, repo in settings.repos.items()
            }
            settings = structs.replace(settings, repos=repos)
        return App(settings, clock=self.clock, chats={chat.network: chat for chat in chats}, config=self.config)

    async def send_webhook_to(self, app: App) -> None:
        """Have GitHub's webhooks sent to where this Gordon listens, once it does."""
        assert app.web is not None
        await app.web.listening.wait()
        url = f"{app.web.url}/notification/github"
        for repo in self.repos:
            if repo not in self._hooks:
                self._hooks[repo] = self.github.add_hook(url, HOOK_SECRET, repo=repo, events=HOOK_EVENTS)
            self._hooks[repo].url = url

    async def send_slack_to(self, app: App) -> None:
        """Have Slack post to where this Gordon listens, once it does."""
        if self.slack is None or app.web is None:
            raise LookupError("there is no Slack here, or nobody listens")
        await app.web.listening.wait()
        self.slack.team(SLACK).post_to(f"{app.web.url}/slack/{SLACK}/events")

    def build_of(self, decide: Callable[[Starting], Plan | None]) -> None:
        """Decide how each build goes."""
        self.jenkins.on_build(decide)

    def request_ids(self) -> list[str]:
        """List the marks of the builds that were begun, by the stand-in's ledger."""
        return [
            str(mark) for mark, count in self.jenkins.ledger.items_by("GORDON_REQUEST_ID").items() for _ in range(count)
        ]

    def _populate(self) -> None:
        facts = tuple(StringParameter(name) for name in FACTS)
        for job in CONTEXTS.values():
            self.jenkins.add_job(job, parameters=facts)
        platform = ChoiceParameter("PLATFORM", ("el6", "el7", "jessie"))
        self.jenkins.add_job(
            "infra/base-image",
            parameters=(StringParameter("GORDON_REQUEST_ID"), platform, BooleanParameter("PUSH")),
        )
        self.jenkins.add_user("gordon", token=TOKEN)
        self.github.set_token(GITHUB_TOKEN, "gordon-bot", 1)
        self.github.add_repo(REPO)
        people = ("icecrime", "tianon", "jess", "newcomer", "crosbymichael", "vieux")
        for user_id, login in enumerate(people, start=101):
            self.github.set_token(f"token-of-{login}", login, user_id)
        for title, author in (
            ("Use one mount for each container", "tianon"),
            ("Docs: say what --restart does", "jess"),
            ("Fix a race in the devicemapper driver", "newcomer"),
        ):
            self.github.open_pull(REPO, title=title, author=author)
        self.github.open_pull(REPO, title="Let containers run as another user", author="vieux", number=CLOSED)
        self.github.close(REPO, CLOSED, merged=True)
        if libcontainer.REPO in self.repos:
            libcontainer.populate(self.jenkins, self.github, facts)
