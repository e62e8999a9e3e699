"""Multibranch projects in a Jenkins stand-in: a repository whose branches come and go, and the scans that see it."""

from collections.abc import Sequence
from dataclasses import replace

from bot.demo.jenkins.causes import BY_INDEXING
from bot.demo.jenkins.engine import Engine
from bot.demo.jenkins.folders import BranchJob, Folder, Head, MultiBranch, encode_name
from bot.demo.jenkins.items import add_job, delete
from bot.demo.jenkins.model import Build, Parameter
from bot.demo.jenkins.tree import bean


class Branches:
    """The repository behind one multibranch project, as those who push to it see it.

    Arguments:
        engine: the controller.
        project: the project.
    """

    def __init__(self, engine: Engine, project: MultiBranch) -> None:
        self._engine = engine
        self.project = project

    def push(self, branch: str, sha1: str, *, parameters: Sequence[Parameter] = (), seen: bool = True) -> None:
        """Have a new newest commit on a branch; `seen` tells whether Jenkins hears of a new branch without a scan."""
        self._update(Head(branch, sha1, parameters=tuple(parameters)), seen)

    def pull(
        self,
        name: str,
        sha1: str,
        *,
        base: str | None = None,
        parameters: Sequence[Parameter] = (),
        seen: bool = True,
    ) -> None:
        """Have a new newest commit on a pull request: `PR-7`, or `PR-7-merge` and `PR-7-head` where both are built.

        Arguments:
            name: the name of its job.
            base: the commit that it is merged into before it is built.
            parameters: what its Jenkinsfile declares.
            seen: whether Jenkins hears of a new one without a scan.
        """
        self._update(Head(name, sha1, base, tuple(parameters)), seen)

    def close(self, name: str) -> None:
        """Delete a branch or close a pull request; its job learns that from the next scan."""
        del self.project.heads[encode_name(name).lower()]

    def scan(self) -> None:
        """Scan the repository, as `build` on the project does."""
        scan(self._engine, self.project, self._engine.catch_up())

    def job(self, name: str) -> BranchJob:
        """Find the job of a branch or pull request by the branch's own name."""
        job = self._engine.jobs[f"{self.project.full_name}/{encode_name(name)}".lower()]
        assert isinstance(job, BranchJob)
        return job

    def _update(self, head: Head, seen: bool) -> None:
        known = self.project.heads.get(encode_name(head.name).lower())
        if known is not None and not head.parameters:
            head = replace(head, parameters=known.parameters)
        self.project.heads[encode_name(head.name).lower()] = head
        if seen or f"{self.project.full_name}/{encode_name(head.name)}".lower() in self._engine.jobs:
            _job(self._engine, self.project, head)


def scan(engine: Engine, folder: Folder, now: float) -> None:
    """Make the jobs of new branches, and disable or remove those whose branch is gone [ComputedFolder]."""
    folder.scans += 1
    inside = f"{folder.full_name}/"
    for project in [each for each in engine.folders.values() if isinstance(each, MultiBranch)]:
        if project is not folder and project.full_name.startswith(inside):
            scan(engine, project, now)
    if not isinstance(folder, MultiBranch):
        return
    for head in folder.heads.values():
        is_new = f"{inside}{encode_name(head.name)}".lower() not in engine.jobs
        branch = _job(engine, folder, head)
        if is_new:
            engine.enqueue(branch, {}, [BY_INDEXING])
    for job in list(engine.jobs.values()):
        if isinstance(job, BranchJob) and job.full_name.startswith(inside) and job.name.lower() not in folder.heads:
            job.dead = True
            busy = any(build.building(now) for build in job.builds.values())
            if folder.orphans == "removed" and not busy:
                delete(engine, job, now)
            else:
                job.disabled = True


def _job(engine: Engine, project: MultiBranch, head: Head) -> BranchJob:
    full_name = f"{project.full_name}/{encode_name(head.name)}"
    job = engine.jobs.get(full_name.lower())
    if not isinstance(job, BranchJob):
        job = BranchJob(full_name, kind="pipeline", display_name=head.name, remote=project.remote)
        add_job(engine, job)
    job.head, job.disabled, job.dead = head, job.disabled and not job.dead, False
    return job


def watch_checkouts(engine: Engine) -> None:
    """Let builds of branches check out what is newest as they start, and learn the parameters that they declare."""

    def check_out(build: Build, _: float) -> None:
        job = build.job
        if not isinstance(job, BranchJob):
            return
        head = engine.pinned.pop(build.queue_id, job.head)
        job.built[build.number] = head
        build.actions.append(bean("jenkins.scm.api.SCMRevisionAction"))
        if not build.plan.checkouts:
            build.plan = replace(build.plan, checkouts=(head.checkout(job.remote, build.number),))
        job.parameters = job.head.parameters

    engine.began.append(check_out)
