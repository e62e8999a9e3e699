"""Facts of a build that is over: of itself, and of the cells of a matrix build that it built."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from bot.bounded import Bounded
from bot.builds import BuildRow
from bot.clock import Clock
from bot.errors import Refused, Unavailable
from bot.events import BuildFinished
from bot.facts import Diagnosis, Fact
from bot.jobs import Jobs
from bot.live import Live
from bot.ports import BuildServer
from bot.values import BuildRef, Cell, Node, NodeRef, Result

AGENTS_S = 60.0  # agents that nobody knows are asked for no more often
MOST_OWN = 5000  # where each build has an agent of its own, they are ever new
log = logging.getLogger(__name__)


class Agents:
    """Agents as they were seen last, by the watch or, if that has not seen one yet, by a question of our own.

    Arguments:
        last_seen: tells an agent, by server and name, as the watch saw it last.
    """

    def __init__(
        self, servers: Mapping[str, BuildServer], clock: Clock, last_seen: Callable[[str, str], Node | None]
    ) -> None:
        self._servers = servers
        self._clock = clock
        self._last_seen = last_seen
        self._asked_s: dict[str, float] = {}
        self._own: Bounded[NodeRef, Node] = Bounded(MOST_OWN)
        self._turn = asyncio.Lock()

    async def know(self, server: str, names: Sequence[str]) -> None:
        """See that agents are known before they are told, if their server answers."""
        async with self._turn:
            asked_s = self._asked_s.get(server)
            is_recent = asked_s is not None and self._clock.monotonic_s() - asked_s < AGENTS_S
            if is_recent or server not in self._servers or all(not name or self.get(server, name) for name in names):
                return
            self._asked_s[server] = self._clock.monotonic_s()
            try:
                self._own |= {node.ref: node for node in await self._servers[server].nodes()}
            except (Unavailable, Refused) as error:
                log.info("the labels of agents are not known: %s", error)

    def get(self, server: str, name: str) -> Node | None:
        """Tell an agent as far as it is known."""
        return self._last_seen(server, name) or self._own.get(NodeRef(server, name))


class BuildFacts:
    """Makes the facts of builds."""

    def __init__(self, live: Live, jobs: Jobs, agents: Agents) -> None:
        self._live = live
        self._jobs = jobs
        self._agents = agents

    async def prepare(self, end: BuildFinished) -> None:
        """See that the agents are known that a build ran on."""
        await self._agents.know(end.job.server, [end.node, *(cell.node for cell in end.cells)])

    def of_build(self, end: BuildFinished, row: BuildRow | None, diagnosis: Diagnosis) -> Fact:
        """Tell a build.

        Arguments:
            row: what the ledger has of it; None if that has forgotten it.
        """
        repo, branch = self._repo_and_branch(end)
        node = self._agents.get(end.job.server, end.node)
        return Fact(
            0,
            end.request_id,
            BuildRef(end.job, end.number),
            "",
            end.context,
            end.result,
            diagnosis,
            url=end.url,
            repo=repo,
            pull=end.pull,
            branch=branch,
            sha=end.built or end.sha,
            node=end.node,
            labels=node.labels if node else (),
            tags=node.tags if node else {},
            started_at=datetime.fromtimestamp(row.started_s, UTC) if row and row.started_s else None,
            finished_at=end.at,
            duration_s=end.duration_s,
            chain=(row.chain if row else "") or end.request_id,
            attempt=row.attempt if row else 1,
        )

    def of_cell(self, of: Fact, cell: Cell, diagnosis: Diagnosis) -> Fact:
        """Tell a cell of a matrix build, in all but its own as that."""
        node = self._agents.get(of.build.job.server, cell.node)
        ended = cell.started_at + timedelta(seconds=cell.duration_s) if cell.started_at else of.finished_at
        return Fact(
            0,
            of.request_id,
            of.build,
            cell.name,
            of.context,
            cell.result,
            diagnosis,
            url=cell.url,
            repo=of.repo,
            pull=of.pull,
            branch=of.branch,
            sha=of.sha,
            node=cell.node,
            labels=node.labels if node else (),
            tags=node.tags if node else {},
            started_at=cell.started_at or of.started_at,
            finished_at=min(ended, of.finished_at) if ended and of.finished_at else of.finished_at,
            duration_s=cell.duration_s,
            chain=of.chain,
            attempt=of.attempt,
        )

    def _repo_and_branch(self, end: BuildFinished) -> tuple[str, str]:
        if end.pull:
            return end.pull.repo, ""
        if pushed := self._jobs.branch_of(end.job):
            return pushed
        repos = self._live.now.repos_of(end.job)
        return (next(iter(repos)) if len(repos) == 1 else ""), ""


def bare_fact(end: BuildFinished, diagnosis: Diagnosis) -> Fact:
    """Tell of a build no more than its end does."""
    return Fact(
        0,
        end.request_id,
        BuildRef(end.job, end.number),
        "",
        end.context,
        end.result,
        diagnosis,
        url=end.url,
        repo=end.pull.repo if end.pull else "",
        pull=end.pull,
        sha=end.built or end.sha,
        node=end.node,
        finished_at=end.at,
        duration_s=end.duration_s,
        chain=end.request_id,
    )


def is_bad(cell: Cell) -> bool:
    """Tell whether a cell's log says why it did not pass."""
    return cell.result in (Result.FAILURE, Result.UNSTABLE, Result.ABORTED)
