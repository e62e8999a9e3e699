"""Starting and cancelling a build as effects: how each is done, found again and judged."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bot import codec
from bot.access import Access
from bot.builds import START, BuildLedger, BuildRow, Folded
from bot.ci import CANCEL, Builds
from bot.clock import Clock
from bot.crash import crash_points
from bot.effect import About, Effect
from bot.errors import AtLimit, NotAllowed, Unavailable, Unchecked, UserError, Void, shown
from bot.events import BuildQueued, Event
from bot.live import Live
from bot.people import MACHINE
from bot.ports import BuildServer, Order
from bot.secret import redact
from bot.trust import pull_of
from bot.values import Alone, Build, BuildRef, JobRef, Pull, PullRef, Result, Role, Speaker, Stop
from bot.wording import BECAUSE

TAKEN_OUT = "taken out of the queue"
TOLD = {
    Stop.ASK: "asked to stop",
    Stop.TERM: "asked to end its running steps",
    Stop.KILL: "asked to end at once",
}


class StartBuild:
    """The effect of starting a build."""

    name = START

    def __init__(self, builds: Builds, ledger: BuildLedger, access: Access, live: Live, clock: Clock) -> None:
        self._builds = builds
        self._ledger = ledger
        self._access = access
        self._live = live
        self._clock = clock

    def deadline_s(self, effect: Effect) -> float:
        return self._server(effect).deadline_s

    async def perform(self, effect: Effect) -> Mapping[str, Any]:
        with crash_points("jenkins.trigger"):
            queued = await self._server(effect).trigger(order_of(effect))
        session = self._server(effect).session
        return {"queue_id": queued.id, "url": queued.url, "session": session, "notes": list(queued.notes)}

    async def look_up(self, effect: Effect) -> Mapping[str, Any] | None:
        found = await self._server(effect).find(order_of(effect), effect.recorded_at)
        if found is None:
            return None
        session = self._server(effect).session
        if isinstance(found, Build):
            return {"queue_id": found.queue_id, "url": found.url, "number": found.ref.number, "session": session}
        return {"queue_id": found.id, "url": found.url, "session": session}

    async def guard(self, effect: Effect) -> str:
        try:
            return await self._why_not_any_more(effect)
        except Unchecked as error:
            raise Unavailable("GitHub", "asking who is in a team") from error

    async def _why_not_any_more(self, effect: Effect) -> str:
        row = await self._ledger.row(effect.request_id)
        if row is not None and row.cancelled_by.startswith(BECAUSE):
            return f"{row.context} is not wanted any more: {row.cancelled_by.removeprefix(BECAUSE)}"
        if "retry" in effect.payload or "automatic" in effect.payload:
            ref = PullRef(effect.payload["repo"], effect.payload["pull"])
            if not ref.number:
                return await self._why_not_now(effect) if "alone" in effect.payload else ""
            pull = await self._builds.pull(ref)
            moved = _moved_on(effect, pull)
            if moved or "needs_trust" not in effect.payload:
                return moved
            if (was := effect.payload["needs_trust"]["base"]) != pull.base:
                return f"{pull.ref.short} is for {shown(pull.base)} and not for {shown(was)} any more"
            return "" if await self._builds.trust.by(pull) else _untrusted(pull)
        speaker, asked_by = Speaker(**effect.payload["speaker"]), effect.payload["person"]
        if getattr(self._access.people.find(speaker), "key", "") != asked_by:
            return f"{speaker.name} is not proven to be {asked_by} any more"
        if not effect.payload["pull"]:
            job = JobRef(effect.payload["server"], effect.payload["job"])
            lost = self._access.has_lost(speaker, Role(effect.payload["floor"]), job)
            return f"{speaker.name} may not start {effect.payload['context']} any more" if lost else ""
        pull = await self._builds.pull(PullRef(effect.payload["repo"], effect.payload["pull"]))
        if moved := _moved_on(effect, pull):
            return moved
        try:
            self._access.of_pull(speaker, pull)
        except Unchecked:
            raise
        except UserError as error:
            return str(error)
        return ""

    async def _why_not_now(self, effect: Effect) -> str:
        """Tell why what was due at a set time is not to be started so late; empty if it may be."""
        if self._clock.now().timestamp() > effect.payload["until_s"]:
            return f"{self.about(effect).peer} did not answer in time"
        job, given = JobRef(effect.payload["server"], effect.payload["job"]), effect.payload["match"]
        return await self._builds.reading.in_the_way(job, Alone(effect.payload["alone"]), given)

    def record(self, db: sqlite3.Connection, effect: Effect) -> None:
        row = self._builds.joining.row(effect.payload, effect.request_id, effect.key)
        over = effect.payload.get("over", ())
        if "needs_trust" in effect.payload:
            pull = pull_of(effect.payload)  # what has voided its trust since it was read is on disk
            if not self._builds.trust.by_with(db, pull):
                raise NotAllowed(_untrusted(pull))
        if not effect.payload["again"] and (live := self._ledger.same_live(db, row, over)):
            raise Folded(live)
        if retry := effect.payload.get("retry"):  # how many may be under way is weighed where it is planned
            self._ledger.insert(db, row)
            self._ledger.is_retry(db, row.request_id, retry)
            return
        if "alone" in effect.payload:
            self._see_alone(db, row, effect)
            self._ledger.insert(db, row)
            return
        if at_most := effect.payload.get("at_most"):
            self._see_load(db, row, at_most)
            self._ledger.insert(db, row)
            return
        settings = self._live.now.settings
        is_machine = effect.payload["speaker"]["network"] == MACHINE and settings.leeroy is not None
        most = settings.leeroy.builds if is_machine and settings.leeroy else settings.gordon.builds_per_person
        if row.person and self._ledger.count_of(db, row.person) >= most:
            raise UserError(f"{row.person} has {most} builds under way, which is as many as one person may have")
        self._ledger.insert(db, row)
        place = codec.load_place(codec.dump(effect.payload["place"]))
        self._ledger.ask(db, row.request_id, effect.payload["speaker"]["name"], place, effect.event_key)

    def _see_alone(self, db: sqlite3.Connection, row: BuildRow, effect: Effect) -> None:
        """See that nothing was started meanwhile that stands in the way, and which the server may not know yet."""
        is_of_job, over = effect.payload["alone"] == Alone.JOB, effect.payload["over"]
        for other in self._ledger.live_in_job(db, row.job_ref):
            if other.request_id in over:
                continue
            begun = self._builds.effects.known_with(db, other.effect_key)
            sent = begun.payload["parameters"] if begun else {}
            if is_of_job or effect.payload["match"].items() <= sent.items():
                raise AtLimit(f"a build of {row.context} is being started already")

    def _see_load(self, db: sqlite3.Connection, row: BuildRow, at_most: Mapping[str, int]) -> None:
        of_author, of_repo = self._ledger.count_of_pulls(db, row.repo, row.author)
        # These words are shown where it waits: they name no count that changes, as each change would be written there.
        if of_author >= (most := at_most["per_author"]):
            raise AtLimit(f"as many builds of the same author are under way as may be: {most}")
        if of_repo >= (most := at_most["per_repo"]):
            raise AtLimit(f"as many builds of {row.repo} are under way as may be: {most}")

    def settled(self, db: sqlite3.Connection, effect: Effect) -> Sequence[Event]:
        row = self._ledger.get(db, effect.request_id)
        if row is None:
            return ()
        if effect.state != "sent":
            # One that was queued before was told as queued, so its askers must hear of it: the watch sees to that.
            self._ledger.move(db, replace(row, state="lost" if row.queue_id is not None else effect.state))
            return ()
        number = effect.external.get("number")
        moved = replace(
            row,
            state="running" if number else "queued",
            session=effect.external.get("session", ""),
            queue_id=effect.external.get("queue_id"),
            number=number,
            url=effect.external.get("url", ""),
        )
        self._ledger.move(db, moved)
        return () if number else (self._queued(moved),)  # of one that runs, the watch tells

    def _queued(self, row: BuildRow) -> BuildQueued:
        return BuildQueued(
            key=f"build:{row.request_id}:queued:{row.queue_id or 0}",
            lane=str(row.pull_ref or row.job_ref),
            at=self._clock.now(),
            request_id=row.request_id,
            context=row.context,
            job=row.job_ref,
            pull=row.pull_ref,
            sha=row.sha,
            retrying=row.retrying,
            url=row.url,
        )

    def audit(self, effect: Effect) -> dict[str, Any]:
        payload, given = effect.payload, effect.payload["parameters"]
        return _automatic(payload.get("retry"), payload.get("automatic")) | {
            "person": payload["person"],
            "repo": payload["repo"],
            "pr": payload["pull"] or None,
            "head_sha": payload["sha"],
            "job": f"{payload['server']}/{payload['job']}",
            "params_redacted": {name: redact(f"{name}={value}").partition("=")[2] for name, value in given.items()},
            "external_id": str(effect.external.get("queue_id") or ""),
        }

    def about(self, effect: Effect) -> About:
        server = self._server(effect)
        where = server.link(JobRef(server.name, effect.payload["job"]))
        return About(f"Jenkins {server.name}", f"starting {effect.payload['context']}", where)

    def _server(self, effect: Effect) -> BuildServer:
        return self._builds.servers[effect.payload["server"]]


class CancelBuild:
    """The effect of cancelling: a wanted state, read before it is set, so that doing it again does no harm."""

    name = CANCEL

    def __init__(self, builds: Builds) -> None:
        self._builds = builds

    def deadline_s(self, effect: Effect) -> float:
        return 0.0

    async def perform(self, effect: Effect) -> Mapping[str, Any]:
        server = self._builds.servers[effect.payload["server"]]
        job, number, queue_id = JobRef(server.name, effect.payload["job"]), effect.payload["number"], None
        if number is None:
            queue_id = effect.payload["queue_id"]
            with crash_points("jenkins.cancel"):
                if await server.cancel_queued(queue_id):
                    return {"how": TAKEN_OUT}
            # It has left the queue meanwhile (contract: cancelItem answers 500 then), so it must be stopped as a build.
            left = await server.queued(job, queue_id)
            if left.cancelled:
                return {"how": TAKEN_OUT}
            build = left.build or getattr(await server.came_of(job, queue_id), "ref", None)
            if build is None and left.gone:
                raise Void(f"item {queue_id} has left the queue and no build came of it")
            if build is None:  # an executor has it, and its build is not there yet [Executor.run]
                raise Unavailable(f"Jenkins {server.name}", f"waiting for the build of item {queue_id}, to stop it")
            number = build.number
        build_now = await server.build(BuildRef(job, number))
        if build_now is None:
            raise Void(f"{job}#{number} is gone, so there is nothing to stop")
        if build_now.finished:
            raise Void(f"{job}#{number} was over before it could be stopped ({build_now.result or Result.NOT_BUILT})")
        how = Stop(effect.payload.get("how", Stop.ASK))
        with crash_points("jenkins.stop"):
            await server.stop(BuildRef(job, number), how)
        return {"how": TOLD[how], "number": number}

    async def look_up(self, effect: Effect) -> Mapping[str, Any] | None:
        """Find what was wanted come about; whoever brought it about, there is nothing left to ask for."""
        server = self._builds.servers[effect.payload["server"]]
        job, number = JobRef(server.name, effect.payload["job"]), effect.payload["number"]
        if number is None:
            left = await server.queued(job, effect.payload["queue_id"])
            if left.cancelled:
                return {"how": TAKEN_OUT}
            number = left.build.number if left.build else None
        build = await server.build(BuildRef(job, number)) if number is not None else None
        if build is not None and build.finished and build.result is Result.ABORTED:
            return {"how": "stopped", "number": number}
        return None

    async def guard(self, effect: Effect) -> str:
        return ""

    def record(self, db: sqlite3.Connection, effect: Effect) -> None:
        """Note whose doing the end of the build is, before it can be seen; the watch sees that."""
        self._builds.ledger.cancels(db, effect.payload, _by(effect))

    def settled(self, db: sqlite3.Connection, effect: Effect) -> Sequence[Event]:
        if effect.state == "void":
            self._builds.ledger.cancels(db, effect.payload, "", before=_by(effect))
        return ()

    def audit(self, effect: Effect) -> dict[str, Any]:
        number = effect.payload["number"] or effect.payload["queue_id"]
        job = f"{effect.payload['server']}/{effect.payload['job']}"
        how = effect.payload.get("how", Stop.ASK)
        more = {} if how == Stop.ASK else {"params_redacted": {"how": how}}
        told = _automatic(None, effect.payload.get("automatic"))
        return told | {"person": effect.payload["person"], "job": job, "external_id": str(number), **more}

    def about(self, effect: Effect) -> About:
        payload = effect.payload
        return About(f"Jenkins {payload['server']}", f"cancelling {payload['job']}", payload["url"])


def _by(effect: Effect) -> str:
    """Tell who cancels a build, or for what it is cancelled, as its row has it."""
    reason = effect.payload.get("reason", "")
    return str(effect.payload["person"] or (f"{BECAUSE}{reason}" if reason else ""))


def _automatic(retry: Mapping[str, Any] | None, automatic: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Tell what an audit record says of what nobody has asked for: the event behind it."""
    if automatic is not None:
        given = {"surface": "automatic", "command": automatic["command"], "message_id": automatic["event"]}
        trusted = f"trusted by {automatic['trusted_by']}" if automatic["trusted_by"] else ""
        return given | {"args": ", ".join(filter(None, (automatic["words"], trusted)))}
    if retry is None:
        return {}
    given = {"surface": "automatic", "command": "retry", "message_id": retry["event"]}
    return given | {"args": retry["words"], "attempt": retry["attempt"]}


def _untrusted(pull: Pull) -> str:
    return f"{pull.head:.7} of {pull.ref.short} is not ok to test any more"


def _moved_on(effect: Effect, pull: Pull) -> str:
    """Tell why a pull request is not what it was when a build of it was asked for; empty if it is."""
    if not pull.is_open:
        return f"{pull.ref.short} was closed before {effect.payload['context']} could be started"
    was = effect.payload.get("head", effect.payload["sha"])  # a build for nobody's asking may be of an older commit
    if pull.head != was:
        return (
            f"{pull.ref.short} moved from {was[:7]} to {pull.head[:7]} before "
            f"{effect.payload['context']} could be started; ask again to build the new commit"
        )
    return ""


def order_of(effect: Effect) -> Order:
    """Tell what the effect of starting a build sends."""
    payload, job = effect.payload, JobRef(effect.payload["server"], effect.payload["job"])
    model = payload.get("model")  # what an older version recorded has neither it nor cells
    return Order(
        job,
        payload["parameters"],
        effect.request_id,
        payload["match"],
        BuildRef(job, model) if model else None,
        tuple(payload.get("cells", ())),
        tuple(payload.get("if_declared", ())),
    )
