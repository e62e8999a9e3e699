"""Part of triage."""

from bot.plugin import Call, Context, Words


async def prs(ctx: Context, call: Call) -> Words:
    """To be."""
    raise NotImplementedError


async def alru(ctx: Context, call: Call) -> Words:
    """To be."""
    raise NotImplementedError
