"""Trying builds again that failed for a reason which passes by itself: decided on disk, within limits, done once."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from bot import retry_rows
from bot.accepting import Accepting
from bot.audit import Audit, AuditRecord, short_id
from bot.branch import same as same_job
from bot.builds import LIVE, START, BuildRow, Folded
from bot.ci import Builds
from bot.clock import Clock
from bot.errors import Void, shown
from bot.events import BuildDiagnosed, BuildEvent, Event, RetryDropped, RetryDue, TroubleSeen
from bot.facts import Retry, RetryLimits, RetryPlan, RetryState
from bot.joining import Attach, adopted
from bot.ports import Later, Queued
from bot.retry_rows import Failure, Storm
from bot.rights import Asker
from bot.trust import facts_of
from bot.values import BuildRef, Pull, QueueItem, Result

HOUR_S = 3600.0
RATE_S = 30 * 86400.0  # in which a cause that fell below the floor may have become better
CAME_TO = {
    Result.SUCCESS: "passed",
    Result.UNSTABLE: "is unstable",
    Result.FAILURE: "failed",
    Result.NOT_BUILT: "was not built",
    Result.ABORTED: "was aborted",
}
CALM_S = 6 * HOUR_S  # without a failure of its cause, a storm is over though nothing was tried again to see


class Retrying:
    """Plans, starts and drops retries, on the edge loop."""

    def __init__(self, builds: Builds, accepting: Accepting, audit: Audit, clock: Clock) -> None:
        self._builds = builds
        self._accepting = accepting
        self._audit = audit
        self._clock = clock

    async def plan(self, event: BuildDiagnosed, plan: RetryPlan, limits: RetryLimits) -> Retry:
        """Decide whether a build is tried again; the first decision stays."""
        return await self._decide(event, plan, lambda db, failure: self._why_not(db, event, plan, limits, failure))

    async def refuse(self, event: BuildDiagnosed, plan: RetryPlan, reason: str) -> Retry:
        """Decide that a build is not tried again; the first decision stays."""
        return await self._decide(event, plan, lambda db, failure: (reason, ()))

    async def start(self, asker: Asker, due: RetryDue, node: str) -> QueueItem:
        """Try a build again, or take a live one of its commit for it."""
        build = BuildRef(due.job, due.diagnosed.end.number)
        if (server := self._builds.servers.get(build.job.server)) is None:
            raise Void(f"Jenkins {build.job.server} is not configured any more")
        key = f"{due.key}|{asker.handler}|{START}|{build.job.server}/{build.job}/retry of #{build.number}"
        if (begun := await self._builds.effects.known(key)) is not None:
            return await self._builds.run(key, begun.payload, asker)
        retry, failed, began = await self._builds.database.read(lambda db: self._read(db, due.request_id))
        if retry is None or failed is None or retry.state is RetryState.DROPPED:
            raise Void(retry.reason if retry else "it is not known any more")
        if began is not None:
            return adopted(began)  # taken for it before a crash
        pull = await self._pull(due)
        parameters, names = dict(await server.model(build)), self._builds.jobs.names(build.job.server)
        if not pull and parameters.get(names.pull) and (not due.sha or parameters.get(names.sha) != due.sha):
            raise Void(f"it is of pull request {shown(parameters[names.pull])}, whose head nobody here knows")
        parameters.pop(names.request_id, None)
        tried = await self._builds.effects.known(failed.effect_key)
        chosen = tried.payload.get("node", "") if tried else ""
        if chosen:
            node = ""  # somebody wants to see it there
        elif tried is not None and tried.payload.get("retry", {}).get("node"):
            parameters.pop(names.node, None)  # chosen for that try, which has failed there, too
        if node and names.node:
            parameters[names.node] = node
        payload = self._builds.payload(asker, failed.person, build.job, parameters)
        payload |= self._builds.of_pull(failed.context, pull) if pull else self._builds.of_none(failed.context, {})
        payload |= {
            "model": build.number,
            "node": chosen,
            "cells": list(retry.plan.cells),
            "retry": {
                "of": due.request_id,
                "chain": retry.chain,
                "attempt": retry.plan.attempt,
                "words": retry.plan.words,
                "event": due.diagnosed.key,
                "node": node,
            },
        }
        if pull and tried is not None and "needs_trust" in tried.payload:
            payload["needs_trust"] = facts_of(pull)  # nobody asked for the first try either
        payload["if_declared"] = [*payload.get("if_declared", ()), *([names.node] if node and names.node else ())]
        if not pull:
            payload["match"] = parameters
        return await self._run_or_join(asker, key, payload, build, pull)

    async def look_at_storms(self) -> None:
        """End the storms of which nothing has failed for long, though nothing was tried again to see."""

        def make(db: sqlite3.Connection) -> Sequence[Event]:
            return self._calmed(db, self._clock.now().timestamp())

        await self._accepting(make)

    async def passed(self, event: BuildDiagnosed) -> None:
        """End the storm of a cause if this was the one that was tried again to see."""

        def make(db: sqlite3.Connection) -> Sequence[Event]:
            tried = next(
                (one for one in retry_rows.of_chain(db, event.end.chain) if one.started_as == event.request_id), None
            )
            found = retry_rows.storm(db, tried.plan.cause) if tried else None
            if tried is None or found is None or found.trial != tried.request_id:
                return ()
            return self._over(db, tried.plan.cause, found)

        await self._accepting(make)

    async def drop(self, due: RetryDue, reason: str) -> None:
        """Decide that what was planned is not done; what was started already goes on."""

        def make(db: sqlite3.Connection) -> Sequence[Event]:
            retry, _, began = self._read(db, due.request_id)
            is_begun = began is not None and began.state not in ("void", "unsure")
            if retry is None or retry.state is RetryState.DROPPED or is_begun:
                return ()
            retry_rows.move(db, due.request_id, RetryState.DROPPED, reason=reason, started_as=retry.started_as)
            self._record(db, due.diagnosed, retry.plan, reason)
            return [self._event(RetryDropped, due.diagnosed, "dropped", reason=reason)]

        await self._accepting(make)

    async def _decide(
        self,
        event: BuildDiagnosed,
        plan: RetryPlan,
        why_not: Callable[[sqlite3.Connection, Failure], tuple[str, Sequence[Event]]],
    ) -> Retry:
        decided: list[Retry] = []

        def make(db: sqlite3.Connection) -> Sequence[Event | Later]:
            if (known := retry_rows.get(db, event.request_id)) is not None:
                decided.append(known)
                return ()
            failure = _failure(event, plan)
            reason, told = why_not(db, failure)
            now_s = self._clock.now().timestamp()
            decided.append(retry_rows.insert(db, failure, plan, reason, now_s))
            self._record(db, event, plan, reason)
            if reason:
                return told
            due = self._event(RetryDue, event, "due")
            return [*told, Later(due, plan.delay_s, ())]

        await self._accepting(make)
        return decided[0]

    def _why_not(
        self, db: sqlite3.Connection, event: BuildDiagnosed, plan: RetryPlan, limits: RetryLimits, failure: Failure
    ) -> tuple[str, Sequence[Event]]:
        """Tell why a build is not to be tried again, as far as that is on disk; empty if it is."""
        if reason := self._moved_on(db, event):
            return reason, ()
        now_s = self._clock.now().timestamp()
        told = self._calmed(db, now_s)
        reason, began = self._storm(db, failure, limits, now_s)
        told += began
        if not reason:
            reason = _above(db, failure, plan, limits, now_s) or _below(db, failure.cause, limits, now_s)
        return reason, told

    def _moved_on(self, db: sqlite3.Connection, event: BuildEvent) -> str:
        row = self._builds.ledger.get(db, event.request_id)
        moved = retry_rows.moved_on(db, event.pull, event.sha, row.asked_s) if row and event.pull else ""
        if moved:
            return moved
        newer = self._builds.ledger.newer_than(db, event.request_id)
        if newer is None:
            return ""
        if newer.state in LIVE:  # whoever waits for this one hears how that ends
            for ask in self._builds.ledger.asks(db, event.request_id):
                self._builds.ledger.ask(db, newer.request_id, ask.name, ask.place, ask.event_key)
        return _newer(newer.number, Result(newer.result) if newer.result else None)

    def _storm(
        self, db: sqlite3.Connection, failure: Failure, limits: RetryLimits, now_s: float
    ) -> tuple[str, Sequence[Event]]:
        """Tell whether too much fails of a cause for trying it again; then one at a time is, to see."""
        cause, found = failure.cause, retry_rows.storm(db, failure.cause)
        why = f"too much fails for {cause}"
        if found is None:
            failed = retry_rows.failures(db, cause, now_s, limits.storm_s)
            failed[failure.origin] += 1
            if sum(min(count, limits.storm_of_pull) for count in failed.values()) < limits.storm:
                return "", ()
            found = Storm(now_s, now_s, "")
            retry_rows.put_storm(db, cause, found)
            words = (
                f"{failed.total()} builds failed for it within {limits.storm_s / 60:g} min, so none is tried again "
                f"before it was quiet for {limits.quiet_s / 60:g} min"
            )
            return why, [self._trouble(cause, found, words)]
        is_quiet = now_s - found.last_s >= limits.quiet_s
        is_tried = bool(found.trial) and retry_rows.is_under_way(db, found.trial)
        is_trial = is_quiet and not is_tried
        trial = failure.request_id if is_trial else found.trial
        # What fails in one pull request alone is no storm any more, and must not keep others from being tried again.
        is_alone = not retry_rows.failures(db, cause, now_s, limits.quiet_s).keys() - {failure.origin}
        last_s = found.last_s if failure.pull and is_alone else now_s
        retry_rows.put_storm(db, cause, Storm(found.since_s, last_s, trial))
        return ("" if is_trial else why), ()

    def _calmed(self, db: sqlite3.Connection, now_s: float) -> list[Event]:
        found = [(cause, retry_rows.storm(db, cause)) for cause in retry_rows.calm(db, now_s - CALM_S)]
        return [each for cause, storm in found if storm for each in self._over(db, cause, storm)]

    def _over(self, db: sqlite3.Connection, cause: str, found: Storm) -> Sequence[Event]:
        retry_rows.end_storm(db, cause)
        return [self._trouble(cause, found, "")]

    def _trouble(self, cause: str, found: Storm, words: str) -> TroubleSeen:
        key = f"storm:{cause}:{found.since_s:.6f}:{'began' if words else 'over'}"
        return TroubleSeen(
            key=key, lane="trouble:retries", at=self._clock.now(), peer="retries", about=cause, words=words
        )

    def _read(self, db: sqlite3.Connection, request_id: str) -> tuple[Retry | None, BuildRow | None, BuildRow | None]:
        """Read a retry, the build that it is of, and the one that tries it again."""
        retry, ledger = retry_rows.get(db, request_id), self._builds.ledger
        began = ledger.get(db, retry.started_as) if retry and retry.started_as else None
        return retry, ledger.get(db, request_id), began

    async def _pull(self, due: RetryDue) -> Pull | None:
        """Read the pull request that a build is of, if it is of one.

        Raises:
            Void: it is closed, or has another head than was built.
        """
        if due.pull is None:
            return None
        pull = await self._builds.pull(due.pull)
        if not pull.is_open:
            raise Void(f"{pull.ref.short} is closed")
        if pull.head != due.sha:
            raise Void(f"{pull.ref.short} has moved on to {pull.head:.7}")
        return pull

    async def _run_or_join(
        self, asker: Asker, key: str, payload: dict[str, Any], build: BuildRef, pull: Pull | None
    ) -> QueueItem:
        """Start it, unless a build of the same is live, or came after it."""
        server, head, attach = self._builds.servers[build.job.server], pull.head if pull else "", self.attach(payload)
        try:
            live = await server.live(build.job, payload["match"], head)
            if live and (pull or isinstance(live, Queued) or live.ref.number > build.number):
                return await self._builds.joining.adopt(attach, payload, live)
            await self._see_newest(build, payload, head)
            return await self._builds.run(key, payload, asker)
        except Folded as folded:
            if await self._builds.reading.is_over(folded.row):
                payload["over"] = [*payload.get("over", ()), folded.row.request_id]
            elif joined := await self._builds.joining.join(attach, folded.row):
                return joined
            return await self._run_or_join(asker, key, payload, build, pull)

    async def _see_newest(self, build: BuildRef, payload: dict[str, Any], head: str) -> None:
        """See that no build came after the one that failed: of its commit, else of its job.

        Raises:
            Void: one did.
        """
        server, match = self._builds.servers[build.job.server], payload["match"] if head else {}
        if not head and isinstance(await server.live(build.job, {}), Queued):
            raise Void("a newer build waits")
        found = await server.latest(build.job, match, head)
        if found is not None and same_job(found.ref.job, build.job) and found.ref.number > build.number:
            raise Void(_newer(found.ref.number, found.result if found.finished else None))

    def attach(self, payload: dict[str, Any]) -> Attach:
        """Make what has a live build be the retry: whoever asked for the first try hears of it."""
        return lambda db, request_id: self._builds.ledger.is_retry(db, request_id, payload["retry"])

    def _event(self, kind: type[Any], event: BuildDiagnosed, what: str, **more: str) -> Any:
        return kind(
            key=f"retry:{event.request_id}:{what}",
            lane=event.lane,
            at=self._clock.now(),
            request_id=event.request_id,
            context=event.context,
            job=event.job,
            pull=event.pull,
            sha=event.sha,
            ours=event.ours,
            retrying=event.retrying,
            diagnosed=event,
            **more,
        )

    def _record(self, db: sqlite3.Connection, event: BuildDiagnosed, plan: RetryPlan, reason: str) -> None:
        record = AuditRecord(
            id=short_id(event.key),
            surface="automatic",
            message_id=event.key,
            command="retry",
            args=plan.words,
            repo=event.pull.repo if event.pull else "",
            pr=event.pull.number if event.pull else None,
            head_sha=event.sha,
            job=f"{event.job.server}/{event.job}",
            decision="dropped" if reason else "planned",
            rule=reason,
            attempt=plan.attempt,
        )
        self._audit.append_with(db, record)


def _newer(number: int | None, result: Result | None) -> str:
    """Say that a build came after the one that failed, and what it came to if it is over."""
    how = f" and {CAME_TO[result]}" if result in CAME_TO else ""
    return f"#{number} is newer{how}" if number else "a build that waits is newer"


def _failure(event: BuildDiagnosed, plan: RetryPlan) -> Failure:
    chain = event.end.chain or event.request_id
    node = "" if event.end.cells else event.end.node  # a matrix build itself runs where nothing is built
    pull = str(event.pull or "")
    return Failure(event.request_id, chain, event.job.server, event.job.full_name, node, pull, plan.cause)


def _above(db: sqlite3.Connection, failure: Failure, plan: RetryPlan, limits: RetryLimits, now_s: float) -> str:
    """Tell which limit is reached; empty for none."""
    if (tried := retry_rows.tries(db, failure.chain)) >= plan.at_most:
        return f"it was tried {tried + 1} times"
    found = retry_rows.counts(db, failure, now_s, HOUR_S)
    for count, at_most, what in (
        (found.of_cause, limits.per_cause, f"for {failure.cause}"),
        (found.of_node, limits.per_node, f"after {failure.node}"),
        (found.of_job, limits.per_job, f"of {failure.job}"),
        (found.of_pull, limits.per_pull, f"of {failure.pull}"),
        (found.of_all, limits.per_hour, "in all"),
    ):
        if count >= at_most:
            return f"{count} retries {what} within an hour are the limit"
    return ""


def _below(db: sqlite3.Connection, cause: str, limits: RetryLimits, now_s: float) -> str:
    """Tell that trying a cause again helps too seldom; empty if it does not."""
    after_s = limits.floor_since.timestamp() if limits.floor_since else 0.0
    last = retry_rows.passed(db, cause, after_s, limits.floor_after, limits.floor_of_pull)
    if len(last) < limits.floor_after or sum(last) >= limits.floor * len(last):
        return ""
    month = retry_rows.passed(db, cause, max(after_s, now_s - RATE_S), 1000, limits.floor_of_pull)
    if not month or sum(month) >= limits.floor * len(month):
        return ""
    return f"of the last {len(last)} retries for {cause} {sum(last) or 'none'} passed"
