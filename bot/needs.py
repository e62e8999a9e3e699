"""What each neighbour has to be good for, by the configuration."""

from collections.abc import Mapping
from dataclasses import replace

from bot.config_github import secrets_of
from bot.findings import ForgeNeeds, JobNeeds, ServerNeeds
from bot.loader import Registry
from bot.people import People
from bot.settings import GordonSettings, JobSettings
from bot.teams import named_teams
from bot.values import JobRef

HOOKS = "/notification/github"  # where webhooks are sent; with a name behind it, one with secrets of its own
MARKS_AGENTS = "nodes"  # the plugin
WRITE = ("conflicts", "dco")  # plugins that comment or label where they are configured


def server_needs(settings: GordonSettings, registry: Registry) -> Mapping[str, ServerNeeds]:
    """Tell what each build server is asked to do."""
    jobs: dict[JobRef, JobNeeds] = {}
    for repo, own in settings.repos.items():
        for name, context in own.contexts.items():
            names = settings.jenkins[context.jenkins].parameters
            _need(
                jobs,
                JobNeeds(
                    JobRef(context.jenkins, context.job),
                    {key: (value,) for key, value in context.parameters.items()},
                    () if context.branch else [one for one in (names.pull, names.sha) if one],
                    is_project=bool(context.branch),
                    at=("repos", repo, "contexts", name, "job"),
                ),
            )
    for name, job in settings.jobs.items():
        _need(jobs, _of_job(name, job))
    is_marking = MARKS_AGENTS in registry.plugins
    return {
        server: ServerNeeds([each for each in jobs.values() if each.job.server == server], agents=is_marking)
        for server in settings.jenkins
    }


def forge_needs(settings: GordonSettings, people: People, registry: Registry) -> ForgeNeeds:
    """Tell what the forge is asked to do."""
    github = settings.github
    contexts = [context for repo in settings.repos.values() for context in repo.contexts.values()]
    return ForgeNeeds(
        repos=list(settings.repos),
        teams=list(named_teams(people, registry.settings)),
        accounts={person.github_id: person.key for person in people if person.github_id},
        statuses=any(context.status for context in contexts),
        writes=bool(github and github.comments) or any(settings.plugin.get(name) for name in WRITE),
        hooks=_hooks(settings),
    )


def _of_job(name: str, job: JobSettings) -> JobNeeds:
    values = {key: (value,) for key, value in job.parameters.items()}
    return JobNeeds(JobRef(job.jenkins, job.job), values, at=("jobs", name, "job"))


def _need(jobs: dict[JobRef, JobNeeds], more: JobNeeds) -> None:
    """Add to what is needed of a job: several contexts may be built by one."""
    known = jobs.setdefault(more.job, more)
    values = {key: (*known.values.get(key, ()), *new) for key, new in more.values.items()} if known is not more else {}
    jobs[more.job] = replace(known, values={**known.values, **values}, facts=known.facts or more.facts)


def _hooks(settings: GordonSettings) -> Mapping[str, str]:
    """Tell where the webhook of each repository is sent; none if nobody has a secret."""
    found: dict[str, str] = {}
    for name, places in secrets_of(settings.github).items() if settings.github and settings.web else ():
        own = settings.github.hook[name].repos if name and settings.github else ()
        path = f"{HOOKS}/{name}" if name else HOOKS
        found |= dict.fromkeys((own or settings.repos) if places else (), path)
    return found
