"""How it is said which pull requests a merge has broken."""

from collections.abc import Mapping, Sequence

from bot import wording
from bot.values import PullRef
from bot.wording import branch, name, stated
from plugins.conflicts.radar import Broken, Known, Merge

MAX_TITLE_BYTES = 40
MAX_TITLED = 5  # a longer list is read by its numbers
MAX_NAMED = 15


def line(repo: str, group: Broken, pulls: Mapping[int, Known]) -> str:
    """Say which of these pull requests a merge has broken, or one of several.

    Arguments:
        pulls: those of the group that are told here.
    """
    count = f"{len(pulls)} pull request{'' if len(pulls) == 1 else 's'}"
    end = f"{listed(pulls)}; {'it needs' if len(pulls) == 1 else 'they need'} a rebase"
    if len(group.merges) == 1:
        return f"{what(repo, group.merges[0])} broke {count}: {end}"
    first, *_, last = group.merges
    others = len(group.merges) - 2
    between = f", {others} more" if others else ""
    broke = f"{what(repo, first)}{between} or {what(repo, last)} broke {count}"
    return f"{broke}, it is not known which of them: {end}"


def what(repo: str, merge: Merge) -> str:
    """Say what moved a branch."""
    base = branch(merge.base)
    if merge.number:
        ref = PullRef(repo, merge.number).short
        return f"the merge of {ref} ({stated(merge.title, MAX_TITLE_BYTES)}, by {name(merge.author)}) into {base}"
    span = f"{merge.before:.7}..{merge.sha:.7}" if merge.before else f"of {merge.sha:.7}"
    return f"the push {span} to {base} of {name(repo.rpartition('/')[2])}"


def listed(pulls: Mapping[int, Known]) -> str:
    """List pull requests, a few of them with their titles and authors."""
    if len(pulls) <= MAX_TITLED:
        parts = [
            f"#{number} ({stated(known.title, MAX_TITLE_BYTES)}, {name(known.author)})"
            for number, known in sorted(pulls.items())
        ]
        return ", ".join(parts)
    return wording.listed([f"#{number}" for number in sorted(pulls)], MAX_NAMED)


def conflict(merges: Sequence[Merge], base: str) -> str:
    """Say in a few words that a pull request does not merge."""
    since = f" since {brief(merges[0])}" if len(merges) == 1 else ""
    return f"conflicts with {branch(base)}{since}"


def brief(merge: Merge) -> str:
    """Name what moved a branch."""
    return f"the merge of #{merge.number}" if merge.number else f"the push of {merge.sha:.7}"


def merges(base: str) -> str:
    """Say that a pull request merges."""
    return f"no conflicts with {branch(base)}"


def comment(words: str, base: str) -> str:
    """Say what its author is to do."""
    return (
        f"This pull request {words}. Please rebase it onto the newest commit of {branch(base)} and push it again; "
        "this comment goes once it merges."
    )
