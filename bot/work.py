"""The work loop: a thread with an event loop of its own, where plugins run and can hurt no transport.

A lane is one order per target. The handlers of one event run side by side, the events of one lane one after another,
the lanes beside each other. A handler that waits for a neighbour releases its lane.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from bot.access import Access
from bot.audit import Audit, of_event, short_id
from bot.chat import Words
from bot.clock import Clock
from bot.commands import Call, bind, find_command
from bot.confirm import Confirmations
from bot.context import Contexts
from bot.errors import (
    NotAllowed,
    Pending,
    Refused,
    StorageError,
    Unavailable,
    Unchecked,
    Unconfirmed,
    Unsure,
    UserError,
)
from bot.events import CommandGiven, Event, Tick
from bot.handling import CANCELLED_WITHIN_S, Limits, first_line, left_behind, named_line, only, sayable
from bot.live import Live
from bot.loader import Registry
from bot.logs import on_behalf_of
from bot.plugin import Command, Context, Handler
from bot.ports import Delivery, Journal, OutboxRow, Outcome
from bot.settings import CoreSettings
from bot.strikes import Strikes
from bot.tracing import span

MAX_FAILURES = 3  # of an event's handler; a command is not repeated unasked, its asker was told
REST_AT_MOST_S = 30.0  # a longer rest looks at the wall clock again, which may have jumped
# What a handler may come to: `denied` by a neighbour, or nobody can tell; `failed` is a mistake of ours.
OUTCOMES = DONE, REFUSED, WAITS, DENIED, FAILED = ("done", "refused", "waits", "denied", "failed")
AGAIN_AT_MOST_S = 30.0  # what waits for a neighbour goes on at most this long after it is back
log = logging.getLogger(__name__)
T = TypeVar("T")


class WorkLoop:
    """Works off deliveries.

    Arguments:
        say: hands words that are on disk to the outbox, from this thread.

    Attributes:
        on_handled: told which plugin had its turn, what came of it (`OUTCOMES`) and its seconds, from this thread.
    """

    def __init__(
        self,
        live: Live,
        registry: Registry,
        journal: Journal,
        contexts: Contexts,
        strikes: Strikes,
        clock: Clock,
        say: Callable[[Sequence[OutboxRow]], None],
        access: Access,
        audit: Audit,
        confirmations: Confirmations,
    ) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, name="gordon-work", daemon=True)
        self._live = live
        self._limits = Limits(live)
        self._registry = registry
        self._journal = journal
        self._contexts = contexts
        self._strikes = strikes
        self._clock = clock
        self._say = say
        self._access = access
        self._audit = audit
        self._confirmations = confirmations
        self._lanes: dict[str, deque[Delivery]] = {}
        self._resting: dict[int, asyncio.Task[None]] = {}
        self._undecided: set[str] = set()  # events of which what decides first rests
        self._lane_tasks: set[asyncio.Task[None]] = set()
        self._give_up_s: dict[int, float] = {}  # by the clock that never jumps, of deliveries that wait
        self._stopping = False
        self.on_failure: Callable[[], object] = lambda: None
        self.on_told: Callable[[str, bool], None] = lambda key, is_refused: None
        self.on_handled: Callable[[str, str, float], None] = lambda plugin, outcome, seconds: None

    @property
    def _settings(self) -> CoreSettings:
        return self._live.now.settings.gordon

    def start(self) -> None:
        """Start the thread."""
        self.loop.set_task_factory(self._limits.new_task)  # type: ignore[arg-type]
        self.thread.start()

    def submit(self, deliveries: Sequence[Delivery]) -> None:
        """Hand over deliveries from any thread, in order; what comes after the end is taken up by the next start."""
        if deliveries:
            with suppress(RuntimeError):  # the loop is closed, perhaps since a moment ago
                self.loop.call_soon_threadsafe(self._enqueue_all, deliveries)

    def wake(self, event_key: str) -> None:
        """Let deliveries of an event that wait go on at once; from any thread."""
        with suppress(RuntimeError):  # as above
            self.loop.call_soon_threadsafe(self._wake, event_key)

    async def read(self, event: CommandGiven) -> Words | None:
        """Run a command that changes nothing, and return its answer; called from the edge."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._read(event), self.loop))

    def lag(self) -> int:
        """Count what waits in lanes."""
        return sum(self.lanes())

    def lanes(self) -> Sequence[int]:
        """Count what waits in each lane; from any thread."""
        return [len(lane) for lane in list(self._lanes.values())]

    def stop(self, within_s: float) -> None:
        """Begin nothing new, let handlers that run end, then end the thread; what is left is on disk."""
        if not self.thread.is_alive():
            return
        ended = asyncio.run_coroutine_threadsafe(self._drain(within_s), self.loop)
        try:
            ended.result(within_s + CANCELLED_WITHIN_S)
        except TimeoutError:
            log.warning("a plugin blocks the work loop; its command goes on after the next start")
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(CANCELLED_WITHIN_S)
        if not self.thread.is_alive():
            self.loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            if not self._stopping:
                self.on_failure()

    async def _drain(self, within_s: float) -> None:
        self._stopping = True
        for task in self._resting.values():
            task.cancel()
        if self._lane_tasks:
            await asyncio.wait(self._lane_tasks, timeout=within_s)
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.wait(rest, timeout=CANCELLED_WITHIN_S) if rest else None

    def _enqueue_all(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            self._enqueue(delivery)

    def _enqueue(self, delivery: Delivery) -> None:
        if self._stopping:
            return  # it is on disk, and the next start takes it up; a task that never began would be left behind
        wait_s = delivery.not_before_s - self._clock.now().timestamp()
        if wait_s > 0:
            latest_s = self._clock.monotonic_s() + wait_s  # though the wall clock may be set back
            task = self.loop.create_task(self._rest(delivery, latest_s))
            self._resting[delivery.id] = task
            if self._is_first(delivery):
                self._undecided.add(delivery.event.key)
            task.set_name(delivery.event.key)
            task.add_done_callback(lambda done: self._rested(delivery, done))
            return
        lane = delivery.event.lane
        if lane in self._lanes:
            self._lanes[lane].append(delivery)
            return
        self._lanes[lane] = deque([delivery])
        work = self.loop.create_task(self._work_off(lane))
        self._lane_tasks.add(work)
        work.add_done_callback(self._lane_ended)

    def _lane_ended(self, task: asyncio.Task[None]) -> None:
        """A lane that dies would leave its events lying, so its death ends the program, which then takes them up."""
        self._lane_tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.critical("a lane died", exc_info=error)
            self.on_failure()

    async def _rest(self, delivery: Delivery, latest_s: float) -> None:
        clock, due_s = self._clock, delivery.not_before_s
        while (left_s := min(due_s - clock.now().timestamp(), latest_s - clock.monotonic_s())) > 0:
            await clock.sleep(min(left_s, REST_AT_MOST_S))

    def _rested(self, delivery: Delivery, task: asyncio.Task[None]) -> None:
        if self._resting.get(delivery.id) is task:
            del self._resting[delivery.id]
        if self._is_first(delivery):
            self._undecided.discard(delivery.event.key)
        self._enqueue(replace(delivery, not_before_s=0.0))

    def _wake(self, event_key: str) -> None:
        for task in list(self._resting.values()):
            if task.get_name() == event_key:
                task.cancel()

    async def _work_off(self, lane: str) -> None:
        waiting = self._lanes[lane]
        while waiting and not self._stopping:
            event_key = waiting[0].event.key
            together = []
            while waiting and waiting[0].event.key == event_key:
                together.append(waiting.popleft())
            rest = [each for each in together if not self._is_first(each)]
            await asyncio.gather(*(self._deliver(delivery) for delivery in together if delivery not in rest))
            if event_key in self._undecided:
                later_s = self._clock.now().timestamp() + self._settings.again_after_s
                self._enqueue_all([replace(delivery, not_before_s=later_s) for delivery in rest])
            else:
                await asyncio.gather(*(self._deliver(delivery) for delivery in rest))
        del self._lanes[lane]

    def _is_first(self, delivery: Delivery) -> bool:
        return getattr(self._registry.handlers.get(delivery.handler), "is_first", False)

    async def _deliver(self, delivery: Delivery) -> None:
        """Run one handler and commit what came of it."""
        ctx, work, plugin = self._prepared(delivery)
        with on_behalf_of(delivery.event.key, plugin), span(f"handler {delivery.handler}", delivery.event.key):
            if work is None:
                await self._bury(delivery, ctx, f"{plugin} is off")
                return
            began_s = time.monotonic()
            came_to = await self._handle(delivery, ctx, plugin, work)
            took_s = time.monotonic() - began_s
            log.debug("%s on %s: %s, %.1f ms", delivery.handler, delivery.event.key, came_to, took_s * 1e3)
        self.on_handled(plugin, came_to, took_s)

    async def _handle(
        self, delivery: Delivery, ctx: Context, plugin: str, work: Callable[[], Awaitable[Words | None]]
    ) -> str:
        """Run a handler and tell which of `OUTCOMES` it came to; the one place where a plugin's mistakes end."""
        try:
            reply = await self._limits.run(plugin, work)
            outcome = left_behind(ctx, reply, partial(self._registry.hearers_of, plugin=plugin))
        except UserError as error:
            outcome = only(self._answer_to(delivery.event, error), delivery.event, ctx)
            await self._finish(delivery, outcome, is_refused=not isinstance(error, Unconfirmed))
            return REFUSED
        except Unavailable as error:
            await self._put_off(delivery, ctx, error)
            return WAITS
        except StorageError as error:
            await self._put_off(delivery, ctx, Unavailable("the journal", str(error)))
            return WAITS
        except (Refused, Unsure) as error:
            log.error("%s: %s", delivery.handler, error)
            if ctx.place is None:  # nobody asked, so nobody is told: an operator finds it among the letters
                await self._bury(delivery, ctx, str(error))
            else:
                await self._finish(delivery, only(str(error), delivery.event, ctx))
            return DENIED
        except Exception as error:
            log.exception("handler %s failed on %s", delivery.handler, delivery.event.key)
            await self._strike(delivery, ctx, plugin, error)
            return FAILED
        await self._finish(delivery, outcome)
        return DONE

    def _prepared(self, delivery: Delivery) -> tuple[Context, Callable[[], Awaitable[Words | None]] | None, str]:
        event = delivery.event
        plugin = delivery.handler.partition(":")[0] if ":" in delivery.handler else delivery.handler.partition(".")[0]
        ctx = self._contexts.make(event, plugin, delivery.handler)
        if plugin not in self._registry.plugins or self._strikes.why_off(plugin):
            return ctx, None, plugin
        if isinstance(event, CommandGiven) and ":" in delivery.handler:
            command = self._registry.commands.get(event.command)
            if command is None:
                return ctx, None, plugin

            async def give() -> Words | None:
                usage, words = find_command(self._registry.usages, event.text)
                command, call = self._registry.commands[usage.name], bind(usage, words, self._contexts.names)
                self._weigh_again(event, command, call)
                assert command.handle is not None, "what the core does itself is delivered to nobody"
                return await command.handle(ctx, call)

            return ctx, give, plugin
        handler: Handler | None = self._registry.handlers.get(delivery.handler)
        return ctx, (lambda: handler.handle(ctx, event)) if handler else None, plugin

    def _weigh_again(self, event: CommandGiven, command: Command, call: Call) -> None:
        """Refuse what somebody might give when they gave it and may not any more, as after a wait or a restart."""
        person = self._access.people.find(event.speaker)
        if event.person and (person is None or person.key != event.person):
            raise NotAllowed(f"{event.speaker.name} is not proven to be {event.person} any more")
        try:
            self._access.weigh(event.speaker, command, call)
        except Unchecked as error:  # it was accepted, so it waits until that can be told
            raise Unavailable("GitHub", "asking who is in a team") from error

    def _answer_to(self, event: Event, error: UserError) -> Words:
        """Say why a handler did not do what was asked, and record what was refused or must be confirmed."""
        if not isinstance(event, CommandGiven) or not isinstance(error, NotAllowed | Unconfirmed):
            return str(error)
        person = self._access.people.find(event.speaker)
        decision = "refused" if isinstance(error, NotAllowed) else "to be confirmed"
        record = of_event(event, decision=decision, rule=str(error), person=person.key if person else "")
        self._audit.append(record)
        if isinstance(error, Unconfirmed) and person is not None:
            return self._confirmations.offer(event, person, error)
        return str(error)

    async def _read(self, event: CommandGiven) -> Words | None:
        handler = self._registry.commands[event.command].handler
        delivery = Delivery(0, event, handler)
        _, work, plugin = self._prepared(delivery)
        if work is None:
            return f"{plugin} is off: {self._strikes.why_off(plugin)}"
        came_to, began_s = DONE, time.monotonic()
        try:
            with on_behalf_of(event.key, plugin), span(f"handler {handler}", event.key):
                return sayable(await self._limits.run(plugin, work))
        except (UserError, Unavailable, Refused, Unsure, StorageError) as error:
            came_to = REFUSED if isinstance(error, UserError) else DENIED
            came_to = WAITS if isinstance(error, Unavailable | StorageError) else came_to
            return str(error)
        except Exception as error:
            log.exception("command %s failed", event.command)
            self._strikes.add(plugin, named_line(error))
            came_to = FAILED
            return f"{event.command} failed inside Gordon ({first_line(error)}) [{short_id(event.key)}]"
        finally:
            self.on_handled(plugin, came_to, time.monotonic() - began_s)

    async def _finish(self, delivery: Delivery, outcome: Outcome, *, is_refused: bool = False) -> None:
        """Commit a handler's end with all it left behind."""
        self._give_up_s.pop(delivery.id, None)
        begun, rows = await self._stored(lambda: self._journal.finish(delivery, outcome))
        self._tell(delivery, rows, is_refused=is_refused)
        self._enqueue_all(begun)

    async def _put_off(self, delivery: Delivery, ctx: Context, error: Unavailable) -> None:
        """Let a delivery wait on disk for a neighbour; its asker is told once, and again when it is given up."""
        now_s = self._clock.now().timestamp()
        is_first = delivery.until_s is None
        left_s = self._patience_left_s(delivery, now_s)
        until_s, waited_s = now_s + left_s, self._settings.patience_s - left_s
        pause_s = min(max(self._settings.again_after_s, waited_s), AGAIN_AT_MOST_S)
        until = datetime.fromtimestamp(until_s, UTC)
        if left_s < 0 and not isinstance(error, Pending):  # an effect under way ends by itself, and is told then
            words = f"gave up: {error.peer} did not answer until {until:%H:%M} UTC ({error.doing})"
            if ctx.place is None:
                await self._bury(delivery, ctx, words)
            else:
                await self._finish(delivery, only(words, delivery.event, ctx))
            return
        told = f"{error.peer} does not answer ({error.doing}); I will keep trying until {until:%H:%M} UTC"
        outcome = only(told, delivery.event, ctx) if is_first else Outcome()
        changed, rows = await self._stored(
            lambda: self._journal.wait(
                delivery,
                not_before_s=now_s + pause_s,
                until_s=until_s,
                failed=False,
                reason=str(error),
                outcome=outcome,
            )
        )
        self._enqueue(changed)
        self._tell(delivery, rows)

    def _patience_left_s(self, delivery: Delivery, now_s: float) -> float:
        """Tell how long a delivery may still wait; the wall clock counts only for what an earlier process began."""
        patience_s, monotonic_s = self._settings.patience_s, self._clock.monotonic_s()
        left_s = patience_s if delivery.until_s is None else min(delivery.until_s - now_s, patience_s)
        return self._give_up_s.setdefault(delivery.id, monotonic_s + left_s) - monotonic_s

    async def _strike(self, delivery: Delivery, ctx: Context, plugin: str, error: Exception) -> None:
        self._strikes.add(plugin, named_line(error))
        if ctx.place is not None or delivery.attempts + 1 >= MAX_FAILURES:
            await self._bury(delivery, ctx, named_line(error))
            return
        pause_s = self._settings.again_after_s * 2**delivery.attempts
        changed, rows = await self._stored(
            lambda: self._journal.wait(
                delivery,
                not_before_s=self._clock.now().timestamp() + pause_s,
                until_s=delivery.until_s,
                failed=True,
                reason=first_line(error),
                outcome=Outcome(),
            )
        )
        self._enqueue(changed)
        self._tell(delivery, rows)

    async def _bury(self, delivery: Delivery, ctx: Context, reason: str) -> None:
        if isinstance(delivery.event, Tick):  # the next one comes anyway, and a letter of each would be a flood
            log.error("%s: dropped a tick: %s", delivery.handler, reason)
            await self._finish(delivery, Outcome())
            return
        if await self._stored(lambda: self._contexts.give_up(delivery.event, reason)):
            await self._finish(delivery, Outcome())
            return
        self._give_up_s.pop(delivery.id, None)
        name = delivery.handler.rpartition(":")[2]
        words = f"{name} failed inside Gordon ({reason}); operators find it as letter d{delivery.id}"
        outcome = only(words, delivery.event, ctx)
        self._tell(delivery, await self._stored(lambda: self._journal.bury(delivery, reason, outcome)))

    def _tell(self, delivery: Delivery, rows: Sequence[OutboxRow], *, is_refused: bool = False) -> None:
        self._say(rows)
        if isinstance(delivery.event, CommandGiven):
            self.on_told(delivery.event.key, is_refused)

    async def _stored(self, write: Callable[[], Awaitable[T]]) -> T:
        """Write to the journal, as often as it takes: what a handler has done must not be forgotten for a full disk."""
        while True:
            try:
                return await write()
            except StorageError as error:
                log.error("trying again: %s", error)
                await self._clock.sleep(1.0)
