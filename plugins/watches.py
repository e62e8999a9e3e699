"""Have people, and channels, hear of what they watch, and hear nothing of what they have muted.

What is watched or muted is weighed by `ctx.audience`, for each notice of each plugin; here it is only said and listed.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from bot.events import BuildDiagnosed, PullClosed, RetryDropped
from bot.facts import RetryState
from bot.plugin import Call, Context, Plugin, Role, UserError
from bot.values import BuildRef, NodeRef, Place, PullRef, Speaker, Subject, Subscription, Watchable, Wish
from bot.wording import listed, name, quoted

WATCHED = timedelta(days=30)  # unless something else is said, or it is over before
LONGEST = timedelta(days=90)  # so that what nobody thinks of any more ends by itself
STILL_TOLD = timedelta(hours=1)  # of what is over, as what ends close together is gathered for up to ten minutes
UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
MAX_LISTED = 12
MAX_NAME_BYTES = 80
SPAN = re.compile(r"(?:\d{1,5}[mhdw])+", re.ASCII)
AT = re.compile(r"(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)", re.ASCII)

plugin = Plugin("watches")


@plugin.command("watch <what> [<until>...]", role=Role.AUTHOR, others=Role.ANYONE)
async def watch(ctx: Context, call: Call) -> str:
    """Be told in private of a pull request, build, job, context, repository, author:NAME or node:NAME."""
    return await wish_for(ctx, Wish.WATCH, call, is_here=False)


@plugin.command("watch <what> here [<until>...]", role=Role.TRIAGER)
async def watch_here(ctx: Context, call: Call) -> str:
    """Have this channel told of something, beside what it hears anyway."""
    return await wish_for(ctx, Wish.WATCH, call, is_here=True)


@plugin.command("mute <what> <until>...", role=Role.AUTHOR, others=Role.ANYONE)
async def mute(ctx: Context, call: Call) -> str:
    """Hear nothing of something for a while, and be addressed for it nowhere; who asks is answered all the same."""
    return await wish_for(ctx, Wish.MUTE, call, is_here=False)


@plugin.command("mute <what> here <until>...", role=Role.TRIAGER)
async def mute_here(ctx: Context, call: Call) -> str:
    """Have this channel hear nothing of something for a while, but answers to who asks."""
    return await wish_for(ctx, Wish.MUTE, call, is_here=True)


@plugin.command("unwatch <what>", role=Role.AUTHOR, others=Role.ANYONE)
async def unwatch(ctx: Context, call: Call) -> str:
    """Watch something no more."""
    return await no_wish_for(ctx, Wish.WATCH, call, is_here=False)


@plugin.command("unwatch <what> here", role=Role.TRIAGER)
async def unwatch_here(ctx: Context, call: Call) -> str:
    """Have this channel watch something no more."""
    return await no_wish_for(ctx, Wish.WATCH, call, is_here=True)


@plugin.command("unmute <what>", role=Role.AUTHOR, others=Role.ANYONE)
async def unmute(ctx: Context, call: Call) -> str:
    """Hear of something again."""
    return await no_wish_for(ctx, Wish.MUTE, call, is_here=False)


@plugin.command("unmute <what> here", role=Role.TRIAGER)
async def unmute_here(ctx: Context, call: Call) -> str:
    """Have this channel hear of something again."""
    return await no_wish_for(ctx, Wish.MUTE, call, is_here=True)


@plugin.command("watches", reads=True)
async def watches(ctx: Context, call: Call) -> str:
    """List what you watch and mute, and what this channel does."""
    assert ctx.speaker is not None
    assert ctx.place is not None
    person = ctx.house.find(ctx.speaker)
    found = ctx.subscriptions.list(person.key if person else "", ctx.place)
    own = [(one, left) for one, left in found if one.person]
    others = [(one, left) for one, left in found if not one.person]
    told = [*in_words("you", own), *in_words(ctx.place.channel, others)]
    return "; ".join(told) or "nothing is watched or muted"


@plugin.on(PullClosed)
async def closed(ctx: Context, event: PullClosed) -> None:
    """Tell those who watch a pull request that it is closed, which ends that."""
    ref = event.pull.ref
    ended = await ctx.subscriptions.end([ref], event.at + STILL_TOLD)
    how = "merged" if event.pull.merged else "closed"
    for place in ctx.audience([one.place for one in ended], Subject(pull=ref, author=event.pull.author)):
        if any(one.place == place for one in ended):
            ctx.tell(place, f"{ref.short} was {how}, so it is not watched any more")


@plugin.on(BuildDiagnosed)
async def ended(ctx: Context, event: BuildDiagnosed) -> None:
    """End watches of a build that is over, unless it is tried again."""
    retry = await ctx.ledger.retry_of(event.request_id)
    if retry is None or retry.state is RetryState.DROPPED:
        await end_of(ctx, event)


@plugin.on(RetryDropped)
async def dropped(ctx: Context, event: RetryDropped) -> None:
    """End watches of a build that should have been tried again and is not."""
    await end_of(ctx, event.diagnosed)


async def end_of(ctx: Context, event: BuildDiagnosed) -> None:
    tries = await ctx.ledger.chain(event.fact) if event.fact.attempt > 1 else ()
    await ctx.subscriptions.end([event.fact.build, *(one.build for one in tries)], ctx.event.at + STILL_TOLD)


async def wish_for(ctx: Context, wish: Wish, call: Call, *, is_here: bool) -> str:
    """Write down that somebody wants to hear of something, or not."""
    what, words = call["what"], call.words("until")
    lasts = lasting(words, ctx.event.at) if words else WATCHED
    one = asked(ctx, wish, what, ctx.event.at + lasts, is_here=is_here)
    await ctx.subscriptions.add(one)
    whose, until = (
        "you hear" if one.person else f"{one.place.channel} hears",
        until_words(what, lasts, is_given=bool(words)),
    )
    if wish is Wish.MUTE:
        return f"{whose} nothing of {named(what)} {until}, unless somebody asks"
    in_private = " in private" if one.person else ""
    return f"{whose} of {named(what)}{in_private} {until}"


async def no_wish_for(ctx: Context, wish: Wish, call: Call, *, is_here: bool) -> str:
    """Forget what somebody wanted; told in words that are true however often this is done."""
    one = asked(ctx, wish, call["what"], ctx.event.at, is_here=is_here)
    await ctx.subscriptions.remove(one)
    whose = f"you do not {wish}" if one.person else f"{one.place.channel} does not {wish}"
    return f"{whose} {named(one.what)} any more"


def asked(ctx: Context, wish: Wish, what: Watchable, until: datetime, *, is_here: bool) -> Subscription:
    """Make what somebody asks for, for themselves or for the channel in which they say it.

    Raises:
        UserError: they say "here" where there is no channel, or are nobody any more.
    """
    assert ctx.speaker is not None
    assert ctx.place is not None
    if is_here:
        if ctx.place.private:
            raise UserError("there is no channel here; without the word here it is for you alone")
        return Subscription(wish, what, Place(ctx.place.network, ctx.place.channel), until)
    person = ctx.house.find(ctx.speaker)
    if person is None:
        raise UserError("nothing proves who you are any more")
    return Subscription(wish, what, in_private(ctx.place, ctx.speaker), until, person.key, ctx.speaker.account)


def in_private(place: Place, speaker: Speaker) -> Place:
    """Tell where somebody is told something alone: as they are answered, while that has the account they proved."""
    if place.private:
        return replace(place, to="", thread="")
    return Place(place.network, place.to or speaker.name, private=True, account=speaker.account)


def lasting(words: Sequence[str], now: datetime) -> timedelta:
    """Read how long something is to hold: 30m, 2h, 3d, 1w, 1d12h, or "until 18:00", which is UTC.

    Raises:
        UserError: it is none of these, or too long.
    """
    text = " ".join(words).lower()
    at = AT.fullmatch(text.removeprefix("until "))
    if at and text.startswith("until "):
        day = datetime.combine(now.astimezone(UTC).date(), time(int(at["hour"]), int(at["minute"])), UTC)
        return day - now if day > now else day + timedelta(days=1) - now
    span = text.removeprefix("for ")
    if not SPAN.fullmatch(span):
        raise UserError(f"{quoted(text, MAX_NAME_BYTES)} is no time; say 30m, 2h, 3d, 1w, or until 18:00 (UTC)")
    found = sum((int(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)([mhdw])", span)), timedelta())
    if not timedelta() < found <= LONGEST:
        raise UserError(f"a time is more than nothing and at most {LONGEST.days} days")
    return found


def until_words(what: Watchable, lasts: timedelta, *, is_given: bool) -> str:
    """Say how long something holds."""
    if is_given:
        return f"for {spell(lasts)}"
    if isinstance(what, PullRef):
        return f"until it is closed, {spell(lasts)} at most"
    return f"until it has ended, {spell(lasts)} at most" if isinstance(what, BuildRef) else f"for {spell(lasts)}"


def spell(span: timedelta) -> str:
    """Say a span in its two largest units: 30d, 1d 4h, 2h, 5m; what is shorter than a minute is one."""
    minutes = max(1, round(span.total_seconds() / 60))
    parts = [(minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "m")]
    told = [f"{number}{unit}" for number, unit in parts if number]
    return " ".join(told[:2])


def named(what: Watchable) -> str:
    """Name what is watched as somebody types it."""
    if isinstance(what, PullRef):
        return what.short
    if isinstance(what, NodeRef):
        return f"node:{name(what.name, MAX_NAME_BYTES)}"
    return name(str(what), MAX_NAME_BYTES)


def in_words(whose: str, found: Sequence[tuple[Subscription, timedelta]]) -> list[str]:
    """List what one watches, and what one mutes, with how long that holds still."""
    told = []
    for wish in Wish:
        some = [f"{named(one.what)} ({spell(left)})" for one, left in found if one.wish is wish]
        verb = f"{wish}" if whose == "you" else f"{wish}{'es' if wish is Wish.WATCH else 's'}"
        if some:
            told.append(f"{whose} {verb} {listed(some, MAX_LISTED)}")
    return told
