"""The queue of pull requests: lists of those that need somebody, one with all that is known of it, and who may review.

Nothing of it is kept: each answer is read from the forge, a hundred pull requests a request.
"""

from bot.plugin import Call, Card, Context, Plugin, Words
from plugins.triage import card, lists, reviewers
from plugins.triage.settings import TriageSettings

plugin = Plugin("triage", TriageSettings)


@plugin.command("prs [<filter>...]", reads=True)
async def prs(ctx: Context, call: Call) -> Words:
    """List open pull requests: new, stale, conflicts, mine, no-answer, dir=daemon/, sort=age; prs filters tells all."""
    return await lists.prs(ctx, call)


@plugin.command("alru [<repo>]", reads=True)
async def alru(ctx: Context, call: Call) -> Words:
    """Tell for how long open pull requests have not been touched, on average, and the longest of them."""
    return await lists.alru(ctx, call)


@plugin.command("pr <pull>", reads=True)
async def pr(ctx: Context, call: Call) -> Card:
    """Show all of a pull request: builds, approvals, conflicts, sign-off, whom it waits for, why it is not merged."""
    return await card.pr(ctx, call)


@plugin.command("review <pull>", reads=True)
async def review(ctx: Context, call: Call) -> Card:
    """Suggest who might review a pull request: who owns what it changes, and who has changed that before."""
    return await reviewers.review(ctx, call)
