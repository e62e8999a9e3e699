"""Starts a build because its time has come, twice over, when somebody says that it has."""

from dataclasses import dataclass
from datetime import timedelta

from bot.events import Event
from bot.plugin import Call, Context, Plugin, Role
from bot.values import Alone, JobRef

plugin = Plugin("scheduling")


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidToBeDue(Event):
    """The time has come."""

    job: JobRef


@plugin.command("due <job>", role=Role.MAINTAINER)
async def due(ctx: Context, call: Call) -> str:
    """Let the time come."""
    ctx.later(SaidToBeDue(key=f"due:{ctx.event.key}", lane="due", at=ctx.clock.now(), job=call["job"]), delay_s=0)
    return "so it is"


@plugin.on(SaidToBeDue)
async def start(ctx: Context, event: SaidToBeDue) -> None:
    """Start the build."""
    until = event.at + timedelta(hours=1)
    await ctx.ci.start_scheduled(event.job, {"PLATFORM": "el7"}, occasion="due", alone=Alone.JOB, until=until)


@plugin.on(SaidToBeDue)
async def start_too(ctx: Context, event: SaidToBeDue) -> None:
    """Want the same."""
    await start(ctx, event)
