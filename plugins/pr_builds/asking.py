"""Having somebody look at what an outsider has pushed: once for each head, and of one pull request not all the time.

What is remembered of that outlasts closing, as whoever may push may close and open again, too.
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass, replace

from bot.events import Event
from bot.plugin import Button, Card, Context
from bot.values import Pull, PullRef, Subject, Trust
from bot.wording import pull_slot
from plugins.pr_builds.words import asking, waiting

PAUSE_S = 600.0  # in which one pull request is told once; what comes meanwhile is told after it, the newest alone
MOMENT_S = 1.0  # so much before its time an event may come


@dataclass(frozen=True, slots=True, kw_only=True)
class AskAgain(Event):
    """A pull request may be told again, if it still waits for an ok; what is closed is forgotten."""

    pull: PullRef


@dataclass(frozen=True, slots=True)
class Asked:
    """What is remembered, kept as JSON.

    Arguments:
        head, base: of the commit that was last seen to wait, and with which base.
        told_s: when something was told of the pull request.
        is_told: that was about this commit.
    """

    head: str
    base: str
    told_s: float
    is_told: bool = True

    def left_s(self, now_s: float) -> float:
        """Tell after how long another one may be told; a clock that was set back keeps nobody waiting."""
        age_s = now_s - self.told_s
        return PAUSE_S - age_s if 0 <= age_s < PAUSE_S else 0.0


async def ask(ctx: Context, pull: Pull, trust: Trust, contexts: Collection[str]) -> None:
    """Tell the channels of the repository that a commit waits, unless they know or have to be spared for now."""
    asked, now_s = await asked_of(ctx, pull.ref), ctx.clock.now().timestamp()
    is_same = asked is not None and (asked.head, asked.base) == (pull.head, pull.base)
    if asked is not None and is_same and asked.is_told:
        return
    if asked is not None and asked.left_s(now_s):
        keep(ctx, pull.ref, replace(asked, head=pull.head, base=pull.base, is_told=False))
        again(ctx, pull.ref, asked)
        return
    keep(ctx, pull.ref, Asked(pull.head, pull.base, now_s))
    about = Subject(pull=pull.ref, contexts=tuple(contexts), author=pull.author)
    for place in ctx.audience(ctx.announce.get(pull.ref.repo, ()), about):
        ctx.tell(place, card(pull, trust))


def card(pull: Pull, trust: Trust) -> Card:
    """Have somebody look at what an outsider has pushed; where there are threads, under the pull request's card."""
    allow = Button("Ok to test", f"ok to test {pull.ref}")
    return Card(
        waiting(pull, trust),
        ("look at its files first",),
        buttons=(allow,),
        url=f"{pull.url}/files",
        slot=pull_slot(pull.ref),
        brief=asking(pull, trust),
        follows=True,
    )


async def forget(ctx: Context, ref: PullRef) -> None:
    """Forget of a pull request that is closed what was told, once it may be told again."""
    asked = await asked_of(ctx, ref)
    if asked is not None and asked.left_s(ctx.clock.now().timestamp()):
        again(ctx, ref, asked)
    elif asked is not None:
        keep(ctx, ref, None)


def again(ctx: Context, ref: PullRef, asked: Asked) -> None:
    now = ctx.clock.now()
    due = AskAgain(key=f"pr_builds:ask:{ref}:{asked.told_s:.3f}", lane=str(ref), at=now, pull=ref)
    ctx.later(due, delay_s=asked.left_s(now.timestamp()) + MOMENT_S)


async def asked_of(ctx: Context, ref: PullRef) -> Asked | None:
    kept = await ctx.store.get(key_of(ref))
    return Asked(**kept) if kept else None


def keep(ctx: Context, ref: PullRef, asked: Asked | None) -> None:
    ctx.store.put(key_of(ref), asdict(asked) if asked else None)


def key_of(ref: PullRef) -> str:
    return f"asked {ref}"
