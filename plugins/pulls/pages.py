"""Reading and forgetting what was told together at a place: `digest`."""

from collections.abc import Sequence
from dataclasses import replace

from bot.plugin import Call, Card, Context, UserError, Words
from bot.values import Place
from plugins.pulls import digests
from plugins.pulls.budget import at, dump, load
from plugins.pulls.keys import PRIVATE, chunk_key, digest_key, place_key


async def digest(ctx: Context, call: Call) -> Words:
    """List line by line what was told together here, the newest time or the one of that id."""
    assert ctx.place is not None
    here = load(await ctx.store.get(place_key(ctx.place)))
    wanted, page = digests.asked(call["id"], call["page"])
    id = wanted or next(iter(here.digests[-1:]), "")
    if not id and ctx.place.private:
        raise UserError("say which one by its id, which stands at its end: digest <id>")
    if not id:
        return Card("nothing was told together here within the last week", is_nothing=True)
    kept = await ctx.store.get(digest_key(id)) if id.isalnum() else None  # "abcdef:0" is a part of one on disk
    is_public = kept is not None and not kept["place"].endswith(PRIVATE)
    is_readable = kept is not None and (kept["place"] == place_key(ctx.place) or (ctx.place.private and is_public))
    if kept is None or not is_readable:
        raise UserError(f'there is no digest "{id}" of here within the last week')
    pages = -(-kept["count"] // digests.LINES_PER_PAGE)
    number = digests.page_number(page, pages)
    first = (number - 1) * digests.LINES_PER_PAGE
    items = await items_of(ctx, id, [first // digests.CHUNK])
    start = first % digests.CHUNK
    lines = [item.line for item in items[start : start + digests.LINES_PER_PAGE]]
    return digests.page(id, lines, number, pages)


async def forget(ctx: Context, id: str, place: Place) -> None:
    """Forget what was told together a week ago."""
    kept = await ctx.store.get(digest_key(id))
    spent = load(await ctx.store.get(place_key(place)))
    for chunk in range(-(-kept["count"] // digests.CHUNK) if kept else 0):
        ctx.store.put(chunk_key(id, chunk), None)
    ctx.store.put(digest_key(id), None)
    left = tuple(one for one in spent.digests if one != id)
    ctx.store.put(place_key(place), dump(at(replace(spent, digests=left), ctx.clock.now().timestamp())))


async def items_of(ctx: Context, id: str, chunks: Sequence[int]) -> list[digests.Item]:
    """Read what is kept to be told together."""
    return [digests.load(raw) for chunk in chunks for raw in await ctx.store.get(chunk_key(id, chunk)) or ()]
