"""Starting and cancelling builds: which job builds which context, with what, and never twice for one commit."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bot import codec, retry_rows
from bot.access import Access
from bot.branch import job_of
from bot.builds import LIVE, NO_PULL, START, BuildLedger, Folded
from bot.clock import Clock
from bot.database import Database
from bot.effects import Effects
from bot.errors import UserError, shown
from bot.facts import Diagnosis
from bot.forge import PullForge
from bot.jobs import Jobs
from bot.joining import Joining, adopted
from bot.live import Live
from bot.node_effects import SET_NODE, marked, reason_of
from bot.ports import BuildServer, Order
from bot.reading import BuildReading
from bot.retry_cancelling import CANCEL_RETRY, cancelled, payload_of
from bot.rights import Asker, BuildRights, Wish
from bot.trust import TrustBook
from bot.values import (
    Build,
    BuildRef,
    JobRef,
    Node,
    NodeRef,
    PlannedRetry,
    Pull,
    PullRef,
    QueueItem,
    Role,
    Stage,
    Standing,
    Stop,
)

CANCEL = "build.cancel"


class Builds:
    """The builds of all servers, on the edge loop.

    Arguments:
        servers: by their configured names.
        forge: where pulls are read; None if none is configured.
    """

    def __init__(
        self,
        live: Live,
        servers: Mapping[str, BuildServer],
        forge: PullForge | None,
        access: Access,
        ledger: BuildLedger,
        database: Database,
        clock: Clock,
    ) -> None:
        self.servers = servers
        self.forge = forge
        self._live = live
        self._access = access
        self.ledger = ledger
        self.database = database
        self.jobs = Jobs(live)
        self.reading = BuildReading(live, self.jobs, servers, ledger)
        self.joining = Joining(self.jobs, servers, ledger, database, clock)
        self._rights = BuildRights(live, access, ledger, self.reading.of_context, lambda pull: self.trust.of(pull))
        self.effects: Effects  # wired by app.py: effects need the kinds, which need this
        self.trust: TrustBook
        self.diagnose: Callable[[BuildRef], Coroutine[Any, Any, Diagnosis]]  # wired by app.py, too

    async def pull(self, ref: PullRef) -> Pull:
        """Read a pull request as it is now."""
        if self.forge is None:
            raise UserError("no [github] is configured, so pull requests cannot be read")
        return await self.forge.pull(ref)

    async def contexts(self, asker: Asker, pull: Pull, wanted: Sequence[str] = ()) -> Mapping[str, Standing]:
        """Tell how each configured context of a pull request stands at its head, and what the asker has begun.

        Arguments:
            wanted: where each is the name of a context, only these are read, and no server but theirs.
        """
        contexts = self._live.now.contexts(pull.ref.repo)
        names = wanted if contexts.keys() >= set(wanted) else ()
        reading = (self.reading.of_context(name, pull) for name in names or contexts)
        asked, cancelling, found = await asyncio.gather(
            self.ledger.asked_by(asker.event_key, pull.ref), self._cancelling(asker), asyncio.gather(*reading)
        )
        begun = {row.context for row in asked}
        standings = {each.context: replace(each, begun=each.context in begun) for each in found}
        return standings | {each.context: each for each in cancelling if each.context in standings}

    async def start(
        self, asker: Asker, context: str, pull: Pull, *, again: bool, cells: Sequence[str] = (), node: str = ""
    ) -> QueueItem:
        """Start a context at the pull's head, or attach the asker to a live build of it."""
        known = self.jobs.context(context, pull.ref.repo)
        job = job_of(known, pull.ref.number)
        key = f"{asker.event_key}|{asker.handler}|{START}|{job.server}/{job}/{context}/{pull.ref}"
        is_begun = await self.effects.known(key) is not None
        person = await self._rights.start(asker, Wish(context, pull, again, is_begun))
        parameters = {**self.jobs.facts(job.server, pull), **known.parameters, **self._on(job.server, node)}
        payload = self.payload(asker, person.key, job, parameters) | self.of_pull(context, pull)
        payload |= {"again": again, "cells": list(cells), "node": node}
        if again or is_begun:
            return await self.run(key, payload, asker)
        return await self._run_or_join(asker, key, payload, pull, is_plain=not cells and not node)

    async def takes(self, job: JobRef, parameters: Mapping[str, str]) -> None:
        """See that a job takes these values, without starting anything."""
        await self.reading.server(job).takes(Order(job, self.given(job, parameters), ""))

    async def build(self, asker: Asker, job: JobRef, parameters: Mapping[str, str]) -> QueueItem:
        """Start any configured job for somebody who may."""
        given = self.given(job, parameters)
        person = self._access.people.find(asker.speaker)
        payload = self.payload(asker, person.key if person else "", job, given) | self.of_none(
            self.jobs.name_of_job(job), given
        )
        payload["node"] = parameters.get(self.jobs.names(job.server).node, "")
        return await self.run(f"{asker.event_key}|{asker.handler}|{START}|{job.server}/{job}", payload, asker)

    async def repeat(
        self, asker: Asker, build: BuildRef, *, again: bool = False, cells: Sequence[str] = (), node: str = ""
    ) -> QueueItem:
        """Start a build again with the parameters that it had; of a pull request only at its head."""
        job = build.job
        key = f"{asker.event_key}|{asker.handler}|{START}|{job.server}/{job}/repeat of #{build.number}"
        if (begun := await self.effects.known(key)) is not None:
            return await self.run(key, begun.payload, asker)
        for row in await self.ledger.asked_by(asker.event_key, NO_PULL):
            if (row.job_ref, row.number) == (job, build.number):  # joined before a crash; it may have ended since
                return adopted(row)
        on_node = self._on(job.server, node)
        found = await self.reading.build(build)
        context, pull = self.jobs.name(found), await self._pull_to_repeat(found)
        if pull is not None:
            person = await self._rights.start(asker, Wish(context, pull, again, begun=False))
            if not await self._has_configured_values(found, person.key):
                refusal = (
                    f"{build} may have got values that only triagers of {pull.ref.repo} may give again; "
                    f"say rebuild {pull.ref.short} {context}"
                )
                self._access.require(asker.speaker, Role.TRIAGER, pull.ref.repo, refusal)
        else:
            person = self._rights.build(asker, job, context)
            asker = replace(asker, floor=max(asker.floor, Role.MAINTAINER))
        parameters = {**await self.reading.server(job).model(build), **on_node}
        parameters.pop(self.jobs.names(job.server).request_id, None)
        payload = self.payload(asker, person.key, job, parameters)
        payload |= self.of_pull(context, pull) if pull else self.of_none(context, parameters)
        payload |= {"model": build.number, "cells": list(cells), "node": node, "again": again or pull is None}
        is_plain = not cells and not node
        if pull is not None and not again:
            return await self._run_or_join(asker, key, payload, pull, is_plain=is_plain)
        if not found.finished and is_plain and not again:
            return await self.joining.adopt(self.joining.asking(asker), payload, found)
        return await self.run(key, payload, asker)

    def may_cancel(self, asker: Asker, standing: Standing) -> None:
        """See that the asker may cancel a build; from any thread.

        Raises:
            NotAllowed: they may not, and who may.
        """
        self._rights.cancel(asker.speaker, standing)

    async def cancel(self, asker: Asker, standing: Standing, how: Stop = Stop.ASK) -> str:
        """Take a build out of the queue, or ask it to stop, or drop a retry; tell which of them in words."""
        self.may_cancel(asker, standing)
        person = getattr(self._access.people.find(asker.speaker), "key", "")
        if isinstance(standing, PlannedRetry):
            retry = standing
            due = await self.database.read(lambda db: retry_rows.due(db, retry.request_id))
            return await self._cancel(asker, CANCEL_RETRY, retry.request_id, payload_of(asker, person, retry, due))
        target = f"{standing.job.server}/{standing.job}/{standing.number or 0}/{standing.queue_id or 0}"
        payload = {
            "context": standing.context,
            "server": standing.job.server,
            "job": standing.job.full_name,
            "queue_id": standing.queue_id,
            "number": standing.number,
            "url": standing.url,
            "how": how.value,
            "person": person,
        }
        return await self._cancel(asker, CANCEL, target, payload)

    async def _cancel(self, asker: Asker, kind: str, target: str, payload: Mapping[str, Any]) -> str:
        self._rights.same_person(asker)
        key = f"{asker.event_key}|{asker.handler}|{kind}|{target}"
        effect = await self.effects.run(kind, key, payload, asker.event_key)
        return str(effect.external["how"])

    async def planned(self, asker: Asker, of: PullRef | BuildRef) -> Sequence[PlannedRetry]:
        """List what is to be tried again of a pull request, or of one build, and what the asker has cancelled of it."""
        found = await self.database.read(lambda db: retry_rows.planned(db, of))
        begun = await self.effects.begun(f"{asker.event_key}|{asker.handler}|{CANCEL_RETRY}|")
        return [*found, *map(cancelled, begun)]

    async def of_job(self, asker: Asker, job: JobRef, number: int | None) -> Standing:
        """Tell how one build stands, or the newest of a job, and what the asker has begun."""
        if begun := [each for each in await self._cancelling(asker) if (each.job, each.number) == (job, number)]:
            return begun[0]
        if number is None:
            return await self.reading.newest(job)
        return await self.reading.of_build(BuildRef(job, number))

    async def mark_node(self, asker: Asker, node: NodeRef, *, offline: bool, reason: str) -> Node:
        """Have an agent marked offline, or not any more; the first that was recorded is what counts."""
        found = await self.reading.node(node)
        person = getattr(self._access.people.find(asker.speaker), "key", "")
        payload = {
            "server": found.ref.server,
            "node": found.ref.name,
            "offline": offline,
            "reason": reason_of(person, reason),
            "url": found.url,
            "person": person,
            "floor": int(asker.floor),
            "speaker": codec.load(codec.dump(asker.speaker)),
        }
        target = f"{found.ref.server}/{found.ref.name}/{'offline' if offline else 'online'}"
        key = f"{asker.event_key}|{asker.handler}|{SET_NODE}|{target}"
        self._rights.same_person(asker)
        return marked(await self.effects.run(SET_NODE, key, payload, asker.event_key))

    async def _run_or_join(
        self, asker: Asker, key: str, payload: Mapping[str, Any], pull: Pull, *, is_plain: bool
    ) -> QueueItem:
        """Start a build of a pull request's head unless one is live, and not one that is being cancelled.

        Arguments:
            is_plain: any build of it will do; otherwise the asker is attached to none, as it may be of other cells.
        """
        context = payload["context"]
        for row in await self.ledger.asked_by(asker.event_key, pull.ref):
            if row.context == context and row.state in (*LIVE, "finished"):  # one that was given up is no answer
                return adopted(row)
        job = JobRef(payload["server"], payload["job"])
        ending = await self.joining.ending(pull, context)
        payload = {**payload, "over": sorted({*payload.get("over", ()), *ending})}
        try:
            live = None if ending else await self.reading.server(job).live(job, payload["match"], pull.head)
            if live:
                if not is_plain:
                    raise _other_than_live(context, live.url)
                return await self.joining.adopt(self.joining.asking(asker), payload, live)
            return await self.run(key, payload, asker)
        except Folded as folded:
            row = folded.row
            if row.cancelled_by or await self.reading.is_over(row):
                payload = {**payload, "over": [*payload["over"], row.request_id]}
            elif not is_plain:
                raise _other_than_live(context, row.url) from folded
            elif joined := await self.joining.join(self.joining.asking(asker), row):
                return joined
            return await self._run_or_join(asker, key, payload, pull, is_plain=is_plain)

    async def run(self, key: str, payload: Mapping[str, Any], asker: Asker) -> QueueItem:
        """Have a build started by its effect, and tell what it came to."""
        self._rights.same_person(asker)
        effect = await self.effects.run(START, key, payload, asker.event_key)
        job = JobRef(effect.payload["server"], effect.payload["job"])
        return QueueItem(
            effect.payload["context"],
            job,
            effect.external.get("queue_id"),
            effect.external.get("url", ""),
            effect.payload["sha"],
            effect.external.get("number"),
            adopted=bool(effect.external.get("adopted")),
            complaints=tuple(self.reading.server(job).complaints(job)),
            notes=(*effect.payload.get("notes", ()), *effect.external.get("notes", ())),
            request_id=effect.request_id,
        )

    async def _pull_to_repeat(self, found: Build) -> Pull | None:
        """Read the pull request that a build is of; None for a build of no context of one.

        Raises:
            UserError: it is closed, or at another commit by now.
        """
        ref, name = self.jobs.pull_of(found), self.jobs.name(found)
        if ref is None or (ref.repo, name) not in self.jobs.contexts_of(found):
            return None
        pull = await self.pull(ref)
        if not pull.is_open:
            raise UserError(f"{ref.short} is closed, so there is nothing to rebuild")
        sha = self.jobs.standing(name, found).sha or found.parameters.get(self.jobs.names(found.ref.job.server).sha, "")
        if sha and sha != pull.head:
            raise UserError(
                f"{found.ref} is of {shown(sha):.7}, and {ref.short} has moved on to {pull.head:.7}; "
                f"say rebuild {ref.short}"
            )
        return pull

    async def _has_configured_values(self, found: Build, person: str) -> bool:
        """Tell whether a build got what the configuration says: started by us, not as a copy of somebody else's."""
        mark = found.parameters.get(self.jobs.names(found.ref.job.server).request_id, "")
        row = await self.ledger.started(mark, self.jobs.seen(found)) if mark else None
        effect = await self.effects.known(row.effect_key) if row is not None else None
        if effect is None or not effect.payload["pull"]:
            return False
        return "model" not in effect.payload or effect.payload["person"] == person

    async def _cancelling(self, asker: Asker) -> Sequence[Standing]:
        """Tell what the asker has cancelled already, as it stood then."""
        begun = await self.effects.begun(f"{asker.event_key}|{asker.handler}|{CANCEL}|")
        return [
            Standing(
                effect.payload["context"],
                JobRef(effect.payload["server"], effect.payload["job"]),
                Stage.RUNNING if effect.payload["number"] else Stage.QUEUED,
                queue_id=effect.payload["queue_id"],
                number=effect.payload["number"],
                url=effect.payload["url"],
                begun=True,
            )
            for effect in begun
        ]

    def given(self, job: JobRef, parameters: Mapping[str, str]) -> dict[str, str]:
        """Add to what somebody gives what the configuration gives for a job that is about no pull request."""
        if (mark := self.jobs.names(job.server).request_id) in parameters:
            raise UserError(f"{mark} is filled in for each build; give it no value")
        known = self._live.now.settings.jobs.get(self.jobs.name_of_job(job))
        return {**(known.parameters if known else {}), **parameters}

    def _on(self, server: str, node: str) -> dict[str, str]:
        """Tell the parameter that chooses the agent; none where nobody chose."""
        if not node:
            return {}
        if not (name := self.jobs.names(server).node):
            raise UserError(
                f"Jenkins {server} has no parameter that chooses the node ([jenkins.{server}.parameters] node), "
                "so it cannot be chosen"
            )
        return {name: node}

    def payload(self, asker: Asker, person: str, job: JobRef, parameters: Mapping[str, str]) -> dict[str, Any]:
        """Tell what the effect of starting a build needs to know, whatever it is of."""
        return {
            "server": job.server,
            "job": job.full_name,
            "person": person,
            "parameters": dict(parameters),
            "floor": int(asker.floor),
            "speaker": codec.load(codec.dump(asker.speaker)),
            "place": codec.load(codec.dump(asker.place)),
        }

    def of_pull(self, context: str, pull: Pull) -> dict[str, Any]:
        """Tell the same of a context at the head of a pull request."""
        known = self.jobs.context(context, pull.ref.repo)
        return {
            "context": context,
            "repo": pull.ref.repo,
            "pull": pull.ref.number,
            "sha": pull.head,
            "author": pull.author_id,
            "match": self.jobs.match(known, pull),
            "again": False,
            # Its job takes no commit: a push between now and the start is built instead.
            "if_declared": list(known.parameters) if known.branch else [],
            "notes": [f"builds what {pull.ref.short} is at when it starts"] if known.branch else [],
        }

    def of_none(self, context: str, match: Mapping[str, str]) -> dict[str, Any]:
        """Tell the same of a build that is of no pull request."""
        return {"context": context, "repo": "", "pull": 0, "sha": "", "match": dict(match), "again": True}


def _other_than_live(context: str, url: str) -> UserError:
    return UserError(f"{context} is under way already ({url}), and not as you want it; again builds beside it")
