"""Leaves behind what is on no disk and in no channel at home (F36)."""

from collections.abc import Callable
from typing import Any

from bot.events import Tick
from bot.plugin import Call, Card, Context, Plugin
from bot.values import Place

plugin = Plugin("returning")
HALF = "a\ud800b"  # half a character, as a careless cut leaves it

REPLIES: dict[str, Any] = {"number": 5, "bytes": b"x", "half": HALF, "strange-card": Card(5)}  # type: ignore[arg-type]
LEFT: dict[str, Callable[[Context], None]] = {
    "state": lambda ctx: ctx.store.put("k", object()),
    "half-key": lambda ctx: ctx.store.put(HALF, 1),
    "words": lambda ctx: ctx.tell(Place("test", "#c"), 5),  # type: ignore[arg-type]
    "place": lambda ctx: ctx.tell("#c", "hello"),  # type: ignore[arg-type]
    "event": lambda ctx: ctx.later("soon", delay_s=1),  # type: ignore[arg-type]
    "half-event": lambda ctx: ctx.later(Tick(key=HALF, lane="l", at=ctx.clock.now()), delay_s=1),
    "delay": lambda ctx: ctx.later(Tick(key="k", lane="l", at=ctx.clock.now()), delay_s=float("nan")),
}


class Mute(Exception):
    """An error that cannot even be told."""

    def __str__(self) -> str:
        raise ValueError("no words")


ERRORS: dict[str, Exception] = {"mute-error": Mute()}
WAYS = (*REPLIES, *LEFT, *ERRORS)


@plugin.command("give <way>")
async def give(ctx: Context, call: Call) -> Any:
    """Leave something wrong behind."""
    return leave(ctx, call["way"])


@plugin.command("give-read <way>", reads=True)
async def give_read(ctx: Context, call: Call) -> Any:
    """Answer something wrong."""
    return leave(ctx, call["way"])


@plugin.command("work")
async def work(ctx: Context, call: Call) -> str:
    """Do what is wanted."""
    return "it works"


def leave(ctx: Context, what: str) -> Any:
    if what in ERRORS:
        raise ERRORS[what]
    if what in LEFT:
        LEFT[what](ctx)
        return "done"
    return REPLIES[what]
