"""Tell those who asked for builds of a commit that its pull request has another head by now."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bot.events import AskedBuild, Event, PullClosed, PullPushed
from bot.plugin import Context, Plugin
from bot.values import Place, Pull, PullRef

CANCELLED_S = 15.0  # by then it is seen that a build was cancelled, which is told as its end

plugin = Plugin("heads")


@dataclass(frozen=True, slots=True, kw_only=True)
class OldGoesOn(Event):
    """Whatever is cancelled for a push is cancelled by now; the rest goes on."""

    pull: PullRef
    head: str


@plugin.on(PullPushed)
async def tell_askers(ctx: Context, event: PullPushed) -> None:
    """Say once what was asked for an old head and is not over; where pushes are built by themselves, what goes on."""
    ref = event.pull.ref
    if not ctx.is_automatic(ref.repo):
        await tell(ctx, ref, event.pull.head)
        return
    due = OldGoesOn(key=f"heads:{event.key}", lane=event.lane, at=ctx.clock.now(), pull=ref, head=event.pull.head)
    ctx.later(due, delay_s=CANCELLED_S)


@plugin.on(OldGoesOn)
async def tell_what_goes_on(ctx: Context, event: OldGoesOn) -> None:
    """Say once what was asked for an old head and was not cancelled."""
    await tell(ctx, event.pull, event.head)


@plugin.on(PullClosed)
async def forget(ctx: Context, event: PullClosed) -> None:
    """Forget of which builds somebody was told: what is closed moves no more."""
    ctx.store.put(str(event.pull.ref), None)


async def tell(ctx: Context, ref: PullRef, head: str) -> None:
    """Tell everybody who has asked for a build of an older head of which they were not told yet."""
    pull = await ctx.forge.pull(ref)
    if pull.head != head or not pull.is_open:
        return  # a newer push is an event of its own, and what is closed is not built anew
    known: Sequence[str] = await ctx.store.get(str(pull.ref)) or ()
    old = [build for build in await ctx.ci.asked(pull.ref) if build.sha and build.sha != pull.head]
    for place, builds in shares(build for build in old if build.request_id not in known):
        for sha in dict.fromkeys(build.sha for build in builds):
            of_sha = [build for build in builds if build.sha == sha]
            ctx.tell(place, phrase(pull, sha, of_sha, is_automatic=ctx.is_automatic(ref.repo)))
    if old or known:
        ctx.store.put(str(pull.ref), [build.request_id for build in old] or None)


def shares(builds: Iterable[AskedBuild]) -> list[tuple[Place, list[AskedBuild]]]:
    """Tell who hears of which builds: everybody of those that they asked for, each place once."""
    heard: dict[Place, list[AskedBuild]] = {}
    names: dict[Place, list[str]] = {}
    for build in builds:
        for ask in build.asks:
            place = replace(ask.place, to="")
            if build not in heard.setdefault(place, []):
                heard[place].append(build)
            if ask.place.to and ask.place.to not in names.setdefault(place, []):
                names[place].append(ask.place.to)
    return [(replace(place, to=", ".join(names.get(place, ()))), found) for place, found in heard.items()]


def phrase(pull: Pull, sha: str, builds: Sequence[AskedBuild], *, is_automatic: bool = False) -> str:
    """Say what is of the old commit, and how to have the new one built, or that it is.

    Arguments:
        is_automatic: what is pushed is built by itself.
    """
    asked = [f"{build.context} ({stage(build)})" for build in sorted(builds, key=lambda build: build.context)]
    listed = " and ".join(filter(None, (", ".join(asked[:-1]), asked[-1])))
    was, goes = ("was", "goes") if len(asked) == 1 else ("were", "go")
    moved = f"{pull.ref.short} has moved from {sha:.7} to {pull.head:.7}: {listed} {was} asked for the old commit"
    if is_automatic:
        return f"{moved} and {goes} on; the new one is built by itself"
    # What is to be typed has the whole name: a short one may mean another repository, or nothing.
    return f"{moved}; say rebuild {pull.ref} for the new one"


def stage(build: AskedBuild) -> str:
    """Say how far a build is."""
    if build.number is not None:
        return f"#{build.number}"
    return "queued" if build.is_sent else "not started yet"
