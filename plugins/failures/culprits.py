"""Who has pushed what a failed build was made of."""

from collections.abc import Callable, Sequence

from bot.plugin import Context, Refused, Unavailable, UserError
from bot.values import Account, Commit, PullRef

MAX_CULPRITS = 3


async def culprits(ctx: Context, pull: PullRef, green: str, is_silent: Callable[[Account], bool]) -> list[str]:
    """Name who has written the commits of a pull request since one that passed, or all, the newest first.

    That a failure is told must not wait for the forge, so nobody is named where that does not tell now.

    Arguments:
        green: the commit that passed last; empty for none.
        is_silent: tells who wants to hear nothing of it.
    """
    try:
        commits = await ctx.forge.commits(pull)
    except (Unavailable, Refused, UserError) as error:
        ctx.log.info("addressing nobody, as it is not known who has pushed: %s", error)
        return []
    return since(commits, green, is_silent)


def since(
    commits: Sequence[Commit], green: str, is_silent: Callable[[Account], bool] = lambda account: False
) -> list[str]:
    """Name the authors of the commits behind one, or of all where that is not among them, the newest first."""
    shas = [commit.sha for commit in commits]
    after = commits[shas.index(green) + 1 :] if green in shas[:-1] else commits
    authors = [commit.author for commit in reversed(after) if commit.author]
    logins = [author.login for author in authors if not author.is_bot and not is_silent(author)]
    return list(dict.fromkeys(logins))[:MAX_CULPRITS]
