"""Giving the commands of notices, and telling what they answer."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bot.events import Event
from bot.plugin import Context, NotAllowed, Unavailable, UserError
from bot.values import Place, Subject
from bot.wording import plain
from plugins.notices.notice import Notice, spot
from plugins.notices.words import Answer, Told, message, reason, worth_telling

AT_ONCE = 40  # commands, of the 100 tasks that a plugin may have, two each
Wanted = Sequence[
    tuple[Place, Sequence[tuple[Notice, str]]]
]  # by place the notices, each with the mark that it is late


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeLost(Event):
    """Whoever put a notice down may not give its command any more, and the place was told so."""

    name: str


async def tell(ctx: Context, wanted: Wanted, *, is_last_try: bool) -> None:
    """Give the commands of notices and tell what they answer, at each place in one message.

    Arguments:
        is_last_try: what a neighbour has no answer for now is told to be so, and not tried again.

    Raises:
        Unavailable: a neighbour does not answer, and nothing was told.
    """
    answers = await answered(ctx, wanted, is_last_try=is_last_try)
    for place, some in wanted:
        told = []
        for notice, mark in some:
            found = [answers[command, notice.person, place] for command in notice.commands]
            before = await ctx.store.get(last_key(notice.name, place)) or {}
            chosen = worth_telling(notice, found, before.get("why", ""))
            ctx.store.put(
                last_key(notice.name, place), remembered(found, before, ctx.clock.now(), is_told=bool(chosen))
            )
            if any(one.is_lost for one in found) and notice.person:
                ctx.later(lost_event(ctx, notice), delay_s=0)
                forget(ctx, notice.name, place)
                chosen = [replace(one, why=dropped(notice, one.why)) for one in found]
            told.append(Told(notice, chosen, mark))
        # A list is of no pull request alone, so nothing that is muted or watched touches it but the place itself.
        words = message(told)
        if words is not None:
            for heard in ctx.audience([place], Subject()):
                ctx.tell(heard, words)


async def answered(ctx: Context, wanted: Wanted, *, is_last_try: bool) -> Mapping[tuple[str, str, Place], Answer]:
    """Give each command that is wanted somewhere, some beside each other, and once where notices have it twice."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def give(command: str, person: str, place: Place) -> Answer | Unavailable:
        async with gate:
            try:
                if is_own(ctx, command, person, place):
                    raise UserError("what notices there are is no notice itself")
                return Answer(command, await ctx.house.answer(command, person=person, place=place))
            except NotAllowed as error:
                return Answer(command, why=str(error), is_lost=True)
            except UserError as error:
                return Answer(command, why=str(error))
            except Unavailable as error:
                return Answer(command, why=str(error)) if is_last_try else error

    all_of_them = [
        (command, notice.person, place) for place, some in wanted for notice, _ in some for command in notice.commands
    ]
    asked = list(dict.fromkeys(all_of_them))
    found = dict(zip(asked, await asyncio.gather(*(give(*one) for one in asked)), strict=True))
    for error in found.values():
        if isinstance(error, Unavailable):
            raise error
    return {key: one for key, one in found.items() if isinstance(one, Answer)}


def is_own(ctx: Context, command: str, person: str, place: Place) -> bool:
    """Tell whether a command is one of ours; what may not be given is not, so that asking for it is on record."""
    try:
        return ctx.house.weigh(command, person=person, place=place).plugin == ctx.plugin
    except UserError:
        return False


def lost_event(ctx: Context, notice: Notice) -> NoticeLost:
    return NoticeLost(
        key=f"notices:lost:{ctx.event.key}:{notice.name}", lane=ctx.event.lane, at=ctx.clock.now(), name=notice.name
    )


def remembered(answers: Sequence[Answer], before: Mapping[str, Any], now: datetime, *, is_told: bool) -> dict[str, Any]:
    """Tell what is kept of a notice at a place: when it was told last, and if not now, why."""
    told = now.isoformat() if is_told else before.get("told", "")
    return {"told": told, "tried": now.isoformat(), "why": reason(answers)}


def dropped(notice: Notice, why: str) -> str:
    """Say that something is not told any more."""
    return f"{plain(notice.person)} has scheduled this, and it is taken out: {why}"


def forget(ctx: Context, name: str, place: Place) -> None:
    """Keep nothing of a notice at a place any more."""
    for key in (last_key(name, place), held_key(name, place)):
        ctx.store.put(key, None)


def last_key(name: str, place: Place) -> str:
    """Name what is kept of how a notice was told."""
    return f"last {name} {spot(place)}"


def held_key(name: str, place: Place) -> str:
    """Name what is kept of a notice that waits for the end of quiet hours."""
    return f"held {name} {spot(place)}"
