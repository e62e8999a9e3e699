"""Build pull requests as they are opened and pushed to, once what they have to wait for is there."""

from bot.events import (
    BuildEvent,
    BuildQueued,
    BuildStarted,
    CheckWanted,
    OverrideEnded,
    PullChecked,
    PullClosed,
    PullEdited,
    PullOpened,
    PullPushed,
    PullReadied,
)
from bot.plugin import Call, Context, Plugin, Role, UserError
from bot.wording import name
from plugins.pr_builds.asking import AskAgain
from plugins.pr_builds.looking import CheckDue, LookAgain, cancel, look
from plugins.pr_builds.memory import Memory, newest
from plugins.pr_builds.rules import PrBuildsSettings
from plugins.pr_builds.words import agreed, is_ok

SHA_CHARS = 40
TAKEN_BACK = "it is not ok to test any more"

plugin = Plugin("pr_builds", PrBuildsSettings)


@plugin.on(PullOpened)
async def opened(ctx: Context, event: PullOpened) -> None:
    """Build what was opened; what was opened again as far as it has not passed."""
    await look(ctx, event.pull.ref, is_again=event.again)


@plugin.on(PullReadied)
async def readied(ctx: Context, event: PullReadied) -> None:
    """Build what is no draft any more; of what became one cancel what is under way."""
    await look(ctx, event.pull.ref, is_again=not event.pull.draft)


@plugin.on(PullPushed)
async def pushed(ctx: Context, event: PullPushed) -> None:
    """Build what was pushed, in the place of what is under way."""
    await look(ctx, event.pull.ref)


@plugin.on(PullEdited)
async def edited(ctx: Context, event: PullEdited) -> None:
    """Build anew what is to be merged into another branch."""
    if event.base_before:
        await look(ctx, event.pull.ref)


@plugin.on(PullClosed)
async def closed(ctx: Context, event: PullClosed) -> None:
    """Cancel what is under way, and forget the pull request."""
    await look(ctx, event.pull.ref)


@plugin.on(LookAgain)
async def again(ctx: Context, event: LookAgain) -> None:
    """See whether what was waited for is there."""
    await look(ctx, event.pull)


@plugin.on(AskAgain)
async def ask_again(ctx: Context, event: AskAgain) -> None:
    """Tell what has come to wait for an ok in the meantime, and waits still."""
    await look(ctx, event.pull)


@plugin.on(PullChecked)
async def checked(ctx: Context, event: PullChecked) -> None:
    """Take in how a check went, and build what has waited for it."""
    if not ctx.settings.builds(event.pull.repo):
        return
    memory = Memory.of(await ctx.store.get(str(event.pull)), event.key)
    memory.checked(event.check, event.sha, event.base, event.passed, event.words)
    ctx.store.put(str(event.pull), memory.kept())
    await look(ctx, event.pull)


@plugin.on(CheckDue)
async def want_check(ctx: Context, event: CheckDue) -> None:
    """Have a check made that nobody has told by now, as of what was opened before the first start."""
    memory = Memory.of(await ctx.store.get(str(event.pull)), event.key)
    if memory.head == event.sha and memory.check(event.check) is None:
        wanted = CheckWanted(
            key=f"{event.key}:wanted", lane=event.lane, at=event.at, pull=event.pull, check=event.check, sha=event.sha
        )
        ctx.later(wanted, delay_s=0)


@plugin.on(OverrideEnded)
async def not_overridden(ctx: Context, event: OverrideEnded) -> None:
    """Tell anew why a context is not built, which may be for another reason than before it was overridden."""
    if not ctx.settings.builds(event.pull.repo):
        return
    kept = await ctx.store.get(str(event.pull))
    if kept:
        ctx.store.put(str(event.pull), {**kept, "said": {**kept["said"], event.context: []}})
        await look(ctx, event.pull)


@plugin.on(BuildQueued)
async def queued(ctx: Context, event: BuildQueued) -> None:
    """Cancel a build that was under way to the queue when its commit was superseded."""
    await see_commit(ctx, event)


@plugin.on(BuildStarted)
async def started(ctx: Context, event: BuildStarted) -> None:
    """Cancel a build that left the queue as its commit was superseded."""
    await see_commit(ctx, event)


@plugin.command("ok to test <pull> [<sha>]", role=Role.MAINTAINER)
async def ok_to_test(ctx: Context, call: Call) -> str:
    """Let the commit of an outsider be built, this one and no later; name it in full, or confirm what you are shown."""
    pull = await ctx.forge.pull(call["pull"])
    if not pull.is_open:
        raise UserError(f"{pull.ref.short} is closed, so nothing of it is built")
    sha = str(call["sha"] or "").lower()
    if sha and sha != pull.head:
        short = "" if len(sha) == SHA_CHARS else f"; name all {SHA_CHARS} digits"
        raise UserError(f"you named {name(sha)}, and the head of {pull.ref.short} is {pull.head}{short}")
    trust = await ctx.ci.trust_of(pull)
    if trust.needs_no_ok:
        return f"{pull.ref.short} needs no ok to test"
    if not sha and not (ctx.speaker and ctx.speaker.network == "github"):
        rules = ctx.settings.repo.get(pull.ref.repo)
        contexts = sorted(rules.of(ctx.ci.configured(pull.ref.repo))) if rules else []
        effect, ci_files = agreed(pull, trust, contexts), list(trust.ci_files)
        await ctx.agree(effect, head=pull.head, base=pull.base, ci_files=ci_files, contexts=contexts)
        sha = pull.head
    await ctx.ci.trust(pull, is_named=bool(sha))
    return is_ok(pull, await look(ctx, pull.ref))


@plugin.command("ok to test <pull> cancel", role=Role.MAINTAINER)
async def not_ok_to_test(ctx: Context, call: Call) -> str:
    """Take back that the commit of an outsider is ok to test, and cancel what is built of it."""
    pull = await ctx.forge.pull(call["pull"])
    was_ok = await ctx.ci.distrust(pull.ref)
    if await ctx.ci.trust_of(pull):
        return f"{pull.ref.short} needs no ok to test"
    await look(ctx, pull.ref, anew=TAKEN_BACK)
    return f"{pull.ref.short} is not ok to test any more" if was_ok else f"nobody has said ok to test {pull.ref.short}"


async def see_commit(ctx: Context, event: BuildEvent) -> None:
    """Cancel a build that was to be while it was under way, or that is of a commit that has been superseded."""
    if event.pull is None or not event.sha or not ctx.settings.builds(event.pull.repo):
        return
    if words := await ctx.ci.cancel_late(event.request_id):
        ctx.log.info("%s: %s, as it was to be before it was taken", event.pull, words)
        return
    rules = ctx.settings.repo[event.pull.repo].of(ctx.ci.configured(event.pull.repo))
    rule = rules.get(event.context)
    if rule is None or not rule.cancel:
        return
    memory = Memory.of(await ctx.store.get(str(event.pull)), event.key)
    if event.sha in memory.keep(rule.build_commits):
        return
    pull = await ctx.forge.pull(event.pull)
    keep = [pull.head] if pull.is_open else []
    if pull.is_open and rule.build_commits != "last":
        keep += newest([commit.sha for commit in await ctx.forge.commits(pull.ref)], pull.head)
    if event.sha not in keep:
        reason = f"superseded by {pull.head:.7}" if pull.is_open else f"{pull.ref.short} was closed"
        await cancel(ctx, pull, rules, keep, reason, [event.context])
