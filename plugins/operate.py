"""Look after Gordon itself: is it alive, which plugins are on, what was done, what got stuck, what goes wrong."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bot.events import ReloadAsked, TroubleSeen
from bot.plugin import Call, Card, Context, Plugin, Role, UserError, Words, nearest
from bot.wording import cut

AUDIT_SHOWN, MAX_AUDIT_SHOWN = 5, 20  # more is for a terminal; a channel would be flooded
MAX_LETTERS_SHOWN = 8
MAX_REASON_BYTES = 120  # the whole reason is in the log
SHORT_ID = re.compile(r"\[?([a-z0-9]{4})\]?")

plugin = Plugin("operate")


@plugin.command("ping", reads=True)
async def ping(ctx: Context, call: Call) -> str:
    """Tell that Gordon is alive."""
    return "pong"


@plugin.command("version", reads=True)
async def version(ctx: Context, call: Call) -> str:
    """Tell which version of Gordon this is."""
    return f"Gordon {ctx.house.health()['version']}"


@plugin.command("plugins", reads=True)
async def plugins(ctx: Context, call: Call) -> str:
    """List the plugins: on, off, or why one did not load."""
    return "; ".join(f"{name} {state}" for name, state in ctx.house.plugins().items())


@plugin.command("plugins on <plugin>", role=Role.OPERATOR)
async def plugins_on(ctx: Context, call: Call) -> str:
    """Switch a plugin on."""
    return await switch(ctx, call["plugin"], on=True)


@plugin.command("plugins off <plugin>", role=Role.OPERATOR)
async def plugins_off(ctx: Context, call: Call) -> str:
    """Switch a plugin off; the one that switches cannot be."""
    if call["plugin"] == ctx.plugin:
        raise UserError(f"{ctx.plugin} switches the others on, so it stays on")
    return await switch(ctx, call["plugin"], on=False)


@plugin.command("audit [<n>]", role=Role.OPERATOR, reads=True)
async def audit(ctx: Context, call: Call) -> Words:
    """Show the last things that were asked, refused or done, or all behind a short id."""
    at_most, short_id = wanted_records(call["n"] or str(AUDIT_SHOWN))
    records = await ctx.house.audit(at_most=at_most, short_id=short_id)
    if not records:
        return f"nothing is recorded under {short_id}" if short_id else "nothing is recorded yet"
    return Card("newest first", tuple(record_line(record) for record in records))


@plugin.command("letters", role=Role.OPERATOR, reads=True)
async def letters(ctx: Context, call: Call) -> Words:
    """List what got stuck and is not tried again unasked."""
    found = await ctx.house.letters()
    return stuck([f"{letter.id} {letter.at:%m-%d %H:%M} {letter.what}: {letter.reason}" for letter in found])


@plugin.command("letters replay <letter>", role=Role.OPERATOR)
async def letters_replay(ctx: Context, call: Call) -> str:
    """Try again what got stuck."""
    if not await ctx.house.replay(call["letter"]):
        raise not_there(call["letter"])
    return f"{call['letter']} is tried again"


@plugin.command("letters drop <letter>", role=Role.OPERATOR)
async def letters_drop(ctx: Context, call: Call) -> str:
    """Forget what got stuck."""
    if not await ctx.house.drop(call["letter"]):
        raise not_there(call["letter"])
    return f"{call['letter']} is forgotten"


@plugin.command("reload", role=Role.OPERATOR)
async def reload(ctx: Context, call: Call) -> str:
    """Read the configuration again, and take it over once you have confirmed what it changes."""
    found = await ctx.house.changes()
    if not found.words:
        return "nothing to reload: the files say what holds already"
    await ctx.agree(f"change: {found.words}", files=found.digest)
    await ctx.house.reload(found, ctx.event)
    if ctx.speaker is not None and ctx.place is not None:
        for place in ctx.operators:
            if place != ctx.speaking(ctx.place):
                ctx.tell(place, f"{ctx.speaker.name} reloaded: {found.words}")
    return f"reloaded: {found.words}"


@plugin.on(ReloadAsked)
async def tell_reload(ctx: Context, event: ReloadAsked) -> None:
    """Tell operators what came of a SIGHUP."""
    for place in ctx.operators:
        ctx.tell(place, event.words)


@plugin.on(TroubleSeen)
async def tell_trouble(ctx: Context, event: TroubleSeen) -> None:
    """Tell operators what goes wrong, and when it is over."""
    for place in ctx.operators:
        ctx.tell(place, trouble(event))


def trouble(event: TroubleSeen) -> str:
    """Say what is wrong with whom, or that it is over."""
    state = f": {event.words}" if event.words else " is well again"
    return f"{event.peer}: {event.about}{state}"


def not_there(letter: str) -> UserError:
    """Say that there is no such letter in words that are true also after a crash in the middle of this command."""
    return UserError(f'no letter "{letter}" is there now: it never was, or it is dealt with; letters lists them')


async def switch(ctx: Context, name: str, *, on: bool) -> str:
    if not await ctx.house.switch(name, on=on):
        raise UserError(f'no plugin "{name}" can be switched; {nearest(name, ctx.house.plugins())}')
    return f"{name} is {'on' if on else 'off'}"


def wanted_records(word: str) -> tuple[int, str]:
    """Read a count or a short id; a short id may be all digits, but has four of them."""
    if word.isascii() and word.isdigit() and 1 <= int(word) <= MAX_AUDIT_SHOWN:
        return int(word), ""
    if found := SHORT_ID.fullmatch(word.lower()):
        return MAX_AUDIT_SHOWN, found[1]
    raise UserError(f'"{word}" is neither a number from 1 to {MAX_AUDIT_SHOWN} nor a short id like k7f2')


def written(record: Mapping[str, Any]) -> str:
    """Say what effect it is, and of one that has no job of Jenkins where something was written; empty if it is none."""
    effect, repo = str(record.get("effect") or ""), record.get("repo")
    if not effect or not repo or record.get("job"):
        return effect
    number, told = record.get("pr"), record.get("params_redacted") or {}
    where = f"{repo}#{number}" if number else f"{repo}@{record.get('head_sha') or '':.7}"
    return " ".join([effect, where, *(str(told[key]) for key in ("context", "state", "marker") if told.get(key))])


def record_line(record: Mapping[str, Any]) -> str:
    """Say one record: when, by whom, what, and what came of it."""
    who = str(record.get("person") or record.get("shown_name") or "Gordon")
    if (account := str(record.get("account_id", ""))).lower() not in ("", who.lower()):
        who += f" ({account} on {record.get('tenant', '')})"
    what = record.get("text_redacted") or written(record) or record.get("command") or ""
    came = [str(record[key]) for key in ("decision", "rule", "job", "external_id", "result") if record.get(key)]
    when = str(record.get("utc", ""))[:19].replace("T", " ")
    return cut(f"{when} [{record.get('id', '')}] {who}: {what} - {', '.join(came)}", MAX_REASON_BYTES)


def stuck(lines: Sequence[str]) -> Words:
    """List letters, with a count of those that are too many."""
    if not lines:
        return "nothing is stuck"
    more = len(lines) - MAX_LETTERS_SHOWN
    shown = [cut(line, MAX_REASON_BYTES) for line in lines[:MAX_LETTERS_SHOWN]] + (
        [f"and {more} more"] if more > 0 else []
    )
    return Card(f"{len(lines)} stuck, oldest first", tuple(shown))
