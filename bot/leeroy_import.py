"""A configuration of Gordon that does what one of Leeroy did, with the people, the secrets, and what is left to do.

Nothing is read or written here. Secrets stand in files of their own, never in the TOML.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import tomlkit
from tomlkit.items import Table

from bot.config import MAX_STATUS_CHARS, WORDS
from bot.config_values import URL, is_loopback
from bot.errors import ConfigError
from bot.leeroy_config import LeeroyBuild, LeeroyConfig

DEFAULT = "janky"  # the context of a build that names none
MODES = ("last", "new", "all")
SETS = {"doc": "@docs", "vendor": "@vendor"}  # contexts that Leeroy starts by what is changed, by these names
REPO = re.compile(r"(?!\.)[A-Za-z0-9_.-]{1,100}/(?!\.{1,2}$)[A-Za-z0-9_.-]{1,100}")
PERSON = "leeroy-clients"
HOOK_EVENTS = "pull requests, pull request reviews, issue comments and pushes"
HEAD = """What a config.json of Leeroy said, for Gordon; deploy/gordon.example.toml has every key.
Then: gordon check gordon.toml"""


@dataclass(frozen=True)
class Imported:
    """What is to be written, and what is to be said.

    Arguments:
        secrets: by file name, within the folder `secrets`.
        notes: what could not be carried over, and what to do, a line each.
    """

    config: str
    people: str
    secrets: Mapping[str, str]
    notes: Sequence[str]


@dataclass
class Made:
    """What is gathered on the way."""

    secrets: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def convert(leeroy: LeeroyConfig, unknown: Sequence[str], make_secret: Callable[[], str]) -> Imported:
    """Say in Gordon's words what a configuration of Leeroy says.

    Arguments:
        unknown: keys of it that mean nothing.
        make_secret: makes a new one, as Leeroy asked for none where Gordon does.

    Raises:
        ConfigError: there is nothing to build, or a name that is none; with the key.
    """
    made = Made()
    made.notes += [f"{key} means nothing to Leeroy, and nothing here" for key in unknown]
    contexts = _contexts(leeroy, made)
    if not contexts:
        raise ConfigError(
            ("builds: no build names a github_repo and a jenkins_job_name, so there is nothing to import",)
        )
    config = tomlkit.document()
    for line in HEAD.splitlines():
        config.add(tomlkit.comment(line))
    core = _table(home=next(iter(contexts)), people="people.toml")
    core["home"].comment('the repository that "#7" means')
    config.add("gordon", core)
    config.add("jenkins", _super(ci=_jenkins(leeroy, make_secret, made)))
    config.add("github", _github(leeroy, make_secret, made))
    config.add("web", _table(host="127.0.0.1", port=8080))
    made.notes.append(
        "Leeroy listened where -port, -cert and -key said; [web] listens on 127.0.0.1:8080, for a proxy with TLS"
    )
    if leeroy.user and leeroy.password:
        config.add("leeroy", _face(leeroy, contexts, made))
    else:
        made.notes.append(
            "user or pass is empty, so that anybody could start builds: there is no [leeroy], and no /build/"
        )
    config.add("repos", _repos(contexts))
    config.add("plugin", _plugins(leeroy, contexts, made))
    _say_what_is_left(leeroy, made)
    return Imported(tomlkit.dumps(config), _people(contexts), made.secrets, made.notes)


def _contexts(leeroy: LeeroyConfig, made: Made) -> dict[str, dict[str, LeeroyBuild]]:
    """Sort the builds: by repository, by the name that the context has here."""
    found: dict[str, dict[str, LeeroyBuild]] = {}
    for index, build in enumerate(leeroy.builds):
        at = f"builds[{index}]"
        if not REPO.fullmatch(build.github_repo):
            raise ConfigError((f"{at}.github_repo must be OWNER/NAME",))
        if not build.jenkins_job_name:
            made.notes.append(
                f"{at} names no jenkins_job_name, so Leeroy built nothing for it, and neither does Gordon"
            )
            continue
        context = build.context or DEFAULT
        if len(context) > MAX_STATUS_CHARS or not context.isprintable() or context != context.strip():
            raise ConfigError(
                (f"{at}.context must be at most {MAX_STATUS_CHARS} characters, without blanks around them",)
            )
        same_case = {repo.lower(): repo for repo in found}.get(build.github_repo.lower(), build.github_repo)
        contexts = found.setdefault(same_case, {})
        if context.lower() in [(one.context or DEFAULT).lower() for one in contexts.values()]:
            made.notes.append(
                f"{at} is another build of {same_case} for {context}; Leeroy took the first, and so is it here"
            )
            continue
        name = _name(context, contexts)
        if not build.context:
            made.notes.append(f"{at} names no context; it is {name} here, which is what Leeroy takes for none")
        elif name != context:
            made.notes.append(f'{at}.context cannot be typed in a command; it is "{name}" here, and the same on GitHub')
        contexts[name] = build
    return found


def _name(context: str, others: Collection[str]) -> str:
    """Make of a context what can be typed, and is neither a word of a command nor another context's."""
    name = re.sub(r'[\s="]+', "-", context)
    name = f"{name}-build" if name.lower() in WORDS else name
    names = (name, *(f"{name[:90]}-{number}" for number in range(2, len(others) + 3)))
    return next(one for one in names if one not in others)


def _jenkins(leeroy: LeeroyConfig, make_secret: Callable[[], str], made: Made) -> Table:
    jenkins, url = leeroy.jenkins, leeroy.jenkins.base_url
    parts = URL.fullmatch(url)
    if parts is None or "@" in url:
        raise ConfigError(("jenkins.base_url must be http:// or https:// with a host, and no user or password inside",))
    if parts["scheme"] == "http" and jenkins.token and not is_loopback(parts["host"]):
        url = f"https{url[4:]}"
        made.notes.append(
            "jenkins.base_url is http://, and Gordon sends a token over https:// only; see that this answers"
        )
    table = _table(url=url)
    if jenkins.token and jenkins.username:
        table.add("user", jenkins.username)
        table.add("token_file", _kept("jenkins-token", jenkins.token, made))
    else:
        made.notes.append("jenkins has no username or no token, so Gordon starts builds as anybody may there")
    table.add("notify_secret_file", _kept("jenkins-notify", make_secret(), made))
    made.notes.append(
        "Leeroy believed every notification of Jenkins; in each job add the content of secrets/jenkins-notify to the "
        "URL, .../notification/jenkins/SECRET. Without it builds are told by asking Jenkins, some seconds later"
    )
    made.notes.append(
        "each job should declare the parameter GORDON_REQUEST_ID besides those of Leeroy, which stay: GIT_BASE_REPO, "
        "GIT_HEAD_REPO, GIT_SHA1, GITHUB_URL, PR, BASE_BRANCH"
    )
    return table


def _github(leeroy: LeeroyConfig, make_secret: Callable[[], str], made: Made) -> Table:
    table = _table(secret_files=[_kept("github-hook", make_secret(), made)])
    made.notes.append(
        f"Leeroy verified no webhook; in the webhook to .../notification/github set the content of secrets/github-hook "
        f"as its secret, application/json as its type, and as its events {HOOK_EVENTS}"
    )
    if not leeroy.github_token:
        raise ConfigError(("github_token is empty, and without one GitHub takes no status",))
    table.add("token_file", _kept("github-token", leeroy.github_token, made))
    return table


def _face(leeroy: LeeroyConfig, contexts: Mapping[str, Mapping[str, LeeroyBuild]], made: Made) -> Table:
    """Let its old clients in as they were, by both halves of what they prove themselves with."""
    if ":" in leeroy.user or not leeroy.user.isprintable():
        raise ConfigError(("user must be a name without a colon, as HTTP sends no other",))
    table = _table(user=leeroy.user, password_file=_kept("leeroy-password", leeroy.password, made), person=PERSON)
    table["person"].comment("whose rights its clients have, in people.toml")
    custom = {repo: [name for name, one in known.items() if one.custom] for repo, known in contexts.items()}
    if any(custom.values()):
        inner = tomlkit.inline_table()
        inner.update({repo: names for repo, names in custom.items() if names})
        table.add("custom", inner)
    return table


def _repos(contexts: Mapping[str, Mapping[str, LeeroyBuild]]) -> Table:
    repos = _super()
    for repo, known in contexts.items():
        tables = _super()
        for name, build in known.items():
            table = _table(jenkins="ci", job=build.jenkins_job_name.strip("/").replace("/job/", "/"))
            if build.is_pipeline:
                table.add("branch", "PR-{number}")
            else:
                table.add("status", build.context or DEFAULT)
            tables.add(name, table)
        repos.add(repo, _super(contexts=tables))
    return repos


def _plugins(leeroy: LeeroyConfig, contexts: Mapping[str, Mapping[str, LeeroyBuild]], made: Made) -> Table:
    """Build what Leeroy built by itself, by its rules, and ask for the sign-off that it asked for."""
    mode = leeroy.build_commits or "last"
    if mode not in MODES:
        made.notes.append(
            'build_commits is neither "last" nor "new" nor "all"; Leeroy took that for "last", and so does this'
        )
        mode = "last"
    repos = _super()
    for repo, known in contexts.items():
        names = [name for name, build in known.items() if not build.custom or name in SETS]
        table = _table(contexts=names, needs=["dco"], build_commits=mode, skip_if_only=["@non-code"])
        if not names:
            made.notes.append(f"all builds of {repo} are custom, so nothing of it is built by itself")
            continue
        rules = _super()
        for name in names:
            if known[name].custom:
                rules.add(name, _table(only_if=[SETS[name]], skip_if_only=[]))
        if rules:
            table.add("context", rules)
        repos.add(repo, table)
    dco = _table(repos=[*contexts], old_form=True, exempt_bases=["release"])
    made.notes.append(
        "a Leeroy until 2016 built nothing without a sign-off and skipped what is no code; where yours did not, take "
        "needs and skip_if_only out of [plugin.pr_builds] and repos out of [plugin.dco]"
    )
    plugins = _super(dco=dco)
    if repos:
        plugins.add("pr_builds", _super(repo=repos))
    return plugins


def _say_what_is_left(leeroy: LeeroyConfig, made: Made) -> None:
    if any(build.handle_issues for build in leeroy.builds):
        made.notes.append(
            "handle_issues: labels of issues and of triage are not Gordon's; Leeroy itself lost them in 2016"
        )
    if any(build.is_pipeline for build in leeroy.builds):
        made.notes.append(
            "is_pipeline: such a job builds by itself and sets its own status; a request for a ref of it, without a "
            "pull request, is answered 500"
        )
    if leeroy.github_user:
        made.notes.append(
            f"github_user: statuses and comments are of whose token it is, which should be {leeroy.github_user}"
        )
    made.notes.append(
        "commits of people who have no role in people.toml wait until a maintainer says ok to test, where Leeroy built "
        'them; outsiders = "build" in [repos."OWNER/NAME"] builds them as it did'
    )
    made.notes.append(
        "people.toml has nobody but the clients of Leeroy: add the maintainers, an [irc.NAME] for them, and its "
        'channel to announce in [repos."OWNER/NAME"], which hears of commits that wait for an ok; without, nobody does'
    )
    made.notes.append(
        "what is open at the first start is not built by itself until something happens to it; rebuild open "
        "OWNER/NAME/CONTEXT builds what lacks a success"
    )


def _people(contexts: Mapping[str, object]) -> str:
    people = tomlkit.document()
    people.add(tomlkit.comment("Who is who and may do what; deploy/people.example.toml says how people are written."))
    roles = tomlkit.inline_table()
    roles.update(dict.fromkeys(contexts, "maintainer"))
    people.add("people", _super(**{PERSON: _table(roles=roles)}))
    return tomlkit.dumps(people)


def _kept(name: str, secret: str, made: Made) -> str:
    if not secret.isprintable():
        raise ConfigError((f"what is to be in secrets/{name} has a line break or another character that is not text",))
    made.secrets[name] = secret
    return f"secrets/{name}"


def _table(**values: object) -> Table:
    table = tomlkit.table()
    for key, value in values.items():
        table.add(key, value)
    return table


def _super(**tables: Table) -> Table:
    table = tomlkit.table(is_super_table=True)
    for key, inner in tables.items():
        table.add(key, inner)
    return table
