"""Start and cancel builds: those of a pull request by context, any configured job by name."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

from bot.plugin import Call, Context, Plugin, Refused, Role, Unsure, UserError, nearest
from bot.values import Pull, PullRef, QueueItem, Stage, Standing

ALL, FAILED = "all", "failed"  # stand for contexts; the configuration refuses contexts of these names
AGAIN = "again"  # the flag of `rebuild`
REST = "; the rest is not what you confirmed any more; give the command again to go on"
MAX_UNCONFIRMED = 10  # builds that one command starts without a question
NOT_DONE = (UserError, Refused, Unsure)  # ends one of several; a server that does not answer puts off the whole
T = TypeVar("T")

plugin = Plugin("rebuild")


@plugin.command("rebuild <pull> [<context>...] [again]", role=Role.AUTHOR, builds=True)
async def rebuild(ctx: Context, call: Call) -> str:
    """Build what is not green on a pull request, or contexts, or failed, or all; again builds beside live ones."""
    pull = await ctx.forge.pull(call["pull"])
    if not pull.is_open:
        raise UserError(f"{pull.ref.short} is closed, so there is nothing to rebuild")
    wanted = call.words("context")
    standings = await ctx.ci.contexts(pull, wanted)
    names = choose(standings, wanted, pull.ref.repo)
    started = [name for name in names if not standings[name].begun and (call.has(AGAIN) or not standings[name].is_live)]
    is_as_agreed = await ctx.agree(
        f"start {len(started)} builds of {pull.ref.short} at {pull.head:.7}: {', '.join(started)}",
        needed=len(started) > MAX_UNCONFIRMED,
        head=pull.head,
        base=pull.base,
        contexts=names,
    )
    if not names:
        return phrase_nothing(pull, standings.values())
    chosen = [name for name in names if is_as_agreed or standings[name].begun]
    items, failed = await each(chosen, lambda name: ctx.ci.start(name, pull, again=call.has(AGAIN)))
    return phrase_started(pull, list(items.values()), failed) + (REST if len(chosen) < len(names) else "")


@plugin.command("build <job> [<K=V>...]", role=Role.MAINTAINER, builds=True)
async def build(ctx: Context, call: Call) -> str:
    """Start a configured job, with values for its parameters if you like; those you confirm first."""
    job, given = call["job"], call.pairs()
    if given:
        await ctx.ci.takes(job, given)
        told = ", ".join(f"{name}={value}" for name, value in given.items())
        await ctx.agree(f"start {job} with {told}", job=f"{job.server}/{job}", parameters=given)
    item = await ctx.ci.build(job, given)
    state = f"is {live_words(item)}" if item.adopted else f"queued (item {item.id})"
    return "; ".join([f"{item.context}: {state}", *item.complaints])


@plugin.command(
    "cancel <pull|build> [<context>...]",
    role=Role.AUTHOR,
    builds=True,
    own="the builds that they asked for",
    others=Role.MAINTAINER,
)
async def cancel(ctx: Context, call: Call) -> str:
    """Cancel builds that you asked for: of a pull request, its contexts, or one; a maintainer also those of others."""
    target, wanted, pull = call["pull|build"], call.words("context"), None
    if isinstance(target, PullRef):
        title = target.short
        pull = await ctx.forge.pull(target)
        of_pull = await ctx.ci.contexts(pull)
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
    permitted, barred = await each(sorted(live), lambda name: ctx.ci.may_cancel(live[name]))
    is_as_agreed = await agree_to_cancel(ctx, pull, [live[name] for name in permitted])
    chosen = [name for name in permitted if is_as_agreed or live[name].begun]
    told, failed = await each(chosen, lambda name: ctx.ci.cancel(live[name]), barred)
    return phrase_cancelled(title, told, failed) + (REST if len(chosen) < len(permitted) else "")


async def agree_to_cancel(ctx: Context, pull: Pull | None, standings: Sequence[Standing]) -> bool:
    """Have the asker confirm, unless all of it is theirs; a build that left the queue since is the same one."""
    assert ctx.speaker is not None
    person = ctx.house.find(ctx.speaker)
    me = person.key if person else ""
    return await ctx.agree(
        phrase_cancel(pull, standings, me),
        needed=any(standing.asker != me and not standing.begun for standing in standings),
        head=pull.head if pull else [standing.sha for standing in standings],
        base=pull.base if pull else "",
        builds=[f"{s.job.server}/{s.job} {s.queue_id or f'#{s.number}'}" for s in standings],
    )


async def each(
    names: Sequence[str],
    act: Callable[[str], Awaitable[T]],
    barred: Mapping[str, UserError | Refused | Unsure] = MappingProxyType({}),
) -> tuple[dict[str, T], dict[str, UserError | Refused | Unsure]]:
    """Do something for each name in turn, so that one that fails does not hide what was done for the others.

    Arguments:
        barred: more that failed, before this.

    Raises:
        UserError, Refused, Unsure: nothing was done, and all for this one reason.
    """
    done: dict[str, T] = {}
    failed: dict[str, UserError | Refused | Unsure] = dict(barred)
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


def phrase_cancel(pull: Pull | None, standings: Sequence[Standing], me: str) -> str:
    """Say what a cancel would do, in words that follow "this would"."""
    whose = ["yours" if s.asker == me else f"asked for by {s.asker or 'nobody known here'}" for s in standings]
    is_said_once = len(whose) > 1 and len(set(whose)) == 1
    told = []
    for standing, own in zip(standings, whose, strict=True):
        item = [] if standing.stage is Stage.RUNNING else [f"item {standing.queue_id}"]
        facts = ", ".join(item if is_said_once else [*item, own])
        told.append(f"{label(standing)} ({facts})" if facts else label(standing))
    at = {pull.head} if pull else {standing.sha for standing in standings if standing.sha}
    parts = [f"cancel {', '.join(told) or 'nothing'}"]
    if is_said_once:
        parts.append(f"{'both' if len(told) == 2 else 'all'} {whose[0]}")
    return ", ".join([*parts, *(f"at {sha:.7}" for sha in sorted(at))])


def phrase_cancelled(title: str, told: Mapping[str, str], failed: Mapping[str, Exception]) -> str:
    if not told and not failed:
        return f"{title}: nothing is queued or running"
    named: dict[str, list[str]] = {}
    for name, how in told.items():
        named.setdefault(how, []).append(name)
    parts = [f"{', '.join(names)} {how}" for how, names in named.items()]
    parts = [f"{part}, not yet over" if part.endswith("asked to stop") else part for part in parts]
    return f"{title}: {'; '.join(parts + reasons(failed, 'cancelled'))}"
