"""Who has pushed what a failed build was made of."""

from bot.plugin import Context, Refused, Unavailable, UserError
from bot.values import PullRef

MAX_CULPRITS = 3


async def culprits(ctx: Context, pull: PullRef) -> list[str]:
    """Name who has written the commits of a pull request, the newest first; nobody where the forge does not tell now.

    That a failure is told must not wait for the forge.
    """
    try:
        commits = await ctx.forge.commits(pull)
    except (Unavailable, Refused, UserError) as error:
        ctx.log.info("addressing nobody, as it is not known who has pushed: %s", error)
        return []
    logins = [commit.author.login for commit in reversed(commits) if commit.author and not commit.author.is_bot]
    return list(dict.fromkeys(logins))[:MAX_CULPRITS]
