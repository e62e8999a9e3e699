"""The jobs of a multibranch project: each pull request has its own, named by the configuration's pattern.

Jenkins' branch sources call them `PR-7`, or `PR-7-merge` and `PR-7-head` where both are built
[PullRequestSCMHead]; names compare in any case [AbstractFolder.items].
"""

from bot.settings import ContextSettings
from bot.values import PULL, JobRef

NUMBER = "{number}"


def job_of(context: ContextSettings, number: int) -> JobRef:
    """Tell the job that builds a pull request as a context."""
    if not context.branch:
        return JobRef(context.jenkins, context.job)
    return JobRef(context.jenkins, f"{context.job}/{context.branch.replace(NUMBER, str(number))}")


def project_of(job: JobRef) -> JobRef:
    """Tell the project, or folder, that a job stands in."""
    return JobRef(job.server, job.full_name.rpartition("/")[0])


def number_of(context: ContextSettings, job: JobRef) -> int | None:
    """Tell which pull request a job of a context's multibranch project builds; None if it is no such job."""
    before, _, after = f"{context.job}/{context.branch}".casefold().partition(NUMBER)
    name = job.full_name.casefold()
    digits = name.removeprefix(before).removesuffix(after)
    is_whole = name == f"{before}{digits}{after}" and PULL.fullmatch(f"#{digits}") is not None
    return int(digits) if context.branch and job.server == context.jenkins and is_whole else None


def same(one: JobRef, other: JobRef) -> bool:
    """Tell whether two names are of one job."""
    return one.server == other.server and one.full_name.casefold() == other.full_name.casefold()
