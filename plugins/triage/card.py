"""Part of triage."""

from bot.plugin import Call, Card, Context


async def pr(ctx: Context, call: Call) -> Card:
    """To be."""
    raise NotImplementedError
