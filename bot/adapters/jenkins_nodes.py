"""The nodes of Jenkins and what runs on them, read; pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import re2

from bot.adapters.jenkins_builds import LISTED_TREE, read_build
from bot.adapters.jenkins_wire import Unreadable, is_segment, objects, one_line, read_url, text_of
from bot.errors import UserError
from bot.values import Build, BuildRef, JobRef, Node, NodeRef

MAX_NAME = 200
MAX_REASON = 300
MAX_LABELS = 200
MAX_EXECUTORS = 10_000
EXECUTORS = ("oneOffExecutors", "executors")  # whole Pipelines and matrix builds are in the first

_SLOTS = f"executors[currentExecutable[{LISTED_TREE}]],oneOffExecutors[currentExecutable[{LISTED_TREE}]]"
NODE_TREE = f"displayName,offline,temporarilyOffline,offlineCauseReason,numExecutors,assignedLabels[name],{_SLOTS}"
NODES_TREE = f"computer[{NODE_TREE}]"
RUNNING_TREE = f"computer[displayName,{_SLOTS}]"

BUILT_IN = "(built-in)"
OLD_BUILT_IN = "(master)"  # what it was called before 2.307, and the only name that such a core knows it by
BUILT_IN_NAMES = {"built-in node": BUILT_IN, "built-in": BUILT_IN, BUILT_IN: BUILT_IN, "master": OLD_BUILT_IN}


class Tags:
    """What labels say by the configuration, `kernel-4.2` that the kernel is 4.2.

    Arguments:
        patterns: of each tag the expression that a whole label must match, its one group being the value; without any
            a label of the form `key:value` or `key=value` is a tag.
    """

    def __init__(self, patterns: Mapping[str, str]) -> None:
        self._patterns = {tag: re2.compile(pattern) for tag, pattern in patterns.items()}
        self._plain = re2.compile(r"([A-Za-z][\w.-]*)[:=](.+)")

    def of(self, labels: Sequence[str]) -> dict[str, str]:
        """Tell the tags of a node; of several labels with one tag the first counts."""
        found: dict[str, str] = {}
        for label in labels:
            if not self._patterns and (plain := self._plain.fullmatch(label)):
                found.setdefault(plain[1], plain[2])
            for tag, pattern in self._patterns.items():
                if (match := pattern.fullmatch(label)) and (value := match[1]):
                    found.setdefault(tag, value)
        return found


def node_segment(name: str) -> str:
    """Tell under which name Jenkins finds a node; the built-in one has parentheses around its own.

    Raises:
        UserError: it is no node's name.
    """
    segment = BUILT_IN_NAMES.get(name.lower(), name)
    if not is_segment(segment):
        raise UserError(f"{name!r} is not the name of a node")
    return segment


def node_path(name: str) -> str:
    """Spell a node's address under the root, `computer/arm-7/`; errors as for `node_segment`."""
    return f"computer/{quote(node_segment(name), safe='()')}/"


def read_nodes(raw: Mapping[str, Any], server: str, root: str, tags: Tags) -> list[Node]:
    """Read the nodes of a controller; what is none among them is left out."""
    computers = list(objects(raw.get("computer")))
    nodes = [each for each in computers if _is_node(each)]
    if not isinstance(raw.get("computer"), list) or (computers and not nodes):
        raise Unreadable("no nodes")
    known = {build.ref: build for build in read_running(raw, server, root)}
    return [read_node(each, server, root, tags, known) for each in nodes]


def read_node(
    raw: Mapping[str, Any], server: str, root: str, tags: Tags, known: Mapping[BuildRef, Build] | None = None
) -> Node:
    """Read one node.

    Arguments:
        known: builds that other nodes tell more of: a Pipeline's own executor knows it all, its placeholder on the node
            where it works next to nothing.
    """
    if not _is_node(raw):
        raise Unreadable("a node that does not tell its name or whether it is there")
    name, is_marked = text_of(raw["displayName"]), raw.get("temporarilyOffline") is True
    labels = _labels(raw, name)
    count = raw.get("numExecutors")
    works = {build.ref: build for executors in EXECUTORS for build in _works(raw, executors, server, root)}
    return Node(
        NodeRef(server, name),
        url=root + _path(raw, name),
        # It is offline if it is marked or has no connection [Computer.isOffline].
        offline=raw["offline"] or is_marked,
        marked=is_marked,
        reason=one_line(raw.get("offlineCauseReason"), MAX_REASON),
        labels=labels,
        tags=tags.of(labels),
        executors=count if type(count) is int and 0 <= count <= MAX_EXECUTORS else 0,
        running=tuple(replace((known or {}).get(ref, build), node=name) for ref, build in works.items()),
    )


def read_running(raw: Mapping[str, Any], server: str, root: str) -> list[Build]:
    """Read what every executor works on, each build once.

    A Pipeline sits in a one-off executor and has placeholders in ordinary ones; a cell counts as its matrix build.
    """
    computers = list(objects(raw.get("computer")))
    running: dict[BuildRef, Build] = {}
    for executors in EXECUTORS:
        for build in (each for computer in computers for each in _works(computer, executors, server, root)):
            running.setdefault(build.ref, build)
    return list(running.values())


def _works(computer: Mapping[str, Any], executors: str, server: str, root: str) -> Iterator[Build]:
    """Go through the builds in one node's executors; an older core tells no address of a placeholder."""
    for slot in objects(computer.get(executors)):
        work = slot.get("currentExecutable")
        found = read_url(work.get("url")) if isinstance(work, dict) else None
        if isinstance(work, dict) and found and found[1]:
            ref = BuildRef(JobRef(server, found[0]), found[1])
            yield read_build({"builtOn": computer.get("displayName"), **work}, ref, root)


def _is_node(raw: Mapping[str, Any]) -> bool:
    name = text_of(raw.get("displayName"))
    return is_segment(name) and len(name) <= MAX_NAME and isinstance(raw.get("offline"), bool)


def _labels(raw: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Read what jobs ask for when they choose this node, without its own name, which each node has for a label."""
    labels = [one_line(each.get("name"), MAX_NAME) for each in objects(raw.get("assignedLabels"))]
    return tuple(dict.fromkeys(label for label in labels if label and label != name))[:MAX_LABELS]


def _path(raw: Mapping[str, Any], name: str) -> str:
    """Spell the address of a node that was read; the built-in one is named in the language of whoever asks."""
    is_built_in = text_of(raw.get("_class")).endswith("MasterComputer")
    return node_path(BUILT_IN if is_built_in and name.lower() not in BUILT_IN_NAMES else name)
