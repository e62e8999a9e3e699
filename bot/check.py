"""`gordon check`: what is wrong with a configuration, and with `--live` what its neighbours say to it."""

import asyncio
import errno
import logging
import socket
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from msgspec import structs

from bot.clock import SystemClock
from bot.config import load, secrets_problems
from bot.config_github import secrets_of
from bot.database import NAME, is_known, newer_schema, version_of
from bot.errors import ConfigError, GordonError, Refused, StorageError
from bot.findings import Finding
from bot.forge import PullForge
from bot.live import names_of
from bot.loader import Registry, load_plugins
from bot.neighbours import forge_of, networks_of, servers_of
from bot.people import People
from bot.ports import BuildServer
from bot.reload import people_of, problems_of
from bot.settings import GordonSettings
from bot.state_file import opened
from bot.teams import named_teams
from bot.toml_file import TomlFile, read, table_name
from bot.values import JobRef

ASKED_WITHIN_S = 20.0


def check(config: Path, *, live: bool) -> tuple[Sequence[str], str]:
    """Tell all that is wrong, and what the configuration holds.

    Arguments:
        live: ask each neighbour too, if nothing is wrong without.

    Raises:
        ConfigError: the file cannot be read at all, or is wrong in itself.
    """
    found = read_whole(config)
    settings, people, registry, problems = found.settings, found.people, found.registry, list(found.problems)
    if live and not problems:
        with unlogged():  # who does not answer is told here, once, not with each try
            problems += asyncio.run(_ask_all(settings, named_teams(people, registry.settings) if people else ()))
    counts = (
        _counted(len(settings.repos), "repository", "repositories"),
        _counted(len(registry.commands), "command", "commands"),
        _counted(len(people or ()), "person", "people"),
    )
    return problems, ", ".join(counts)


@dataclass(frozen=True, slots=True)
class Whole:
    """A configuration with all that it names, and what is wrong with it; without people if their file is wrong."""

    settings: GordonSettings
    file: TomlFile
    people: People | None
    registry: Registry
    problems: Sequence[str]


def read_whole(config: Path) -> Whole:
    """Read a configuration, its secrets, its people and its plugins; the network is not asked.

    Raises:
        ConfigError: the file cannot be read at all, or is wrong in itself.
    """
    settings = load(config)
    problems = list(secrets_problems(settings))
    people = None
    try:
        people = people_of(settings)
    except ConfigError as error:
        problems += error.problems
    file = read(config)
    with unlogged():  # what did not load is told here, once
        registry = load_plugins(settings.gordon.plugins, settings.plugin, settings.gordon.plugin_folder)
    problems += problems_of(config, settings, people, registry)
    problems += _broken(file, settings.gordon.plugins, registry)
    problems += _too_new(settings.gordon.state / NAME)
    if not problems:
        problems += _unusable(settings)
    return Whole(settings, file, people, registry, problems)


@runtime_checkable
class Inspects(Protocol):
    """A network that can be looked at."""

    network: str

    def examine(self) -> AsyncIterator[Finding]:
        """Tell of the connection, the rights and the channels how they are; never raises."""

    async def check(self) -> Sequence[str]:
        """Tell what is wrong with the connection, the rights or the channels; nothing if all is well."""


@contextmanager
def unlogged() -> Iterator[None]:
    """Show nothing of what is logged, for whoever tells it in another way."""
    nowhere, root = logging.NullHandler(), logging.getLogger()
    root.addHandler(nowhere)  # where there is one, Python itself shows nothing
    try:
        yield
    finally:
        root.removeHandler(nowhere)


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _broken(file: TomlFile, names: Sequence[str], registry: Registry) -> Iterator[str]:
    """Tell what did not load, at the line of its own section if that is why, else where it is switched on."""
    for name, why in registry.broken.items():
        own = table_name(("plugin", name))
        for text in why.splitlines():
            if text.startswith(own):
                yield f"{file.path}:{file.line(('plugin', name))}: {text}"
            else:
                yield f"{file.path}:{file.line(('gordon', 'plugins', names.index(name)))}: plugin {name}: {text}"


def _too_new(path: Path) -> Sequence[str]:
    """Tell that this program is older than the one that wrote the state; what else may be wrong, a start tells."""
    try:
        with opened(path) as db:
            version = version_of(db)
    except StorageError:
        return ()
    return (str(newer_schema(path, version)),) if version and not is_known(version) else ()


def _unusable(settings: GordonSettings) -> Sequence[str]:
    """Tell which file that is there holds no certificate or no key that fits it."""
    try:
        networks_of(settings, SystemClock())
    except ConfigError as error:
        return error.problems
    return ()


async def _ask_all(settings: GordonSettings, teams: Iterable[str]) -> list[str]:
    clock = SystemClock()
    names = names_of(settings)
    jobs, projects = set(names.jobs.values()), set(names.projects.values())
    servers = servers_of(settings, clock)
    asked = [
        _ask(name, server, [job for job in jobs if job.server == name], [one for one in projects if one.server == name])
        for name, server in servers.items()
    ]
    if (forge := forge_of(settings, clock)) is not None:
        asked.append(_ask_forge(forge, list(settings.repos), teams))
    for chat in networks_of(without_services(settings), clock).values():
        if isinstance(chat, Inspects):
            asked.append(_inspect(chat))
    found = [problem for problems in await asyncio.gather(*asked) for problem in problems]
    return [*found, *await asyncio.to_thread(_unreachable, settings)]


def _unreachable(settings: GordonSettings) -> Sequence[str]:
    """Tell why nobody could send Gordon anything; a port that is taken is most likely a Gordon that runs."""
    web = settings.web
    if web is None:
        return ()
    from_jenkins = any(server.notify_secret_file or server.notify_secret_env for server in settings.jenkins.values())
    from_slack = any(slack.signing_secret_file or slack.signing_secret_env for slack in settings.slack.values())
    from_github = settings.github is not None and any(secrets_of(settings.github).values())
    is_read = bool(web.status_token_file or web.status_token_env)  # then it is there for the status page alone
    if not from_jenkins and not from_slack and not from_github and not is_read:
        return (
            "[web]: no [jenkins.NAME] has a notify_secret_file or notify_secret_env, no webhook in [github] a secret,"
            " and no [slack.NAME] a signing secret, so nobody may send anything",
        )
    family = socket.AF_INET6 if ":" in web.host else socket.AF_INET
    try:
        socket.create_server((web.host, web.port), family=family).close()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            return (f"[web]: cannot listen on {web.host}:{web.port}: {error.strerror}",)
    return ()


def without_services(settings: GordonSettings) -> GordonSettings:
    """Let nobody be asked to give our nick back: it is a Gordon that runs who has it."""
    irc = {name: structs.replace(one, services="") for name, one in settings.irc.items()}
    return structs.replace(settings, irc=irc)


async def _ask(name: str, server: BuildServer, jobs: Sequence[JobRef], projects: Sequence[JobRef]) -> Sequence[str]:
    try:
        problems = _of(f"Jenkins {name}", await server.check(jobs))
        missing = [] if problems else [one for one in projects if await server.branches(one) is None]
        return [*problems, *(f"Jenkins {one.server} has no {one}, or hides it from us" for one in missing)]
    except GordonError as error:
        return [str(error)]
    finally:
        await server.close()


async def _ask_forge(forge: PullForge, repos: Sequence[str], teams: Iterable[str]) -> Sequence[str]:
    try:
        if problems := _of("GitHub", await forge.check(repos)):
            return problems
        for team in teams:
            try:
                await forge.team(team)
            except Refused as error:
                problems.append(str(error))
        return problems
    except GordonError as error:
        return [str(error)]
    finally:
        await forge.close()


async def _inspect(chat: Inspects) -> Sequence[str]:
    try:
        async with asyncio.timeout(ASKED_WITHIN_S):
            return _of(chat.network, await chat.check())
    except TimeoutError:
        return [f"{chat.network} did not answer within {ASKED_WITHIN_S:g} s"]


def _of(whose: str, problems: Iterable[str]) -> list[str]:
    """Say of each whose it is, where its own words do not."""
    return [one if whose in one else f"{whose}: {one}" for one in problems]
