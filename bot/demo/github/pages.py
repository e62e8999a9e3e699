"""Lists a page at a time, with the links by which GitHub tells where the others are."""

import json
from collections.abc import Sequence
from typing import Any, TypeVar

from aiohttp import web
from yarl import URL

PAGE_SIZE, LARGEST_PAGE = 30, 100
T = TypeVar("T")


def page_of(request: web.Request, items: Sequence[T], address: str) -> tuple[Sequence[T], dict[str, str]]:
    """Cut the page out that a request asks for; the rest of the answer is its `Link` header, if there is one.

    Arguments:
        address: of the list by the numbers of what holds it: as at GitHub, a client has to follow links, not to build
            its own.
    """
    query = request.query
    size = min(whole(query.get("per_page"), PAGE_SIZE), LARGEST_PAGE)
    page, last = whole(query.get("page"), 1), max(1, -(-len(items) // size))
    here = URL(address).with_query(query)
    links = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
    wanted = (["prev"] if page > 1 else []) + (["next", "last"] if page < last else [])
    wanted += ["first"] if page > 1 else []
    link = ", ".join(f'<{here.update_query(page=links[name])}>; rel="{name}"' for name in wanted)
    return items[(page - 1) * size : page * size], {"Link": link} if link else {}


def whole(text: str | None, otherwise: int) -> int:
    """Read a number from a query as GitHub does: what is none counts as left out."""
    return int(text) if text and text.isdecimal() and int(text) > 0 else otherwise


async def object_of(request: web.Request) -> dict[str, Any]:
    """Read the JSON object that came with a request; whatever else came counts as an empty one."""
    body = await json_of(request)
    return body if isinstance(body, dict) else {}


async def json_of(request: web.Request) -> Any:
    """Read the JSON that came with a request; None without any."""
    try:
        return json.loads(await request.read() or b"null")
    except ValueError:
        return None
