"""Lists of open pull requests in chat: `prs` by any filters, and `alru`, how long nobody has touched them."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import accumulate
from statistics import mean, median

from bot.events import CommandGiven
from bot.plugin import Call, Card, Context, UserError, Words
from bot.values import Account, Person, PullSummary
from bot.wording import name, stated
from plugins.triage import owners
from plugins.triage.filters import Known, Me, Needs, folded, is_bots, is_red, touched
from plugins.triage.query import FILTERS, Query, read, spelled
from plugins.triage.waiting import Whom, waiting

IN_CHANNEL, IN_PRIVATE = 10, 40  # pull requests that are told, where a network has room for as many lines
MAX_TITLE_BYTES = 60
MAX_LOGIN_BYTES = 40
MAX_FILTER_BYTES = 60
MAX_BRIEF_BYTES = 1050  # three lines of IRC, where names and hosts are long, and what says how many more there are
OLDEST_TOLD = 3  # by `alru`


async def prs(ctx: Context, call: Call) -> Words:
    """List open pull requests by what was typed, in two requests more than it takes to list all of them."""
    words = call.words("filter")
    if [one.casefold() for one in words] == [FILTERS]:
        return explained()
    query = read(words, ctx.repo)
    repo = query.repo or ctx.repo()
    person = asker(ctx) if Needs.ACCOUNT in query.needs else None
    found = await ctx.forge.open_pulls(repo, with_files=Needs.FILES in query.needs)
    known = Known(ctx.clock.now(), ctx.settings.of(repo))
    if person is not None:
        known = replace(known, me=me(ctx, person, found, needs_login=Needs.LOGIN in query.needs))
    if Needs.OWNERS in query.needs:
        maybe = query.chosen(found, known, by_owners=False)
        paths = {path for one in maybe for path in one.files}
        found_owners = await owners_of(ctx, repo, paths)
        await looked_up(found_owners, maybe)
        known = replace(known, owners_of=found_owners.of)
        if person is not None:
            theirs = teams_of(ctx, person, (owner for path in paths for owner in found_owners.of(path)))
            known = replace(known, me=Me(known.me.number, known.me.names | theirs))
    most = IN_PRIVATE if ctx.place is not None and ctx.place.private else IN_CHANNEL
    home = ctx.repo() == repo
    return listed(query, repo, found, known, at_most=min(query.limit or most, most), is_home=home)


async def alru(ctx: Context, call: Call) -> Words:
    """Tell for how long open pull requests have not been touched, those of people that are no drafts."""
    repo = ctx.repo(call["repo"] or "")
    return untouched(repo, await ctx.forge.open_pulls(repo), ctx.clock.now())


def explained() -> str:
    """List all that may be asked for."""
    return f"prs takes, in any order: {', '.join(spelled())}"


def asker(ctx: Context) -> Person:
    """Tell who asks.

    Raises:
        UserError: nobody who is known to have an account of the forge.
    """
    person = None
    if isinstance(ctx.event, CommandGiven) and ctx.event.person:
        person = ctx.house.person(ctx.event.person)
    elif ctx.speaker is not None:
        person = ctx.house.find(ctx.speaker)
    if person is None:
        raise UserError("nothing proves who you are; name somebody, as in author=LOGIN or review=LOGIN")
    if person.github_id is None:
        raise UserError(
            f"nobody has told me your account on GitHub; name it, as in author=LOGIN, or have an operator write it as "
            f"github_id of {person.key} into people.toml"
        )
    return person


def me(ctx: Context, person: Person, found: Sequence[PullSummary], *, needs_login: bool) -> Me:
    """Tell by which names somebody goes on the forge: the login as these pull requests show it, and teams.

    Raises:
        UserError: the login is needed, and none of them shows it.
    """
    number = person.github_id or 0
    login = login_of(number, found)
    if needs_login and not login:
        raise UserError("no open pull request shows what you are called on GitHub; say your login instead of me")
    names = teams_of(ctx, person, (each for one in found for each in one.asked))
    return Me(number, names | folded([login] if login else []))


def teams_of(ctx: Context, person: Person, names: Iterable[str]) -> frozenset[str]:
    """Tell in which of some teams somebody is; one of which nobody knows the members now is left out."""
    teams = {one.removeprefix("@") for one in names if "/" in one}
    return folded(one for one in teams if ctx.house.is_in_team(person.github_id or 0, one))


def login_of(number: int, found: Iterable[PullSummary]) -> str:
    """Find the login of an account among those who have opened, reviewed or commented; empty if it is not there."""
    for one in found:
        spoke = [*(review.author for review in one.reviews), *(remark.author for remark in one.remarks)]
        who = [Account(one.pull.author_id, one.pull.author), *spoke]
        if login := next((each.login for each in who if each.number == number), ""):
            return login
    return ""


async def owners_of(ctx: Context, repo: str, paths: Collection[str]) -> owners.Owners:
    """Read who owns some paths, by one request."""
    places = owners.places(paths) if paths else []
    return owners.read(await ctx.forge.texts(repo, places) if places else {})


async def looked_up(known: owners.Owners, pulls: Iterable[PullSummary]) -> None:
    """Find out who owns what is changed; of a thousand pull requests that takes a while, in which others have turns."""
    for one in pulls:
        known.remember(one.files)
        await asyncio.sleep(0)


def listed(
    query: Query, repo: str, found: Collection[PullSummary], known: Known, *, at_most: int, is_home: bool
) -> Card:
    """Say which pull requests somebody has asked for, a line each.

    Arguments:
        is_home: a bare number means one of this repository.
    """
    chosen = query.chosen(found, known)
    words = [name(one.text, MAX_FILTER_BYTES) for one in query.filters]
    if query.leaves_drafts_out and any(one.pull.draft for one in found):
        words.append("without drafts")
    if not chosen:
        told = f": {', '.join(words)}" if words and found else ""
        return Card(f"{'none of ' if found else ''}{open_pulls(len(found), repo)}{told}", is_nothing=True)
    count = f"{len(chosen)} of " if len(chosen) < len(found) else ""
    title = f"{count}{open_pulls(len(found), repo)}: {', '.join([*words, query.order_words])}"
    lines = [line(one, known, is_home=is_home) for one in chosen[:at_most]]
    few = fitting(lines, MAX_BRIEF_BYTES - len(title.encode()))
    brief = "; ".join([title, *with_rest(few, len(chosen))]) if len(few) < len(lines) else ""
    return Card(title, tuple(with_rest(lines, len(chosen))), brief=brief)


def fitting(lines: Sequence[str], room: int) -> list[str]:
    """Take the first lines that go into so many bytes, each with what stands between it and the one before."""
    sizes = accumulate(len(f"; {one}".encode()) for one in lines)
    return [one for one, size in zip(lines, sizes, strict=True) if size <= room]


def with_rest(lines: Sequence[str], count: int) -> list[str]:
    """Add to some lines how many there are beyond them."""
    more = count - len(lines)
    return [*lines, f"and {more} more"] if more else [*lines]


def open_pulls(count: int, repo: str) -> str:
    """Count the open pull requests of a repository, which is named in short."""
    number = str(count) if count else "no"
    return f"{number} open pull request{'' if count == 1 else 's'} of {repo.rpartition('/')[2]}"


def line(one: PullSummary, known: Known, *, is_home: bool) -> str:
    """Say in one line what a pull request is and waits for."""
    pull, waits = one.pull, waiting(one, known.wanted)
    number = f"#{pull.ref.number}" if is_home else pull.ref.short
    turn = "ready to be merged" if waits.whom is Whom.MERGER else f"waits for {waits.whom}"
    title, author = stated(pull.title, MAX_TITLE_BYTES), name(pull.author, MAX_LOGIN_BYTES)
    marks = [
        *(["a draft"] if pull.draft else []),
        f"{turn} since {span(known.now - waits.since)}",
        *(["conflicts"] if pull.mergeable is False else []),
        *(["red"] if is_red(one, known.wanted) else []),
    ]
    return f"{number} {span(known.now - one.created_at)} {title} by {author}: {', '.join(marks)}"


def span(time: timedelta) -> str:
    """Say how long something was, in its largest unit: 5m, 7h, 12d, 9w, 3y."""
    minutes = max(0, int(time.total_seconds() // 60))
    for unit, long, at_most in (("m", 1, 60), ("h", 60, 48), ("d", 1440, 21), ("w", 10080, 104)):
        if minutes < at_most * long:
            return f"{minutes // long}{unit}"
    return f"{minutes // 525_600}y"


def untouched(repo: str, found: Collection[PullSummary], now: datetime) -> Card:
    """Say for how long pull requests have not been touched: on average, in the middle, and the longest."""
    chosen = [one for one in found if not one.pull.draft and not is_bots(one)]
    left_out = f", {len(found) - len(chosen)} drafts and those of bots left out" if len(chosen) < len(found) else ""
    if not chosen:
        return Card(f"{open_pulls(0, repo)}{left_out}", is_nothing=True)
    chosen.sort(key=lambda one: (touched(one), one.pull.ref.number))
    seconds = [(now - touched(one)).total_seconds() for one in chosen]
    average, middle = span(timedelta(seconds=mean(seconds))), span(timedelta(seconds=median(seconds)))
    longest = [
        f"{one.pull.ref.short} {span(now - touched(one))} {stated(one.pull.title, MAX_TITLE_BYTES)} "
        f"by {name(one.pull.author, MAX_LOGIN_BYTES)}"
        for one in chosen[:OLDEST_TOLD]
    ]
    title = f"{open_pulls(len(chosen), repo)}: last touched {average} ago on average, {middle} in the middle{left_out}"
    return Card(title, (f"longest ago: {longest[0]}", *longest[1:]))
