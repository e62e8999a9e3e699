"""Tell lists at set times: those of the configuration, and those that people have put down.

A list is the answer of commands that change nothing, given by the rights that whoever wanted it has then. What comes
due in the quiet hours of a channel is told when these are over, as one message.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bot.events import Event, TimeCame
from bot.plugin import (
    Call,
    Card,
    Context,
    Entry,
    NotAllowed,
    Plugin,
    Role,
    Unavailable,
    UserError,
    When,
    nearest,
)
from bot.values import Person, Place
from bot.wording import plain
from plugins.notices.notice import CHAT, Notice, as_typed, at_place, here, new_id, notice_of, payload_of, place_of, spot
from plugins.notices.settings import NoticesSettings
from plugins.notices.telling import NoticeLost, forget, held_key, last_key, tell
from plugins.notices.words import coming, late

MAX_EACH = 20  # of a place: each is told there
MAX_OF_PERSON = 40  # over all places: of the 200 that the timetable takes, so that nobody leaves none to the others
MAX_LISTED = 12
MAX_TIME_WORDS = 5  # that may have been meant as a time without quotation marks, the zone among them
OTHER_MARKS = "'`\u2018\u2019\u201a\u201c\u201d\u201e"  # in place of those that keep words together
TRIAL_S = 5.0  # for an answer that nobody reads: whoever schedules it waits for that
PATIENCE = timedelta(minutes=50)  # with a neighbour; what is told later than that nobody awaits any more

plugin = Plugin("notices", NoticesSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeQuietOver(Event):
    """The quiet hours of a place are over, so what came due in them is told.

    Arguments:
        cause: the key of the event that came in them.
        rounds: how often it was quiet still, as after the clock was set back.
    """

    place: Place
    cause: str
    rounds: int = 0


@plugin.command("schedule add <when> <command>...", role=Role.TRIAGER)
async def schedule_add(ctx: Context, call: Call) -> str:
    """Have a command that changes nothing told here at set times: schedule add "mon-fri 09:00" prs stale."""
    place, person = asked_at(ctx), proven(ctx)
    words = call.words("command")
    when = time_of(call["when"], words, ctx.settings.zone_at(place))
    command = as_typed(words)
    if ctx.house.weigh(command, person=person.key, place=place).plugin == plugin.name:
        raise UserError("what notices there are is no notice itself; ask for it when you want to know")
    entries = await ctx.timetable.entries()
    again = next((one.name.removeprefix(CHAT) for one in entries if one.payload.get("by") == ctx.event.key), "")
    same: dict[str, Entry] = {}
    if not again:
        see_is_room(ctx, entries, place, person, command, when)
        await see_is_answered(ctx, command, person, place)
        entries = await ctx.timetable.entries()  # an answer takes a while, in which others may have put something down
        same = see_is_room(ctx, entries, place, person, command, when)
    known = {one.name.removeprefix(CHAT) for one in entries}
    short = again or new_id(ctx.event.key, known)
    payload = payload_of(place, command, person.key, when, ctx.event.key)
    next_at = await ctx.timetable.put(CHAT + short, when, payload)
    told = "you are told in private" if place.private else f"{place.channel} is told"
    others = "; told then, too: " + ", ".join(one.name.removeprefix(CHAT) for one in same.values()) if same else ""
    return f"{short}: {told} {plain(command)} at {when.text}, {coming(when, next_at, ctx.clock.now())}{others}"


@plugin.command("schedule list", reads=True)
async def schedule_list(ctx: Context, call: Call) -> Card:
    """List what people have scheduled for this channel, or you in private."""
    place, now = asked_at(ctx), ctx.clock.now()
    there = at_place(await ctx.timetable.entries(), place)
    if not there:
        return Card("nothing is scheduled here", is_nothing=True)
    lines = [scheduled(one, now) for one in there[:MAX_LISTED]]
    return Card(f"{len(there)} scheduled here", (*lines, *more_than(there)))


@plugin.command("schedule remove <id>", role=Role.AUTHOR, own="what they have scheduled", others=Role.MAINTAINER)
async def schedule_remove(ctx: Context, call: Call) -> str:
    """Have something told no more that was scheduled here; of others, as a maintainer; anywhere, as an operator."""
    place, person, short = asked_at(ctx), proven(ctx), call["id"].lower()
    entries, is_operator = await ctx.timetable.entries(), not why_not(ctx, person, Role.OPERATOR)
    some = [one for one in entries if one.name.startswith(CHAT)] if is_operator else at_place(entries, place)
    there = {one.name.removeprefix(CHAT): one for one in some}
    if short not in there:
        if short in (name.lower() for name in ctx.settings.list):
            raise UserError(f"{short} is in the configuration, which an operator changes")
        where = "" if is_operator else " here"
        raise UserError(f"nothing called {plain(call['id'])} is scheduled{where}; {nearest(short, there)}")
    payload = there[short].payload
    if payload["person"] != person.key and (why := why_not(ctx, person, Role.MAINTAINER)):
        raise NotAllowed(f"somebody else has scheduled that; {why}")
    await ctx.timetable.remove(CHAT + short)
    forget(ctx, CHAT + short, place_of(payload))
    return removed(short, payload["command"], place_of(payload), place)


@plugin.command("notices", reads=True)
async def notices(ctx: Context, call: Call) -> Card:
    """List what is told here at set times: when next, and when last or why it was not."""
    place, now = asked_at(ctx), ctx.clock.now()
    lines = []
    for entry in await ctx.timetable.entries():
        notice = notice_of(ctx.settings, entry.name, entry.payload)
        if notice is not None and spot(place) in map(spot, notice.places):
            before, held = (
                await ctx.store.get(last_key(notice.name, place)),
                await ctx.store.get(held_key(notice.name, place)),
            )
            lines.append(described(notice, entry.next_at, before or {}, is_held=bool(held), now=now))
    quiet = None if place.private else ctx.settings.quiet_hours(str(place))
    hours = f"; quiet from {quiet.text}" if quiet else ""
    if not lines:
        return Card(f"nothing is told here at set times{hours}", is_nothing=True)
    return Card(f"{len(lines)} told here at set times{hours}", (*lines[:MAX_LISTED], *more_than(lines)))


@plugin.on(TimeCame)
async def time_came(ctx: Context, event: TimeCame) -> None:
    """Tell a notice at each of its places, or keep it for the end of quiet hours."""
    if event.name.startswith(CHAT) and event.name not in {one.name for one in await ctx.timetable.entries()}:
        return  # it was taken out meanwhile
    notice, now = notice_of(ctx.settings, event.name, event.payload), ctx.clock.now()
    if notice is None:
        return
    following = notice.when.after(event.planned)
    if following is not None and now >= following:
        await give_way(ctx, notice, now)
        return
    loud = []
    for place in notice.places:
        quiet = ctx.settings.quiet_until(place, now)
        if quiet is None:
            loud.append(place)
        else:
            ctx.store.put(held_key(notice.name, place), event.planned.isoformat())
            wait_for_end(ctx, place, quiet, f"{event.key}:{spot(place)}")
    mark = late(notice.when, event.planned, event.at, event.missed)
    told = [(place, [(notice, mark)]) for place in loud]
    await tell(ctx, told, is_last_try=is_last_try(ctx))


@plugin.on(NoticeQuietOver)
async def quiet_over(ctx: Context, event: NoticeQuietOver) -> None:
    """Tell in one message what came due in the quiet hours of a place, each once."""
    now = ctx.clock.now()
    if quiet := ctx.settings.quiet_until(event.place, now):
        wait_for_end(ctx, event.place, quiet, event.cause, rounds=event.rounds + 1)
        return
    due: list[tuple[Notice, str]] = []
    for entry in await ctx.timetable.entries():
        notice = notice_of(ctx.settings, entry.name, entry.payload)
        if notice is not None and await ctx.store.get(held_key(notice.name, event.place)):
            ctx.store.put(held_key(notice.name, event.place), None)
            if spot(event.place) in map(spot, notice.places):  # the configuration may have another by now
                due.append((notice, ""))
    await tell(ctx, [(event.place, due)], is_last_try=is_last_try(ctx))


@plugin.on(NoticeLost)
async def lost(ctx: Context, event: NoticeLost) -> None:
    """Take out of the timetable what nobody has the right to be told any more; the place has been told."""
    await ctx.timetable.remove(event.name)


def is_last_try(ctx: Context) -> bool:
    """Tell whether nobody waits any longer for a neighbour that does not answer; the core would make a letter of it."""
    return ctx.clock.now() - ctx.event.at >= min(PATIENCE, ctx.patience)


async def give_way(ctx: Context, notice: Notice, now: datetime) -> None:
    """Leave a notice that waited for a neighbour to its next time, which has come meanwhile."""
    for place in notice.places:
        before = await ctx.store.get(last_key(notice.name, place)) or {}
        why = "what it asks did not answer until its next time"
        ctx.store.put(last_key(notice.name, place), {**before, "tried": now.isoformat(), "why": why})


def wait_for_end(ctx: Context, place: Place, quiet: datetime, cause: str, *, rounds: int = 0) -> None:
    """Have what came due told when the quiet hours of a place are over."""
    now = ctx.clock.now()
    over = NoticeQuietOver(
        key=f"notices:quiet:{cause}:{rounds}",
        lane=f"notices:{spot(place)}",
        at=quiet,
        place=place,
        cause=cause,
        rounds=rounds,
    )
    ctx.later(over, delay_s=max(0.0, (quiet - now).total_seconds()))


def asked_at(ctx: Context) -> Place:
    """Tell what "here" is to whoever gave a command."""
    assert ctx.place is not None
    assert ctx.speaker is not None
    return here(ctx.place, ctx.speaker.name, ctx.speaker.account)


def proven(ctx: Context) -> Person:
    """Tell who gave a command.

    Raises:
        UserError: they are nobody any more.
    """
    person = ctx.house.find(ctx.speaker) if ctx.speaker else None
    if person is None:
        raise UserError("nothing proves who you are any more")
    return person


def see_is_room(
    ctx: Context, entries: Sequence[Entry], place: Place, person: Person, command: str, when: When
) -> dict[str, Entry]:
    """See that somebody may put one thing more down here; return the same things of others, by who they are.

    Raises:
        UserError: it is there already, or there are as many as may be.
    """
    there = at_place(entries, place)
    same = {one.payload["person"]: one for one in there if is_same(one, command, when)}
    if person.key in same:
        raise UserError(f"that is scheduled here already: {scheduled(same[person.key], ctx.clock.now())}")
    if len(there) >= MAX_EACH:
        raise UserError(f"{MAX_EACH} are scheduled here, which is as many as may be; schedule list shows them")
    if sum(one.payload.get("person") == person.key for one in entries) >= MAX_OF_PERSON:
        raise UserError(
            f"you have {MAX_OF_PERSON} scheduled in all places, which is as many as one may have; "
            "where they are told schedule list shows them, and schedule remove <id> takes one out"
        )
    return same


async def see_is_answered(ctx: Context, command: str, person: Person, place: Place) -> None:
    """See that a command is answered, as only then it is known what its words mean; a neighbour may be away.

    Raises:
        UserError: it is not.
    """
    try:
        await ctx.house.answer(command, person=person.key, place=place, within_s=TRIAL_S)
    except Unavailable as error:
        ctx.log.info("scheduled without an answer: %s", error)


def why_not(ctx: Context, person: Person, role: Role) -> str:
    """Tell why somebody may not take out what it needs a role for; empty if they may."""
    own = next(one for one in ctx.house.commands() if one.usage.name == "schedule remove")
    return ctx.house.may(person, replace(own, role=role), "")


def removed(short: str, command: str, told_at: Place, place: Place) -> str:
    """Say at a place that something is not told any more; what was told somebody in private is their own matter."""
    if spot(told_at) == spot(place):
        return f"{short} ({plain(command)}) is not told here any more"
    whom = plain(told_at.channel)
    if told_at.private:
        return f"{short} is not told to {whom} in private any more"
    return f"{short} ({plain(command)}) is not told in {whom} any more"


def is_same(entry: Entry, command: str, when: When) -> bool:
    """Tell whether somebody has put down these very words; of another person they may be another list, as of mine."""
    return entry.payload["command"] == command and entry.when == when


def time_of(text: str, following: Sequence[str], zone: str) -> When:
    """Read the time of something; if the quotation marks around it are missing, say where they belong.

    Raises:
        UserError: it is no time.
    """
    try:
        return When.parse(text, zone=zone)
    except UserError:
        text, following = bare(text), [*map(bare, following)]
        for count in range(min(MAX_TIME_WORDS, len(following) - 1), 0, -1):
            meant = " ".join([text, *following[:count]])
            if is_time(meant, zone):
                right = f'schedule add "{plain(meant)}" {plain(as_typed(following[count:]))}'
                raise UserError(f"a time of several words stands in quotation marks: {right}") from None
        raise


def bare(word: str) -> str:
    """Take off quotation marks that are none to us, as phones and other shells have them."""
    return word.strip(OTHER_MARKS)


def is_time(text: str, zone: str) -> bool:
    try:
        When.parse(text, zone=zone)
    except UserError:
        return False
    return True


def scheduled(entry: Entry, now: datetime) -> str:
    """Say in a line what somebody has scheduled."""
    command, when = plain(entry.payload["command"]), entry.when
    whose = plain(entry.payload["person"])
    return f"{entry.name.removeprefix(CHAT)} {command} at {when.text}, by {whose}, {coming(when, entry.next_at, now)}"


def described(
    notice: Notice, next_at: datetime | None, before: Mapping[str, Any], *, is_held: bool, now: datetime
) -> str:
    """Say in a line when a notice comes, and what has become of it last."""
    commands = ", ".join(map(plain, notice.commands))
    line = f"{notice.short} ({commands}) at {notice.when.text}, {coming(notice.when, next_at, now)}"
    told, tried = (datetime.fromisoformat(before[key]) if before.get(key) else None for key in ("told", "tried"))
    if told:
        line += f", last told {notice.when.spoken(told, now)}"
    if is_held:
        return f"{line}, waits for the end of the quiet hours"
    if tried and before.get("why"):
        line += f", {'not all' if tried == told else 'not'} told {notice.when.spoken(tried, now)}: {before['why']}"
    return line


def more_than(some: Sequence[object]) -> list[str]:
    return [f"and {len(some) - MAX_LISTED} more"] if len(some) > MAX_LISTED else []
