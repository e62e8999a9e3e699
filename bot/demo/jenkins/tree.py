"""Which parts of an object a Jenkins shows: `tree=`, `depth=` and the pruning of both."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, TypeAlias

Shown: TypeAlias = (
    "str | int | float | bool | Bean | Inline | Each | Sequence[Shown] | Mapping[str, Shown] | Callable[[], Shown]"
    " | None"
)
Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"

ALWAYS = 999  # names and addresses show at any nesting
NEAR = 2  # shows also on an object that is one level below the asked one
PLAIN = 1
FAR = -2  # shows by `tree=` or from depth 3 on only: `allBuilds`

_TOKEN = re.compile(r"[,\[\]{}]|[^,\[\]{}]+")
_PUNCTUATION = frozenset(",[]{}")


class MalformedTree(ValueError):
    """A `tree=` that Jenkins answers with 500."""


@dataclass(frozen=True, slots=True)
class Bean:
    """An exported object: its class and its properties, each with how far from the root it still shows.

    Arguments:
        seen: of one that is kept and does not change, what each `tree=` has made of it.
    """

    kind: str
    properties: Mapping[str, tuple[int, Shown]]
    seen: "dict[int, tuple[Tree, Json]] | None" = None


@dataclass(frozen=True, slots=True)
class Inline:
    """A value that shows as much as if it were no level further down [Exported.inline]."""

    value: "Sequence[Bean] | Mapping[str, Shown]"


@dataclass(frozen=True, slots=True)
class Each:
    """A list of which only those are made that show: of many builds a slice is asked for."""

    of: Sequence[Any]
    make: Callable[[Any], Bean]


def bean(
    kind: str,
    *,
    always: Mapping[str, Shown] | None = None,
    near: Mapping[str, Shown] | None = None,
    plain: Mapping[str, Shown] | None = None,
    far: Mapping[str, Shown] | None = None,
) -> Bean:
    """Make an exported object from its properties sorted by visibility; costly values may be callables."""
    levels = ((ALWAYS, always), (NEAR, near), (PLAIN, plain), (FAR, far))
    return Bean(kind, {name: (level, value) for level, group in levels for name, value in (group or {}).items()})


@dataclass(slots=True)
class Tree:
    """One node of a parsed `tree=`: what is wanted below it, and which slice of a list."""

    children: dict[str, "Tree"] = field(default_factory=dict)
    cut: slice = field(default_factory=lambda: slice(None))

    def accept(self, name: str, visibility: int) -> "Tree | None":
        """Give the pruner for a property, or None when it was not asked for."""
        return self.children.get(name) or self.children.get("*")


@dataclass(frozen=True, slots=True)
class ByDepth:
    """The pruner when no `tree=` is given: each level down asks for more visibility."""

    level: int
    cut: slice = field(default_factory=lambda: slice(None))

    def accept(self, name: str, visibility: int) -> "ByDepth | None":
        """Give the pruner for a property, or None when it is not visible here."""
        return ByDepth(self.level + 1) if visibility >= self.level else None


@lru_cache
def parse_tree(text: str) -> Tree:
    """Read `a,b[c,d]{0,10}`; a key named twice keeps its last meaning, as in Jenkins."""
    tokens = _TOKEN.findall(text)
    root = Tree()
    rest = _read_list(tokens, 0, root)
    if rest != len(tokens):
        raise MalformedTree(f"unexpected {tokens[rest]!r} in {text!r}")
    return root


def _read_list(tokens: list[str], at: int, parent: Tree) -> int:
    at = _read_node(tokens, at, parent)
    while at < len(tokens) and tokens[at] == ",":
        at = _read_node(tokens, at + 1, parent)
    return at


def _read_node(tokens: list[str], at: int, parent: Tree) -> int:
    if at >= len(tokens) or tokens[at] in _PUNCTUATION:
        raise MalformedTree(f"a name is missing at token {at}")
    child = parent.children[tokens[at]] = Tree()
    at += 1
    if at < len(tokens) and tokens[at] == "[":
        at = _expect(tokens, _read_list(tokens, at + 1, child), "]")
    if at < len(tokens) and tokens[at] == "{":
        at = _read_range(tokens, at + 1, child)
    return at


def _read_range(tokens: list[str], at: int, node: Tree) -> int:
    try:
        end = tokens.index("}", at)
    except ValueError as error:
        raise MalformedTree("a range is not closed") from error
    match tokens[at:end]:
        case [only]:
            start = _number(only)
            node.cut = slice(start, start + 1)
        case [start_text, ","]:
            node.cut = slice(_number(start_text), None)
        case [",", stop_text]:
            node.cut = slice(0, _number(stop_text))
        case [start_text, ",", stop_text]:
            node.cut = slice(_number(start_text), _number(stop_text))
        case other:
            raise MalformedTree(f"no range: {''.join(other)!r}")
    return end + 1


def _number(text: str) -> int:
    if not text.strip().isdecimal():
        raise MalformedTree(f"not a number in a range: {text!r}")
    return int(text)


def _expect(tokens: list[str], at: int, wanted: str) -> int:
    if at >= len(tokens) or tokens[at] != wanted:
        raise MalformedTree(f"{wanted!r} is missing at token {at}")
    return at + 1


def render(value: Shown, pruner: Tree | ByDepth) -> Json:
    """Turn an exported value into JSON, leaving out what the pruner does not accept."""
    if value is None or isinstance(value, str | int | float):  # most are, and to look for a Sequence takes longer
        return value
    if isinstance(value, Bean) and value.seen is not None and isinstance(pruner, Tree):
        if id(pruner) not in value.seen:  # which is kept with it, so that no other one gets this id
            value.seen[id(pruner)] = (pruner, render(replace(value, seen=None), pruner))
        return value.seen[id(pruner)][1]
    if isinstance(value, Bean):
        shown: dict[str, Json] = {"_class": value.kind} if value.kind else {}
        for name, (visibility, inner) in value.properties.items():
            child = pruner.accept(name, visibility)
            if child is not None and isinstance(inner, Inline):
                shown[name] = render(inner.value, pruner if isinstance(pruner, ByDepth) else child)
            elif child is not None:
                shown[name] = render(inner, child)
        return shown
    if isinstance(value, Each):
        return [render(value.make(one), pruner) for one in value.of[pruner.cut]]
    if isinstance(value, Sequence):
        return [render(inner, pruner) for inner in value[pruner.cut]]
    if isinstance(value, Mapping):  # its keys are no level of their own in `tree=` [stapler Property.writeValue]
        return {name: render(inner, pruner) for name, inner in value.items()}
    assert not isinstance(value, Inline), "only a property is inlined"
    return render(value(), pruner)


def as_python(value: Json) -> str:
    """Write a value as Python would read it, for `api/python` [Stapler's PythonDataWriter]."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{as_python(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(as_python(inner) for inner in value) + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
