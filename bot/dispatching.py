"""Starting and cancelling builds of pull requests for nobody's asking: because of what happened to them."""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot.branch import job_of
from bot.builds import CANCELLED, LIVE, START, BuildRow, Folded
from bot.ci import CANCEL, Builds
from bot.clock import Clock
from bot.effect import Effect
from bot.errors import AtLimit, NotAllowed, UserError, Void
from bot.joining import Attach
from bot.rights import Asker
from bot.trust import TrustBook, facts_of
from bot.values import Alone, JobRef, Load, Pull, QueueItem
from bot.wording import BECAUSE

DISPATCH = "dispatch"  # in the keys of effects, in the place of a handler: any of them may ask for the same


class Dispatching:
    """Has builds started and cancelled as effects that nobody asked for; on the edge loop."""

    def __init__(self, builds: Builds, trust: TrustBook, clock: Clock) -> None:
        self._builds = builds
        self._trust = trust
        self._clock = clock

    async def start(
        self, asker: Asker, context: str, pull: Pull, *, occasion: str, at_most: Load, commit: str
    ) -> QueueItem:
        """Start a context at a commit of a pull request, or take a live build for it; errors are those of the port."""
        at = replace(pull, head=commit or pull.head)
        known = self._builds.jobs.context(context, pull.ref.repo)
        job = job_of(known, pull.ref.number)
        by = await self._trust.by(pull)
        if not by:
            raise NotAllowed(f"nobody has found {pull.head:.7} of {pull.ref.short} ok to test")
        if at.head != pull.head and not self._trust.is_of_insider(pull):
            raise NotAllowed(f"nobody has found {at.head:.7} of {pull.ref.short} ok to test, but only its head")
        if known.branch and not self._trust.is_of_insider(pull):
            raise UserError(f"{context} takes no commit, so that it might build one that nobody has found ok to test")
        parameters = {**self._builds.jobs.facts(job.server, at), **known.parameters}
        payload = self._builds.payload(asker, "", job, parameters) | self._builds.of_pull(context, at)
        payload |= {
            "head": pull.head,
            "needs_trust": facts_of(pull),
            "automatic": _automatic(asker, occasion, by),
            "at_most": {"per_author": at_most.per_author, "per_repo": at_most.per_repo},
        }
        target = f"{job.server}/{job}/{context}/{pull.ref}/{at.head}/{occasion}"
        if ending := await self._builds.joining.ending(at, context):
            payload["over"] = ending
        key = await self._free(f"{pull.ref}|{DISPATCH}|{START}|{target}", asker)
        return await self._run_or_adopt(asker, key, payload, at)

    async def start_scheduled(
        self,
        asker: Asker,
        job: JobRef,
        parameters: Mapping[str, str],
        *,
        occasion: str,
        alone: Alone,
        until: datetime,
    ) -> QueueItem:
        """Start a job because its time has come; errors are those of the port."""
        given = self._builds.given(job, parameters)
        payload = self._builds.payload(asker, "", job, given)
        payload |= self._builds.of_none(self._builds.jobs.name_of_job(job), given)
        payload |= {
            "automatic": _automatic(asker, occasion),
            "alone": alone.value,
            "until_s": until.timestamp(),
        }
        key = f"{job.server}/{job}|{DISPATCH}|{START}|{occasion}"
        if await self._builds.effects.known(key) is None:
            if self._clock.now() > until:
                raise Void("its time is over")
            # What is in the ledger by now and not on the server afterwards has ended, though nobody has seen it yet.
            rows = await self._builds.database.read(lambda db: self._builds.ledger.live_in_job(db, job))
            payload["over"] = [row.request_id for row in rows if row.state != "asked"]
            if live := await self._builds.reading.in_the_way(job, alone, given):
                raise AtLimit(live)
        return await self._builds.run(key, payload, asker)

    async def cancel_overdue(self, asker: Asker, request_id: str, reason: str) -> str:
        """Cancel a build that takes too long; tell how, empty if it was over before."""
        row = await self._builds.ledger.row(request_id)
        if row is None or row.state not in LIVE:
            return ""
        payload = _cancelling(row.context, row.job_ref, row.queue_id, row.number, row.url)
        return await self._cancel(asker, _key_of(row), payload, reason)

    async def has_room(self, repo: str, author_id: int, at_most: Load) -> bool:
        """Tell whether `start` might start something as far as `at_most` goes, by what is on disk."""
        count = self._builds.ledger.count_of_pulls
        of_author, of_repo = await self._builds.database.read(lambda db: count(db, repo, author_id))
        return of_author < at_most.per_author and of_repo < at_most.per_repo

    async def cancel_older(
        self, asker: Asker, pull: Pull, contexts: Collection[str], *, keep: Collection[str], reason: str
    ) -> Sequence[str]:
        """Cancel what is live of some contexts at other commits.

        What Jenkins has not taken yet cannot be: that is noted, and done by `cancel_late` when it has.
        """
        found: dict[str, dict[str, Any]] = {}
        rows = await self._builds.ledger.live_rows(pull.ref)
        for row in rows:
            is_older = row.context in contexts and row.sha and row.sha not in keep
            # A second cancelling of the same finds it over, and would take back what the first has noted.
            if not is_older or row.cancelled_by.startswith(BECAUSE):
                continue
            if row.state == "asked":
                await self._note(row, reason)
                continue
            one = _cancelling(row.context, row.job_ref, row.queue_id, row.number, row.url)
            found[_key_of(row)] = one
        for waiting in (await self._builds.reading.queue()).found:  # what others have queued is in no ledger
            is_known = any((row.server, row.queue_id) == (waiting.job.server, waiting.queue_id) for row in rows)
            is_of_pull = waiting.pull == pull.ref and waiting.context in contexts
            if is_of_pull and not is_known and waiting.sha and waiting.sha not in keep:
                one = _cancelling(waiting.context, waiting.job, waiting.queue_id, None, waiting.url)
                found[f"{asker.event_key}|{DISPATCH}|{CANCEL}|{_target(one)}"] = one
        told = [(_name(payload), await self._cancel(asker, key, payload, reason)) for key, payload in found.items()]
        return [f"{name} {how}" for name, how in told if how]

    async def cancel_late(self, asker: Asker, request_id: str) -> str:
        """Cancel a build that Jenkins has taken after it was to be cancelled; tell how, empty if it is none such."""
        row = await self._builds.ledger.row(request_id)
        if row is None or row.state not in LIVE or not row.cancelled_by.startswith(BECAUSE):
            return ""
        is_taken = row.queue_id is not None or row.number is not None
        if not is_taken or await self._builds.effects.known(_key_of(row)) is not None:
            return ""
        payload = _cancelling(row.context, row.job_ref, row.queue_id, row.number, row.url)
        how = await self._cancel(asker, _key_of(row), payload, row.cancelled_by.removeprefix(BECAUSE))
        return f"{_name(payload)} {how}" if how else ""

    async def _cancel(self, asker: Asker, key: str, payload: dict[str, Any], reason: str) -> str:
        """Have one build cancelled; tell how, empty if it was over before."""
        payload |= {"person": "", "reason": reason, "automatic": _automatic(asker, reason)}
        try:
            effect = await self._builds.effects.run(CANCEL, key, payload, asker.event_key)
        except Void:
            return ""
        return str(effect.external["how"])

    async def _note(self, row: BuildRow, reason: str) -> None:
        """Note that a build is to be cancelled which Jenkins may be about to take."""
        given = {"the_id": row.request_id, "before": "", "by": f"{BECAUSE}{reason}"}
        await self._builds.database.write(lambda db: db.execute(CANCELLED, given))

    async def _free(self, first: str, asker: Asker) -> str:
        """Find the key of what is to be done: what came to nothing, for an event before this one, is not done yet."""
        key, number = first, 1
        while (effect := await self._builds.effects.known(key)) is not None:
            if effect.event_key == asker.event_key or not await self._came_to_nothing(effect):
                break
            number += 1
            key = f"{first}#{number}"
        return key

    async def _came_to_nothing(self, effect: Effect) -> bool:
        """Tell whether no build was started, or the build was cancelled for nobody's asking, as after another push."""
        if effect.state in ("void", "unsure"):
            return effect.state == "void"
        row = await self._builds.ledger.row(effect.external.get("row", effect.request_id))
        return row is not None and row.cancelled_by.startswith(BECAUSE)

    async def _run_or_adopt(self, asker: Asker, key: str, payload: dict[str, Any], at: Pull) -> QueueItem:
        if await self._builds.effects.known(key) is not None:
            return await self._builds.run(key, payload, asker)
        job, attach = JobRef(payload["server"], payload["job"]), self._taken_for(key, payload, asker)
        try:
            live = None
            if "over" not in payload:
                live = await self._builds.reading.server(job).live(job, payload["match"], at.head)
            if live:
                return await self._builds.joining.adopt(attach, payload, live)
            return await self._builds.run(key, payload, asker)
        except Folded as folded:
            if await self._builds.reading.is_over(folded.row):
                payload["over"] = [*payload.get("over", ()), folded.row.request_id]
            elif joined := await self._builds.joining.join(attach, folded.row):
                return joined
            return await self._run_or_adopt(asker, key, payload, at)

    def _taken_for(self, key: str, payload: Mapping[str, Any], asker: Asker) -> Attach:
        """Make what notes that a live build is what was to be started, so that nothing is when it has ended."""

        def attach(db: sqlite3.Connection, request_id: str) -> None:
            if (row := self._builds.ledger.get(db, request_id)) is not None:
                found = {"queue_id": row.queue_id, "url": row.url, "number": row.number, "row": request_id}
                self._builds.effects.found(db, START, key, payload, asker.event_key, found | {"adopted": True})

        return attach


def _cancelling(context: str, job: JobRef, queue_id: int | None, number: int | None, url: str) -> dict[str, Any]:
    """Tell the effect of cancelling what to cancel."""
    known = {"queue_id": queue_id, "number": number, "url": url}
    return {"context": context, "server": job.server, "job": job.full_name, **known}


def _name(one: Mapping[str, Any]) -> str:
    """Name what is cancelled; what waits has no number yet."""
    return f"{one['context']} #{one['number']}" if one["number"] else str(one["context"])


def _key_of(row: BuildRow) -> str:
    """Tell the key of cancelling a build that is known: once for each, whatever happens for which it is to end."""
    return f"{row.request_id}|{DISPATCH}|{CANCEL}|{row.context}"


def _target(one: Mapping[str, Any]) -> str:
    return f"{one['server']}/{one['job']}/{one['number'] or 0}/{one['queue_id'] or 0}"


def _automatic(asker: Asker, words: str, trusted_by: str = "") -> Mapping[str, str]:
    """Tell what stands behind an act that nobody asked for."""
    plugin = asker.handler.partition(".")[0].partition(":")[0]
    return {"event": asker.event_key, "command": plugin, "words": words, "trusted_by": trusted_by}
