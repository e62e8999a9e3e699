"""The configuration as frozen values; every key of `gordon.toml` is a field here, with its unit in its name.

Reading and checking a file is `config.py`; what an example of each looks like is `deploy/gordon.example.toml`.
"""

from pathlib import Path
from typing import Any, Literal

import msgspec

PLUGINS = (
    "rebuild", "rebuild_open", "status", "nodes", "retries", "failures", "pushes", "causes", "pr_builds", "dco",
    "conflicts", "statuses", "heads", "watches", "pulls", "triage", "notices", "scheduled_builds", "answers",
    "comments", "help", "people", "operate",
)  # fmt: skip
READS = "reads"  # among the commands that a channel obeys: all that change nothing
CI_FILES = ("Jenkinsfile*", "/.ci/", "/ci/", "/.jenkins/", "/.github/workflows/")


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base: unknown keys are errors."""


class ParameterNames(Settings, frozen=True):
    """What the jobs of one Jenkins call the facts they get; empty: not sent."""

    request_id: str = "GORDON_REQUEST_ID"
    pull: str = "PR"
    sha: str = "GIT_SHA1"
    base_repo: str = "GIT_BASE_REPO"
    head_repo: str = "GIT_HEAD_REPO"
    base_branch: str = "BASE_BRANCH"
    github_url: str = "GITHUB_URL"
    node: str = ""  # names the agent, or the label, to run on
    cells: str = ""  # lists the only cells of a matrix to build, `ARCH=arm64,FS=aufs` each, with a blank between


class JenkinsSettings(Settings, frozen=True):
    """One Jenkins controller, `[jenkins.NAME]`."""

    url: str
    user: str = ""
    token_file: Path | None = None  # an API token, or a password, which needs a crumb with each command
    token_env: str = ""
    ca_file: Path | None = None  # the authorities that its certificate is checked against instead of the system's
    timeout_s: float = 10.0  # for one whole request; a lost trigger is looked up no earlier
    poll_s: float = 5.0  # while something of ours waits or runs
    idle_poll_s: float = 30.0
    watch_others: bool = True  # tell of builds of configured jobs that others started, too
    node_stable_s: float = 60.0  # how long an agent must be down, or back, before it is told
    notify_secret_file: Path | None = None  # what the Notification plugin proves itself with
    notify_secret_env: str = ""
    tags: dict[str, str] = {}  # what labels mean: tag -> regular expression with one group, the value
    parameters: ParameterNames = ParameterNames()


class DiagnosisSettings(Settings, frozen=True):
    """`[diagnosis]`: why builds failed, and what is kept of them."""

    catalogues: tuple[Path, ...] = ()  # of a site's own, beside those that come with Gordon
    secrets: Path | None = None  # further expressions of what is cut out of quotations, one a line
    redact_emails: bool = False
    within_s: float = 120.0  # how long a log is tried to be read before a failure is told without
    green_logs: int = 20  # kept of each job
    red_logs: int = 50
    logs_max_mb: int = 2048  # of all jobs together; the oldest go first
    keep_days: int = 400  # of facts


class WebSettings(Settings, frozen=True):
    """`[web]`: where Gordon listens for what others send it, and shows how it is."""

    host: str = "127.0.0.1"
    port: int = 8080
    status: bool = True  # the status page at `/`; without a token it is for this machine alone
    status_token_file: Path | None = None
    status_token_env: str = ""


class HookSettings(Settings, frozen=True):
    """`[github.hook.NAME]`: a webhook with secrets of its own, sent to `/notification/github/NAME`."""

    repos: tuple[str, ...] = ()  # the only ones that it may tell of; empty: those that are configured
    secret_files: tuple[Path, ...] = ()  # each of them counts, so that an old one goes out when the hook has the new
    secret_envs: tuple[str, ...] = ()


class GitHubSettings(Settings, frozen=True):
    """`[github]`: where pull requests live."""

    url: str = "https://api.github.com"
    token_file: Path | None = None
    token_env: str = ""
    app_id: int = 0  # a GitHub App instead of a token, with its private key
    app_installation: int = 0
    app_key_file: Path | None = None
    timeout_s: float = 10.0
    compare_s: float = 300.0  # how often open pull requests are compared with what webhooks have told
    comments: bool = False  # commands in comments on pull requests are obeyed
    mention: str = "gordon"  # what Gordon is called there: `@gordon rebuild`
    secret_files: tuple[Path, ...] = ()  # of the webhook that is sent to `/notification/github`
    secret_envs: tuple[str, ...] = ()
    hook: dict[str, HookSettings] = {}


class ContextSettings(Settings, frozen=True):
    """`[repos.NAME.contexts.CONTEXT]`: which job builds a pull request under this name."""

    jenkins: str
    job: str
    branch: str = ""  # "PR-{number}": the job is a multibranch project, and this the name of a pull request's job in it
    parameters: dict[str, str] = {}
    status: str = ""  # under which name the forge is told how it stands at a commit; "" where somebody else tells


class PushSettings(Settings, frozen=True):
    """`[repos.NAME.pushes.BRANCH]`: what is built after each push to a branch, told as one message."""

    jobs: tuple[str, ...]  # names of [jobs]


class RepoSettings(Settings, frozen=True):
    """`[repos."owner/name"]`."""

    aliases: tuple[str, ...] = ()
    announce: tuple[str, ...] = ()  # places as "network/#channel" that hear how builds end
    outsiders: Literal["ask", "build"] = "ask"  # their commits are built once a maintainer found them ok, or at once
    ci_files: tuple[str, ...] = CI_FILES  # who changes these changes what CI does; patterns as in .gitignore
    contexts: dict[str, ContextSettings] = {}
    pushes: dict[str, PushSettings] = {}


class JobSettings(Settings, frozen=True):
    """`[jobs.NAME]`: a job that `build NAME` may start."""

    jenkins: str
    job: str
    parameters: dict[str, str] = {}


class ChannelSettings(Settings, frozen=True):
    """`[irc.NAME.channel."#CHANNEL"]`: what differs in one channel."""

    prefix: str | None = None  # None: that of [gordon]
    commands: tuple[str, ...] = ()  # the only ones that may be given here; "reads" for all that change nothing
    notice: bool | None = None
    colours: bool | None = None
    key_file: Path | None = None
    key_env: str = ""
    spoken_by: str = ""  # a bridge repeats here what is said at that place, "slack/#dev": nothing is announced here


class IrcSettings(Settings, frozen=True):
    """`[irc.NAME]`: one IRC network."""

    host: str
    port: int = 6697
    tls: bool = True
    nick: str = "gordon"
    channels: tuple[str, ...] = ()
    nick_is_identity: bool = False  # loopback only: anybody can take a nick
    burst_lines: int = 4
    line_every_s: float = 1.1  # with four at once never more than five in 2 s, for which servers kill
    password_file: Path | None = None
    password_env: str = ""
    ca_file: Path | None = None  # the authorities that its certificate is checked against instead of the system's
    certificate_file: Path | None = None  # of ours, with its key unless that is apart: SASL EXTERNAL
    key_file: Path | None = None
    account: str = ""  # of ours, with the password: SASL PLAIN
    account_password_file: Path | None = None
    account_password_env: str = ""
    services: str = "NickServ"  # who gives a lost nick back to its owner; "" where nobody does
    notice: bool = False  # say NOTICE instead of PRIVMSG
    colours: bool = False  # good and bad news in green and red
    presence: bool = False  # show by AWAY how much is under way
    relays: tuple[str, ...] = ()  # nicks of bots that repeat what others said elsewhere: never obeyed
    channel: dict[str, ChannelSettings] = {}


class SlackChannelSettings(Settings, frozen=True):
    """`[slack.NAME.channel."#CHANNEL"]`: what differs in one channel."""

    commands: tuple[str, ...] = ()  # the only ones that may be given here; "reads" for all that change nothing
    broadcast: bool | None = None
    spoken_by: str = ""  # a bridge repeats here what is said at that place, "oftc/#dev": nothing is announced here


class SlackSettings(Settings, frozen=True):
    """`[slack.NAME]`: one Slack workspace."""

    bot_token_file: Path | None = None  # xoxb-...
    bot_token_env: str = ""
    app_token_file: Path | None = None  # xapp-..., for Socket Mode
    app_token_env: str = ""
    signing_secret_file: Path | None = None  # instead of an app token: Slack sends to /slack/NAME/events on [web]
    signing_secret_env: str = ""
    url: str = "https://slack.com/api/"
    timeout_s: float = 10.0  # for one whole request
    channels: tuple[str, ...] = ()  # "#docker-dev", or the id of a channel
    command: str = "/gordon"  # the slash command, as the app's manifest names it
    broadcast: bool = False  # what follows in a thread is shown in the channel, too
    unfurl: bool = True  # links to builds and pull requests become cards
    bots: tuple[str, ...] = ()  # ids of bots and workflows that people.toml knows and that may give commands
    relays: tuple[str, ...] = ()  # ids of bots that repeat what others said elsewhere: never obeyed
    channel: dict[str, SlackChannelSettings] = {}


class ConsoleSettings(Settings, frozen=True):
    """`[console]`: a prompt on this terminal; who may reach it is the operating system's matter."""

    person: str


class LeeroySettings(Settings, frozen=True):
    """`[leeroy]`: a program that asks for builds over HTTP, as Leeroy's clients do."""

    user: str
    person: str  # whose rights it has, a name from the people file
    password_file: Path | None = None
    password_env: str = ""
    requests_per_minute: int = 300  # one request for each of all open pull requests is what its scripts send
    builds: int = 300  # of its asking, live at once
    custom: dict[str, tuple[str, ...]] = {}  # by repository, the contexts that only a request which names them means


class CoreSettings(Settings, frozen=True):
    """`[gordon]`."""

    home: str
    prefix: str = "!"
    state: Path = Path("gordon-state")
    people: Path = Path("people.toml")
    plugins: tuple[str, ...] = PLUGINS
    plugin_folder: Path | None = None
    handler_limit_s: float = 30.0
    patience_s: float = 3600.0  # how long a command waits for a neighbour that is down
    again_after_s: float = 5.0  # first pause before such a command is tried again; doubles up to half a minute
    stuck_after_s: float = 60.0  # a plugin that blocks the work loop longer ends the process
    builds_per_person: int = 20  # live at once; a storm of commands must not take all executors
    commands_per_minute: int = 30  # from one person; at most ten from those whom nothing proves
    commands_per_minute_in_channel: int = 120  # from everybody together
    rebuilds_per_hour: int = 20  # commands that start or stop builds, from one person who is no maintainer
    rebuilds_per_commit: int = 3  # of their own pull request, by an author who is nothing more
    operators: tuple[str, ...] = ()  # places as "network/#channel" that hear what operators should know
    keep_days: int = 30


class GordonSettings(Settings, frozen=True):
    """The whole of `gordon.toml`."""

    gordon: CoreSettings
    jenkins: dict[str, JenkinsSettings] = {}
    github: GitHubSettings | None = None
    repos: dict[str, RepoSettings] = {}
    jobs: dict[str, JobSettings] = {}
    irc: dict[str, IrcSettings] = {}
    slack: dict[str, SlackSettings] = {}
    console: ConsoleSettings | None = None
    web: WebSettings | None = None
    leeroy: LeeroySettings | None = None
    diagnosis: DiagnosisSettings = DiagnosisSettings()
    plugin: dict[str, dict[str, Any]] = {}

    def network(self, name: str) -> IrcSettings | SlackSettings | None:
        """Find the network of a name, of whichever kind."""
        return self.irc.get(name) or self.slack.get(name)

    def spoken_by(self, place: str) -> str:
        """Tell which place speaks for another by a bridge, "network/#channel" both; empty: it speaks for itself."""
        name, _, channel = place.partition("/")
        network = self.network(name)
        channels = network.channel.items() if network is not None else ()
        return next((own.spoken_by for each, own in channels if each.lower() == channel.lower()), "")
