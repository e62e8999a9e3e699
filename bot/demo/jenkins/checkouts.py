"""What a build of a Jenkins stand-in has checked out with git, and the changes in it."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.demo.jenkins.tree import Bean, Shown, bean


@dataclass(frozen=True, slots=True)
class Change:
    """A commit that is new since the last build."""

    commit: str
    message: str = ""
    author: str = "somebody"
    email: str = "somebody@example.org"
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Checkout:
    """What was taken from one repository.

    Arguments:
        remotes: the addresses of the repository.
        sha1: the commit that was built; a merge made on the spot is known to nobody else.
        branch: by which name it was found.
        marked: the commit that was merged into another to make it; None is the built one itself.
        at_s: how long after its start the build has it.
    """

    remotes: tuple[str, ...]
    sha1: str
    branch: str = "refs/remotes/origin/main"
    marked: str | None = None
    changes: tuple[Change, ...] = ()
    at_s: float = 0.0


def build_data(checkout: Checkout, number: int) -> Bean:
    """Show the git plugin's notes on a checkout [hudson.plugins.git.util.BuildData, Build, Revision]."""
    built = _revision(checkout.sha1, checkout.branch)
    entry = bean(
        "",
        always={
            "buildNumber": number,
            "buildResult": None,
            "marked": built if checkout.marked is None else _revision(checkout.marked, checkout.branch),
            "revision": built,
        },
    )
    return bean(
        "hudson.plugins.git.util.BuildData",
        always={
            "buildsByBranchName": {checkout.branch: entry},
            "lastBuiltRevision": built,
            "remoteUrls": list(checkout.remotes),
            "scmName": "",
        },
    )


def _revision(sha1: str, branch: str) -> Bean:
    found = bean("", always={"SHA1": sha1, "name": branch})
    return bean("", always={"SHA1": sha1, "branch": [found]})


def change_sets(checkouts: Sequence[Checkout]) -> list[Bean]:
    """Show the changes of each checkout that has any."""
    return [_change_set(checkout.changes) for checkout in checkouts if checkout.changes]


def _change_set(changes: Sequence[Change]) -> Bean:
    return bean(
        "hudson.plugins.git.GitChangeSetList",
        near={"items": [_change(change) for change in changes], "kind": "git"},
    )


def _change(change: Change) -> Bean:
    shown: dict[str, Shown] = {
        "affectedPaths": list(change.paths),
        "commitId": change.commit,
        "timestamp": 1,
        "author": bean("", always={"fullName": change.author}),
        "authorEmail": change.email,
        "id": change.commit,
        "msg": change.message,
    }
    return bean("hudson.plugins.git.GitChangeSet", always=shown)
