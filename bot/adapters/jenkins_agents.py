"""The nodes of one Jenkins: listing them, and marking one offline or not any more."""

import asyncio
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from bot.adapters.jenkins_http import JenkinsHttp
from bot.adapters.jenkins_library import JenkinsLibrary
from bot.adapters.jenkins_nodes import MAX_REASON, NODES_TREE, Tags, node_path, read_node, read_nodes
from bot.adapters.jenkins_wire import Unreadable, one_line
from bot.errors import Unavailable, UserError
from bot.values import Node, NodeRef


class JenkinsAgents:
    """What `BuildServer` says of nodes.

    Arguments:
        name: of the server in our configuration.
        tags: what labels mean: tag -> regular expression with one group, the value.
    """

    def __init__(self, http: JenkinsHttp, library: JenkinsLibrary, name: str, tags: Mapping[str, str]) -> None:
        self._http = http
        self._library = library
        self._name = name
        self._tags = Tags(tags)
        self._one = asyncio.Lock()

    async def nodes(self) -> Sequence[Node]:
        """List the nodes with what runs on each."""
        return await self._http.read_always(
            "computer/api/json",
            NODES_TREE,
            "reading the nodes",
            lambda raw: read_nodes(raw, self._name, self._http.root, self._tags),
        )

    async def set_node(self, node: NodeRef, *, offline: bool, reason: str) -> Node:
        """Have a node marked offline, or not; the only command for that is a toggle [Computer.doToggleOffline].

        A node that is marked already keeps the reason that it has.
        """
        doing = f"marking {node} {'offline' if offline else 'online'}"
        async with self._one:  # a second one of ours must not toggle by what it read before the first
            before = await self._read(node, doing)
            if before.marked == offline:
                return before
            message = f"?offlineMessage={quote(one_line(reason, MAX_REASON), safe='')}" if offline else ""
            path = f"{node_path(node.name)}toggleOffline{message}"
            answer = await self._http.post(path, {}, doing)
            if answer.status == 404:
                raise UserError(self._no_node(node))
            if answer.status not in (200, 204, 302, 303):
                raise self._http.fault(answer, f"{node_path(node.name)}toggleOffline", doing)
            after = await self._read(node, doing)
        if after.marked != offline:
            raise Unavailable(self._http.peer, f"{doing}: it is not so afterwards, somebody else may have undone it")
        return after

    async def _read(self, node: NodeRef, doing: str) -> Node:
        raw = await self._library.node(node.name, doing)
        if raw is None:
            raise UserError(self._no_node(node))
        try:
            return read_node(raw, self._name, self._http.root, self._tags)
        except Unreadable as error:
            raise Unavailable(self._http.peer, f"{doing}: it answered something unreadable") from error

    def _no_node(self, node: NodeRef) -> str:
        return f"there is no node {node} on {self._http.peer}, or it is hidden from us"
