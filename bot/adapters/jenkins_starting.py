"""Starting builds at one Jenkins, once, and finding again what was started when its answer was lost."""

from asyncio import timeout
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.adapters.jenkins_builds import Seen, fits
from bot.adapters.jenkins_cells import WHOLE, as_filter, choose_cells
from bot.adapters.jenkins_facts import KnownJobs
from bot.adapters.jenkins_http import MOVED, Answer, JenkinsHttp
from bot.adapters.jenkins_jobs import (
    BOOLEANS,
    COMBINATIONS,
    FILE,
    SECRET,
    JobFacts,
    choose_parameters,
    copied,
    differences,
    told_again,
)
from bot.adapters.jenkins_reading import JenkinsReading
from bot.adapters.jenkins_wire import job_path, objects, read_item_id
from bot.chat import Blank
from bot.errors import Refused, Unavailable, Unsure, UserError
from bot.ports import Order, Queued
from bot.settings import ParameterNames
from bot.values import Build, BuildRef, JobRef

FIRST_NAMES = "1.1.0"  # the first release of the Matrix Combinations parameter that heeds what it is sent
COMBINATIONS_PLUGIN = "matrix-combinations-parameter"
WARNING_S = 2.0  # what is worth waiting for it, as whoever asked for the build waits too
ASKED_TREE = "actions[parameters[name,value,label,jobName,number]]"
UNASKED = FILE | SECRET  # nobody types these into a form
SeenAny = Seen[Queued] | Seen[Build]


@dataclass(frozen=True, slots=True)
class _Choice:
    """What is sent to a job, and what of the order it cannot be told."""

    facts: JobFacts
    parameters: Mapping[str, str]
    notes: tuple[str, ...] = ()


class JenkinsStarting:
    """How builds start at one Jenkins; its methods are those of `BuildServer`.

    Arguments:
        user: who we are there, as its causes name us; empty for nobody.
        names: what its jobs call the facts that they get.
    """

    def __init__(
        self, http: JenkinsHttp, jobs: KnownJobs, reading: JenkinsReading, user: str, names: ParameterNames
    ) -> None:
        self._http = http
        self._jobs = jobs
        self._reading = reading
        self._user = user.casefold()
        self._names = names
        # What people ask for is never dropped unsaid; "" is the name of a fact that is not sent.
        facts = {getattr(names, each) for each in names.__struct_fields__ if each not in ("node", "cells")}
        self._added = facts | {""}

    async def trigger(self, order: Order) -> Queued:
        """Start a build by one POST, sent no later than the deadline of the whole call."""
        doing = f"starting {order.job}"
        try:
            async with timeout(self._http.deadline_s):
                queued = await self._start(order, doing)
        except TimeoutError as error:
            raise Unavailable(self._http.peer, doing) from error
        return replace(queued, notes=(*queued.notes, *await self._warnings()))

    async def takes(self, order: Order) -> None:
        """See that a job would take an order, by reading what it declares."""
        doing = f"reading {order.job}"
        try:
            async with timeout(self._http.deadline_s):
                await self._chosen(order, doing)
        except TimeoutError as error:
            raise Unavailable(self._http.peer, doing) from error

    async def blanks(self, job: JobRef) -> Sequence[Blank]:
        """Tell what people may fill in of a job; what is left empty is what the job itself makes of that."""
        doing = f"reading {job}"
        facts = await self._jobs.facts(job, doing)
        if facts is None:
            raise UserError(self.no_job(job))
        return [
            Blank(one.name, one.name, before=f"{one.name}=", choices=BOOLEANS if one.is_boolean else one.choices)
            for one in facts.definitions.values()
            if one.name not in self._added and one.kind not in UNASKED
        ]

    async def find(self, order: Order, since: datetime) -> Queued | Build | None:
        """Look for the build that an order has started, by its mark or else by everything that tells it."""
        doing = f"looking for a build of {order.job}"
        facts = await self._jobs.facts(order.job, doing)
        if facts is None:
            raise self._http.hidden(doing)  # it was there when the order was sent, and its builds may be
        # What left the queue during the first look, or had just left it and was no build yet, is seen by the second.
        for _ in range(2):
            seen = await self._reading.all_of(order.job, doing)
            found = self._marked(order, seen) or self._unmarked(order, facts, since, seen)
            if found is not None:
                return await self._reading.settled(found.what)
        return None

    async def model(self, ref: BuildRef) -> Mapping[str, str]:
        """Tell the parameters of a build that its job still declares, without the mark of its order."""
        doing = f"reading {ref}"
        facts = await self._jobs.facts(ref.job, doing)
        path = f"{job_path(ref.job.full_name)}{ref.number}/api/json"
        asked = await self._http.read(path, ASKED_TREE, doing, lambda raw: list(objects(raw.get("actions"))))
        if facts is None or asked is None:
            raise UserError(f"{self._http.peer} has no build {ref}, or hides it from us")
        parameters = [one for action in asked for one in objects(action.get("parameters"))]
        return {
            name: value for name, value in copied(ref.job, facts, parameters).items() if name != self._names.request_id
        }

    async def differs(self, order: Order, build: Build) -> Sequence[str]:
        """Tell in words what a build runs with, where that is not what was ordered."""
        facts = await self._jobs.facts(order.job, f"reading {order.job}")
        if facts is None:
            return ()
        sent = {name: value for name, value in order.parameters.items() if self._is_sent(name, order, facts)}
        return differences(facts, sent, build.parameters)

    def _is_sent(self, name: str, order: Order, facts: JobFacts) -> bool:
        """Tell whether a job gets a parameter: what we add by ourselves only where it is declared."""
        return name in facts.definitions or name not in {*self._added, *order.if_declared}

    def no_job(self, job: JobRef) -> str:
        """Say that a job is not there."""
        return f"there is no job {job} on {self._http.peer}, or it is hidden from us"

    async def _chosen(self, order: Order, doing: str) -> _Choice:
        """Tell what a job declares, and what of an order is sent to it."""
        facts = await self._jobs.facts(order.job, doing)
        if facts is None:
            raise UserError(self.no_job(order.job))
        try:
            return await self._choose(order, facts, doing)
        except UserError:
            # Somebody may have mended the job since we read it: what is refused is refused on fresh facts only.
            self._jobs.forget(order.job)
            return await self._choose(order, await self._jobs.facts(order.job, doing) or facts, doing)

    async def _choose(self, order: Order, facts: JobFacts, doing: str) -> _Choice:
        job = order.job
        if facts.holds_jobs:
            raise UserError(f"{job} holds other jobs and builds nothing itself: name one of them, {job}/...")
        if self._names.node in order.parameters and self._names.node not in facts.definitions:
            raise UserError(f"{job} cannot choose its node: it does not declare {self._names.node}")
        wanted = {**order.parameters, self._names.request_id: order.request_id}
        chosen, notes = await self._cells(order, facts, doing)
        optional = {*self._added, *order.if_declared}
        others = {name: value for name, value in wanted.items() if name not in chosen}
        return _Choice(facts, choose_parameters(job, facts, others, optional) | chosen, notes)

    async def _cells(self, order: Order, facts: JobFacts, doing: str) -> tuple[dict[str, str], tuple[str, ...]]:
        """Tell the parameter by which a job builds the cells of an order only, or why all are built."""
        job, by_name = order.job, self._names.cells
        if not order.cells:
            return {}, ()
        if facts.cells is None:
            if by_name not in facts.definitions:
                raise UserError(f"{job} is no matrix, so it has no cells to choose")
            return {by_name: " ".join(order.cells)}, ()  # a Pipeline with a matrix of its own, which only it knows
        cells = choose_cells(job, facts.cells, order.cells)
        if by_name in facts.definitions:
            return {by_name: " ".join(cells)}, ()
        if cells == (WHOLE,):
            return {}, ()
        found = [each.name for each in facts.definitions.values() if each.kind == COMBINATIONS]
        spelled = as_filter(cells)
        if not found or spelled is None:
            return {}, (f"all cells are built: {job} has no way to choose them",)
        plugins = await self._jobs.plugins(doing)
        version = plugins.get(COMBINATIONS_PLUGIN) if plugins else None
        if version is not None and version < FIRST_NAMES:
            plugin = f"{COMBINATIONS_PLUGIN} {version} of {self._http.peer}"
            return {}, (f"all cells are built: {plugin} is too old to choose them",)
        return {found[0]: spelled}, ()

    async def _start(self, order: Order, doing: str) -> Queued:
        choice = await self._chosen(order, doing)
        path, answer = await self._post(order.job, choice, doing)
        if answer.status == 400:
            # Nothing was queued. A branch gets its first parameters by its first build: then it is asked otherwise.
            self._jobs.forget(order.job)
            takes_parameters = choice.facts.takes_parameters
            choice = await self._chosen(order, doing)
            if choice.facts.takes_parameters is not takes_parameters:
                path, answer = await self._post(order.job, choice, doing)
        queue_id = self._accepted(answer, order.job, path, doing)
        url = f"{self._http.root}queue/item/{queue_id}/"
        return Queued(order.job, queue_id, url=url, parameters=choice.parameters, notes=choice.notes)

    async def _warnings(self) -> tuple[str, ...]:
        """Say that what was queued will not start, as a server that is about to shut down queues all the same."""
        try:
            async with timeout(WARNING_S):
                reason = await self._reading.quieting()
        except (TimeoutError, Unavailable, Refused):
            return ()  # the build is queued, whatever came of this question
        if reason is None:
            return ()
        why = f" ({reason})" if reason else ""
        return (f"{self._http.peer} is about to shut down{why}: it starts nothing until then",)

    async def _post(self, job: JobRef, choice: _Choice, doing: str) -> tuple[str, Answer]:
        path = job_path(job.full_name) + ("buildWithParameters" if choice.facts.takes_parameters else "build")
        return path, await self._http.post(path, choice.parameters, doing)

    def _accepted(self, answer: Answer, job: JobRef, path: str, doing: str) -> int:
        """Take the queue id out of the answer to a trigger; only 201, or 303 for a folded one, means success."""
        peer = self._http.peer
        queue_id = read_item_id(answer.headers.get("Location"))
        if answer.status in (201, 303) and queue_id is not None:
            return queue_id
        if answer.status == 201:
            raise Unavailable(peer, f"{doing}: it does not tell the queue item")
        self._jobs.forget(job)  # it is not as we thought
        if answer.status == 404:
            raise UserError(self.no_job(job))
        if answer.status == 409:
            raise UserError(f"{job} cannot be built on {peer}: it is disabled, as that of a closed pull request is")
        if answer.status == 400:
            raise UserError(f"{peer} does not take these parameters for {job}; nothing was queued")
        if answer.status == 405:
            raise Refused(peer, f"it got no POST (405, {doing}): something in front of it makes another request of it")
        if answer.status in MOVED:
            raise Refused(peer, f"it queued nothing for {job}: a plugin may have vetoed it")
        if answer.status == 500:
            raise Refused(peer, f"it failed at {doing} (500), which its own log explains")
        raise self._http.fault(answer, path, doing)

    def _marked(self, order: Order, seen: Sequence[SeenAny]) -> SeenAny | None:
        """Choose by our mark; a build that somebody repeated carries it too, and the first is ours."""
        marked = [each for each in seen if each.what.parameters.get(self._names.request_id) == order.request_id]
        return min(marked, key=lambda each: each.queue_id or 0, default=None)

    def _unmarked(self, order: Order, facts: JobFacts, since: datetime, seen: Sequence[SeenAny]) -> SeenAny | None:
        """Choose by parameters, user and time; what cannot be told apart is a person's to look at.

        A build without the mark that its job declares by now was started before that, as the first of a branch is.
        """
        if not facts.takes_parameters and (waiting := [each for each in seen if isinstance(each.what, Queued)]):
            return waiting[0]  # whoever began it: it took the order in, and would take it in now
        match = {} if self._names.request_id in facts.definitions else told_again(facts, order.match)
        earliest = since + self._http.skew  # their clock need not be ours
        fitting = [
            each
            for each in seen
            if self._names.request_id not in each.what.parameters
            and fits(each.what, match)
            and (each.at is None or each.at >= earliest)
        ]
        ours = [each for each in fitting if each.users is None or self._user in each.users]
        if not ours:
            return None
        if len(ours) > 1 or ours[0].users is None:
            raise Unsure(f"a build of {order.job}", self._http.root + job_path(order.job.full_name))
        return ours[0]
