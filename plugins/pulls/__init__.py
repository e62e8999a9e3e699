"""Tell channels what happens to pull requests, a line each; what is over their budget of lines comes together.

What happens to one pull request within seconds is gathered in its own lane, and told as one line to each place that
hears of it. Each place has a lane of its own, where its lines are counted: what may not be said now is kept, and told
together in a few lines later.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from bot.events import Event, PullClosed, PullEvent, PullOpened
from bot.plugin import Call, Card, Context, Plugin, Refused, Unavailable, UserError, Words
from bot.values import Place, Pull, PullRef, Subject
from plugins.pulls import digests, pages
from plugins.pulls.budget import Late, Spent, admits, at, digest_at, digest_lines, dump, load, said
from plugins.pulls.keys import chunk_key, digest_key, gathered_key, lane, place_key, pull_key, shown_key
from plugins.pulls.settings import VALUABLE, PullsSettings, Rule, places_of, rule_at
from plugins.pulls.told import (
    Happening,
    after,
    card,
    facts_of,
    happening_of,
    line,
    load_happening,
    load_standing,
)
from plugins.pulls.told import dump as dumped

MAX_GATHERED = 50  # things that happen to one pull request are told at once
MAX_WAITING = 500  # of them wait for a forge that does not answer, the last ones
AGAIN_S = 60.0  # until such a forge is asked again; the core would make a letter of a long outage
CARD_S = 3 * 86400.0 - 600.0  # a message that is older is not edited any more
FORGET_S = 4 * 86400.0  # what is known of a pull request that was closed
LOST_S = 60.0  # so late, what should have told what was gathered became a dead letter, and another one takes over

plugin = Plugin("pulls", PullsSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class PullGathered(Event):
    """It is time to tell what has happened to a pull request; in its lane.

    Arguments:
        tries: how often the forge did not say what has to be known for that.
    """

    pull: PullRef
    tries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PullNewsAt(Event):
    """A place is to hear of a pull request; in the lane of the place.

    Arguments:
        is_valuable: it goes before what is not, where not all can be said.
    """

    place: Place
    item: digests.Item
    card: Card
    is_valuable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PullDigestDue(Event):
    """It is time to see whether a place may be told together what was kept; in the lane of the place."""

    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class PullDigestOld(Event):
    """Nobody asks any more for what was told together at a place; in the lane of that."""

    place: Place
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PullForgotten(Event):
    """A pull request was closed so long ago that nothing of it is kept; in its lane."""

    pull: PullRef


@plugin.on(PullEvent)
async def gather(ctx: Context, event: PullEvent) -> None:
    """Keep what happened to a pull request until what comes close after it is there, too."""
    pull, happening = event.pull, happening_of(event)
    places = places_of(ctx.settings, ctx.announce, pull.ref.repo)
    if isinstance(event, PullClosed | PullOpened):
        await note_open(ctx, pull)
    if happening is None or not any(happening.kind in rule_at(ctx.settings, place).events for place in places):
        return
    now, key = ctx.clock.now(), gathered_key(pull.ref)
    kept = await ctx.store.get(key) or {"due_s": None, "told": [], "is_bot": False}
    if kept["due_s"] is None or now.timestamp() > kept["due_s"] + LOST_S:
        kept["due_s"] = now.timestamp() + ctx.settings.gather_s
        due = PullGathered(key=f"pulls:gathered:{event.key}:0", lane=event.lane, at=now, pull=pull.ref)
        ctx.later(due, delay_s=ctx.settings.gather_s)
    actor = event.actor
    is_bot = kept["is_bot"] or (actor is not None and actor.is_bot and actor.number == pull.author_id)
    kept |= {"told": [*kept["told"], dumped(happening)], "is_bot": is_bot, "pull": pull_row(pull)}
    if len(kept["told"]) != MAX_GATHERED or not await tells(ctx, kept):  # a forge that is away is not asked for each
        ctx.store.put(key, kept | {"told": kept["told"][-MAX_WAITING:]})
    if not pull.is_open:
        forget_later(ctx, pull)


@plugin.on(PullGathered)
async def tell_gathered(ctx: Context, event: PullGathered) -> None:
    """Tell what happened to a pull request, as one line to each place that hears of it."""
    kept, now = await ctx.store.get(gathered_key(event.pull)), ctx.clock.now()
    if kept and not await tells(ctx, kept):
        key = f"{event.key.removesuffix(f':{event.tries}')}:{event.tries + 1}"
        ctx.later(replace(event, key=key, at=now, tries=event.tries + 1), delay_s=AGAIN_S)
        ctx.store.put(gathered_key(event.pull), kept | {"due_s": now.timestamp() + AGAIN_S})


@plugin.on(PullNewsAt)
async def tell_at(ctx: Context, event: PullNewsAt) -> None:
    """Say a line at a place, or keep it for what is told together there."""
    now, place = ctx.clock.now(), event.place
    now_s, rule = now.timestamp(), rule_at(ctx.settings, place)
    spent = at(load(await ctx.store.get(place_key(place))), now_s)
    card_key = shown_key(place_key(place), PullRef(event.item.repo, event.item.number))
    shown_s = await ctx.store.get(card_key)
    is_shown = shown_s is not None and now_s - shown_s < CARD_S
    if not quiet_until(rule, now) and admits(spent, rule.lines_per_hour, now_s, is_valuable=event.is_valuable):
        ctx.tell(place, event.card)
        spent = said(spent, now_s)
        if not is_shown:
            ctx.store.put(card_key, now_s)
    else:
        spent = await keep_late(ctx, spent, event, now_s)
        spent = look_later(ctx, place, spent, rule, now)
        if is_shown:  # what stands there already is kept true, which is no further line
            ctx.tell(place, replace(event.card, is_step=True))
    ctx.store.put(place_key(place), dump(spent))


@plugin.on(PullDigestDue)
async def tell_together(ctx: Context, event: PullDigestDue) -> None:
    """Tell a place together what it could not hear by itself, once that may be said."""
    now, place = ctx.clock.now(), event.place
    rule = rule_at(ctx.settings, place)
    spent = at(load(await ctx.store.get(place_key(place))), now.timestamp())
    late = spent.late
    if late is None:
        return
    if due_at(spent, rule, now) > now.timestamp():
        spent = look_later(ctx, place, replace(spent, due_s=None), rule, now)
    else:
        items = await pages.items_of(ctx, late.id, range(-(-late.count // digests.CHUNK)))
        since = datetime.fromtimestamp(late.since_s, UTC)
        is_quiet = bool(quiet_until(rule, since))
        wanted = [item for item in items if is_wanted(ctx, place, item)]
        most = digest_lines(rule.lines_per_hour)
        lines = digests.digest(wanted, late.id, since, most, is_quiet=is_quiet) if wanted else []
        for words in lines:
            ctx.tell(place, words)
        ctx.store.put(digest_key(late.id), {"place": place_key(place), "count": late.count})
        old = PullDigestOld(key=f"pulls:old:{late.id}", lane=lane(place), at=now, place=place, id=late.id)
        ctx.later(old, delay_s=digests.KEPT_S if lines else 0)
        spent = said(
            replace(spent, late=None, due_s=None, digests=(*spent.digests, late.id)), now.timestamp(), len(lines)
        )
    ctx.store.put(place_key(place), dump(spent))


@plugin.on(PullDigestOld)
async def forget_digest(ctx: Context, event: PullDigestOld) -> None:
    """Forget what was told together a week ago."""
    await pages.forget(ctx, event.id, event.place)


@plugin.on(PullForgotten)
async def forget(ctx: Context, event: PullForgotten) -> None:
    """Forget how a pull request stood that is still closed."""
    kept = await ctx.store.get(pull_key(event.pull))
    if kept and not kept["is_open"]:
        for place in kept["places"]:
            ctx.store.put(shown_key(place, event.pull), None)
        ctx.store.put(pull_key(event.pull), None)


@plugin.command("digest [<id>] [<page>]", reads=True)
async def digest(ctx: Context, call: Call) -> Words:
    """List line by line what was told together here, the newest time or the one of that id."""
    return await pages.digest(ctx, call)


async def note_open(ctx: Context, pull: Pull) -> None:
    """Keep whether a pull request is open that was told of, though nobody may want to hear of that."""
    known = await ctx.store.get(pull_key(pull.ref))
    if known:
        ctx.store.put(pull_key(pull.ref), known | {"is_open": pull.is_open})
        if not pull.is_open:
            forget_later(ctx, pull)


def forget_later(ctx: Context, pull: Pull) -> None:
    """Have what is kept of a pull request that was closed forgotten."""
    old = PullForgotten(key=f"pulls:forgotten:{ctx.event.key}", lane=ctx.event.lane, at=ctx.clock.now(), pull=pull.ref)
    ctx.later(old, delay_s=FORGET_S)


async def tells(ctx: Context, kept: dict[str, Any]) -> bool:
    """Tell what happened to a pull request; False if the forge does not say now what has to be known for that."""
    try:
        await tell(ctx, kept)
    except Unavailable as error:
        ctx.log.info("what happened to %s is told later: %s", pull_of(kept["pull"]).ref, error)
        return False
    return True


async def tell(ctx: Context, kept: dict[str, Any]) -> None:
    """Hand what happened to a pull request on to each place that hears of it, and forget it."""
    pull, told = pull_of(kept["pull"]), [load_happening(raw) for raw in kept["told"]]
    own = await own_number(ctx) if any(one.actor for one in told) else 0
    known = await ctx.store.get(pull_key(pull.ref)) or {"places": []}
    is_bot = kept["is_bot"] or known.get("is_bot", False)
    standing = after(load_standing(known.get("standing")), told)
    places, files = await listeners(ctx, pull, told, own, is_bot=is_bot)
    heard = ctx.audience(places, Subject(pull=pull.ref, author=pull.author))
    for place in heard:
        rule = rule_at(ctx.settings, place)
        some = [one for one in told if hears(rule, one, own)]
        if some:
            hand_on(ctx, place, pull, some, card(pull, standing, line(pull, some, files)))
    names = dict.fromkeys((*known["places"], *map(place_key, heard)))
    ctx.store.put(gathered_key(pull.ref), None)
    ctx.store.put(
        pull_key(pull.ref),
        {"standing": dumped(standing), "is_bot": is_bot, "is_open": pull.is_open, "places": list(names)},
    )


async def own_number(ctx: Context) -> int:
    """Tell the number of Gordon's own account; 0 where the forge does not tell that to this token."""
    try:
        return await ctx.forge.own_number()
    except Refused:  # what others did is to be told all the same
        return 0


async def listeners(
    ctx: Context, pull: Pull, told: Sequence[Happening], own: int, *, is_bot: bool
) -> tuple[list[Place], int | None]:
    """Tell which places hear of a pull request unasked, and how many files it changes if that had to be read."""
    facts = facts_of(pull, is_bot=is_bot)
    rules = {place: rule_at(ctx.settings, place) for place in places_of(ctx.settings, ctx.announce, pull.ref.repo)}
    found = [
        place
        for place, rule in rules.items()
        if rule.covers(facts) and any(hears(rule, one, own) for one in told) and is_of_team(ctx, rule, pull)
    ]
    if not any(rules[place].own.paths for place in found):
        return found, None
    try:
        files = await ctx.forge.files(pull.ref)
    except (UserError, Refused):  # it is gone, or not ours to read; what nobody can tell is announced
        return found, None
    return [place for place in found if rules[place].has_path(files)], len(files)


def is_of_team(ctx: Context, rule: Rule, pull: Pull) -> bool:
    """Tell whether an author is in a team that a place wants to hear of, or may be."""
    if not rule.needs_team(pull.author):
        return True
    return any(ctx.house.is_in_team(pull.author_id, team) is not False for team in rule.own.teams)


def hand_on(ctx: Context, place: Place, pull: Pull, told: Sequence[Happening], words: Card) -> None:
    """Have a place hear of a pull request, in its turn."""
    kinds = tuple(dict.fromkeys(one.kind for one in told))
    news = PullNewsAt(
        key=f"pulls:{place_key(place)}:{ctx.event.key}",
        lane=lane(place),
        at=ctx.clock.now(),
        place=place,
        item=digests.Item(pull.ref.repo, pull.ref.number, kinds, words.brief),
        card=words,
        is_valuable=any(kind in VALUABLE for kind in kinds),
    )
    ctx.later(news, delay_s=0)


def is_wanted(ctx: Context, place: Place, item: digests.Item) -> bool:
    """Tell whether a place hears of a pull request still: it may be muted, or not configured any more."""
    if place.private:  # of whoever watched alone
        return True
    here = place_key(place)
    places = [one for one in places_of(ctx.settings, ctx.announce, item.repo) if place_key(one) == here]
    heard = ctx.audience(places, Subject(pull=PullRef(item.repo, item.number)))
    return here in map(place_key, heard)


async def keep_late(ctx: Context, spent: Spent, event: PullNewsAt, now_s: float) -> Spent:
    """Keep a line for what is told together."""
    late = spent.late or Late(digests.new_id(place_key(event.place), event.key), now_s)
    key = chunk_key(late.id, late.count // digests.CHUNK)
    ctx.store.put(key, [*(await ctx.store.get(key) or ()), digests.dump(event.item)])
    return replace(spent, late=replace(late, count=late.count + 1))


def look_later(ctx: Context, place: Place, spent: Spent, rule: Rule, now: datetime) -> Spent:
    """See that it is looked when what is late may be told, if nobody does."""
    now_s = now.timestamp()
    if spent.due_s is not None and now_s <= spent.due_s + LOST_S:
        return spent
    due_s = due_at(spent, rule, now)
    due = PullDigestDue(key=f"pulls:due:{ctx.event.key}", lane=lane(place), at=now, place=place)
    ctx.later(due, delay_s=max(0.0, due_s - now_s))
    return replace(spent, due_s=due_s)


def due_at(spent: Spent, rule: Rule, now: datetime) -> float:
    """Tell when what is late may be told, as far as is known now."""
    quiet, now_s = quiet_until(rule, now), now.timestamp()
    due_s = digest_at(spent, rule.lines_per_hour, now_s)
    return max(due_s, quiet.timestamp()) if quiet else due_s


def quiet_until(rule: Rule, now: datetime) -> datetime | None:
    """Tell until when nothing is said at a place; None if something may be."""
    return rule.quiet.until(now) if rule.quiet is not None else None


def hears(rule: Rule, one: Happening, own: int) -> bool:
    """Tell whether a place wants to know that something happened; `own` is the number of Gordon's account."""
    return rule.hears(one.kind, is_draft=one.is_draft, is_ours=bool(own) and one.actor == own)


def pull_row(pull: Pull) -> dict[str, Any]:
    """Write what is told of a pull request as JSON has it."""
    return {
        "repo": pull.ref.repo,
        "number": pull.ref.number,
        "title": pull.title,
        "author": pull.author,
        "author_id": pull.author_id,
        "base": pull.base,
        "url": pull.url,
        "labels": list(pull.labels),
        "state": [pull.is_open, pull.draft, pull.merged],
    }


def pull_of(row: dict[str, Any]) -> Pull:
    """Read what `pull_row` wrote; the rest of a pull request is empty."""
    is_open, draft, merged = row["state"]
    return Pull(
        ref=PullRef(row["repo"], row["number"]),
        title=row["title"],
        author=row["author"],
        author_id=row["author_id"],
        head="",
        base=row["base"],
        head_repo="",
        url=row["url"],
        is_open=is_open,
        draft=draft,
        merged=merged,
        labels=tuple(row["labels"]),
    )
