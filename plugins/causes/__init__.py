"""Explain failures: why a build failed, what its log says, which causes are known, what flakes, what nobody knows."""

from collections.abc import Sequence
from dataclasses import replace

from bot.facts import Cluster, Diagnosis, Fact, FailureClass, FlakeRow, Kind, KnownCause
from bot.plugin import (
    Button,
    Call,
    Card,
    Context,
    Picture,
    Plugin,
    Role,
    Series,
    Tone,
    UserError,
    Words,
    nearest,
)
from bot.values import BuildRef, Place, PullRef
from bot.wording import MAX_NAME_BYTES, name, plain, quoted, typed
from plugins.causes import words

MAX_IN_CHANNEL, MAX_IN_PRIVATE = 15, 40  # lines of a log that are shown at once
MAX_IN_THREAD = 1000  # where only those see them who look, and many are a file
DAYS = 30
MAX_DRAWN = 5  # lines that a picture keeps apart
RETRIES = {"true": True, "false": False, "unknown": None}
BY = {
    "cause": "cause",
    "causes": "cause",
    "test": "test",
    "tests": "test",
    "job": "job",
    "jobs": "job",
    "node": "node",
    "nodes": "node",
    "label": "label",
    "labels": "label",
}

plugin = Plugin("causes")


@plugin.command("why <pull|build>", reads=True)
async def why(ctx: Context, call: Call) -> Words:
    """Explain why a build failed, or each failed context of a pull request, and whether it is tried again."""
    target: PullRef | BuildRef = call["pull|build"]
    if isinstance(target, BuildRef):
        return await why_build(ctx, target)
    found = await ctx.ledger.of_pull(target)
    builds = [fact for fact in found if not fact.cell]
    if not builds:
        return f"{target.short}: no build of it is on record"
    bad = [fact for fact in builds if fact.is_bad]
    of = f"{len(builds)} context{'' if len(builds) == 1 else 's'}"
    title = f"{target.short} at {builds[0].sha:.7}: {len(bad) or 'none'} of {of} failed"
    told = [await in_short(ctx, fact, found) for fact in bad]
    return Card(title, words.capped(told), tone=Tone.BAD if bad else Tone.GOOD)


async def why_build(ctx: Context, ref: BuildRef) -> Words:
    """Explain one build from the ledger, or where that does not know it, from its log as it is read now."""
    found = await ctx.ledger.build(ref)
    if not found:
        diagnosis = await ctx.ci.diagnose(ref)
        if diagnosis.kind is Kind.PASSED:
            return f"{ref} passed, as its log says; it is not on record"
        told = (words.telling(diagnosis), words.failed_tests(diagnosis), plain(diagnosis.why))
        title = f"{ref} is not on record, its log says: {words.verdict(diagnosis)}"
        return with_chunk(Card(title, tuple(filter(None, told)), url=diagnosis.link), diagnosis)
    fact = found[0]
    diagnosis = fact.diagnosis
    if not fact.is_bad:
        return f"{ref} {words.ENDINGS[fact.result]}{words.ended_for(diagnosis)}"
    seen = await ctx.ledger.seen(diagnosis)
    chain = await ctx.ledger.chain(fact)
    lines = [
        words.telling(diagnosis),
        words.failed_tests(diagnosis),
        words.often(seen, ctx.clock.now()),
        await what_next(ctx, fact, chain),
        words.tries(chain),
        words.cells(found),
    ]
    title = f"{ref} {words.ENDINGS[fact.result]}: {words.verdict(diagnosis, fact.node)}"
    buttons = (Button("Show log", f"log {typed(str(ref))}"),)
    card = Card(title, tuple(filter(None, lines)), buttons=buttons, url=diagnosis.link or fact.url, tone=Tone.BAD)
    return with_chunk(card, diagnosis)


def with_chunk(card: Card, diagnosis: Diagnosis) -> Card:
    """Quote the lines around the telling one, too, where there is room for more than a line."""
    chunk = words.numbered(diagnosis.first_quoted, diagnosis.quoted)
    return replace(card, brief=card.one_line(), quote="\n".join(chunk))


async def in_short(ctx: Context, fact: Fact, found: Sequence[Fact]) -> str:
    """Explain one context of a pull request in one line."""
    cells = [one for one in found if one.request_id == fact.request_id and one.cell]
    parts = [words.telling(fact.diagnosis), words.cells(cells), await what_next(ctx, fact, ())]
    told = ", ".join(filter(None, parts))
    return f"{fact.context} {fact.build}: {words.verdict(fact.diagnosis, fact.node)}; {told}"


async def what_next(ctx: Context, fact: Fact, chain: Sequence[Fact]) -> str:
    """Say whether a failed build is tried again, and if not, why."""
    retry = await ctx.ledger.retry_of(fact.request_id)
    started = next((f"#{one.build.number}" for one in chain if retry and one.request_id == retry.started_as), "")
    return words.decided(retry, fact.diagnosis, started)


@plugin.command("log <build> [<lines>]", reads=True)
async def log(ctx: Context, call: Call) -> Words:
    """Show what is quoted of a build's log, or so many lines around the telling one."""
    ref: BuildRef = call["build"]
    found = await ctx.ledger.build(ref)
    if not found:
        raise UserError(f"{ref} is not on record: only builds that ended while I watched their job are")
    fact = next((one for one in found if one.cell and one.is_bad), found[0])
    diagnosis = fact.diagnosis
    title, url = f"{ref} {fact.cell}".rstrip(), diagnosis.link or fact.url
    quoted = words.numbered(diagnosis.first_quoted, diagnosis.quoted)
    if call["lines"] is None and quoted:
        return Card(title, quote="\n".join(quoted), url=url)
    wanted = wanted_lines(call["lines"] or str(MAX_IN_CHANNEL))
    room, where = room_at(ctx.place)
    at_most = min(wanted, room)
    try:
        lines = await ctx.ledger.log(ref, cell=fact.cell, around=diagnosis.line, at_most=at_most)
    except UserError as error:
        if not quoted:
            raise
        return Card(f"{title} ({error})", quote="\n".join(quoted), url=url)
    title += f", lines {lines.first} to {lines.first + len(lines.lines) - 1} of {lines.of}"
    if wanted > at_most and lines.of > len(lines.lines):
        title += f" (at most {at_most} {where}; the rest is behind the link)"
    return Card(title, quote="\n".join(words.numbered(lines.first, lines.lines)), url=url)


def room_at(place: Place | None) -> tuple[int, str]:
    """Tell how many lines of a log may be shown at a place, and why no more."""
    if place is not None and place.thread:
        return MAX_IN_THREAD, "at once"
    return (MAX_IN_PRIVATE, "at once") if place is not None and place.private else (MAX_IN_CHANNEL, "in a channel")


def wanted_lines(text: str) -> int:
    """Read a number of lines."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= 10_000):
        raise UserError(f"{quoted(text, MAX_NAME_BYTES)} is no number of lines from 1 to 10000")
    return int(text)


@plugin.command("known [<word>]", reads=True)
@plugin.command("known list [<word>]", reads=True)
async def known(ctx: Context, call: Call) -> Words:
    """List the causes that failures are known by: those of chat, of the site, and Gordon's own; by a word in them."""
    word = call["word"] or ""
    found = await ctx.causes.list(word)
    if not found:
        return f"no known cause has {quoted(word, MAX_NAME_BYTES)} in it" if word else "no causes are known"
    rows = {row.name: row.failed for row in await ctx.ledger.flakes("cause", word, days=DAYS)}
    order = sorted(found, key=lambda cause: (not cause.is_added, -rows.get(cause.id, 0)))
    told = [words.known(cause, rows.get(cause.id, 0)) for cause in order]
    if len(found) == 1:
        told.append(found[0].regex)
    return Card(f"{len(found)} known {'cause' if len(found) == 1 else 'causes'}", words.capped(told))


@plugin.command("known test <regex>...", role=Role.TRIAGER, reads=True)
async def known_test(ctx: Context, call: Call) -> Words:
    """Look for an expression in the logs that are kept, red ones and green ones; all of the line is the expression."""
    trial = await ctx.causes.trial(call["regex"])
    if trial.wrong:
        raise UserError(f"the expression cannot be used: {'; '.join(trial.wrong)}")
    told = [words.tried(trial)]
    if trial.is_too_broad:
        told.append(words.too_broad(trial))
    return "; ".join(told)


@plugin.command("known add <id> <class> <retry> <regex>...", role=Role.MAINTAINER)
async def known_add(ctx: Context, call: Call) -> str:
    """Add a known cause, once you have confirmed what it was found in; all that follows retry is the expression."""
    cause = KnownCause(call["id"], class_of(call["class"]), retry_of(call["retry"]), call["regex"])
    trial = await ctx.causes.weigh(cause, asker(ctx))
    kind = f"{cause.failure_class.value}, retry {words.retry_word(cause.retry)}"
    effect = f"have all logs searched for {cause.id} ({kind}), {words.tried(trial)}"
    await ctx.agree(effect, unproven=trial.is_unproven)
    await ctx.causes.add(cause, asker(ctx))
    unproven = ", unproven until a log of a build that passed is kept" if trial.is_unproven else ""
    return f"{cause.id} is known from now on ({kind}{unproven})"


@plugin.command("known remove <id>", role=Role.MAINTAINER)
async def known_remove(ctx: Context, call: Call) -> str:
    """Remove a known cause that was added in chat, once you have confirmed it."""
    found = next((cause for cause in await ctx.causes.list(call["id"]) if cause.id == call["id"]), None)
    if found is not None and found.is_added:
        await ctx.agree(f"have no log searched for {found.id} any more, which {found.origin} added", regex=found.regex)
    await ctx.causes.remove(call["id"], asker(ctx))
    return f"{call['id']} is not known any more"


def asker(ctx: Context) -> str:
    """Tell the key of whoever gave the command."""
    person = ctx.house.find(ctx.speaker) if ctx.speaker is not None else None
    return person.key if person else ""


def class_of(text: str) -> FailureClass:
    """Read a class of failures."""
    classes = [one.value for one in FailureClass if one not in (FailureClass.SUCCESS, FailureClass.ABORTED)]
    if text.lower() not in classes:
        raise UserError(f"{quoted(text, MAX_NAME_BYTES)} is no class; {nearest(text, classes)}")
    return FailureClass(text.lower())


def retry_of(text: str) -> bool | None:
    """Read whether another try is sensible."""
    if text.lower() not in RETRIES:
        raise UserError(
            f"{quoted(text, MAX_NAME_BYTES)} does not say whether to try again: it is true, false or unknown"
        )
    return RETRIES[text.lower()]


@plugin.command("flakes [<by>] [<word>]", reads=True)
async def flakes(ctx: Context, call: Call) -> Words:
    """Tell what fails by itself and how often: by cause, or by tests, jobs, nodes or labels; of those with a word."""
    by, word = what_flakes(call["by"] or "", call["word"] or "")
    rows = await ctx.ledger.flakes(by, word, days=DAYS)
    told = [words.flake(row, ctx.clock.now()) for row in rows]
    suspects = await ctx.ledger.suspects(word, days=DAYS) if word or by in ("node", "label") else ()
    blamed = [f"suspected: {words.suspect(one)}" for one in suspects[:2]]
    about = f" with {name(word)} in it" if word else ""
    if not told and not blamed:
        return f"no {by}{about} failed by itself in {DAYS} days"
    title = f"flakes by {by}{about}, {DAYS} days"
    return Card(title, (*blamed, *words.capped(told)), picture=await drawn(ctx, title, by, rows))


async def drawn(ctx: Context, title: str, by: str, rows: Sequence[FlakeRow]) -> Picture | None:
    """Draw how often the worst of them failed each day; None where nothing is counted by the day."""
    days = await ctx.ledger.flake_days(by, [row.name for row in rows[:MAX_DRAWN]], days=DAYS)
    series = tuple(Series(name(row), points) for row, points in days.items())
    return Picture(title, "failures a day", series) if series else None


def what_flakes(by: str, word: str) -> tuple[str, str]:
    """Read by what flakes are counted, and a word to look for; a single word that is no such thing is looked for."""
    if by.lower() in BY:
        return BY[by.lower()], word
    if word:
        raise UserError(
            f"flakes are not counted by {quoted(by, MAX_NAME_BYTES)}; {nearest(by, ['causes', *list(BY)[3::2]])}"
        )
    return "cause", by


@plugin.command("unknown", reads=True)
async def unknown(ctx: Context, call: Call) -> Words:
    """List failures that nothing explains, alike ones together, the largest first, with how they might be known."""
    found = await ctx.causes.unknown(days=DAYS)
    if not found:
        return f"every failure of the last {DAYS} days is explained"
    now = ctx.clock.now()
    told = []
    for cluster in found:
        jobs = words.several([name(job) for job in cluster.jobs], 2)
        newest = f", newest {cluster.builds[0]}" if cluster.builds else ""
        told.append(
            f"{words.times(cluster.count)} in {jobs}{newest} {words.ago(cluster.last, now)}: "
            f"{quoted(cluster.text, words.MAX_TEXT_BYTES)}{proposed(cluster)}"
        )
    return Card("unexplained failures, the most frequent first", tuple(told))


def proposed(cluster: Cluster) -> str:
    """Say how a cluster's failures would be known from now on; or why nobody can say that."""
    if not cluster.regex:
        return f" (no signature: {cluster.why_none})" if cluster.why_none else ""
    greens = (
        f"in {cluster.greens} of {cluster.greens_tried} green logs"
        if cluster.greens_tried
        else "no green log to try it on"
    )
    command = f"known add {words.id_for(cluster.text)} unknown unknown {cluster.regex}"
    return f" - would know {cluster.knows} of {cluster.count}, {greens}; to add it: {command}"
