"""The controller inside a Jenkins stand-in: queue, executors and restarts as events on a clock.

Nothing runs between events: before a question is answered, all events that are due are played in their order,
so that the state is a function of the clock and of the requests, and tests need no waiting.
"""

import hashlib
import heapq
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count

from bot.clock import Clock
from bot.demo.jenkins.ledger import (
    BuildStarted,
    CancelAccepted,
    Faults,
    Ledger,
    StopAccepted,
    TriggerAccepted,
    Value,
)
from bot.demo.jenkins.model import (
    OPEN_STAGES,
    Build,
    Cause,
    Job,
    Plan,
    QueueItem,
    Stage,
    Starting,
    as_lines,
    log_head,
)

LEFT_CACHE_S = 300.0  # how long Jenkins remembers an item that left the queue

Event = Callable[[float], object]  # gets the moment it was planned for; what it returns does not matter
BuildHook = Callable[[Starting], Plan | None]
Observer = Callable[[Build, float], object]  # gets the build and the moment
PLUGINS = frozenset(
    {"folder", "git", "junit", "matrix-project", "naginator", "rebuild", "workflow-cps", "workflow-job"}
)


class Engine:
    """The state of the controller and all that changes it."""

    def __init__(self, clock: Clock, *, quiet_period_s: float, executors: int) -> None:
        self.clock = clock
        self.quiet_period_s = quiet_period_s
        self.executors = executors
        self.faults = Faults()
        self.ledger = Ledger()
        self.jobs: dict[str, Job] = {}  # by lower-cased full name: names differ by more than case
        self.nodes: dict[str, str | None] = {}  # name -> why it is offline, None when it is online
        self.items: dict[int, QueueItem] = {}
        self.plugins: set[str] = set(PLUGINS)  # short names of what is installed, as far as pages depend on it
        self.hook: BuildHook | None = None
        self.began: list[Observer] = []  # told of each build that starts
        self.stopped: list[Observer] = []  # told of each build that is aborted
        self.settled: list[Event] = []  # told after each look at the queue
        self.on_change: Callable[[], None] = lambda: None  # tells the ticker that an earlier event may be due
        self.quieting = False
        self.up_s = 0.0
        self.session = ""
        self.starts = 0
        self._next_item = 1
        self._running: list[Build] = []
        self._events: list[tuple[float, int, Event]] = []
        self._order = count()
        self._new_session()

    def now_s(self) -> float:
        """Tell the moment on the clock that never jumps."""
        return self.clock.monotonic_s()

    def wall(self, at_s: float) -> datetime:
        """Tell what the controller's own clock, which may be wrong, shows at a moment."""
        return self.clock.now() + timedelta(seconds=at_s - self.now_s() + self.faults.skew_s)

    def wall_ms(self, at_s: float) -> int:
        """Tell the same as Jenkins writes it in JSON."""
        return int(self.wall(at_s).timestamp() * 1000)

    def at(self, when_s: float, event: Event) -> None:
        """Plan an event."""
        heapq.heappush(self._events, (when_s, next(self._order), event))
        self.on_change()

    def catch_up(self) -> float:
        """Play all events that are due and tell the moment."""
        now = self.now_s()
        while self._events and self._events[0][0] <= now:
            when, _, event = heapq.heappop(self._events)
            event(when)
        return now

    def next_event_s(self) -> float | None:
        """Tell when the next event is due."""
        return self._events[0][0] if self._events else None

    def trigger(
        self, job: Job, parameters: Mapping[str, Value], cause: Cause, *, delay_s: float | None
    ) -> tuple[QueueItem, bool]:
        """Put a request into the queue, or into an equal item that waits there; tell the item and which it was."""
        now = self.catch_up()
        quiet = self.quiet_period_s if job.quiet_period_s is None else job.quiet_period_s
        due = now + (quiet if delay_s is None else delay_s)
        equal = self._equal_item(job, parameters)
        item = equal or self._new_item(job, parameters, now, due)
        item.causes.append(cause)
        if equal is not None and equal.stage is Stage.WAITING and due < equal.due_s:
            equal.due_s, equal.due_ms = due, self.wall_ms(due)
        self.ledger.triggers.append(
            TriggerAccepted(self.wall(now), job.full_name, dict(parameters), item.id, equal is not None, cause.user)
        )
        self.at(item.due_s, self._dispatch)
        self.catch_up()
        return item, equal is not None

    def enqueue(
        self, job: Job, parameters: Mapping[str, Value], causes: Sequence[Cause], *, parent: Build | None = None
    ) -> QueueItem:
        """Put a request without quiet period into the queue, beside any equal one; what asked for it is no trigger."""
        now = self.now_s()
        item = self._new_item(job, parameters, now, now)
        item.causes.extend(causes)
        item.parent = parent
        self.at(now, self._dispatch)
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
        item.cancelled = True
        self._leave(item, now)
        self.ledger.cancels.append(CancelAccepted(self.wall(now), item.id, user))
        return True

    def stop(self, build: Build, user: str | None, name: str) -> None:
        """Interrupt a running build; one that ended is left as it is."""
        now = self.now_s()
        if now >= build.steps_end_s:
            return
        self.abort(build, now, f"Build was aborted\nAborted by {name}\n", lasting_s=build.plan.stopping_s)
        self.ledger.stops.append(StopAccepted(self.wall(now), build.job.full_name, build.number, user))

    def forget_item(self, number: int, *, before_start: bool) -> None:
        """Lose an item: its build never starts, or it starts and nobody can learn so from the queue."""
        item = self.items[number]
        if before_start or item.stage is Stage.LEFT:
            del self.items[number]
        else:
            item.forgotten_at_start = True

    def running(self, now: float) -> list[Build]:
        """List the builds of which anything may still change."""
        self._running = [build for build in self._running if build.in_progress(now)]
        return list(self._running)

    def busy(self, now: float) -> list[Build]:
        """List the builds that hold an executor."""
        return [build for build in self.running(now) if not build.job.flyweight]

    def _dispatch(self, now: float) -> None:
        if now < self.up_s:
            self.at(self.up_s, self._dispatch)
            return
        handed_over = [item.job for item in self.items.values() if item.stage is Stage.PENDING or _unborn(item)]
        free = self.executors - len(self.busy(now)) - sum(not job.flyweight for job in handed_over)
        taken = {id(build.job) for build in self.running(now)} | {id(job) for job in handed_over}
        for item in sorted(self.items.values(), key=lambda each: each.id):
            if item.stage not in OPEN_STAGES or item.due_s > now:
                continue
            item.ready_ms = item.ready_ms or self.wall_ms(now)
            if not item.job.concurrent and id(item.job) in taken:
                item.stage, item.why = Stage.BLOCKED, self._in_progress(item.job, now)
            elif self.quieting:
                item.stage, item.why = Stage.BUILDABLE, "Jenkins is about to shut down"
            elif free <= 0 and not item.job.flyweight:
                item.stage, item.why = Stage.BUILDABLE, "Waiting for next available executor"
            else:
                free -= not item.job.flyweight
                taken.add(id(item.job))
                self._hand_over(item, now)
        for told in self.settled:
            told(now)

    def _in_progress(self, job: Job, now: float) -> str:
        numbers = [build.number for build in job.newest_first() if build.in_progress(now)]
        return f"Build #{numbers[0]} is already in progress (ETA: N/A)" if numbers else "Waiting for another build"

    def _hand_over(self, item: QueueItem, now: float) -> None:
        if self.faults.pending_s <= 0:
            self._leave_for_build(item, now)
            return
        item.stage, item.why = Stage.PENDING, None
        self._when_still_up(now + self.faults.pending_s, lambda when: self._leave_for_build(item, when))

    def _leave_for_build(self, item: QueueItem, now: float) -> None:
        self._leave(item, now)
        if self.faults.creation_gap_s <= 0:
            self._create_build(item, now)
        else:
            self._when_still_up(now + self.faults.creation_gap_s, lambda when: self._create_build(item, when))

    def _leave(self, item: QueueItem, now: float) -> None:
        item.stage, item.why, item.left_s = Stage.LEFT, None, now
        self.at(now + LEFT_CACHE_S, lambda _: self.items.pop(item.id, None))

    def _when_still_up(self, when_s: float, event: Event) -> None:
        starts = self.starts
        self.at(when_s, lambda when: event(when) if self.starts == starts else None)

    def _create_build(self, item: QueueItem, now: float) -> None:
        job = item.job
        number = item.parent.number if item.parent else job.next_number
        starting = Starting(job.full_name, number, item.id, item.parameters)
        job.next_number = max(job.next_number, number + 1)
        plan = (self.hook(starting) if self.hook else None) or job.plan(starting)
        end = now + (job.duration_s if plan.duration_s is None else plan.duration_s)
        build = Build(
            job=job,
            number=starting.number,
            queue_id=item.id,
            parameters=item.parameters,
            causes=tuple(item.causes),
            plan=plan,
            started_s=now,
            timestamp_ms=self.wall_ms(now),
            steps_end_s=end,
            building_end_s=end + plan.publishing_s,
            closed_s=end + plan.publishing_s + plan.closing_s,
            final=plan.result,
            head=log_head(item.causes, job.full_name, plan.node),
            body=as_lines(plan.log or job.log),
            tail=f"Finished: {plan.result}\n".encode(),
            parent=item.parent,
        )
        item.build = job.builds[build.number] = build
        self._running.append(build)
        if item.forgotten_at_start:
            self.items.pop(item.id, None)
        self.ledger.builds.append(
            BuildStarted(self.wall(now), job.full_name, build.number, item.id, dict(item.parameters))
        )
        self.at(build.closed_s, self._dispatch)
        for told in self.began:
            told(build, now)

    def abort(self, build: Build, now: float, last_words: str, *, lasting_s: float) -> None:
        so_far = as_lines(build.stored_log(now)[len(build.head) :])
        end = now + lasting_s
        build.body = so_far + last_words.encode()
        build.final, build.tail = "ABORTED", b"Finished: ABORTED\n"
        build.steps_end_s = build.building_end_s = end
        build.closed_s = end + build.plan.closing_s
        self.at(build.closed_s, self._dispatch)
        for told in self.stopped:
            told(build, now)

    def quiet_down(self, quieting: bool) -> None:
        """Stop or resume starting builds; triggers are accepted all the while."""
        self.quieting = quieting
        self._dispatch(self.now_s())

    def restart(self, down_s: float) -> None:
        """Go down now and come back later with another session and what a freestyle controller keeps."""
        now = self.catch_up()
        self.up_s = now + down_s
        self.quieting = False
        for build in self.running(now):
            if self.faults.builds_lost_on_restart:
                del build.job.builds[build.number]
                self._running.remove(build)
            elif now < build.steps_end_s:
                self.abort(build, now, "Build was aborted\n", lasting_s=0.0)
        kept = {} if self.faults.queue_lost_on_restart else self.items
        self.items = {item.id: item for item in kept.values() if item.stage in OPEN_STAGES}
        self._new_session()
        self.at(self.up_s, self._dispatch)

    def _new_session(self) -> None:
        self.starts += 1
        self.session = hashlib.sha256(f"start {self.starts}".encode()).hexdigest()[:8]


def _unborn(item: QueueItem) -> bool:
    return item.stage is Stage.LEFT and not item.cancelled and item.build is None
