"""What is decided first at the second try only, and what waits for that."""

from bot.events import BuildFinished
from bot.plugin import Context, Plugin

plugin = Plugin("deciding")
order: list[str] = []


@plugin.on(BuildFinished, first=True)
async def decide(ctx: Context, event: BuildFinished) -> None:
    """Fail, and decide something once it is tried again."""
    order.append("tried" if "tried" not in order else "decided")
    if "decided" not in order:
        raise ValueError("it was not ready")


@plugin.on(BuildFinished)
async def listen(ctx: Context, event: BuildFinished) -> None:
    """Tell what was decided before."""
    for ask in event.asks:
        ctx.tell(ask.place, f"heard after {', '.join(order) or 'nothing'}")
