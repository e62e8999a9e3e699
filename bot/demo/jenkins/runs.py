"""The life of builds in a Jenkins stand-in: how they begin, are stopped, outlive a restart, and end."""

from collections.abc import Callable
from typing import TypeAlias

from bot.clock import Clock
from bot.demo.jenkins.history import rotate
from bot.demo.jenkins.ledger import BuildStarted, Ledger, StopAccepted
from bot.demo.jenkins.logs import LINK_NOTE, as_lines, freestyle_head
from bot.demo.jenkins.model import RESULTS, Build, Plan, QueueItem, Result, Starting
from bot.demo.jenkins.nodes import BUILT_IN, Agent
from bot.demo.jenkins.pipeline import write_pipeline
from bot.demo.jenkins.stages import StageRun, cut_short, lay_out
from bot.demo.jenkins.timeline import Timeline

LINK_S = 15.0  # after which a Pipeline that was told to stop offers a harder way [WorkflowRun.printLater]
_DATE = "%a %b %d %H:%M:%S UTC %Y"

BuildHook: TypeAlias = Callable[[Starting], Plan | None]
Observer: TypeAlias = Callable[[Build, float], object]  # gets the build and the moment


class Runs(Timeline):
    """The builds that run, and all that happens to them."""

    def __init__(self, clock: Clock, *, executors: int) -> None:
        super().__init__(clock)
        self.ledger = Ledger()
        self.agents = {BUILT_IN: Agent(BUILT_IN, executors=executors)}
        self.hook: BuildHook | None = None
        self.began: list[Observer] = []  # told of each build that starts
        self.stopped: list[Observer] = []  # told of each build that is aborted
        self.ended: list[Observer] = []  # told of each build of which nothing changes any more
        self._running: list[Build] = []

    def running(self, now: float) -> list[Build]:
        """List the builds of which anything may still change."""
        return [build for build in self._running if build.in_progress(now)]

    def busy(self, now: float) -> list[Build]:
        """List the builds that hold an executor."""
        return [build for build in self.running(now) if not build.job.flyweight]

    def create(self, item: QueueItem, now: float) -> None:
        """Make the build of an item that left the queue; its number is used up even if that fails."""
        job = item.job
        number = item.parent.number if item.parent else job.next_number
        retried = item.parent.retried if item.parent else item.retried
        environment = retried.environment if retried else {}
        starting = Starting(job.full_name, number, item.id, item.parameters, environment)
        job.next_number = max(job.next_number, number + 1)
        plan = (self.hook(starting) if self.hook else None) or job.plan(starting)
        if not plan.is_created:
            item.is_lost = True
            return
        build = self._planned(item, number, plan, now)
        item.build = job.builds[number] = build
        self._running.append(build)
        self.ledger.builds.append(BuildStarted(self.wall(now), job.full_name, number, item.id, dict(item.parameters)))
        self.at(build.closed_s, lambda when: self._over(build, when))
        for told in self.began:
            told(build, now)

    def _planned(self, item: QueueItem, number: int, plan: Plan, now: float) -> Build:
        begin = now + (plan.node_wait_s if item.job.kind == "pipeline" else 0.0)
        stages = lay_out(plan.stages, begin)
        end = stages[-1].end_s if stages else begin + item.job.duration_s
        end = end if plan.duration_s is None else begin + plan.duration_s
        node = plan.node or item.place or BUILT_IN
        build = Build(
            job=item.job,
            number=number,
            queue_id=item.id,
            parameters=item.parameters,
            causes=tuple(item.causes),
            plan=plan,
            started_s=now,
            timestamp_ms=self.wall_ms(now),
            steps_end_s=end,
            building_end_s=end,
            closed_s=end,
            final=plan.result,
            early=[(now + after, result) for after, result in plan.early],
            stages=stages,
            parent=item.parent,
            node=node,
            place=item.place,
            only=item.only,
            retried=item.retried,
        )
        if build.is_pipeline:
            write_pipeline(build, self.wall)
        else:
            labels = self.agents[node].labels if node in self.agents else ()
            build.log.add(freestyle_head(item.causes, item.job.full_name, node, labels), now)
            build.log.add(as_lines(plan.log or item.job.log), now, end)
        self.end(build, plan.result, end)
        return build

    def end(self, build: Build, result: Result, end: float) -> None:
        """End the steps of a build, then the rest of it as planned."""
        self._end(build, result, end, publishing_s=build.plan.publishing_s)

    def _end(self, build: Build, result: Result, end: float, *, publishing_s: float = 0.0) -> None:
        """Set how and when it ends; a Pipeline's result never gets better, and its log closes with it."""
        results = [result, *(early for at, early in build.early if at < end)]
        build.final = max(results, key=RESULTS.index) if build.is_pipeline else result
        build.steps_end_s = end
        build.building_end_s = end + publishing_s
        build.closed_s = build.building_end_s + (0.0 if build.is_pipeline else build.plan.closing_s)
        build.held = None
        build.tail = f"Finished: {build.final}\n".encode() + as_lines(build.plan.late_log)
        self.at(build.closed_s, lambda when: self._over(build, when))

    def _over(self, build: Build, now: float) -> None:
        if now < build.closed_s or build not in self._running:
            return
        self._running.remove(build)
        rotate(build.job, now)
        for told in self.ended:
            told(build, now)

    def abort(self, build: Build, now: float, last_words: str, *, lasting_s: float, result: Result = "ABORTED") -> None:
        """Interrupt a build; it ends `lasting_s` later."""
        self.cut_short(build, now, last_words, result, lasting_s=lasting_s)
        for told in self.stopped:
            told(build, now)

    def cut_short(self, build: Build, now: float, last_words: str, result: Result, *, lasting_s: float) -> None:
        """Let a build end before its time."""
        build.log.cut(now)
        build.log.add(last_words.encode(), now)
        end = now + lasting_s
        build.stages = cut_short(build.stages, now, end)
        self._end(build, result, end)

    def stop(self, build: Build, user: str | None, name: str) -> None:
        """Interrupt a running build; one that ended is left as it is."""
        now = self.now_s()
        if now >= build.steps_end_s:
            return
        if not build.has_executor:
            self.kill(build)
            return
        build.stopped_by.append(name)
        self.ledger.stops.append(StopAccepted(self.wall(now), build.job.full_name, build.number, user))
        if not build.is_pipeline:
            words = f"Build was aborted\nAborted by {name}\n"
            self.abort(build, now, words, lasting_s=build.plan.stopping_s)
            return
        catch = build.plan.catches
        if catch is None:
            self.abort(build, now, f"Aborted by {name}\n", lasting_s=build.plan.stopping_s)
        elif len(build.stopped_by) > 1:
            self._insert(build, now, f"Aborted by {name}\n".encode())
        else:
            self.abort(build, now, f"Aborted by {name}\n", lasting_s=catch.lasting_s, result=catch.result)
        self._offer(build, now, "Click here to forcibly terminate running steps")

    def term(self, build: Build) -> None:
        """Fail the running steps of a Pipeline, which some outlive as well [WorkflowRun.doTerm]."""
        now = self.now_s()
        if not build.in_progress(now):
            return
        catch = build.plan.catches
        if catch is not None and catch.up_to == "term":
            self._insert(build, now, b"Terminating sh\n")
        else:
            self.abort(build, now, "Terminating sh\n", lasting_s=0.0)
        self._offer(build, now, "Click here to forcibly kill entire build")

    def kill(self, build: Build) -> None:
        """End a Pipeline at once [WorkflowRun.doKill]."""
        now = self.now_s()
        if build.in_progress(now):
            self.abort(build, now, "Hard kill!\n", lasting_s=0.0)

    def _insert(self, build: Build, now: float, words: bytes) -> None:
        rest = build.log.cut(now)
        build.log.add(words, now)
        build.log.pieces.extend(rest)

    def _offer(self, build: Build, now: float, words: str) -> None:
        def offer(when: float) -> None:
            if build.in_progress(when) and build.held is None:
                self._insert(build, when, LINK_NOTE + words.encode() + b"\n")

        self.at(now + LINK_S, offer)

    def consent(self, build: Build, stage: StageRun, name: str, *, given: bool) -> None:
        """Let a stage that waits for consent go on now, or end the build [InputStepExecution.proceed, doAbort]."""
        now = self.now_s()
        if not given:
            self.abort(build, now, f"Rejected by {name}\n", lasting_s=0.0)
            return
        build.hold(now, build.log.cut(now))
        self._release(build, now - (stage.steps_s - now), "")

    def pause_pipelines(self, now: float) -> None:
        """Hold the Pipelines, as they hold themselves when a shutdown is near [CpsThreadGroup]."""
        for build in self.running(now):
            if build.is_pipeline and build.held is None:
                self._hold(build, now, "Pausing (Preparing for shutdown)\n")

    def resume_pipelines(self, now: float) -> None:
        """Let them go on when there is no shutdown."""
        for build in self.running(now):
            if build.held is not None:
                self._release(build, now, "Resuming (Shutdown was canceled)\n")

    def _hold(self, build: Build, now: float, words: str) -> None:
        rest = build.log.cut(now)
        build.log.add(words.encode(), now)
        build.hold(now, rest)

    def _release(self, build: Build, at: float, words: str) -> None:
        held = build.held
        assert held is not None
        build.log.add(words.encode(), at)
        build.release(held, at)
        self.at(build.closed_s, lambda when: self._over(build, when))

    def take_down(self, now: float, up: float) -> None:
        """Do to each build what a restart does to its kind."""
        for build in self.running(now):
            if build.is_pipeline:
                self._take_down(build, now, up)
            elif self.faults.builds_lost_on_restart:
                del build.job.builds[build.number]
                self._running.remove(build)
            elif self.faults.builds_half_saved:
                self._save_half(build, now)
            elif now < build.steps_end_s:
                self.abort(build, now, "Build was aborted\n", lasting_s=0.0)

    def _take_down(self, build: Build, now: float, up: float) -> None:
        if build.held is None:
            build.hold(now, build.log.cut(now))
        if build.plan.resumes:
            date = self.wall(up).strftime(_DATE)
            words = f"Resuming build at {date} after Jenkins restart\nReady to run at {date}\n"
            self._release(build, up, words)
            return
        words = "java.io.IOException: Cannot resume build -- was not cleanly saved when Jenkins shut down.\n"
        self.at(up, lambda when: self.abort(build, when, words, lasting_s=0.0, result=build.plan.unresumed))

    def _save_half(self, build: Build, now: float) -> None:
        """Leave it as it is loaded again: without duration and without last line [Run.reload]."""
        build.log.cut(now)
        build.is_half_saved = True
        build.final = "FAILURE" if self.faults.half_saved_fail else "ABORTED"
        build.steps_end_s = build.building_end_s = build.closed_s = now
        build.tail = b""
        self.at(now, lambda when: self._over(build, when))
