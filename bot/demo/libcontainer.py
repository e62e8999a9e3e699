"""A second repository of the demo, whose pull requests are built by themselves: its jobs, and how Gordon is set up."""

from collections.abc import Sequence

from bot.demo.github.double import GitHubDouble
from bot.demo.jenkins.model import Parameter
from bot.demo.jenkins.standin import JenkinsStandIn

REPO = "docker/libcontainer"
CONTEXTS = {"cross": "libcontainer-cross", "unit": "libcontainer-unit"}
DCO, LABEL = "docker/dco-signed", "dco/no"
MERGEABLE, NEEDS_REBASE = "docker/mergeable", "needs-rebase"

# Comments are obeyed in all repositories; what follows is about this one.
COMMENTS = "comments = true\n"
CONFIG = f"""
[repos."{REPO}"]
aliases = ["libcontainer"]
announce = [{{announce}}]

{{contexts}}
[plugin.pr_builds.repo."{REPO}"]
needs = ["dco"]

[plugin.dco]
repos = ["{REPO}"]
status = "{DCO}"
label = "{LABEL}"

[plugin.conflicts.repo."{REPO}"]
status = "{MERGEABLE}"
label = "{NEEDS_REBASE}"
"""
CONTEXT = """[repos."{repo}".contexts.{name}]
jenkins = "ci"
job = "{job}"
status = "libcontainer/{name}"

"""


def config(announce: str) -> str:
    """Write what stands in Gordon's configuration.

    Arguments:
        announce: the place that hears of it, in quotation marks; empty for none.
    """
    contexts = "".join(CONTEXT.format(repo=REPO, name=name, job=job) for name, job in CONTEXTS.items())
    return CONFIG.format(announce=announce, contexts=contexts)


def populate(jenkins: JenkinsStandIn, github: GitHubDouble, facts: Sequence[Parameter]) -> None:
    """Add the jobs, and the repository: what is merged there breaks what changes the same files."""
    for job in CONTEXTS.values():
        jenkins.add_job(job, parameters=tuple(facts))
    github.add_repo(REPO)
    github.set_merging(REPO, by_files=True)


def signed(message: str, author: str) -> str:
    """Write the message of a commit that is signed off."""
    return f"{message}\n\nSigned-off-by: {author.capitalize()} <{author}@example.org>"
