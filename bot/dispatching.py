"""Starting and cancelling builds of pull requests for nobody's asking: because of what happened to them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bot.branch import job_of
from bot.builds import START, Folded
from bot.ci import CANCEL, Builds
from bot.errors import NotAllowed, UserError, Void
from bot.rights import Asker
from bot.trust import TrustBook
from bot.values import JobRef, Load, Pull, QueueItem

DISPATCH = "dispatch"  # in the keys of effects, in the place of a handler: any of them may ask for the same


class Dispatching:
    """Has builds started and cancelled as effects that nobody asked for; on the edge loop."""

    def __init__(self, builds: Builds, trust: TrustBook) -> None:
        self._builds = builds
        self._trust = trust

    async def start(
        self, asker: Asker, context: str, pull: Pull, *, occasion: str, at_most: Load, commit: str
    ) -> QueueItem:
        """Start a context at a commit of a pull request, or take a live build for it; errors are those of the port."""
        at = replace(pull, head=commit or pull.head)
        known = self._builds.jobs.context(context, pull.ref.repo)
        job = job_of(known, pull.ref.number)
        trust = await self._trust.of(pull)
        if not trust:
            raise NotAllowed(f"nobody has found {pull.head:.7} of {pull.ref.short} ok to test")
        if known.branch and not self._trust.is_of_insider(pull):
            raise UserError(f"{context} takes no commit, so that it might build one that nobody has found ok to test")
        parameters = {**self._builds.jobs.facts(job.server, at), **known.parameters}
        payload = self._builds.payload(asker, "", job, parameters) | self._builds.of_pull(context, at)
        payload |= {
            "head": pull.head,
            "automatic": _automatic(asker, occasion, trust.by),
            "at_most": {"per_author": at_most.per_author, "per_repo": at_most.per_repo},
        }
        key = f"{pull.ref}|{DISPATCH}|{START}|{job.server}/{job}/{context}/{pull.ref}/{at.head}/{occasion}"
        return await self._run_or_adopt(asker, key, payload, at)

    async def cancel_older(
        self, asker: Asker, pull: Pull, contexts: Collection[str], *, keep: Collection[str], reason: str
    ) -> Sequence[str]:
        """Cancel what is live of some contexts at other commits; what is not sent yet its own guard gives up."""
        told = []
        for row in await self._builds.ledger.live_rows(pull.ref):
            if row.context not in contexts or not row.sha or row.sha in keep or row.state == "asked":
                continue
            payload = {
                "context": row.context,
                "server": row.server,
                "job": row.job,
                "queue_id": row.queue_id,
                "number": row.number,
                "url": row.url,
                "person": "",
                "reason": reason,
                "automatic": _automatic(asker, reason),
            }
            target = f"{row.server}/{row.job}/{row.number or 0}/{row.queue_id or 0}"
            key = f"{asker.event_key}|{DISPATCH}|{CANCEL}|{target}"
            name = f"{row.context} #{row.number}" if row.number else row.context
            try:
                effect = await self._builds.effects.run(CANCEL, key, payload, asker.event_key)
            except Void:
                continue  # it was over before
            told.append(f"{name} {effect.external['how']}")
        return told

    async def _run_or_adopt(self, asker: Asker, key: str, payload: dict[str, Any], at: Pull) -> QueueItem:
        if await self._builds.effects.known(key) is not None:
            return await self._builds.run(key, payload, asker)
        job = JobRef(payload["server"], payload["job"])
        try:
            if live := await self._builds.reading.server(job).live(job, payload["match"], at.head):
                return await self._builds.joining.adopt(_nobody, payload, live)
            return await self._builds.run(key, payload, asker)
        except Folded as folded:
            if await self._builds.reading.is_over(folded.row):
                payload["over"] = [*payload.get("over", ()), folded.row.request_id]
            elif joined := await self._builds.joining.join(_nobody, folded.row):
                return joined
            return await self._run_or_adopt(asker, key, payload, at)


def _automatic(asker: Asker, words: str, trusted_by: str = "") -> Mapping[str, str]:
    """Tell what stands behind an act that nobody asked for."""
    plugin = asker.handler.partition(".")[0].partition(":")[0]
    return {"event": asker.event_key, "command": plugin, "words": words, "trusted_by": trusted_by}


def _nobody(db: object, request_id: str) -> None:
    """Attach nobody to a build."""
