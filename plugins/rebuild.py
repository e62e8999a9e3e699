"""Start and cancel builds: those of a pull request by context, any configured job by name."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from bot.events import Pull, PullRef, QueueItem, Stage, Standing
from bot.plugin import Call, Context, Plugin, Refused, Role, Unsure, UserError, nearest

ALL, FAILED = "all", "failed"  # stand for contexts; the configuration refuses contexts of these names
AGAIN = "again"  # the flag of `rebuild`
NOT_DONE = (UserError, Refused, Unsure)  # ends one of several; a server that does not answer puts off the whole
T = TypeVar("T")

plugin = Plugin("rebuild")


@plugin.command("rebuild <pull> [<context>...] [again]", role=Role.AUTHOR)
async def rebuild(ctx: Context, call: Call) -> str:
    """Build what is not green on a pull request, or contexts, or failed, or all; again builds beside live ones."""
    pull = await ctx.forge.pull(call["pull"])
    if not pull.is_open:
        raise UserError(f"{pull.ref.short} is closed, so there is nothing to rebuild")
    wanted = call.words("context")
    standings = await ctx.ci.contexts(pull, wanted)
    names = choose(standings, wanted, pull.ref.repo)
    if not names:
        return phrase_nothing(pull, standings.values())
    items, failed = await each(names, lambda name: ctx.ci.start(name, pull, again=call.has(AGAIN)))
    return phrase_started(pull, list(items.values()), failed)


@plugin.command("build <job> [<K=V>...]", role=Role.MAINTAINER)
async def build(ctx: Context, call: Call) -> str:
    """Start a configured job, with values for its parameters if you like."""
    item = await ctx.ci.build(call["job"], call.pairs())
    state = f"is {live_words(item)}" if item.adopted else f"queued (item {item.id})"
    return "; ".join([f"{item.context}: {state}", *item.complaints])


@plugin.command("cancel <pull|build> [<context>...]", role=Role.TRIAGER)
async def cancel(ctx: Context, call: Call) -> str:
    """Cancel what is queued or running of a pull request, or of its contexts that you name, or one build."""
    target, wanted = call["pull|build"], call.words("context")
    if isinstance(target, PullRef):
        title = target.short
        of_pull = await ctx.ci.contexts(await ctx.forge.pull(target))
        names, with_failed = named(of_pull, wanted, target.repo, (ALL,))
        if with_failed:
            raise UserError(f'what failed is over, so "{FAILED}" cancels nothing; name contexts, or {ALL}')
        standings = [s for name, s in of_pull.items() if name in names or not wanted]
    elif wanted:
        raise UserError(f'{target} is one build, so "{wanted[0]}" is too much; contexts are of a pull request')
    else:
        title = str(target)
        standings = [await ctx.ci.of_job(target.job, target.number)]
    live = {label(standing): standing for standing in standings if standing.is_live}
    told, failed = await each(sorted(live), lambda name: ctx.ci.cancel(live[name]))
    return phrase_cancelled(title, told, failed)


async def each(
    names: Sequence[str], act: Callable[[str], Awaitable[T]]
) -> tuple[dict[str, T], dict[str, UserError | Refused | Unsure]]:
    """Do something for each name in turn, so that one that fails does not hide what was done for the others.

    Raises:
        UserError, Refused, Unsure: nothing was done, and all for this one reason.
    """
    done: dict[str, T] = {}
    failed: dict[str, UserError | Refused | Unsure] = {}
    for name in names:
        try:
            done[name] = await act(name)
        except NOT_DONE as error:
            failed[name] = error
    if not done and len({str(error) for error in failed.values()}) == 1:
        raise next(iter(failed.values()))
    return done, failed


def choose(standings: Mapping[str, Standing], wanted: Sequence[str], repo: str) -> list[str]:
    """Tell which contexts are meant, by name."""
    chosen, with_failed = named(standings, wanted, repo, (ALL, FAILED, AGAIN))
    if with_failed:
        chosen |= {name for name, s in standings.items() if s.begun or not (s.is_live or s.is_green)}
    return sorted(chosen if wanted else (name for name, s in standings.items() if s.begun or not s.is_green))


def named(
    standings: Mapping[str, Standing], wanted: Sequence[str], repo: str, also: Sequence[str]
) -> tuple[set[str], bool]:
    """Tell which contexts are named, each of them by all, and whether what failed is meant too."""
    refuse_unknown(standings, wanted, repo, also)
    words = {name.lower() for name in wanted}
    return {name for name in standings if ALL in words or name in wanted}, FAILED in words


def refuse_unknown(standings: Mapping[str, Standing], wanted: Sequence[str], repo: str, also: Sequence[str]) -> None:
    """Name the contexts that there are to whoever named another; they may have meant a word of `also`."""
    if not standings:
        raise UserError(f"no contexts are configured for {repo}")
    if unknown := [name for name in wanted if name not in standings and name.lower() not in (ALL, FAILED)]:
        quoted = ", ".join(f'"{name}"' for name in unknown)
        raise UserError(f"no context {quoted} for {repo}; {nearest(unknown[0], standings, also)}")


def label(standing: Standing) -> str:
    """Name a build that is live: by number once it has one."""
    return f"{standing.context} #{standing.number}" if standing.stage is Stage.RUNNING else standing.context


def live_words(item: QueueItem) -> str:
    if item.number is not None:
        return f"already running (#{item.number} {item.url})"
    return f"already queued (item {item.id})" if item.id is not None else f"already on its way ({item.url})"


def reasons(failed: Mapping[str, Exception], verb: str) -> list[str]:
    """Say what was not done and why, each reason once."""
    named: dict[str, list[str]] = {}
    for name, error in failed.items():
        why = str(error) if isinstance(error, Unsure) else f"not {verb}: {error}"
        named.setdefault(why, []).append(name)
    return [f"{', '.join(names)} {why}" for why, names in named.items()]


def phrase_nothing(pull: Pull, standings: Iterable[Standing]) -> str:
    why = "everything passed" if all(standing.is_green for standing in standings) else "nothing failed"
    return f"{pull.ref.short} at {pull.head:.7}: {why}"


def phrase_started(pull: Pull, items: Sequence[QueueItem], failed: Mapping[str, Exception]) -> str:
    parts = []
    for sha in dict.fromkeys(item.sha for item in items):
        same = [item for item in items if item.sha == sha]
        queued = ", ".join(f"{item.context} (item {item.id})" for item in same if not item.adopted)
        told = [f"queued {queued}"] if queued else []
        told += [f"{item.context} is {live_words(item)}" for item in same if item.adopted]
        parts.append(f"at {sha:.7}: {'; '.join(told)}")
        if sha != pull.head:
            parts.append(f"the head has moved on to {pull.head:.7} since")
    if not items:
        parts.append(f"at {pull.head:.7}: nothing started")
    parts += reasons(failed, "started")
    parts += dict.fromkeys(complaint for item in items for complaint in item.complaints)
    return f"{pull.ref.short} {'; '.join(parts)}"


def phrase_cancelled(title: str, told: Mapping[str, str], failed: Mapping[str, Exception]) -> str:
    if not told and not failed:
        return f"{title}: nothing is queued or running"
    named: dict[str, list[str]] = {}
    for name, how in told.items():
        named.setdefault(how, []).append(name)
    parts = [f"{', '.join(names)} {how}" for how, names in named.items()]
    parts = [f"{part}, not yet over" if part.endswith("asked to stop") else part for part in parts]
    return f"{title}: {'; '.join(parts + reasons(failed, 'cancelled'))}"
