"""See that each commit of a pull request is signed off (https://developercertificate.org), and say so where it is not.

What was found is told as `PullChecked`, for those who build nothing without; the pull request is written to after that,
so that nobody waits for it. Both read anew, so that what is written is of the head that it is written to.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

from bot.events import CheckWanted, PullChecked, PullEdited, PullOpened, PullPushed, PullReadied
from bot.plugin import Call, Context, Plugin, Refused, Role, Unavailable, UserError
from bot.values import PullRef, Status, StatusState
from plugins.dco.rules import DcoSettings, Verdict, weigh
from plugins.dco.words import comment, reply, summary

CHECK = "dco"
MARKER = "dco"

plugin = Plugin("dco", DcoSettings)


@plugin.on(PullOpened)
async def look_at_opened(ctx: Context, event: PullOpened) -> None:
    """Look at what was opened."""
    await look(ctx, event.pull.ref)


@plugin.on(PullPushed)
async def look_at_pushed(ctx: Context, event: PullPushed) -> None:
    """Look at what was pushed."""
    await look(ctx, event.pull.ref)


@plugin.on(PullEdited)
async def look_at_retargeted(ctx: Context, event: PullEdited) -> None:
    """Look again where the base is another, as other commits are meant by that."""
    if event.base_before:
        await look(ctx, event.pull.ref)


@plugin.on(PullReadied)
async def look_at_readied(ctx: Context, event: PullReadied) -> None:
    """Look again when a pull request is meant."""
    await look(ctx, event.pull.ref)


@plugin.on(CheckWanted)
async def look_as_wanted(ctx: Context, event: CheckWanted) -> None:
    """Look at what somebody waits for, as it was opened before anybody looked."""
    if event.check == CHECK:
        await look(ctx, event.pull)


@plugin.command("dco <pull>", role=Role.AUTHOR, own="any pull request")
async def dco(ctx: Context, call: Call) -> str:
    """Look again whether the commits of a pull request are signed off, and tell which are not."""
    ref: PullRef = call["pull"]
    if ref.repo not in ctx.settings.repos:
        raise UserError(f"nobody asks for sign-offs in {ref.repo}")
    verdict = await look(ctx, ref)
    if verdict is None:
        raise UserError(f"{ref.short} is closed, so nobody asks whether it is signed off")
    return reply(verdict)


@plugin.on(PullChecked)
async def show(ctx: Context, event: PullChecked) -> None:
    """Write on the pull request how its commits are: nothing that is so already is written again."""
    if event.check != CHECK or (verdict := await judge(ctx, event.pull)) is None:
        return
    pull, settings, url = verdict.pull, ctx.settings, ctx.settings.url.replace("{repo}", event.pull.repo)
    effects: list[Callable[[], Awaitable[None]]] = []
    if settings.status:
        status = Status(settings.status, state(verdict), summary(verdict), url)
        effects.append(partial(ctx.forge.set_status, pull.ref.repo, pull.head, status))
    if settings.label and not verdict.doubt:  # else what was said before is not known to be untrue
        change = {"add" if verdict.lacking else "remove": [settings.label]}
        effects.append(partial(ctx.forge.set_labels, pull.ref, **change))
    if settings.comment and not verdict.doubt:
        effects.append(partial(ctx.forge.put_comment, pull.ref, MARKER, comment(verdict, settings, url)))
    await do_all(ctx, effects)


async def do_all(ctx: Context, effects: Iterable[Callable[[], Awaitable[None]]]) -> None:
    """Do effects one after the other, and the others still where one of them is refused.

    Raises:
        Refused: one of them was, which is for an operator to mend.
    """
    refused: Refused | None = None
    for effect in effects:
        try:
            await effect()
        except UserError as error:
            ctx.log.warning("not written: %s", error)
        except Refused as error:
            refused = error
    if refused is not None:
        raise refused


async def look(ctx: Context, ref: PullRef) -> Verdict | None:
    """Judge a pull request and have that told; None where that is not to be done."""
    verdict = await judge(ctx, ref)
    if verdict is not None:
        told = PullChecked(
            key=f"{ctx.event.key}:checked:{CHECK}",
            lane=str(ref),
            at=ctx.clock.now(),
            pull=ref,
            check=CHECK,
            sha=verdict.pull.head,
            base=verdict.pull.base,
            passed=verdict.passed,
            words="" if verdict.passed else summary(verdict),
        )
        ctx.later(told, delay_s=0)
    return verdict


async def judge(ctx: Context, ref: PullRef) -> Verdict | None:
    """Read a pull request and its commits as they are now; None where nobody asks for sign-offs, or it is closed.

    Raises:
        Unavailable: what was read is of two heads, so that it must be read again.
    """
    if ref.repo not in ctx.settings.repos:
        return None
    pull = await ctx.forge.pull(ref)
    if not pull.is_open:
        return None
    commits = await ctx.forge.commits(ref)
    verdict = await asyncio.to_thread(weigh, ctx.settings, pull, commits)  # 250 long messages may take seconds
    if verdict is None:
        raise Unavailable("GitHub", f"listing the commits of {ref.short} up to {pull.head:.7}")
    return verdict


def state(verdict: Verdict) -> StatusState:
    """Tell how the status stands."""
    if verdict.doubt:
        return StatusState.ERROR
    return StatusState.SUCCESS if verdict.passed else StatusState.FAILURE
