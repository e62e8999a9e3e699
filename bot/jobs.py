"""Which job builds which context of a pull request, and of which a build is; from the configuration as it is now."""

import re
from collections.abc import Collection, Mapping

from bot.branch import job_of, number_of, same
from bot.errors import UserError
from bot.live import Live
from bot.ports import Queued
from bot.settings import ContextSettings, GordonSettings, ParameterNames
from bot.values import PULL, Build, Checkout, JobRef, Pull, PullRef, Stage, Standing

MAX_REPO_CHARS = 201  # an owner's name, a slash and a repository's
_COMMIT = re.compile(r"[0-9a-f]{7,64}", re.ASCII)
_REMOTE = re.compile(r"[/:](?P<repo>[^/:]+/[^/:]+?)(?:\.git)?/*$")  # the end of an address, https:// or git@host:


class Jobs:
    """Tells jobs and contexts apart."""

    def __init__(self, live: Live) -> None:
        self._live = live

    @property
    def _settings(self) -> GordonSettings:
        return self._live.now.settings

    def context(self, name: str, repo: str) -> ContextSettings:
        """Find a context of a repository.

        Raises:
            UserError: there is none of this name, or the repository is not configured any more.
        """
        known = self._live.now.contexts(repo).get(name)
        if known is None:
            raise UserError(f'no context "{name}" for {repo}')
        return known

    def configured(self, repo: str) -> Mapping[str, bool]:
        """Name the contexts of a repository, and tell of each whether its job builds by itself what is pushed.

        Raises:
            UserError: the repository is not configured any more.
        """
        return {name: bool(context.branch) for name, context in self._live.now.contexts(repo).items()}

    def names(self, server: str) -> ParameterNames:
        """Tell what a server's jobs call the facts they get."""
        return self._settings.jenkins[server].parameters

    def facts(self, server: str, pull: Pull) -> dict[str, str]:
        """Tell what a job is told of a pull request; a fact whose name the configuration leaves empty is not."""
        names = self.names(server)
        facts = {
            names.pull: str(pull.ref.number),
            names.sha: pull.head,
            names.base_repo: pull.ref.repo,
            names.head_repo: pull.head_repo,
            names.base_branch: pull.base,
            names.github_url: pull.url,
        }
        facts.pop("", None)
        return facts

    def match(self, context: ContextSettings, pull: Pull) -> dict[str, str]:
        """Tell the parameters by which a build of this pull, commit and context is known; two may share a job.

        A pull request's own job in a multibranch project needs none: only its commit is left to be told.
        """
        if context.branch:
            return {}
        names = self.names(context.jenkins)
        match = {names.pull: str(pull.ref.number), names.sha: pull.head, names.base_repo: pull.ref.repo}
        match |= context.parameters
        match.pop("", None)
        return match

    def contexts_of(self, found: Build | Queued) -> Collection[tuple[str, str]]:
        """List the contexts that a build may be of, by repository and name; several only where nothing tells."""
        job, given = _job(found), found.parameters
        told = given.get(self.names(job.server).base_repo)
        base = None if told is None else self._repo(told)
        return {
            (repo, name)
            for repo, settings in self._settings.repos.items()
            for name, context in settings.contexts.items()
            if _builds(context, job) and (context.branch or _fits(repo, context, base, given))
        }

    def name(self, found: Build | Queued) -> str:
        """Tell which context a build is of, in whichever repository; else its job."""
        names = {name for _, name in self.contexts_of(found)}
        return names.pop() if len(names) == 1 else self.name_of_job(_job(found))

    def name_of_job(self, job: JobRef) -> str:
        """Tell what the configuration calls a job."""
        known = self._settings.jobs.items()
        return next((name for name, one in known if same(JobRef(one.jenkins, one.job), job)), str(job))

    def branch_of(self, job: JobRef) -> tuple[str, str] | None:
        """Tell after the pushes to which branch a job builds, by repository and branch; None for no branch's."""
        pushes = self._live.now.pushes
        return next(((push.repo, push.branch) for push in pushes if push.name_of(job)), None)

    def pull_of(self, found: Build | Queued) -> PullRef | None:
        """Tell which pull request a build is of: by the name of its job, or by its parameters.

        A job that is told no repository builds for the only one that has it as a context. Whoever may start a job may
        give it any values, so what nobody could type as a pull request is none. What the job of a pull request declares
        stands in its own Jenkinsfile, so that it may not tell of which it is.
        """
        job, names = _job(found), self.names(_job(found).server)
        pulls = {
            PullRef(repo, own)
            for repo, settings in self._settings.repos.items()
            for context in settings.contexts.values()
            if (own := number_of(context, job)) is not None
        }
        if len(pulls) == 1:
            return pulls.pop()
        repo = self._repo(found.parameters.get(names.base_repo, "")) or self._only_repo(found)
        told = PULL.fullmatch(f"{repo}#{found.parameters.get(names.pull, '')}") if len(repo) <= MAX_REPO_CHARS else None
        named = PullRef(repo, int(told["number"])) if told and told["repo"] else None
        return named if not pulls or named in pulls else None

    def _repo(self, told: str) -> str:
        """Spell a repository as the configuration does; GitHub knows it in any case."""
        return next((repo for repo in self._settings.repos if repo.casefold() == told.casefold()), told)

    def _only_repo(self, found: Build | Queued) -> str:
        repos = {repo for repo, _ in self.contexts_of(found)}
        return repos.pop() if len(repos) == 1 else ""

    def standing(self, context: str, found: Build | Queued) -> Standing:
        """Tell a server's answer as plugins see it."""
        job, names, pull = _job(found), self.names(_job(found).server), self.pull_of(found)
        sha = found.parameters.get(names.sha, "")
        sha = sha if _COMMIT.fullmatch(sha) else ""  # others may give it a branch, or anything else
        base = found.parameters.get(names.base_branch, "")
        if isinstance(found, Queued):
            return Standing(
                context, job, Stage.QUEUED, queue_id=found.id, url=found.url, sha=sha, pull=pull, why=found.why,
                started_at=found.since, base=base,
            )  # fmt: skip
        told = (found.parameters.get(name, "") for name in (names.base_repo, names.head_repo))
        pushed, _ = self.branch_of(job) or ("", "")
        built = checked_out(found.checkouts, {*told, pull.repo if pull else pushed} - {""}, sha)
        return Standing(
            context,
            job,
            stage=Stage.ENDED if found.finished else Stage.RUNNING,
            result=found.result if found.finished else None,
            queue_id=found.queue_id,
            number=found.ref.number,
            url=found.url,
            sha=sha or built,
            pull=pull,
            started_at=found.started_at,
            duration_s=found.duration_s,
            estimate_s=found.estimate_s,
            kind=found.kind,
            cells=found.cells,
            built=built if built != (sha or built) else "",
            node=found.node,
            base=base,
        )

    def seen(self, found: Build | Queued) -> Standing:
        """Tell how a build stands, under the name of its context or job."""
        return self.standing(self.name(found), found)


def checked_out(checkouts: Collection[Checkout], repos: Collection[str], sha: str) -> str:
    """Tell which commit of one of these repositories a build took, this one if it did; "" where that is not known.

    A Pipeline checks out its libraries as well, so the repository decides [BuildData.remoteUrls]. Of a merge it is
    the commit that was merged.
    """
    wanted = {repo.casefold() for repo in repos}
    commits = [each.commits for each in checkouts if each.commits and wanted & {_repo(url) for url in each.remotes}]
    if any(sha in each for each in commits):
        return sha
    return commits[0][-1] if commits else ""


def _repo(remote: str) -> str:
    found = _REMOTE.search(remote)
    return found["repo"].casefold() if found else ""


def _job(found: Build | Queued) -> JobRef:
    return found.ref.job if isinstance(found, Build) else found.job


def _builds(context: ContextSettings, job: JobRef) -> bool:
    if context.branch:
        return number_of(context, job) is not None
    return same(job_of(context, 0), job)


def _fits(repo: str, context: ContextSettings, base: str | None, given: Mapping[str, str]) -> bool:
    return base in (None, repo) and context.parameters.items() <= given.items()
