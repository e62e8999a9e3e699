"""Tell those who asked for builds of a commit that its pull request has another head by now."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bot.events import AskedBuild, PullPushed
from bot.plugin import Context, Plugin
from bot.values import Place, Pull

plugin = Plugin("heads")


@plugin.on(PullPushed)
async def tell_askers(ctx: Context, event: PullPushed) -> None:
    """Say once what was asked for an old head and is not over; nothing of it is cancelled."""
    pull = await ctx.forge.pull(event.pull.ref)
    if pull.head != event.pull.head or not pull.is_open:
        return  # a newer push is an event of its own, and what is closed is not built anew
    known: Sequence[str] = await ctx.store.get(str(pull.ref)) or ()
    old = [build for build in await ctx.ci.asked(pull.ref) if build.sha and build.sha != pull.head]
    for place, builds in shares(build for build in old if build.request_id not in known):
        for sha in dict.fromkeys(build.sha for build in builds):
            ctx.tell(place, phrase(pull, sha, [build for build in builds if build.sha == sha]))
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


def phrase(pull: Pull, sha: str, builds: Sequence[AskedBuild]) -> str:
    """Say what is of the old commit, and how to have the new one built."""
    asked = [f"{build.context} ({stage(build)})" for build in sorted(builds, key=lambda build: build.context)]
    listed = " and ".join(filter(None, (", ".join(asked[:-1]), asked[-1])))
    return (  # what is to be typed has the whole name: a short one may mean another repository, or nothing
        f"{pull.ref.short} has moved from {sha:.7} to {pull.head:.7}: {listed} {'was' if len(asked) == 1 else 'were'} "
        f"asked for the old commit; say rebuild {pull.ref} for the new one"
    )


def stage(build: AskedBuild) -> str:
    """Say how far a build is."""
    if build.number is not None:
        return f"#{build.number}"
    return "queued" if build.is_sent else "not started yet"
