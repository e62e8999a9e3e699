"""Start and cancel builds: those of a pull request by context, one once more, any configured job by name."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from bot.plugin import Call, Context, Plugin, Refused, Role, Unsure, UserError, nearest
from bot.values import BuildRef, Kind, PlannedRetry, Pull, PullRef, QueueItem, Result, Stage, Standing, Stop

ALL, FAILED = "all", "failed"  # stand for contexts; the configuration refuses contexts of these names
AGAIN, ON = "again", "on"  # words of `rebuild`
REST = "; the rest is not what you confirmed any more; give the command again to go on"
MAX_UNCONFIRMED = 10  # builds that one command starts without a question
HARDER = {Stop.ASK: "", Stop.TERM: ", ending running steps", Stop.KILL: ", at once and whatever is left undone"}
NEXT = {"to stop": "term ends its running steps", "steps": "kill ends all of it"}  # what helps where that does not
NOT_DONE = (UserError, Refused, Unsure)  # ends one of several; a server that does not answer puts off the whole
T = TypeVar("T")

plugin = Plugin("rebuild")


@plugin.command("rebuild <pull|build> [<context|cell>...] [again]", role=Role.AUTHOR, builds=True)
async def rebuild(ctx: Context, call: Call) -> str:
    """Build what is not green, or contexts, failed, all, or one build again; on NODE there; again beside live ones."""
    target, wish = call["pull|build"], wish_of(call.words("context|cell"))
    if isinstance(target, BuildRef):
        return await rebuild_one(ctx, target, wish, again=call.has(AGAIN))
    pull = await ctx.forge.pull(target)
    if not pull.is_open:
        raise UserError(f"{pull.ref.short} is closed, so there is nothing to rebuild")
    standings = await ctx.ci.contexts(pull, wish.names)
    names = choose(standings, whose_cells(standings, wish) if wish.cells else wish.names, pull.ref.repo)
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
    items, failed = await each(
        chosen, lambda name: ctx.ci.start(name, pull, again=call.has(AGAIN), cells=wish.cells, node=wish.node)
    )
    return phrase_started(pull, list(items.values()), failed) + (REST if len(chosen) < len(names) else "")


async def rebuild_one(ctx: Context, build: BuildRef, wish: "Wish", *, again: bool) -> str:
    """Start a build once more as it was, or only cells of it."""
    if others := [name for name in wish.names if name.lower() != FAILED]:
        raise UserError(f'{build} is one build, so "{others[0]}" is too much; contexts are of a pull request')
    cells = list(wish.cells)
    if wish.names:
        cells += failed_cells(build, await ctx.ci.of_job(build.job, build.number))
    item = await ctx.ci.repeat(build, again=again, cells=cells, node=wish.node)
    at = f" at {item.sha:.7}" if item.sha else ""
    return "; ".join([f"{build} again: {item.context}{at} {state_words(item)}", *item.complaints, *item.notes])


@plugin.command("build <job> [<K=V>...]", role=Role.MAINTAINER, builds=True)
async def build(ctx: Context, call: Call) -> str:
    """Start a configured job, with values for its parameters if you like; those you confirm first."""
    job, given = call["job"], call.pairs()
    if given:
        await ctx.ci.takes(job, given)
        told = ", ".join(f"{name}={value}" for name, value in given.items())
        await ctx.agree(f"start {job} with {told}", job=f"{job.server}/{job}", parameters=given)
    item = await ctx.ci.build(job, given)
    return "; ".join([f"{item.context}: {state_words(item)}", *item.complaints, *item.notes])


@plugin.command(
    "cancel <pull|build> [<context>...] [term] [kill]",
    role=Role.AUTHOR,
    builds=True,
    own="the builds that they asked for",
    others=Role.MAINTAINER,
)
async def cancel(ctx: Context, call: Call) -> str:
    """Cancel builds you asked for, and retries of them, a maintainer any; term ends a Pipeline's steps, kill all."""
    target, wanted, how, pull = call["pull|build"], call.words("context"), how_of(call), None
    if isinstance(target, PullRef):
        title = target.short
        pull = await ctx.forge.pull(target)
        of_pull = await ctx.ci.contexts(pull)
        names, with_failed = named(of_pull, wanted, target.repo, (ALL,))
        if with_failed:
            raise UserError(f'what failed is over, so "{FAILED}" cancels nothing; name contexts, or {ALL}')
        standings = [s for name, s in of_pull.items() if name in names or not wanted]
        standings += [s for s in await ctx.ci.planned(target) if s.context in names or not wanted]
    elif wanted:
        raise UserError(f'{target} is one build, so "{wanted[0]}" is too much; contexts are of a pull request')
    else:
        title = str(target)
        standings = [await ctx.ci.of_job(target.job, target.number)]
        standings += await ctx.ci.planned(BuildRef(target.job, standings[0].number or 0))
    live = {label(each): each for each in standings if each.is_live or isinstance(each, PlannedRetry)}
    permitted, barred = await each(sorted(live), lambda name: ctx.ci.may_cancel(live[name]))
    is_as_agreed = await agree_to_cancel(ctx, pull, [live[name] for name in permitted], how)
    chosen = [name for name in permitted if is_as_agreed or live[name].begun]
    done, failed = await each(chosen, lambda name: ctx.ci.cancel(live[name], how), barred)
    told = {name: so_far(live[name], words) for name, words in done.items()}
    return phrase_cancelled(title, told, failed) + (REST if len(chosen) < len(permitted) else "")


async def agree_to_cancel(ctx: Context, pull: Pull | None, standings: Sequence[Standing], how: Stop) -> bool:
    """Have the asker confirm, unless all of it is theirs; a build that left the queue since is the same one."""
    assert ctx.speaker is not None
    person = ctx.house.find(ctx.speaker)
    me = person.key if person else ""
    return await ctx.agree(
        phrase_cancel(pull, standings, me, how),
        needed=any(standing.asker != me and not standing.begun for standing in standings),
        head=pull.head if pull else [standing.sha for standing in standings],
        base=pull.base if pull else "",
        builds=[f"{s.job.server}/{s.job} {identity(s)}" for s in standings],
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


@dataclass(frozen=True, slots=True)
class Wish:
    """What the words behind a pull request or build ask for: contexts, cells of a matrix, and where to run."""

    names: list[str]
    cells: list[str]
    node: str = ""


def wish_of(words: Sequence[str]) -> Wish:
    """Read `janky ARCH=arm64,FS=aufs on arm-7`; a word with = in it is a cell."""
    words, node = list(words), ""
    if len(words) > 1 and words[-2].lower() == ON:
        *words, _, node = words
    elif words and words[-1].lower() == ON:
        raise UserError(f'behind "{ON}" stands the name of an agent')
    return Wish([word for word in words if "=" not in word], [word for word in words if "=" in word], node)


def whose_cells(standings: Mapping[str, Standing], wish: Wish) -> list[str]:
    """Tell of which contexts cells are meant: those that are named, else the only one."""
    if not wish.names and len(standings) > 1:
        raise UserError(f"name the context whose cells are meant: {', '.join(sorted(standings))}")
    return wish.names or list(standings)


def failed_cells(build: BuildRef, standing: Standing) -> list[str]:
    """List the cells of a matrix build that came to anything but success."""
    if standing.kind is not Kind.MATRIX:
        raise UserError(f"{build} is no matrix build, so it has no failed cells")
    if not (cells := [cell.name for cell in standing.cells if cell.result not in (None, Result.SUCCESS)]):
        raise UserError(f"no cell of {build} has failed{'' if standing.stage is Stage.ENDED else ' so far'}")
    return cells


def how_of(call: Call) -> Stop:
    """Tell how hard to stop what runs."""
    chosen = [how for how in (Stop.TERM, Stop.KILL) if call.has(how.value)]
    if len(chosen) > 1:
        raise UserError("term ends the running steps, kill the whole build: choose one of them")
    return chosen[0] if chosen else Stop.ASK


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
    """Name a build that is live, by number once it has one, or a retry that is planned."""
    if isinstance(standing, PlannedRetry):
        return f"{standing.context}: the retry ({standing.words})"
    return f"{standing.context} #{standing.number}" if standing.stage is Stage.RUNNING else standing.context


def identity(standing: Standing) -> str:
    """Tell what stays the same of what is to be cancelled; a build that leaves the queue is the same one."""
    if isinstance(standing, PlannedRetry):
        return f"retry of {standing.request_id}"
    return str(standing.queue_id or f"#{standing.number}")


def live_words(item: QueueItem) -> str:
    if item.number is not None:
        return f"already running (#{item.number} {item.url})"
    return f"already queued (item {item.id})" if item.id is not None else f"already on its way ({item.url})"


def state_words(item: QueueItem) -> str:
    return f"is {live_words(item)}" if item.adopted else f"queued (item {item.id})"


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
    parts += notes_of(items)
    return f"{pull.ref.short} {'; '.join(parts)}"


def notes_of(items: Sequence[QueueItem]) -> list[str]:
    """Say what the servers note, each once, and of which contexts unless it is of all."""
    noted: dict[str, list[str]] = {}
    for item in items:
        for note in item.notes:
            noted.setdefault(note, []).append(item.context)
    return [note if len(names) == len(items) else f"{', '.join(names)}: {note}" for note, names in noted.items()]


def phrase_cancel(pull: Pull | None, standings: Sequence[Standing], me: str, how: Stop = Stop.ASK) -> str:
    """Say what a cancel would do, in words that follow "this would"."""
    whose = ["yours" if s.asker == me else f"asked for by {s.asker or 'nobody known here'}" for s in standings]
    is_said_once = len(whose) > 1 and len(set(whose)) == 1
    told = []
    for standing, own in zip(standings, whose, strict=True):
        item = [f"item {standing.queue_id}"] if standing.stage is Stage.QUEUED else []
        named = f"the retry of {standing.context}" if isinstance(standing, PlannedRetry) else label(standing)
        retried = [standing.words] if isinstance(standing, PlannedRetry) else []
        facts = ", ".join([*retried, *item] if is_said_once else [*retried, *item, own])
        told.append(f"{named} ({facts})" if facts else named)
    at = {pull.head} if pull else {standing.sha for standing in standings if standing.sha}
    parts = [f"cancel {', '.join(told) or 'nothing'}{HARDER[how]}"]
    if is_said_once:
        parts.append(f"{'both' if len(told) == 2 else 'all'} {whose[0]}")
    return ", ".join([*parts, *(f"at {sha:.7}" for sha in sorted(at))])


def so_far(standing: Standing, told: str) -> str:
    """Say that what was only asked for is not done yet; a Pipeline may catch it, and what helps then."""
    if not told.startswith("asked to "):
        return told
    build = f"{standing.job}#{standing.number}"
    harder = next((words for end, words in NEXT.items() if told.endswith(end)), "")
    can_do_more = standing.kind is Kind.PIPELINE and standing.stage is Stage.RUNNING and harder
    return f"{told}, not yet over{f' (cancel {build} {harder})' if can_do_more else ''}"


def phrase_cancelled(title: str, told: Mapping[str, str], failed: Mapping[str, Exception]) -> str:
    if not told and not failed:
        return f"{title}: nothing is queued or running"
    named: dict[str, list[str]] = {}
    for name, how in told.items():
        named.setdefault(how, []).append(name)
    parts = [f"{', '.join(names)} {how}" for how, names in named.items()]
    return f"{title}: {'; '.join(parts + reasons(failed, 'cancelled'))}"
