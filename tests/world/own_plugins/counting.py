"""Counts what people count of a pull request, on one card at each place that shows how far it has come."""

from dataclasses import replace

from bot.plugin import Button, Call, Card, Context, Plugin, Role

plugin = Plugin("counting")


@plugin.command("count <pull>", role=Role.TRIAGER)
async def count(ctx: Context, call: Call) -> str:
    """Count one more, and say how many there are."""
    assert ctx.place is not None
    here, pull = replace(ctx.place, thread="", to="", account=""), call["pull"].short
    key = f"{here.channel} {pull}"
    number = (await ctx.store.get(key) or 0) + 1
    ctx.store.put(key, number)
    more = (Button("Count", f"count {pull}"), Button("Build", f"rebuild {pull} janky"))
    ctx.tell(here, Card(f"{pull} stands at {number}", buttons=more, slot=f"count {pull}"))
    return f"{pull} is number {number}"
