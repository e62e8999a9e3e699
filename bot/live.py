"""What the configuration says now: one value, swapped whole, so that nobody ever sees half of a new one."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from bot import bridges
from bot.branch import project_of
from bot.commands import Names
from bot.errors import UserError
from bot.facts import Pushed
from bot.people import People
from bot.plugin import BuildsByItself, KnowsAnswers, TellsJobs
from bot.settings import ContextSettings, GordonSettings
from bot.values import ContextRef, JobRef, Place


@dataclass(frozen=True, slots=True)
class Facts:
    """All that follows from the files of one configuration.

    Arguments:
        plugin_settings: by plugin, what it has read of its own section.
        answering: those of them that answer lines which are no commands.
    """

    settings: GordonSettings
    people: People
    plugin_settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    names: Names = field(init=False)
    announce: Mapping[str, tuple[Place, ...]] = field(init=False)
    operators: tuple[Place, ...] = field(init=False)
    pushes: tuple[Pushed, ...] = field(init=False)
    repos_of_jobs: Mapping[JobRef, Collection[str]] = field(init=False)
    automatic: Collection[str] = field(init=False)
    told_jobs: Mapping[JobRef, Collection[Place]] = field(init=False)
    answering: Mapping[str, KnowsAnswers] = field(init=False)
    policy: str = field(init=False)

    def __post_init__(self) -> None:
        settings, put = self.settings, object.__setattr__
        put(self, "names", names_of(settings))
        put(self, "announce", {name: _places(settings, repo.announce) for name, repo in settings.repos.items()})
        put(self, "operators", _places(settings, settings.gordon.operators))
        put(self, "pushes", _pushes(settings))
        put(self, "repos_of_jobs", _repos_of_jobs(settings))
        put(self, "automatic", _automatic(settings, self.plugin_settings))
        put(self, "told_jobs", _told_jobs(settings, self.operators, self.plugin_settings))
        knowing = {name: one for name, one in self.plugin_settings.items() if isinstance(one, KnowsAnswers)}
        put(self, "answering", knowing)
        put(self, "policy", _policy(self.people))

    def repos_of(self, job: JobRef) -> Collection[str]:
        """List the repositories for whose pull requests a job builds, by itself or within a multibranch project."""
        return self.repos_of_jobs.get(job) or self.repos_of_jobs.get(project_of(job), ())

    def contexts(self, repo: str) -> Mapping[str, ContextSettings]:
        """List the contexts of a repository, by name.

        Raises:
            UserError: it was taken out of the configuration while somebody's command about it was under way.
        """
        if repo not in self.settings.repos:
            raise UserError(f"{repo} is not in my configuration any more")
        return self.settings.repos[repo].contexts


class Live:
    """The one cell that is swapped; read from both loops, written on the edge.

    A handler reads `now` when it needs something and keeps nothing of it across an `await` that may be long.
    """

    def __init__(self, facts: Facts) -> None:
        self.now = facts


def names_of(settings: GordonSettings) -> Names:
    """Gather what words in commands may refer to."""
    repos = {name.lower(): name for name in settings.repos}
    for name, repo in settings.repos.items():
        repos |= {alias.lower(): name for alias in repo.aliases}
    jobs, projects = _jobs_of(settings)
    contexts: dict[str, list[ContextRef]] = {}
    for name, repo in settings.repos.items():
        for context in repo.contexts:
            contexts.setdefault(context.lower(), []).append(ContextRef(name, context))
    return Names(settings.gordon.home, repos, jobs, projects, tuple(settings.jenkins), contexts)


def _jobs_of(settings: GordonSettings) -> tuple[dict[str, JobRef], dict[str, JobRef]]:
    """Name each job and each multibranch project by server and full name, and shorter where that means one only.

    A name under [jobs] is the configuration's own word, so it is the strongest.
    """
    named: dict[str, set[tuple[JobRef, bool]]] = {}
    for name, context in ((n, c) for repo in settings.repos.values() for n, c in repo.contexts.items()):
        job = JobRef(context.jenkins, context.job)
        for short in (name, context.job, f"{context.jenkins}/{context.job}"):
            named.setdefault(short.lower(), set()).add((job, bool(context.branch)))
    own = {name.lower(): JobRef(job.jenkins, job.job) for name, job in settings.jobs.items()}
    clear = {name: found.pop() for name, found in named.items() if len(found) == 1 and name not in own}
    jobs = {name: job for name, (job, is_project) in clear.items() if not is_project}
    return jobs | own, {name: job for name, (job, is_project) in clear.items() if is_project}


def _repos_of_jobs(settings: GordonSettings) -> dict[JobRef, set[str]]:
    found: dict[JobRef, set[str]] = {}
    for name, repo in settings.repos.items():
        for context in repo.contexts.values():
            found.setdefault(JobRef(context.jenkins, context.job), set()).add(name)
    return found


def _pushes(settings: GordonSettings) -> tuple[Pushed, ...]:
    known = settings.jobs
    return tuple(
        Pushed(repo, branch, {name: JobRef(known[name].jenkins, known[name].job) for name in push.jobs})
        for repo, own in settings.repos.items()
        for branch, push in own.pushes.items()
    )


def _automatic(settings: GordonSettings, plugins: Mapping[str, Any]) -> Collection[str]:
    """List the repositories whose pull requests are built without anybody's asking."""
    by_itself = [one for one in plugins.values() if isinstance(one, BuildsByItself)]
    return {repo for repo in settings.repos if any(one.builds(repo) for one in by_itself)}


def _told_jobs(
    settings: GordonSettings, operators: Sequence[Place], plugins: Mapping[str, Any]
) -> dict[JobRef, set[Place]]:
    """List the places that hear from a plugin of its own how the builds of a job ended."""
    found: dict[JobRef, set[Place]] = {}
    for one in plugins.values():
        for name, places in one.tells_jobs().items() if isinstance(one, TellsJobs) else ():
            if job := settings.jobs.get(name):
                told = found.setdefault(JobRef(job.jenkins, job.job), set())
                told.update(_places(settings, filter(None, places)), operators if "" in places else ())
    return found


def _places(settings: GordonSettings, names: Iterable[str]) -> tuple[Place, ...]:
    return bridges.speaking_once(settings, map(Place.parse, names))


def _policy(people: People) -> str:
    """Tell which people and roles are in force, as a digest that stands in each audit record."""
    roles = sorted((person.key, sorted(person.roles.items())) for person in people)
    for what, given_by in {"team": people.teams, "group": people.groups}.items():
        roles += sorted((f"{what} {name}", sorted(given.items())) for name, given in given_by.items())
    return hashlib.sha256(repr(roles).encode()).hexdigest()[:16]
