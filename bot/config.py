"""Reads `gordon.toml` whole before anything starts, and tells all that is wrong with it at once."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from bot.config_github import APP, secrets_of, whose
from bot.config_leeroy import LEEROY, check_leeroy
from bot.config_pushes import check_pushes
from bot.config_servers import check_servers
from bot.config_slack import check_slack
from bot.config_values import (
    COMMAND,
    HOST,
    NAME,
    PARAMETER,
    check_limits,
    check_names,
    check_secret,
    is_loopback,
    not_there,
)
from bot.errors import ConfigError, UserError
from bot.paths import Paths
from bot.people import ACCOUNT, CONSOLE, FORGE, MACHINE, SCHEDULE
from bot.secret import read_key, read_secret, see_file
from bot.settings import (
    ContextSettings,
    GordonSettings,
    IrcSettings,
    JobSettings,
    ParameterNames,
)
from bot.toml_file import At, Builder, Findings, or_nearest, read, show, table_name

# Networks that need no section in [irc], and that no section may be called.
OWN_NETWORKS = {
    CONSOLE: "the terminal",
    FORGE: "where pull requests live",
    MACHINE: "for the clients of Leeroy",
    SCHEDULE: "for what is told at set times",
}
MAX_STATUS_CHARS = 100
NUMBER = "{number}"  # what the number of a pull request takes the place of
# What people type beside contexts, in any case, so that none may be called that.
WORDS = ("again", "all", "failed", "kill", "on", "term")

REPO = re.compile(r"(?!\.)[A-Za-z0-9_.-]{1,100}/(?!\.{1,2}$)[A-Za-z0-9_.-]{1,100}")
ALIAS = re.compile(r"[A-Za-z0-9_.-]{1,100}(/[A-Za-z0-9_.-]{1,100})?")
CONTEXT = re.compile(r"[^\s\x00-\x1f\x7f]{1,100}")
NICK = re.compile(r"[A-Za-z\[\]\\`_^{|}][A-Za-z0-9\[\]\\`_^{|}-]{0,29}")
CHANNEL = re.compile(r"[#&+!][^\s,\x00-\x1f]{1,63}")
SERVICES = re.compile(rf"{NICK.pattern}(@[A-Za-z0-9._-]{{1,253}})?")  # some networks want the server named too
JOB_MARKS = "?*\\%!@#$^&|<>[]:;"  # Jenkins itself allows none of them in a name


def load(path: Path) -> GordonSettings:
    """Read and check a configuration file; relative paths in it begin at its folder; secrets stay unread.

    Raises:
        ConfigError: everything that is wrong with it.
    """
    file = read(path)
    findings = Findings(file)
    settings = Builder(findings, path.parent.absolute()).struct(GordonSettings, file.data)
    _check_core(settings, findings)
    check_servers(settings, findings)
    _check_repos(settings, findings)
    _check_irc(settings, findings)
    check_slack(settings, OWN_NETWORKS, findings)
    _check_bridges(settings, findings)
    check_leeroy(settings, findings)
    findings.raise_any()
    return settings


def secrets_problems(settings: GordonSettings) -> tuple[str, ...]:
    """Read every secret that the settings name, and tell which cannot be had."""
    problems: list[str] = []
    for name, file, variable in _secrets(settings):
        try:
            read_secret(name, file, variable)
        except ConfigError as error:
            problems.extend(error.problems)
    if settings.github is not None and settings.github.app_key_file is not None:
        try:
            read_key(APP, settings.github.app_key_file)
        except ConfigError as error:
            problems.extend(error.problems)
    for name, file, is_secret in _certificates(settings):
        try:
            see_file(name, file, is_secret=is_secret)
        except ConfigError as error:
            problems.extend(error.problems)
    return tuple(problems)


def _secrets(settings: GordonSettings) -> Iterator[tuple[str, Path | None, str]]:
    for name, jenkins in settings.jenkins.items():
        yield f"Jenkins {name}", jenkins.token_file, jenkins.token_env
        yield f"the notifications of Jenkins {name}", jenkins.notify_secret_file, jenkins.notify_secret_env
    if settings.github is not None:
        yield "GitHub", settings.github.token_file, settings.github.token_env
        for name, places in secrets_of(settings.github).items():
            yield from ((whose(name), file, variable) for file, variable in places)
    if settings.leeroy is not None:
        yield LEEROY, settings.leeroy.password_file, settings.leeroy.password_env
    for name, irc in settings.irc.items():
        yield f"IRC {name}", irc.password_file, irc.password_env
        yield f"the account on IRC {name}", irc.account_password_file, irc.account_password_env
        for channel, own in irc.channel.items():
            yield f"{channel} on IRC {name}", own.key_file, own.key_env
    for name, slack in settings.slack.items():
        yield f"the bot on Slack {name}", slack.bot_token_file, slack.bot_token_env
        yield f"the app on Slack {name}", slack.app_token_file, slack.app_token_env
        yield f"the signatures of Slack {name}", slack.signing_secret_file, slack.signing_secret_env


def _certificates(settings: GordonSettings) -> Iterator[tuple[str, Path, bool]]:
    """List the files of certificates and keys, which are more than a line, and whether there is a secret in them."""
    for name, jenkins in settings.jenkins.items():
        if jenkins.ca_file is not None:
            yield f"the authorities of Jenkins {name}", jenkins.ca_file, False
    for name, irc in settings.irc.items():
        if irc.ca_file is not None:
            yield f"the authorities of IRC {name}", irc.ca_file, False
        if irc.certificate_file is not None:
            yield f"our certificate for IRC {name}", irc.certificate_file, irc.key_file is None
        if irc.key_file is not None:
            yield f"our key for IRC {name}", irc.key_file, True


def _check_core(settings: GordonSettings, findings: Findings) -> None:
    core, at = settings.gordon, ("gordon",)
    check_limits(core, at, findings)
    check_limits(settings.diagnosis, ("diagnosis",), findings)
    if core.home not in settings.repos:
        findings.about((*at, "home"), not_there(core.home, settings.repos, "[repos]"))
    _check_prefix(core.prefix, (*at, "prefix"), findings)
    for index, place in enumerate(core.operators):
        _check_place(place, settings, (*at, "operators", index), findings)
    for index, name in enumerate(core.plugins):
        if not NAME.fullmatch(name):
            findings.about((*at, "plugins", index), f"has {show(name)}, which cannot be the name of a plugin")
        elif name in core.plugins[:index]:
            findings.about((*at, "plugins", index), f"has {show(name)} twice")
    for name in settings.plugin:
        if name not in core.plugins:
            hint = or_nearest(name, core.plugins)
            findings.say(
                ("plugin", name), f"{table_name(('plugin', name))}: this plugin is not in [gordon] plugins{hint}"
            )
    if settings.console is not None and not settings.console.person:
        findings.about(("console", "person"), "must be a name from the people file, is empty")


def _check_prefix(prefix: str, at: At, findings: Findings) -> None:
    if not prefix or not prefix.isprintable() or any(char.isalnum() or char == " " for char in prefix):
        findings.about(at, f"must be marks without letters, digits and spaces, is {show(prefix)}")


def _check_repos(settings: GordonSettings, findings: Findings) -> None:
    check_names(settings.repos, REPO, ("repos",), findings)
    names: dict[str, str] = {}
    for name in settings.repos:
        if name.lower() in names:
            findings.say(("repos", name), f"{table_name(('repos', name))} is {show(names[name.lower()])} again")
        names[name.lower()] = name
    for name, repo in settings.repos.items():
        for index, alias in enumerate(repo.aliases):
            owner = names.setdefault(alias.lower(), name)
            if not ALIAS.fullmatch(alias):
                findings.about(
                    ("repos", name, "aliases", index), f"has {show(alias)}, which cannot be typed before a #"
                )
            elif owner != name:
                findings.about(("repos", name, "aliases", index), f"has {show(alias)}, which means {owner} already")
            elif alias in repo.aliases[:index]:
                findings.about(("repos", name, "aliases", index), f"has {show(alias)} twice")
        for index, place in enumerate(repo.announce):
            _check_place(place, settings, ("repos", name, "announce", index), findings)
        for index, pattern in enumerate(repo.ci_files):
            try:
                Paths((pattern,))
            except UserError as error:
                findings.about(("repos", name, "ci_files", index), f"has {show(pattern)}: {error}")
        at = ("repos", name, "contexts")
        check_names(repo.contexts, CONTEXT, at, findings)
        for context, job in repo.contexts.items():
            if wrong := _wrong_with_context(context):
                findings.say((*at, context), f"{table_name((*at, context))}: {show(context)} {wrong}")
            _check_job(job, settings, (*at, context), findings)
        _check_statuses(repo.contexts, at, findings)
    check_names(settings.jobs, CONTEXT, ("jobs",), findings)
    for name, known in settings.jobs.items():
        _check_job(known, settings, ("jobs", name), findings)
    check_pushes(settings, findings)


def _check_statuses(contexts: Mapping[str, ContextSettings], at: At, findings: Findings) -> None:
    """See that each status is one context's: two would overwrite each other."""
    owners: dict[str, str] = {}
    for name, context in contexts.items():
        status, here = context.status, (*at, name, "status")
        if not status:
            continue
        if len(status) > MAX_STATUS_CHARS or not status.isprintable() or status != status.strip():
            words = f"must be at most {MAX_STATUS_CHARS} characters on one line, is {show(status)}"
            findings.about(here, words)
        elif (owner := owners.setdefault(status.lower(), name)) != name:  # GitHub takes their names in any case
            findings.about(here, f"is {show(status)}, and so is that of {show(owner)}")


def _wrong_with_context(name: str) -> str:
    if name.lower() in WORDS:
        return "is a word of the command"
    return "would be read as the cell of a matrix" if "=" in name else ""


def _check_place(place: str, settings: GordonSettings, at: At, findings: Findings) -> None:
    if wrong := wrong_with_place(place, settings):
        findings.about(at, wrong)


def wrong_with_place(place: str, settings: GordonSettings, chats: Collection[str] = ()) -> str:
    """Say why nothing can be said at a place; empty if it can.

    Arguments:
        chats: networks that there are besides those of the file.
    """
    network, _, channel = place.partition("/")
    there = settings.network(network)
    if network == FORGE and there is None:
        return f"has {show(place)}, but nothing is announced on pull requests: they hear what was asked there"
    if network == CONSOLE or (there is None and network in chats):
        return ""
    if there is None:
        networks = [*settings.irc, *settings.slack, CONSOLE]
        return (
            f"has {show(place)}, but the networks are {', '.join(map(show, networks))}{or_nearest(network, networks)}"
        )
    if channel.lower() not in [known.lower() for known in there.channels]:
        hint, kind = or_nearest(channel, there.channels), "irc" if network in settings.irc else "slack"
        return f"has {show(place)}, but {show(channel)} is not in {table_name((kind, network))} channels{hint}"
    return ""


def _check_job(job: ContextSettings | JobSettings, settings: GordonSettings, at: At, findings: Findings) -> None:
    server = settings.jenkins.get(job.jenkins)
    if server is None:
        findings.about((*at, "jenkins"), not_there(job.jenkins, settings.jenkins, "[jenkins]"))
    if wrong := _wrong_with_job(job.job):
        findings.about((*at, "job"), f"must be a job's full name, is {show(job.job)}: {wrong}")
    if isinstance(job, ContextSettings) and job.branch and (wrong := _wrong_with_branch(job.branch)):
        findings.about((*at, "branch"), f"must be like PR-{{number}}, is {show(job.branch)}: {wrong}")
    names = server.parameters if server is not None else ParameterNames()
    ours = set(msgspec.structs.astuple(names)) if isinstance(job, ContextSettings) else {names.request_id}
    for name in job.parameters:
        if not PARAMETER.fullmatch(name):
            findings.about((*at, "parameters", name), "cannot be the name of a build parameter")
        elif name in ours:
            findings.about((*at, "parameters", name), "is filled in for each build; give it no value here")


def _wrong_with_job(full_name: str) -> str:
    parts = full_name.split("/")
    if "" in parts:
        return "it begins or ends with a slash, or has an empty part"
    if "." in parts or ".." in parts:
        return "no part may be . or .."
    if any(char in JOB_MARKS or not char.isprintable() for char in full_name):
        return f"none of {JOB_MARKS} may be in it"
    if any(part.startswith(("-", " ")) or part.endswith(" ") for part in parts):
        return "no part may begin with - or a space or end with a space"
    return ""


def _wrong_with_branch(template: str) -> str:
    if template.count(NUMBER) != 1:
        return f"{NUMBER} must be in it once"
    return "" if template.isprintable() else "no control character may be in it"


def _check_irc(settings: GordonSettings, findings: Findings) -> None:
    check_names(settings.irc, NAME, ("irc",), findings)
    for name, irc in settings.irc.items():
        at = ("irc", name)
        check_limits(irc, at, findings)
        check_secret(irc.password_file, irc.password_env, (*at, "password_env"), findings)
        if name in OWN_NETWORKS:
            findings.say(at, f"{table_name(at)}: {show(name)} is {OWN_NETWORKS[name]}; choose another name")
        if not HOST.fullmatch(irc.host):
            findings.about((*at, "host"), f"must be the name or address of a host, is {show(irc.host)}")
        elif not is_loopback(irc.host):
            if irc.nick_is_identity:
                findings.about((*at, "nick_is_identity"), "is for loopback hosts only: anybody can take a nick")
            if not irc.tls:
                findings.about((*at, "tls"), "may be false for loopback hosts only: others can listen on the way")
        if not NICK.fullmatch(irc.nick):
            findings.about((*at, "nick"), f"must be a nick that IRC allows, is {show(irc.nick)}")
        if irc.services and not SERVICES.fullmatch(irc.services):
            findings.about((*at, "services"), f"must be a nick, or empty where there are none, is {show(irc.services)}")
        _check_texts(irc.relays, NICK, ", which is no nick", (*at, "relays"), findings)
        _check_texts(irc.channels, CHANNEL, "; a channel begins with # and is one word", (*at, "channels"), findings)
        _check_login(irc, at, findings)
        _check_channels(irc, at, findings)


def _check_bridges(settings: GordonSettings, findings: Findings) -> None:
    """See that what speaks for a channel is another one that speaks for itself."""
    for kind, networks in (("irc", settings.irc), ("slack", settings.slack)):
        for name, network in networks.items():
            for channel, own in network.channel.items():
                at, place = (kind, name, "channel", channel, "spoken_by"), own.spoken_by
                if place and (wrong := wrong_with_place(place, settings)):
                    findings.about(at, wrong)
                elif place and (place.lower() == f"{name}/{channel}".lower() or settings.spoken_by(place)):
                    findings.about(at, f"is {show(place)}, which does not speak for itself")


def _check_texts(texts: Sequence[str], pattern: re.Pattern[str], wrong: str, at: At, findings: Findings) -> None:
    """Look at a list of names that IRC takes in any case."""
    for index, text in enumerate(texts):
        if not pattern.fullmatch(text):
            findings.about((*at, index), f"has {show(text)}{wrong}")
        elif text.lower() in [other.lower() for other in texts[:index]]:
            findings.about((*at, index), f"has {show(text)} twice")


def _check_login(irc: IrcSettings, at: At, findings: Findings) -> None:
    """See that what proves us to a network is complete."""
    check_secret(irc.account_password_file, irc.account_password_env, (*at, "account_password_env"), findings)
    key = "account_password_env" if irc.account_password_env else "account_password_file"
    has_password = bool(irc.account_password_env) or irc.account_password_file is not None
    if irc.account and not ACCOUNT.fullmatch(irc.account):
        findings.about((*at, "account"), f"must be a services account in plain ASCII, is {show(irc.account)}")
    elif irc.account and not has_password:
        findings.about((*at, "account"), "needs its password: account_password_file or account_password_env")
    elif has_password and not irc.account:
        findings.about((*at, key), "is there without account: whose password is it?")
    if irc.key_file is not None and irc.certificate_file is None:
        findings.about((*at, "key_file"), "is there without certificate_file: whose key is it?")
    for name in ("ca_file", "certificate_file"):
        if getattr(irc, name) is not None and not irc.tls:
            findings.about((*at, name), "is of no use without tls")


def _check_channels(irc: IrcSettings, at: At, findings: Findings) -> None:
    known = {channel.lower(): channel for channel in irc.channels}
    seen: dict[str, str] = {}
    for name, channel in irc.channel.items():
        here = (*at, "channel", name)
        if name.lower() not in known:
            hint = or_nearest(name, irc.channels)
            findings.say(here, f"{table_name(here)}: {show(name)} is not in {table_name(at)} channels{hint}")
        elif (other := seen.setdefault(name.lower(), name)) != name:
            findings.say(here, f"{table_name(here)} is {show(other)} again")
        if channel.prefix is not None:
            _check_prefix(channel.prefix, (*here, "prefix"), findings)
        _check_texts(channel.commands, COMMAND, ", which is no name of a command", (*here, "commands"), findings)
        check_secret(channel.key_file, channel.key_env, (*here, "key_env"), findings)
