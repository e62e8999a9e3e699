"""Reading builds and agents on every server, so that one that does not answer hides none of the others."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from bot.branch import job_of
from bot.builds import BuildLedger, BuildRow
from bot.commands import nearest
from bot.diagnosis.redaction import Redaction, read_patterns
from bot.errors import Refused, Unavailable, UserError, shown
from bot.jobs import Jobs
from bot.live import Live
from bot.ports import BuildServer, Queued
from bot.values import (
    Alone,
    Build,
    BuildRef,
    JobRef,
    Node,
    NodeRef,
    Nodes,
    PipelineStage,
    Pull,
    Stage,
    Standing,
    Standings,
    TestReport,
)

T = TypeVar("T")


class BuildReading:
    """Reads on the edge loop what plugins ask for; what somebody has begun is told by `ci.py`.

    Arguments:
        servers: by their configured names.
    """

    def __init__(self, live: Live, jobs: Jobs, servers: Mapping[str, BuildServer], ledger: BuildLedger) -> None:
        self._live = live
        self._jobs = jobs
        self._servers = servers
        self._ledger = ledger

    def server(self, job: JobRef) -> BuildServer:
        """Find the server of a job."""
        return self._servers[job.server]

    async def of_context(self, context: str, pull: Pull) -> Standing:
        """Tell how one context of a pull request stands at its head."""
        known = self._jobs.context(context, pull.ref.repo)
        job = job_of(known, pull.ref.number)
        server, match = self.server(job), self._jobs.match(known, pull)
        found = await server.live(job, match, pull.head) or await server.latest(job, match, pull.head)
        if found is None:
            return Standing(context, job, Stage.NEVER, sha=pull.head, pull=pull.ref if known.branch else None)
        return await self.asked(self._jobs.standing(context, found), found)

    async def overview(self, pull: Pull) -> Standings:
        """Tell how the contexts of a pull request stand, as far as their servers answer."""
        names = self._live.now.contexts(pull.ref.repo)
        return Standings(*await _answered([self.of_context(name, pull) for name in names]))

    async def in_the_way(self, job: JobRef, alone: Alone, parameters: Mapping[str, str]) -> str:
        """Say which build waits or runs beside which none is to be started; empty for none."""
        found = await self.server(job).live(job, parameters if alone is Alone.PARAMETERS else {})
        if found is None:
            return ""
        if isinstance(found, Queued):
            return f"item {found.id} of it waits already ({found.url})"
        return f"#{found.ref.number} of it runs already ({found.url})"

    async def newest(self, job: JobRef) -> Standing:
        """Tell how the newest build of a job stands."""
        found = await self.server(job).latest(job, {})
        if found is None:
            return Standing(self._jobs.name_of_job(job), job, Stage.NEVER)
        return self._jobs.seen(found)

    async def build(self, ref: BuildRef) -> Build:
        """Read one build.

        Raises:
            UserError: there is none such.
        """
        found = await self.server(ref.job).build(ref)
        if found is None:
            raise UserError(f"{ref} does not exist, or not any more")
        return found

    async def is_over(self, row: BuildRow) -> bool:
        """Tell whether a build that waited or ran when it was last looked at has ended since."""
        server = self.server(row.job_ref)
        ref = BuildRef(row.job_ref, row.number) if row.number is not None else None
        if ref is None and row.queue_id is not None:
            item = await server.queued(row.job_ref, row.queue_id)
            if item.cancelled:
                return True
            ref = item.build
        found = await server.build(ref) if ref else None
        return found is not None and found.finished

    async def of_build(self, ref: BuildRef) -> Standing:
        """Tell how one build stands."""
        found = await self.build(ref)
        return await self.asked(self._jobs.seen(found), found)

    async def asked(self, standing: Standing, found: Build | Queued) -> Standing:
        """Tell with a live build who had it started, by the mark that it carries."""
        mark = found.parameters.get(self._jobs.names(standing.job.server).request_id, "")
        if not mark or not standing.is_live:
            return standing
        return replace(standing, asker=await self._ledger.asker_of(mark, standing))

    async def tests(self, ref: BuildRef) -> TestReport | None:
        """Tell what the tests of a build came to, without secrets; None when it has no report."""
        report = await self.server(ref.job).tests(ref)
        settings = self._live.now.settings.diagnosis
        return report and await asyncio.to_thread(_without_secrets, report, settings.secrets, settings.redact_emails)

    async def stages(self, ref: BuildRef) -> Sequence[PipelineStage]:
        """List the stages of a build, if its server has any to tell."""
        return await self.server(ref.job).stages(ref) or ()

    async def queue(self) -> Standings:
        """List what waits, on every server that answers."""
        return await self._everywhere(lambda server: server.queue())

    async def running(self) -> Standings:
        """List what runs, on every server that answers."""
        return await self._everywhere(lambda server: server.running())

    async def nodes(self) -> Nodes:
        """List the agents of every server that answers."""
        lists, silent = await _answered([server.nodes() for server in self._servers.values()])
        return Nodes([node for nodes in lists for node in nodes], silent)

    async def node(self, ref: NodeRef) -> Node:
        """Find an agent by its name, on the only server that has it unless one is named.

        Raises:
            UserError: there is none, or it cannot be told which is meant.
        """
        if ref.server not in ("", *self._servers):
            raise UserError(f'no Jenkins "{shown(ref.server)}"; {nearest(ref.server, self._servers)}')
        servers = [server for name, server in self._servers.items() if ref.server in ("", name)]
        lists, silent = await _answered([server.nodes() for server in servers])
        nodes = [node for each in lists for node in each]
        named = [node for node in nodes if node.ref.name == ref.name]
        named = named or [node for node in nodes if node.ref.name.casefold() == ref.name.casefold()]
        if silent:
            raise UserError(f"cannot tell where {shown(ref.name)} is, as {silent[0]}; name its server: SERVER/NAME")
        if len(named) > 1:
            which = " or ".join(f"{node.ref.server}/{node.ref.name}" for node in named)
            raise UserError(f"there are several agents of that name: say {which}")
        if not named:
            raise UserError(f'no agent "{shown(ref.name)}"; {nearest(ref.name, (node.ref.name for node in nodes))}')
        return named[0]

    async def _everywhere(
        self, read: Callable[[BuildServer], Awaitable[Sequence[Build] | Sequence[Queued]]]
    ) -> Standings:
        servers = self._servers.values()
        (lists, silent), notes = await asyncio.gather(
            _answered([read(server) for server in servers]), asyncio.gather(*(_note(server) for server in servers))
        )
        found = [self._jobs.seen(one) for each in lists for one in each]
        return Standings(found, silent, [note for note in notes if note])


async def _note(server: BuildServer) -> str:
    """Say that a server starts nothing any more: it takes builds into its queue all the same [quietingDown]."""
    try:
        why = await server.quieting()
    except (Unavailable, Refused):
        return ""  # the list itself was asked too, and says so
    if why is None:
        return ""
    return f"Jenkins {server.name} is about to shut down{f' ({why})' if why else ''}: it starts nothing"


async def _answered(readings: Sequence[Awaitable[T]]) -> tuple[list[T], list[str]]:
    """Read from several servers, so that one that does not answer hides none of the others.

    Raises:
        Unavailable, Refused: not one of them answers.
    """
    found: list[T] = []
    silent: dict[str, Unavailable | Refused] = {}
    for each in await asyncio.gather(*readings, return_exceptions=True):
        if isinstance(each, Unavailable | Refused):
            silent.setdefault(each.peer, each)
        elif isinstance(each, BaseException):
            raise each
        else:
            found.append(each)
    if silent and not found:
        raise next(iter(silent.values()))
    return found, [str(error) for error in silent.values()]


def _without_secrets(report: TestReport, more: Path | None, emails: bool) -> TestReport:
    """Cut secrets out of names and messages of tests, which a commit may have put there."""
    redaction = Redaction(read_patterns(more) if more else (), emails=emails)
    clean = [
        replace(
            test, name=redaction.clean_line(test.name), details="\n".join(redaction.clean(test.details.split("\n")))
        )
        for test in report.failures
    ]
    return replace(report, failures=tuple(clean))
