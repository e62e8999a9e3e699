"""Tell which open pull requests a merge has broken, once and together; show at each head whether it merges.

All of a repository is in one lane, and asked for in one list. GitHub begins to work out whether a pull request merges
when somebody asks, so those that it does not know are asked for again, with pauses that grow, and what is not known in
the end is left to the next merge.
"""

from dataclasses import dataclass, replace

from bot.events import BranchPushed, Event, PullClosed, PullEdited, PullEvent, PullOpened, PullPushed, PullReadied, Tick
from bot.plugin import Context, Plugin, UserError
from bot.values import Place, Pull, PullRef, Status, StatusState, Subject
from plugins.conflicts import words
from plugins.conflicts.radar import (
    SPAN_S,
    Broken,
    Known,
    Merge,
    Radar,
    Reading,
    broken,
    dump,
    gone,
    load,
    moved,
    read,
    shown,
    stands,
    to_show,
    turns,
)
from plugins.conflicts.settings import ConflictsSettings, RepoConflicts

PAUSES = (1, 1, 2, 4, 8, 16)  # before each look, as multiples of `settle_s`: five minutes in all
FEW = 5  # pull requests that are asked for one by one, which has GitHub work them out for sure, rather than by a list
LATE_LOOK = 2  # from this look on those that no list told are asked for one by one, too
HELD_S = 60.0  # merges may follow each other for ever; what is known is told after so long
LOST_S = 600.0  # so late, the look became a dead letter, and another one takes over
MARKER = "conflicts"


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseMoved(Event):
    """Something was merged or pushed into a branch; in the one lane of its repository."""

    repo: str
    merge: Merge


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadMoved(Event):
    """A pull request is open with this head and base, or not there to be merged any more.

    Arguments:
        is_marked: it may have a comment or label of ours from before.
    """

    pull: PullRef
    head: str
    base: str
    is_wanted: bool
    is_marked: bool
    is_draft: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictsLook(Event):
    """It is time to see which pull requests of a repository merge.

    Arguments:
        chain: the row of looks that it is of; another one may have taken over.
        number: which look of it, from 0 on.
    """

    repo: str
    chain: int
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictsShow(Event):
    """It is to be shown on a pull request whether it merges; in the lane of that."""

    pull: PullRef
    head: str
    merges: bool
    words: str
    base: str
    is_marked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictsLeft(Event):
    """A pull request that may have a comment or label of ours is a draft, so that nobody has to rebase it; its lane."""

    pull: PullRef


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictsMore(Event):
    """More pull requests of a repository may be written to; in its lane."""

    repo: str


plugin = Plugin("conflicts", ConflictsSettings)


@plugin.on(PullClosed)
async def closed(ctx: Context, event: PullClosed) -> None:
    """Hand on what was merged, or is not open any more."""
    pull = event.pull
    if pull.merged:
        merge = Merge(pull.base, pull.merged_as, pull.ref.number, pull.title, pull.author)
        base_moved(ctx, event, pull.ref.repo, merge)
    else:
        head_moved(ctx, event)


@plugin.on(BranchPushed)
async def branch_pushed(ctx: Context, event: BranchPushed) -> None:
    """Hand on a push to a branch, which may be that of a merge."""
    if event.before and event.after:
        base_moved(ctx, event, event.repo, Merge(event.branch, event.after, before=event.before))


@plugin.on(PullOpened)
async def opened(ctx: Context, event: PullOpened) -> None:
    """Hand on what was opened."""
    head_moved(ctx, event, is_marked=event.again)


@plugin.on(PullPushed)
async def pushed(ctx: Context, event: PullPushed) -> None:
    """Hand on another head."""
    head_moved(ctx, event)


@plugin.on(PullEdited)
async def edited(ctx: Context, event: PullEdited) -> None:
    """Hand on another base."""
    if event.base_before:
        head_moved(ctx, event)


@plugin.on(PullReadied)
async def readied(ctx: Context, event: PullReadied) -> None:
    """Hand on what is ready for review, or a draft again."""
    head_moved(ctx, event, is_marked=True)


@plugin.every(60)
async def begin(ctx: Context, event: Tick) -> None:
    """Look at repositories that nobody has looked at yet, so that it is known what was broken before the next merge."""
    for repo in ctx.settings.repo:
        radar = load(await ctx.store.get(repo))
        if not radar.is_begun and not is_looking(ctx, radar):
            key, at = f"conflicts:{event.key}:{repo}", event.at
            ctx.later(ConflictsLook(key=key, lane=lane(repo), at=at, repo=repo, chain=radar.chain, number=0), delay_s=0)


@plugin.on(BaseMoved)
async def base(ctx: Context, event: BaseMoved) -> None:
    """Take in a merge, and look what it has broken in a moment."""
    before = load(await ctx.store.get(event.repo))
    radar, now_s = moved(before, event.merge), ctx.clock.now().timestamp()
    if radar.serial > before.serial:
        if radar.since_s and now_s - radar.since_s > HELD_S:
            radar = tell(ctx, event.repo, radar)
        radar = look_after(ctx, event.repo, replace(radar, since_s=radar.since_s or now_s))
    ctx.store.put(event.repo, dump(radar))


@plugin.on(HeadMoved)
async def head(ctx: Context, event: HeadMoved) -> None:
    """Take in how a pull request stands, and look whether it merges."""
    repo, number = event.pull.repo, event.pull.number
    radar = load(await ctx.store.get(repo))
    if not event.is_wanted:
        known = radar.pulls.get(number)
        radar = gone(radar, number)
        if event.is_draft and known is not None and known.is_marked:
            left = ConflictsLeft(key=f"{event.key}:left", lane=str(event.pull), at=event.at, pull=event.pull)
            ctx.later(left, delay_s=0)
    else:
        radar = stands(radar, number, event.head, event.base, is_marked=event.is_marked)
        if number in radar.pending:
            radar = replace(radar, is_late=True) if is_looking(ctx, radar) else look_after(ctx, repo, radar)
    ctx.store.put(repo, dump(radar))


@plugin.on(ConflictsLook)
async def look(ctx: Context, event: ConflictsLook) -> None:
    """Read which pull requests merge; ask again for what is not known, or tell what is."""
    radar = load(await ctx.store.get(event.repo))
    if event.repo not in ctx.settings.repo or event.chain != radar.chain:
        return
    is_first = not radar.is_begun
    radar = await after_reading(ctx, event.repo, radar, is_late=event.number >= LATE_LOOK)
    if is_first and radar.merges:
        ctx.log.info("what the first merges in %s have broken is not known, as nobody looked before", event.repo)
    radar = show(ctx, event.repo, radar)
    if radar.pending and event.number + 1 < len(PAUSES):
        radar = look_again(ctx, event.repo, radar, event.number + 1)
    else:
        is_late = radar.is_late and radar.pending
        radar = replace(tell(ctx, event.repo, radar), due_s=0.0)
        radar = look_after(ctx, event.repo, radar) if is_late else radar
    ctx.store.put(event.repo, dump(radar))


@plugin.on(ConflictsMore)
async def show_more(ctx: Context, event: ConflictsMore) -> None:
    """Go on with showing how pull requests stand that could not all be written to at once."""
    radar = load(await ctx.store.get(event.repo))
    ctx.store.put(event.repo, dump(show(ctx, event.repo, replace(radar, more_s=0.0))))


@plugin.on(ConflictsShow)
async def show_one(ctx: Context, event: ConflictsShow) -> None:
    """Set the status at a head, and have comment and label there only while it does not merge."""
    wanted = ctx.settings.repo.get(event.pull.repo)
    known = load(await ctx.store.get(event.pull.repo)).pulls.get(event.pull.number)
    if wanted is None or known is None or (known.head, known.merges) != (event.head, event.merges):
        return  # something newer is shown instead, or nobody wants to know any more
    if wanted.status:
        state = StatusState.SUCCESS if event.merges else StatusState.FAILURE
        await ctx.forge.set_status(event.pull.repo, event.head, Status(wanted.status, state, event.words))
    if event.merges and not event.is_marked:
        return
    await mark(ctx, event.pull, wanted, "" if event.merges else words.comment(event.words, event.base))


@plugin.on(ConflictsLeft)
async def unmark(ctx: Context, event: ConflictsLeft) -> None:
    """Have no comment and label on a draft; one that is ready again is looked at by itself."""
    wanted = ctx.settings.repo.get(event.pull.repo)
    if wanted is not None and event.pull.number not in load(await ctx.store.get(event.pull.repo)).pulls:
        await mark(ctx, event.pull, wanted, "")


async def mark(ctx: Context, ref: PullRef, wanted: RepoConflicts, text: str) -> None:
    """Have comment and label there, or, without a text, not any more."""
    if wanted.comment:
        await ctx.forge.put_comment(ref, MARKER, text)
    if wanted.label:
        labels = [wanted.label]
        await ctx.forge.set_labels(ref, add=labels if text else [], remove=[] if text else labels)


async def after_reading(ctx: Context, repo: str, radar: Radar, *, is_late: bool) -> Radar:
    """Read what is not known: all in one list, or a few one by one."""
    if not radar.is_begun or len(radar.pending) > FEW:
        pulls = [summary.pull for summary in await ctx.forge.open_pulls(repo)]
        radar = read(radar, [reading(pull) for pull in pulls if not pull.draft], is_whole=True)
        if not is_late:
            return radar
    for number in radar.pending[:FEW]:
        try:
            pull = await ctx.forge.pull(PullRef(repo, number))
        except UserError:
            radar = gone(radar, number)
            continue
        is_wanted = pull.is_open and not pull.draft
        radar = read(radar, [reading(pull)], is_whole=False) if is_wanted else gone(radar, number)
    return radar


def reading(pull: Pull) -> Reading:
    """Take from a pull request what it takes to tell whether a merge has broken it."""
    return Reading(pull.ref.number, pull.head, pull.base, pull.mergeable, pull.title, pull.author)


def tell(ctx: Context, repo: str, radar: Radar) -> Radar:
    """Tell which pull requests the merges have broken that nobody has heard of, each place what it wants to hear."""
    after, groups = broken(radar)
    wanted = ctx.settings.repo.get(repo)
    if wanted is not None and wanted.tell:
        for group in groups:
            for place, pulls in audience(ctx, repo, group).items():
                ctx.tell(place, words.line(repo, group, pulls))
    return replace(after, since_s=0.0)


def audience(ctx: Context, repo: str, group: Broken) -> dict[Place, dict[int, Known]]:
    """Say who hears of which broken pull requests."""
    heard: dict[Place, dict[int, Known]] = {}
    for number, known in group.pulls.items():
        about = Subject(pull=PullRef(repo, number), author=known.author)
        for place in ctx.audience(ctx.announce.get(repo, ()), about):
            heard.setdefault(place, {})[number] = known
    return heard


def show(ctx: Context, repo: str, radar: Radar) -> Radar:
    """Have it shown on the pull requests that have changed, as many as may be written to now; the rest comes later."""
    wanted, now = ctx.settings.repo.get(repo), ctx.clock.now()
    if wanted is None or not wanted.shows:
        return radar
    changed = to_show(radar)
    told = {number for number, known in changed.items() if wanted.status or known.is_marked or not known.merges}
    radar, chosen = turns(radar, told, now.timestamp())
    for number in chosen:
        known = changed[number]
        since = [merge for serial in known.since if (merge := radar.merge(serial)) is not None]
        ref = PullRef(repo, number)
        one = ConflictsShow(
            key=f"conflicts:show:{number}:{ctx.event.key}",
            lane=str(ref),
            at=now,
            pull=ref,
            head=known.head,
            merges=bool(known.merges),
            words=words.merges(known.base) if known.merges else words.conflict(since, known.base),
            base=known.base,
            is_marked=known.is_marked,
        )
        ctx.later(one, delay_s=0)
    now_s = now.timestamp()
    if len(chosen) < len(told) and now_s > radar.more_s + LOST_S:
        radar = replace(radar, more_s=radar.span_s + SPAN_S)
        key = (
            f"conflicts:more:{repo}:{radar.more_s:.3f}:{now_s:.3f}"  # a look may come a moment before the span is over
        )
        ctx.later(ConflictsMore(key=key, lane=lane(repo), at=now, repo=repo), delay_s=max(0.0, radar.more_s - now_s))
    return shown(radar, (changed.keys() - told) | set(chosen))


def is_looking(ctx: Context, radar: Radar) -> bool:
    """Tell whether a row of looks is under way, and not lost."""
    return bool(radar.due_s) and ctx.clock.now().timestamp() < radar.due_s + LOST_S


def look_after(ctx: Context, repo: str, radar: Radar) -> Radar:
    """Begin a row of looks; one that is under way ends."""
    return look_again(ctx, repo, replace(radar, chain=radar.chain + 1, is_late=False), 0)


def look_again(ctx: Context, repo: str, radar: Radar, number: int) -> Radar:
    """Look after a pause."""
    delay_s, now = ctx.settings.settle_s * PAUSES[number], ctx.clock.now()
    key = f"conflicts:look:{repo}:{radar.chain}:{number}"
    next_one = ConflictsLook(key=key, lane=lane(repo), at=now, repo=repo, chain=radar.chain, number=number)
    ctx.later(next_one, delay_s=delay_s)
    return replace(radar, due_s=now.timestamp() + delay_s)


def base_moved(ctx: Context, event: Event, repo: str, merge: Merge) -> None:
    """Hand a merge on to the lane of its repository."""
    if repo := ctx.settings.name_of(repo):
        told = BaseMoved(key=f"conflicts:base:{event.key}", lane=lane(repo), at=event.at, repo=repo, merge=merge)
        ctx.later(told, delay_s=0)


def head_moved(ctx: Context, event: PullEvent, *, is_marked: bool = False) -> None:
    """Hand on to the lane of its repository how a pull request stands."""
    pull = event.pull
    if not (repo := ctx.settings.name_of(pull.ref.repo)):
        return
    told = HeadMoved(
        key=f"conflicts:head:{event.key}",
        lane=lane(repo),
        at=event.at,
        pull=PullRef(repo, pull.ref.number),
        head=pull.head,
        base=pull.base,
        is_wanted=pull.is_open and not pull.draft,
        is_marked=is_marked,
        is_draft=pull.is_open and pull.draft,
    )
    ctx.later(told, delay_s=0)


def lane(repo: str) -> str:
    """Name the lane in which all of a repository is weighed."""
    return f"conflicts {repo}"
