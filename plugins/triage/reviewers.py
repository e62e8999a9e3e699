"""`review`: who might review a pull request, by what it changes; it asks nobody."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from posixpath import commonpath

from bot.plugin import Call, Card, Context, UserError
from bot.values import Account, PullRef, PullSummary
from bot.wording import name, stated
from plugins.triage import owners
from plugins.triage.filters import BOT
from plugins.triage.owners import Owners
from plugins.triage.waiting import approvals, is_author, named, opinions
from plugins.triage.words import short

MAX_FILES = 20  # of which it is asked who has changed them before
MAX_SHOWN = 4
MAX_ASKED = 2  # in the words that ask them
MAX_TITLE_BYTES = 60
LOGIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*)(?:/[A-Za-z0-9._-]+)?")  # what a shell takes as it is


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Somebody, or a team, who might review.

    Arguments:
        owned: the files that they own, of those that are changed.
        commits: how many of the newest commits of these files are theirs.
    """

    login: str
    owned: tuple[str, ...] = ()
    commits: int = 0


async def review(ctx: Context, call: Call) -> Card:
    """Suggest reviewers by three requests: what is changed, who owns that, and who has changed it before."""
    ref: PullRef = call["pull"]
    summary = await ctx.forge.summary(ref)
    if not summary.pull.is_open:
        raise UserError(f"{ref.short} is closed, so nobody needs to review it")
    if not summary.files:
        raise UserError(f"{ref.short} changes no files, so nobody is nearer to it than others")
    texts = await ctx.forge.texts(ref.repo, owners.places(summary.files))
    authors = await ctx.forge.authors(ref.repo, summary.files[:MAX_FILES])
    return told(summary, suggested(summary, owners.read(texts), authors), sum(map(len, authors.values())))


def suggested(summary: PullSummary, known: Owners, authors: Mapping[str, Sequence[Account]]) -> Sequence[Suggestion]:
    """List who might review, owners before others, those of the most files and commits first."""
    owned: dict[str, list[str]] = {}
    logins: dict[str, str] = {}
    for path in summary.files:
        for login in known.of(path):
            owned.setdefault(logins.setdefault(login.casefold(), login), []).append(path)
    commits: Counter[str] = Counter()
    for accounts in authors.values():
        commits.update(logins.setdefault(who.login.casefold(), who.login) for who in accounts if may(summary, who))
    without = {each.casefold() for each in involved(summary)} | {summary.pull.author.casefold()}
    found = [
        Suggestion(login, tuple(owned.get(login, ())), commits[login])
        for folded, login in logins.items()
        if folded not in without and not folded.endswith(BOT) and (login in owned or commits[login])
    ]
    return sorted(found, key=lambda one: (-len(one.owned), -one.commits, one.login.casefold()))


def may(summary: PullSummary, who: Account) -> bool:
    """Tell whether somebody who has changed files may review this change of them; an account that is gone may not."""
    return bool(who.number) and not who.is_bot and not is_author(summary, who)


def involved(summary: PullSummary) -> list[str]:
    """List who is asked for a review, or has given one, and needs no suggesting."""
    return [*summary.asked, *(one.author.login for one in opinions(summary))]


def told(summary: PullSummary, found: Sequence[Suggestion], commits: int) -> Card:
    """Say who might review and why, and how to ask them.

    Arguments:
        commits: of how many it is known who has written them.
    """
    pull, shown = summary.pull, found[:MAX_SHOWN]
    title = f"{pull.ref.short} {stated(pull.title, MAX_TITLE_BYTES)} by {name(pull.author)}"
    lines = [f"{name(one.login)} {reason(one, len(summary.files), commits)}" for one in shown]
    others = [f"asked already: {named(summary.asked)}"] if summary.asked else []
    if have := approvals(summary):
        others.append(f"approved by {named(have)}")
    if again := [one.author.login for one in opinions(summary) if one.author.login not in have]:
        others.append(f"may look again: {named(again)}")
    if not shown:
        return Card(f"{title}: nobody else owns these files or has changed them before", tuple(others), url=pull.url)
    more = [*hint(summary, shown), *others]
    brief = "; ".join([f"{title} might be reviewed by {', '.join(lines)}", *more])
    return Card(f"{title} might be reviewed by", (*lines, *more), url=pull.url, brief=short(brief, pull.url))


def reason(one: Suggestion, files: int, commits: int) -> str:
    """Say why somebody might review."""
    why = []
    if one.owned:
        of = f"{len(one.owned)} of {files} files" if files > 1 else "the file"
        why.append(f"owns {of}{where(one.owned)}")
    if one.commits:
        why.append(f"wrote {one.commits} of the last {commits} commits there")
    return f"({', '.join(why)})"


def where(paths: Sequence[str]) -> str:
    """Name the folder that files have in common; empty for none."""
    folder = commonpath([path.rpartition("/")[0] for path in paths])
    return f" in {name(folder)}/" if folder else ""


def hint(summary: PullSummary, shown: Sequence[Suggestion]) -> list[str]:
    """Write the command of GitHub's own tool that asks the first of them."""
    logins = [one.login for one in shown if LOGIN.fullmatch(one.login)][:MAX_ASKED]
    ref = summary.pull.ref
    return [f"to ask: gh pr edit {ref.number} --repo {ref.repo} --add-reviewer {','.join(logins)}"] if logins else []
