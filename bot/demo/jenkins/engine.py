"""The controller inside a Jenkins stand-in: queue, executors and restarts as events on a clock.

Nothing runs between events: before a question is answered, all events that are due are played in their order,
so that the state is a function of the clock and of the requests, and tests need no waiting.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from bot.clock import Clock
from bot.demo.jenkins.auto_retry import Retried
from bot.demo.jenkins.causes import Cause
from bot.demo.jenkins.folders import Folder, Head
from bot.demo.jenkins.history import estimate_s
from bot.demo.jenkins.ledger import CancelAccepted, TriggerAccepted, Value
from bot.demo.jenkins.model import OPEN_STAGES, Build, Job, QueueItem, Stage
from bot.demo.jenkins.nodes import CHANNEL_CLOSED, LOST, Agent, why_not_now
from bot.demo.jenkins.parameters import label_of
from bot.demo.jenkins.runs import Runs
from bot.demo.jenkins.timeline import Event

LEFT_CACHE_S = 300.0  # how long Jenkins remembers an item that left the queue
GRACE_S = 10.0  # between the end of the last build and a safe restart [Jenkins.safeRestart]

PLUGINS = frozenset(
    {
        "cloudbees-folder",
        "git",
        "junit",
        "matrix-combinations-parameter",
        "matrix-project",
        "naginator",
        "pipeline-rest-api",
        "rebuild",
        "timestamper",
        "workflow-cps",
        "workflow-job",
    }
)


class Engine(Runs):
    """The state of the controller and all that changes it."""

    def __init__(self, clock: Clock, *, quiet_period_s: float, executors: int) -> None:
        super().__init__(clock, executors=executors)
        self.quiet_period_s = quiet_period_s
        self.jobs: dict[str, Job] = {}  # by lower-cased full name: names differ by more than case
        self.folders: dict[str, Folder] = {}  # in the same way
        self.pinned: dict[int, Head] = {}  # by queue item: what a branch's job is to check out instead of the newest
        self.items: dict[int, QueueItem] = {}
        self.plugins: set[str] = set(PLUGINS)  # short names of what is installed, as far as pages depend on it
        self.plugin_versions: dict[str, str] = {}  # of those that are older than their like here
        self.settled: list[Event] = []  # told after each look at the queue
        self.quieting = False
        self.quiet_reason: str | None = None
        self.up_s = 0.0
        self.session = ""
        self.starts = 0
        self._next_item = 1
        self._restarts_when_idle = False
        self.began += [self._forget_if_told, self._queue_block]
        self.ended.append(self._after_build)
        self._new_session()

    def trigger(
        self,
        job: Job,
        parameters: Mapping[str, Value],
        *causes: Cause,
        delay_s: float | None,
        user: str | None = None,
        retried: Retried | None = None,
    ) -> tuple[QueueItem, bool]:
        """Put a request into the queue, or into an equal item that waits there; tell the item and which it was."""
        now = self.catch_up()
        quiet = self.quiet_period_s if job.quiet_period_s is None else job.quiet_period_s
        due = now + (quiet if delay_s is None else delay_s)
        equal = self._equal_item(job, parameters)
        item = equal or self._new_item(job, parameters, now, due)
        item.retried = item.retried or retried
        item.causes.extend(causes)
        if equal is not None and equal.stage is Stage.WAITING and due < equal.due_s:
            equal.due_s, equal.due_ms = due, self.wall_ms(due)
        self.ledger.triggers.append(
            TriggerAccepted(self.wall(now), job.full_name, dict(parameters), item.id, equal is not None, user)
        )
        self.at(item.due_s, self._dispatch)
        self.catch_up()
        return item, equal is not None

    def enqueue(
        self,
        job: Job,
        parameters: Mapping[str, Value],
        causes: Sequence[Cause],
        *,
        parent: Build | None = None,
        only: Collection[str] | None = None,
        due_s: float | None = None,
    ) -> QueueItem:
        """Put a request into the queue, beside any equal one, to wait there until it is due; it is no trigger."""
        now = self.now_s()
        item = self._new_item(job, parameters, now, now if due_s is None else due_s)
        item.causes.extend(causes)
        item.parent, item.only = parent, only
        self.at(item.due_s, self._dispatch)
        return item

    def _equal_item(self, job: Job, parameters: Mapping[str, Value]) -> QueueItem | None:
        for item in self.items.values():
            if item.job is job and item.stage in OPEN_STAGES and item.parameters == parameters:
                return item
        return None

    def _new_item(self, job: Job, parameters: Mapping[str, Value], now: float, due: float) -> QueueItem:
        item = QueueItem(self._next_item, job, dict(parameters), [], self.wall_ms(now), due, self.wall_ms(due))
        self._next_item += 1
        self.items[item.id] = item
        return item

    def item(self, number: int) -> QueueItem | None:
        """Find an item, unless it left more than five minutes ago."""
        now = self.now_s()
        item = self.items.get(number)
        if item is not None and item.stage is Stage.LEFT and now - item.left_s >= LEFT_CACHE_S:
            del self.items[number]
            return None
        return item

    def cancel(self, item: QueueItem, user: str | None) -> bool:
        """Take an item out of the queue; False when it is too late for that."""
        if item.stage not in OPEN_STAGES:
            return False
        now = self.now_s()
        self.discard(item, now)
        self.ledger.cancels.append(CancelAccepted(self.wall(now), item.id, user))
        return True

    def discard(self, item: QueueItem, now: float) -> None:
        """Let an item leave the queue without a build."""
        item.cancelled = True
        self._leave(item, now)
        self.at(now, self._dispatch)

    def forget_item(self, number: int, *, before_start: bool) -> None:
        """Lose an item: its build never starts, or it starts and nobody can learn so from the queue."""
        item = self.items[number]
        if before_start or item.stage is Stage.LEFT:
            del self.items[number]
        else:
            item.forgotten_at_start = True

    def _forget_if_told(self, build: Build, now: float) -> None:
        item = self.items.get(build.queue_id)
        if item is not None and item.forgotten_at_start:
            del self.items[item.id]

    def _queue_block(self, build: Build, now: float) -> None:
        if build.is_waiting_for_node(now):
            build.block_id = self._next_item
            self._next_item += 1

    def _dispatch(self, now: float) -> None:
        if now < self.up_s:
            self.at(self.up_s, self._dispatch)
            return
        handed_over = [item for item in self.items.values() if item.stage is Stage.PENDING or _unborn(item)]
        load = Counter([build.place for build in self.busy(now)] + [item.place for item in handed_over])
        taken = {id(build.job) for build in self.running(now)} | {id(item.job) for item in handed_over}
        for item in sorted(self.items.values(), key=lambda each: each.id):
            if item.stage not in OPEN_STAGES or item.due_s > now:
                continue
            item.ready_ms = item.ready_ms or self.wall_ms(now)
            item.place = self._free_place(item, load)
            if not item.job.concurrent and id(item.job) in taken:
                item.stage, item.why = Stage.BLOCKED, self._in_progress(item.job, now)
            elif self.quieting:
                item.stage, item.why = Stage.BUILDABLE, "Jenkins is about to shut down"
            elif item.place is None and not item.job.flyweight:
                item.stage, item.why = Stage.BUILDABLE, why_not_now(label_of(item.job, item.parameters), self.agents)
            else:
                load[item.place] += 1
                taken.add(id(item.job))
                self._hand_over(item, now)
        for told in self.settled:
            told(now)

    def _free_place(self, item: QueueItem, load: Mapping[str | None, int]) -> str | None:
        """Find a node with a free executor; None when there is none, or the build needs none."""
        if item.job.flyweight:
            return None
        label = label_of(item.job, item.parameters)
        for agent in self.agents.values():
            if not agent.offline and agent.takes(label) and load.get(agent.name, 0) < agent.executors:
                return agent.name
        return None

    def _in_progress(self, job: Job, now: float) -> str:
        build = next((build for build in job.newest_first() if build.in_progress(now)), None)
        if build is None:
            return "Waiting for another build"
        estimate = estimate_s(job, now)
        eta = "N/A" if estimate is None else _span(max(0.0, build.started_s + estimate - now))
        return f"Build #{build.number} is already in progress (ETA: {eta})"

    def _hand_over(self, item: QueueItem, now: float) -> None:
        if self.faults.pending_s <= 0:
            self._leave_for_build(item, now)
            return
        item.stage, item.why = Stage.PENDING, None
        self._when_still_up(now + self.faults.pending_s, lambda when: self._leave_for_build(item, when))

    def _leave_for_build(self, item: QueueItem, now: float) -> None:
        self._leave(item, now)
        if self.faults.creation_gap_s <= 0:
            self.create(item, now)
        else:
            self._when_still_up(now + self.faults.creation_gap_s, lambda when: self.create(item, when))

    def _leave(self, item: QueueItem, now: float) -> None:
        item.stage, item.why, item.left_s = Stage.LEFT, None, now
        self.at(now + LEFT_CACHE_S, lambda _: self.items.pop(item.id, None))

    def _when_still_up(self, when_s: float, event: Event) -> None:
        starts = self.starts
        self.at(when_s, lambda when: event(when) if self.starts == starts else None)

    def mark(self, agent: Agent, reason: str | None) -> None:
        """Mark an agent offline for a reason, or take the mark away with None; what runs there goes on."""
        self.catch_up()
        agent.marked, agent.mark_reason = reason is not None, reason or ""
        self._dispatch(self.now_s())

    def disconnect(self, agent: Agent, reason: str = LOST) -> None:
        """Lose the channel to an agent: what runs there fails, but for Pipelines, which wait for it."""
        now = self.catch_up()
        agent.connected, agent.lost_reason = False, reason
        for build in self.busy(now):
            if build.node == agent.name and build.job.kind != "pipeline" and now < build.steps_end_s:
                self.cut_short(build, now, CHANNEL_CLOSED.format(agent.name), "FAILURE", lasting_s=0.0)
        self._dispatch(now)

    def connect(self, agent: Agent) -> None:
        """Have the channel to an agent again; its mark stays."""
        self.catch_up()
        agent.connected, agent.lost_reason = True, ""
        self._dispatch(self.now_s())

    def quiet_down(self, quieting: bool, reason: str | None = None) -> None:
        """Stop or resume starting builds; triggers are accepted all the while, and Pipelines hold still."""
        now = self.now_s()
        self.quieting, self.quiet_reason = quieting, reason if quieting else None
        self._restarts_when_idle = False
        if quieting:
            self.pause_pipelines(now)
        else:
            self.resume_pipelines(now)
        self._dispatch(now)

    def safe_restart(self, reason: str | None = None) -> None:
        """Quiet down, and restart once nothing runs but what can be resumed; `cancelQuietDown` calls it off."""
        self.quiet_down(True, reason)
        self._restarts_when_idle = True
        self._look_at_idleness(self.now_s())

    def _after_build(self, build: Build, now: float) -> None:
        self._dispatch(now)
        self._look_at_idleness(now)

    def _look_at_idleness(self, now: float) -> None:
        if self._restarts_when_idle and all(build.is_pipeline for build in self.running(now)):
            self._when_still_up(now + GRACE_S, self._restart_if_idle)

    def _restart_if_idle(self, now: float) -> None:
        if self._restarts_when_idle:
            self._go_down(now, self.faults.restart_s)

    def restart(self, down_s: float) -> None:
        """Go down now and come back later with another session and what each kind of build keeps."""
        self._go_down(self.catch_up(), down_s)

    def _go_down(self, now: float, down_s: float) -> None:
        self.up_s = now + down_s
        self.quieting, self.quiet_reason, self._restarts_when_idle = False, None, False
        self.take_down(now, self.up_s)
        kept = {} if self.faults.queue_lost_on_restart else self.items
        self.items = {item.id: item for item in kept.values() if item.stage in OPEN_STAGES}
        self._new_session()
        self.at(self.up_s, self._dispatch)

    def _new_session(self) -> None:
        self.starts += 1
        self.session = hashlib.sha256(f"start {self.starts}".encode()).hexdigest()[:8]


def _unborn(item: QueueItem) -> bool:
    return item.stage is Stage.LEFT and not item.cancelled and item.build is None and not item.is_lost


def _span(seconds: float) -> str:
    """Say how long something takes, as Jenkins does in an estimate [Util.getTimeSpanString]."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} hr" + (f" {minutes % 60} min" if minutes < 600 else "")
    if minutes:
        return f"{minutes} min" + (f" {rest} sec" if minutes < 10 else "")
    return f"{rest} sec"
