"""Reading the configuration again while running: all of it is right and taken over in one piece, or nothing is.

What is under way keeps what it has read; a command is weighed once more, by the new roles, when its handler begins.
"""

import asyncio
import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from bot import judging
from bot.audit import Audit, AuditRecord, of_event
from bot.chat import Chat
from bot.config import load, secrets_problems, wrong_with_place
from bot.difference import changed_keys, content, difference, only_at_start, shortened
from bot.errors import ConfigError, UserError
from bot.events import CommandGiven
from bot.live import Facts, Live
from bot.loader import Registry, read_settings
from bot.people import CONSOLE, People, load_people
from bot.plugin import Changes
from bot.secret import read_secret
from bot.settings import READS, GordonSettings
from bot.toml_file import At, or_nearest, read, show, table_name

_MARK = secrets.token_bytes(32)  # a digest that is recorded must not tell whoever guesses at a channel's key
log = logging.getLogger(__name__)


@runtime_checkable
class Changeable(Protocol):
    """A network that takes another configuration while it is connected."""

    def change(self, settings: Any, keys: Mapping[str, str], prefix: str) -> None:
        """Join and leave what is new and gone, and hold to the rest from now on.

        Arguments:
            settings: those of a network of its kind.
        """


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the files say now, read whole and found right.

    Arguments:
        keys: by network, the keys of its channels.
        told: what differs from what holds, in words; empty if nothing does.
    """

    facts: Facts
    keys: Mapping[str, Mapping[str, str]]
    told: Sequence[str] = ()
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        people = [
            (one.key, one.github_id, sorted(one.roles.items()), sorted(self.facts.people.accounts_of(one.key).items()))
            for one in self.facts.people
        ]
        given = (self.facts.people.teams, self.facts.people.groups)
        teams = [sorted((name, sorted(roles.items())) for name, roles in each.items()) for each in given]
        text = content(self.facts.settings) + repr((sorted(people), teams, self.keys)).encode()
        object.__setattr__(self, "digest", hmac.new(_MARK, text, hashlib.sha256).hexdigest())


class Reload:
    """Compares what the files say with what holds, and takes it over.

    Arguments:
        config: the file that the program was started with; None if there was none.
        on_swapped: those who are told when another configuration holds.
    """

    def __init__(
        self,
        config: Path | None,
        live: Live,
        registry: Registry,
        chats: Mapping[str, Chat],
        audit: Audit,
        on_swapped: Sequence[Callable[[], None]],
    ) -> None:
        self._config = config
        self._live = live
        self._registry = registry
        self._chats = chats
        self._audit = audit
        self._on_swapped = on_swapped
        self._keys = keys_of_channels(live.now.settings)
        self._turn = asyncio.Lock()

    async def changes(self) -> Changes:
        """Tell what a reload would change.

        Raises:
            UserError: it would be refused, and why.
        """
        candidate = await self._candidate()
        return Changes(shortened(candidate.told), candidate.digest)

    async def swap(self, digest: str, event: CommandGiven, person: str) -> None:
        """Take over what was seen as `changes`.

        Arguments:
            event, person: the command and who gave it, for the record.

        Raises:
            UserError: it would be refused, or the files say something else by now.
        """
        async with self._turn:
            candidate = await self._candidate()
            if candidate.digest != digest:
                raise UserError("the files were changed in this very moment, so nothing was done; reload again")
            facts = self._facts(candidate)
            self._take_over(candidate, of_event(event, decision="reloaded", person=person, **facts))

    async def on_signal(self) -> str:
        """Take over what the files say because the machine's owner wants it; tell what came of it."""
        async with self._turn:
            try:
                candidate = await self._candidate()
            except UserError as error:
                log.error("SIGHUP: %s", error)
                return str(error)
            if not candidate.told:
                log.info("SIGHUP: nothing to reload, the files say what holds")
                return ""
            facts = self._facts(candidate)
            self._take_over(candidate, AuditRecord(id="", surface="SIGHUP", decision="reloaded", **facts))
            return f"reloaded by SIGHUP: {shortened(candidate.told)}"

    async def _candidate(self) -> Candidate:
        """Read everything anew.

        Raises:
            UserError: it is wrong or cannot be taken over; the first reason, and how many more there are.
        """
        config, now = self._config, self._live.now
        if config is None:
            raise UserError("this Gordon was started without a configuration file, so there is nothing to read again")
        try:
            facts, keys = await asyncio.to_thread(read_again, config, self._registry, (*self._chats,))
        except ConfigError as error:
            log.error("reload refused, nothing has changed:\n%s", error)
            more = len(error.problems) - 1
            and_more = f" (and {more} more, see the log)" if more else ""
            first = without_folder(error.problems[0], config.parent)
            raise UserError(f"not reloaded, nothing has changed: {first}{and_more}") from error
        found = list(changed_keys(now.settings, facts.settings))
        if fixed := [*only_at_start(found), *self._not_loaded(now.settings, facts.settings)]:
            raise UserError(f"not reloaded, this needs a restart: {', '.join(fixed)}")
        told = [*difference(now, facts), *_of_keys(self._keys, keys)]
        return Candidate(facts, keys, told)

    def _not_loaded(self, old: GordonSettings, new: GordonSettings) -> Iterator[str]:
        """Name changed sections of plugins that are not there to read them."""
        for name in dict.fromkeys((*old.plugin, *new.plugin)):
            if name not in self._registry.plugins and old.plugin.get(name, {}) != new.plugin.get(name, {}):
                yield f"plugin.{name}"

    def _facts(self, candidate: Candidate) -> dict[str, Any]:
        """Tell what the record of a reload says."""
        return {
            "effect": "reload",
            "args": "; ".join(candidate.told),
            "rule": f"policy {self._live.now.policy} -> {candidate.facts.policy}",
            "external_id": candidate.digest,
        }

    def _take_over(self, candidate: Candidate, record: AuditRecord) -> None:
        self._audit.append(record)
        before = self._live.now
        after = replace(candidate.facts, people=candidate.facts.people.linked(before.people.links))
        self._live.now = after
        old, new = before.settings, after.settings
        for network in (*new.irc, *new.slack):
            chat, keys, own = self._chats.get(network), candidate.keys.get(network, {}), new.network(network)
            is_same = own == old.network(network) and keys == self._keys.get(network, {})
            if isinstance(chat, Changeable) and not (is_same and old.gordon.prefix == new.gordon.prefix):
                chat.change(own, keys, new.gordon.prefix)
        self._keys = candidate.keys
        for told in self._on_swapped:
            told()
        log.info("reloaded: %s", "; ".join(candidate.told))


def read_again(config: Path, registry: Registry, chats: Sequence[str]) -> tuple[Facts, Mapping[str, Mapping[str, str]]]:
    """Read the file, the people, the secrets and what each plugin wants of it; no connection is made.

    Arguments:
        chats: networks that there are besides those of the file.

    Raises:
        ConfigError: everything that is wrong with them, as far as the file itself is right.
    """
    settings = load(config)
    problems, people = list(secrets_problems(settings)), None
    try:
        people = people_of(settings, chats)
    except ConfigError as error:
        problems += error.problems
    problems += problems_of(config, settings, people, registry, chats)
    plugin_settings: dict[str, Any] = {}
    for name, plugin in registry.plugins.items():
        try:
            plugin_settings[name] = read_settings(plugin, settings.plugin.get(name, {}))
        except ConfigError as error:
            line = read(config).line(("plugin", name))
            problems += (f"{config}:{line}: {text}" for text in error.problems)
    if problems or people is None:
        raise ConfigError(tuple(problems))
    return Facts(settings, people, plugin_settings), keys_of_channels(settings)


def without_folder(problem: str, folder: Path) -> str:
    """Name files as the configuration does: where this machine keeps them is for the log, not for a channel."""
    for named in (folder.absolute(), folder):
        problem = problem.replace(f"{named}/", "") if named != Path() else problem
    return problem


def people_of(settings: GordonSettings, chats: Sequence[str] = ()) -> People:
    """Read the people file that the settings name.

    Raises:
        ConfigError: everything that is wrong with it.
    """
    return load_people(
        settings.gordon.people,
        repos=settings.repos,
        networks=(*dict.fromkeys((*settings.irc, *settings.slack, *chats, CONSOLE)),),
        slack=settings.slack,
        with_github=settings.github is not None,
    )


def problems_of(
    config: Path, settings: GordonSettings, people: People | None, registry: Registry, chats: Sequence[str] = ()
) -> tuple[str, ...]:
    """Tell what is wrong with a file that only what it names shows; it is read again for lines to name.

    Arguments:
        chats: networks that there are besides those of the file.
    """
    found = [*_misfits(settings, people, registry), *_places_nowhere(settings, registry, chats)]
    found += [*_repos_nowhere(settings, registry), *_checks_of_nobody(settings, registry)]
    found += _builds_nowhere(settings, registry)
    found += [(("diagnosis", key), f"[diagnosis] {key}: {what}") for key, what in judging.problems(settings.diagnosis)]
    if not found:
        return ()
    file = read(config)
    return tuple(f"{config}:{file.line(at)}: {text}" for at, text in found)


def _misfits(settings: GordonSettings, people: People | None, registry: Registry) -> Iterator[tuple[At, str]]:
    console = settings.console
    if people is not None and console is not None and people.by_name(console.person) is None:
        yield ("console", "person"), f"[console] person {show(console.person)} is not in {settings.gordon.people}"
    leeroy = settings.leeroy
    if people is not None and leeroy is not None and people.by_name(leeroy.person) is None:
        yield ("leeroy", "person"), f"[leeroy] person {show(leeroy.person)} is not in {settings.gordon.people}"
    if registry.broken:  # its commands may be those of a plugin that did not load, which is told by itself
        return
    known = [READS, *registry.commands]
    channels = [
        ((kind, network, "channel", channel, "commands"), own.commands)
        for kind, networks in (("irc", settings.irc), ("slack", settings.slack))
        for network, there in networks.items()
        for channel, own in there.channel.items()
    ]
    for at, commands in channels:
        for index, name in enumerate(commands):
            if name not in known:
                said = f"{table_name(at[:-1])} commands has {show(name)}, which is no command"
                yield (*at, index), f"{said}{or_nearest(name, known)}"


def _places_nowhere(settings: GordonSettings, registry: Registry, chats: Sequence[str]) -> Iterator[tuple[At, str]]:
    """Tell which `announce` or `channel` of a plugin names a place that is not there: they mean places everywhere.

    So do `channels` and `to` in tables with names of somebody's choice, as in those of answers and of notices.
    """
    for name in registry.plugins:
        section = settings.plugin.get(name, {})
        places, tables = section.get("announce"), section.get("channel")
        named = list(enumerate(places)) if isinstance(places, list) else []
        at: list[tuple[At, Any]] = [(("plugin", name, "announce", index), place) for index, place in named]
        at += [(("plugin", name, "channel", place), place) for place in (tables if isinstance(tables, dict) else ())]
        at += _places_within(name, section)
        for where, place in at:
            if isinstance(place, str) and (wrong := wrong_with_place(place, settings, chats)):
                yield where, f"{table_name(where[:-2])} {where[-2]} {wrong}"


def _places_within(plugin: str, section: Mapping[str, Any]) -> Iterator[tuple[At, Any]]:
    for key, tables in section.items():
        for name, table in tables.items() if isinstance(tables, dict) else ():
            for own in ("channels", "to") if isinstance(table, dict) else ():
                places = table.get(own)
                for index, place in enumerate(places if isinstance(places, list) else ()):
                    yield ("plugin", plugin, key, name, own, index), place


def _repos_nowhere(settings: GordonSettings, registry: Registry) -> Iterator[tuple[At, str]]:
    """Tell which table `repo` of a plugin, or its list `repos`, names a repository or context that is not there."""
    for name in registry.plugins:
        section = settings.plugin.get(name, {})
        repos, tables = section.get("repos"), section.get("repo")
        for index, repo in enumerate(repos if isinstance(repos, list) else ()):
            if isinstance(repo, str) and repo not in settings.repos:
                said = f"{table_name(('plugin', name))} repos has {show(repo)}, which is not in [repos]"
                yield ("plugin", name, "repos", index), f"{said}{or_nearest(repo, settings.repos)}"
        for repo, table in tables.items() if isinstance(tables, dict) else ():
            at: At = ("plugin", name, "repo", repo)
            if repo not in settings.repos:
                yield at, f"{table_name(at)}: {show(repo)} is not in [repos]{or_nearest(repo, settings.repos)}"
                continue
            known, own = settings.repos[repo].contexts, table if isinstance(table, dict) else {}
            listed = own["contexts"] if isinstance(own.get("contexts"), list) else ()
            tabled = own["context"] if isinstance(own.get("context"), dict) else ()
            named = [((*at, "contexts", index), context) for index, context in enumerate(listed)]
            for where, context in [*named, *(((*at, "context", context), context) for context in tabled)]:
                if isinstance(context, str) and context not in known:
                    yield (
                        where,
                        f"{table_name(at)}: {show(context)} is no context of {repo}{or_nearest(context, known)}",
                    )


def _builds_nowhere(settings: GordonSettings, registry: Registry) -> Iterator[tuple[At, str]]:
    """Tell which table `build` of a plugin names a job that is not there."""
    for name in registry.plugins:
        tables = settings.plugin.get(name, {}).get("build")
        for build, table in tables.items() if isinstance(tables, dict) else ():
            at: At = ("plugin", name, "build", build)
            job = table.get("job") if isinstance(table, dict) else None
            if isinstance(job, str) and job not in settings.jobs:
                said = f"{table_name(at)} job is {show(job)}, which is not in [jobs]"
                yield (*at, "job"), f"{said}{or_nearest(job, settings.jobs)}"


def _checks_of_nobody(settings: GordonSettings, registry: Registry) -> Iterator[tuple[At, str]]:
    """Tell which `needs` of a plugin names a check that nobody makes there: what waits for it would do so for ever."""
    if registry.broken:  # the check may be that of a plugin that did not load, which is told by itself
        return
    for name in registry.plugins:
        tables = settings.plugin.get(name, {}).get("repo")
        for repo, table in tables.items() if isinstance(tables, dict) else ():
            at: At = ("plugin", name, "repo", repo)
            own = table.get("context") if isinstance(table, dict) else None
            contexts = own.items() if isinstance(own, dict) else ()
            for where, rules in [(at, table), *(((*at, "context", context), one) for context, one in contexts)]:
                needs = rules.get("needs") if isinstance(rules, dict) else None
                for index, need in enumerate(needs if isinstance(needs, list) else ()):
                    if wrong := _wrong_with_check(need, repo, registry):
                        yield (*where, "needs", index), f"{table_name(where)} needs has {show(need)}, {wrong}"


def _wrong_with_check(check: str, repo: str, registry: Registry) -> str:
    """Tell why nobody makes a check, which is called as the plugin that makes it; empty if somebody does."""
    if check not in registry.plugins:
        return f"which is no plugin that is on{or_nearest(check, registry.plugins)}"
    repos = getattr(registry.settings[check], "repos", None)
    if repos is not None and repo not in repos:
        return f"but {table_name(('plugin', check))} repos has no {show(repo)}"
    return ""


def keys_of_channels(settings: GordonSettings) -> Mapping[str, Mapping[str, str]]:
    """Read the keys of channels, by network and channel.

    Raises:
        ConfigError: one cannot be had.
    """
    return {
        network: {
            name: key
            for name, channel in irc.channel.items()
            if (key := read_secret(f"{name} on IRC {network}", channel.key_file, channel.key_env))
        }
        for network, irc in settings.irc.items()
    }


def _of_keys(old: Mapping[str, Mapping[str, str]], new: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Tell which channels have another key; a file may hold another one under the same name."""
    for network in new:
        was, is_now = old.get(network, {}), new[network]
        yield from (
            f"another key of {name} on {network}"
            for name in dict.fromkeys((*was, *is_now))
            if was.get(name) != is_now.get(name)
        )
