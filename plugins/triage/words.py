"""How all of a pull request is put into words: first why it is not merged, and no more than a few lines of IRC."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.facts import Fact
from bot.plugin import Button, Card, Tone
from bot.values import PullSummary, Result, Stage, Standing, Status, StatusState
from bot.wording import branch, cut, listed, name, plain, stated, verdict
from plugins.triage.lists import MAX_BRIEF_BYTES, span
from plugins.triage.owners import Owners
from plugins.triage.settings import RepoTriage
from plugins.triage.waiting import (
    BAD,
    CONFLICTS,
    Waiting,
    Whom,
    approvals,
    is_signed_off,
    is_told_apart,
    named,
    objections,
    opinions,
    pushed_at,
    stale,
    waiting,
)

MAX_TITLE_BYTES = 80
MAX_FOLDERS = 3
MAX_BUILDS = 6
ENDINGS = {Result.SUCCESS: "passed", Result.UNSTABLE: "is unstable", Result.FAILURE: "failed"}
COULD = "could be merged: nothing known keeps it from that"


@dataclass(frozen=True, slots=True)
class View:
    """What is known of a pull request.

    Arguments:
        builds: how its contexts stand on the servers that answered, else on record.
        others: how other contexts stand by the word of the forge.
        facts: on record, by context, of builds of the head.
        retries: of which contexts a build is to be tried again, with what for.
        needs_ok: somebody has to find the head ok to test before it is built.
        doubts: what could not be found out, in words.
        is_in_team: tells whether an account of the forge is in a team; None where nobody knows.
    """

    summary: PullSummary
    wanted: RepoTriage
    now: datetime
    builds: Sequence[Standing] = ()
    others: Sequence[Status] = ()
    facts: Mapping[str, Fact] = field(default_factory=dict)
    retries: Mapping[str, str] = field(default_factory=dict)
    owners: Owners = field(default_factory=Owners)
    needs_ok: bool = False
    doubts: Sequence[str] = ()
    is_in_team: Callable[[int, str], bool | None] = lambda account, team: None

    def ago(self, at: datetime) -> str:
        """Say how long ago something was."""
        return span(self.now - at)


def card(view: View) -> Card:
    """Show an open pull request."""
    pull, waits = view.summary.pull, waiting(view.summary, view.wanted)
    reasons = [*([not_ok(view)] if view.needs_ok else []), *waits.reasons]
    title = f"{pull.ref.short} {f'is not merged: {reasons[0]}' if reasons else COULD}"
    what = f"{stated(pull.title, MAX_TITLE_BYTES)} by {name(pull.author)}"
    whom = turn(view, waits)
    rest = list(filter(None, [*builds(view), reviews(view), *map(plain, view.doubts), *facts(view), files(view)]))
    brief = "; ".join([title, *reasons[1:], what, whom, *rest])
    return Card(
        title,
        (*([f"also: {'; '.join(reasons[1:])}"] if reasons[1:] else []), f"{what}, {opened(view)}", whom, *rest),
        buttons=tuple(buttons(view, waits)),
        url=pull.url,
        tone=Tone.GOOD if not reasons else Tone.BAD if waits.whom is Whom.AUTHOR else Tone.PLAIN,
        brief=short(brief, pull.url),
    )


def ended(view: View) -> Card:
    """Show a pull request that is not open any more, of which nobody asks what it waits for."""
    pull = view.summary.pull
    how = f"was merged into {branch(pull.base)}" if pull.merged else "is closed and was not merged"
    commit = f" as {pull.merged_as:.7}" if pull.merged_as else ""
    title = f"{pull.ref.short} {how}{commit}"
    lines = [f"{stated(pull.title, MAX_TITLE_BYTES)} by {name(pull.author)}, {opened(view)}", reviews(view)]
    brief = "; ".join(filter(None, [title, *lines]))
    return Card(title, tuple(filter(None, lines)), url=pull.url, brief=short(brief, pull.url))


def short(words: str, url: str) -> str:
    """Cut words so that they are a few lines of IRC together with the address behind them."""
    return f"{cut(words, MAX_BRIEF_BYTES - len(url.encode()) - 1)} {url}"


def opened(view: View) -> str:
    """Say how old it is, and of which commit all this is."""
    pull = view.summary.pull
    pushed = pushed_at(view.summary)
    again = f", pushed to {view.ago(pushed)} ago" if pushed > view.summary.created_at else ""
    return f"opened {view.ago(view.summary.created_at)} ago{again}, at {pull.head:.7} for {branch(pull.base)}"


def turn(view: View, waits: Waiting) -> str:
    """Say for whom it waits, and for how long."""
    whom = "somebody to find it ok to test" if view.needs_ok and waits.whom is not Whom.AUTHOR else waits.whom.value
    return f"has waited {view.ago(waits.since)} for {whom}"


def not_ok(view: View) -> str:
    """Say that nobody has looked at what an outsider has pushed."""
    return f"nobody has found {view.summary.pull.head:.7} ok to test"


def builds(view: View) -> list[str]:
    """Say how builds stand: those that failed first, with why, and of those that are well only the names."""
    known = sorted(view.builds, key=lambda one: one.context)
    ended = [one for one in known if one.stage is Stage.ENDED]
    shown = [_failed(view, one) for one in ended if not one.is_green]
    shown += [f"{name(one.context)} failed" for one in view.others if one.state in BAD and not is_told_apart(one)]
    shown += [_live(view, one) for one in known if one.is_live]
    told = [*shown[:MAX_BUILDS], *([f"{len(shown) - MAX_BUILDS} more"] if len(shown) > MAX_BUILDS else [])]
    pending = [one.context for one in view.others if one.state is StatusState.PENDING]
    passed = [one.context for one in ended if one.is_green]
    passed += [one.context for one in view.others if one.state is StatusState.SUCCESS]
    never = [one.context for one in known if one.stage is Stage.NEVER]
    for names, how in ((pending, "pending"), (passed, "passed"), (never, "never built")):
        told += [f"{how}: {named(names)}"] if names else []
    return [f"builds: {'; '.join(told)}"] if told else []


def _failed(view: View, one: Standing) -> str:
    number = f" #{one.number}" if one.number is not None else ""
    fact = view.facts.get(one.context)
    is_same = fact is not None and (fact.build.job, fact.build.number) == (one.job, one.number)
    why = f": {verdict(fact.diagnosis, fact.node)}" if fact is not None and is_same else ""
    again = f", is tried again ({plain(view.retries[one.context])})" if one.context in view.retries else ""
    return f"{one.context}{number} {ENDINGS.get(one.result, 'was not finished') if one.result else 'ended'}{why}{again}"


def _live(view: View, one: Standing) -> str:
    since = f" for {view.ago(one.started_at)}" if one.started_at else ""
    return f"{one.context} {'waits' if one.stage is Stage.QUEUED else 'runs'}{since}"


def reviews(view: View) -> str:
    """Say who has approved, who wants changes, and whose review is asked for."""
    summary = view.summary
    have, outdated = approvals(summary), stale(summary)
    told = [f"approved by {named(have)}"] if have else []
    if outdated:
        told.append(f"{named(outdated)} approved an older commit")
    for one in objections(summary):
        older = f" of {one.sha:.7}" if one.sha != summary.pull.head else ""
        told.append(f"{name(one.author.login)} wants changes{older}, {view.ago(one.at)} ago")
    if summary.asked:
        told.append(f"asked for a review: {named(summary.asked)}")
    return ", ".join(told)


def facts(view: View) -> list[str]:
    """Say the rest that statuses, labels and people tell."""
    summary, told = view.summary, []
    broken = [one.description for one in summary.statuses if one.state in BAD and one.description.startswith(CONFLICTS)]
    if broken and summary.pull.mergeable is False:
        told.append(plain(broken[0]))
    if (signed := is_signed_off(summary)) is not None:
        told.append("all is signed off" if signed else "not all is signed off")
    if summary.assignees:
        told.append(f"assigned to {named(summary.assignees)}")
    if summary.votes:
        told.append(f"{summary.votes} vote{'' if summary.votes == 1 else 's'}")
    return [", ".join(told)] if told else []


def files(view: View) -> str:
    """Say what is changed, and who owns something of it and has not approved."""
    summary = view.summary
    if not summary.files:
        return ""
    count = max(summary.file_count, len(summary.files))
    more = f" of which {len(summary.files)} were looked at" if count > len(summary.files) else ""
    told = f"{count} file{'' if count == 1 else 's'}{more}: {folders(summary.files)}"
    lacking = owners_lacking(view)
    return f"{told}; owned by {named(lacking)}, who did not approve" if lacking else told


def folders(paths: Sequence[str]) -> str:
    """Name where files are, by their uppermost folders."""
    tops = Counter(f"{path.partition('/')[0]}/" if "/" in path else path for path in paths)
    most = sorted(tops.items(), key=lambda each: (-each[1], each[0]))
    shown = [f"{name(top)} ({count})" if top.endswith("/") else name(top) for top, count in most]
    return listed(shown, MAX_FOLDERS)


def owners_lacking(view: View) -> list[str]:
    """List who owns files of which no owner has approved, those of most files first."""
    have = {login.casefold() for login in approvals(view.summary)}
    lacking: Counter[str] = Counter()
    for path in view.summary.files:
        owners = view.owners.of(path)
        if not any(each.casefold() in have or ("/" in each and has_approved(view, each)) for each in owners):
            lacking.update(each for each in owners if each.casefold() != view.summary.pull.author.casefold())
    return [who for who, _ in sorted(lacking.items(), key=lambda each: (-each[1], each[0]))]


def has_approved(view: View, team: str) -> bool:
    """Tell whether somebody of a team has approved the head.

    Where nobody knows who is in it, its not being asked tells: the forge takes a team out once a member has reviewed.
    """
    names = approvals(view.summary)
    approving = [one.author for one in opinions(view.summary) if one.author.login in names]
    known = [view.is_in_team(who.number, team) for who in approving]
    if None not in known:
        return True in known
    return True in known or team.casefold() not in {each.casefold() for each in view.summary.asked}


def buttons(view: View, waits: Waiting) -> list[Button]:
    """Offer what would move it on."""
    ref = view.summary.pull.ref
    found = []
    if any(one.stage is Stage.ENDED and not one.is_green for one in view.builds):
        found.append(Button("Rebuild failed", f"rebuild {ref} failed"))
    if waits.whom is Whom.REVIEWERS:
        found.append(Button("Who might review?", f"review {ref}"))
    return found
