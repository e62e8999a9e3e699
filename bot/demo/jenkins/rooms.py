"""What the pages of a Jenkins stand-in have in common: a visit, and the kinds of rooms that may answer it.

A room is a function that gives None when the page is not one of its own, so that the next room is asked.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from bot.demo.jenkins.engine import Engine
from bot.demo.jenkins.items import Item, is_hidden
from bot.demo.jenkins.model import Build, Job
from bot.demo.jenkins.request import DISCOVER, ITEM_READ, VERSION, Answer, Asking, Incoming, Refused
from bot.demo.jenkins.tree import Bean, ByDepth, Json, Tree, parse_tree, render
from bot.demo.jenkins.views import Views

JSON = "application/json;charset=utf-8"


@dataclass(frozen=True, slots=True)
class Visit:
    """A request whose asker is known, on its way to the room that answers it; `root` is the URL shown in JSON."""

    engine: Engine
    incoming: Incoming
    asking: Asking
    root: str

    @property
    def now_s(self) -> float:
        """The moment of the answer."""
        return self.engine.now_s()

    @property
    def views(self) -> Views:
        """The exported objects at this moment."""
        return Views(self.engine, self.root, self.now_s)

    def advertised(self) -> dict[str, str]:
        """Make the headers by which a Jenkins is known."""
        return {"X-Jenkins": VERSION, "X-Jenkins-Session": self.engine.session}

    def only_post(self) -> None:
        """Refuse any other method."""
        if self.incoming.method != "POST":
            raise Refused(405, "POST required", {"Allow": "POST"})

    def need_sight(self, item: Item) -> None:
        """Refuse who may not read an item: with Discover it may be known that there is one, without it may not."""
        if is_hidden(self.engine, item) and ITEM_READ not in self.asking.permissions:
            if DISCOVER in self.asking.permissions:
                self.asking.need(ITEM_READ)
            raise Refused(404, "Not Found")

    def shown(self, bean: Bean) -> Answer:
        """Answer with an exported object, pruned by `tree` or `depth`."""
        pruner: Tree | ByDepth
        tree, depth = self.incoming.get("tree"), self.incoming.get("depth") or "0"
        if tree is not None:
            pruner = parse_tree(tree)
        elif depth.lstrip("-").isdecimal():
            pruner = ByDepth(1 - int(depth))
        else:
            raise Refused(500, f"bad depth: {depth}")
        indent = 2 if self.incoming.get("pretty") == "true" else None
        body = json.dumps(render(bean, pruner), indent=indent, ensure_ascii=False).encode()
        return Answer(200, body, JSON, self.advertised())

    def json(self, body: Json) -> Answer:
        """Answer with JSON that no `tree` prunes, as the pages of some plugins do."""
        return Answer(200, json.dumps(body, ensure_ascii=False).encode(), JSON, self.advertised())

    def page(self, title: str) -> Answer:
        """Answer with a page for people; without its final slash it redirects there."""
        if not self.incoming.path.endswith("/"):
            path, _, query = self.incoming.target.partition("?")
            return Answer(302, headers={"Location": f"{path}/" + (f"?{query}" if query else "")})
        return Answer(200, f"<html><body>{title}</body></html>".encode(), headers={"X-Jenkins": VERSION})

    def sent_to(self, path: str) -> Answer:
        """Redirect to a path below the root, as the request addressed it."""
        return Answer(302, headers={"Location": f"{self.incoming.base}/{path}"})


RootRoom: TypeAlias = Callable[[Visit, list[str]], Answer | None]
JobRoom: TypeAlias = Callable[[Visit, Job, list[str]], Answer | None]
BuildRoom: TypeAlias = Callable[[Visit, Build, list[str]], Answer | None]
