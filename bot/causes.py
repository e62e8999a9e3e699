"""The catalogue of known failures as plugins see and change it.

What people add in chat are rows of `known`. A file is written from them, whole, and the judge reads it with the other
catalogues: so what is on disk decides, and the file may be lost. A row that clashes with a catalogue of the site, which
may have come later, stays and is left out of the file.
"""

import asyncio
import json
import logging
import os
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import islice
from pathlib import Path

import msgspec

from bot.audit import Audit, AuditRecord, short_id
from bot.clock import Clock
from bot.clusters import Unexplained, cluster
from bot.database import Database
from bot.diagnosis.catalogue import SHIPPED, read_file
from bot.diagnosis.lint import wrong_with
from bot.diagnosis.plain_file import read_whole
from bot.diagnosis.proposal import Proposal, propose
from bot.diagnosis.signs import Signature
from bot.errors import ConfigError, UserError, shown
from bot.facts import Cluster, FailureClass, KnownCause, Trial
from bot.judging import Judge
from bot.known_rows import KnownRows
from bot.live import Live
from bot.secret import redact
from bot.trial import trials_of

RETRIES = {"true": True, "false": False, "unknown": None}
RETRY_WORDS = {retry: word for word, retry in RETRIES.items()}
HEAD = "# What maintainers have added in chat, written by Gordon; what is changed here is written over.\n"
MIN_GREENS = 100  # of more logs of builds that passed than these a proposed signature may be in one
MAX_UNKNOWN_S = 2.0  # that each colour is looked through for all proposals together
MAX_BUILDS = 10  # of a cluster that are named
log = logging.getLogger(__name__)
Logs = Callable[[bool], Iterator[Iterable[bytes]]]  # those that are kept, green ones or red ones, the newest first


class KnownCauses:
    """What comes with Gordon, what files of a site add, and what people have added in chat; for the work loop.

    Arguments:
        file: what is written from the rows, for the judge.
        logs: called, and read, in another thread.
    """

    def __init__(
        self,
        database: Database,
        judge: Judge,
        live: Live,
        clock: Clock,
        audit: Audit,
        file: Path,
        logs: Logs,
    ) -> None:
        self._rows = KnownRows(database)
        self._database = database
        self._judge = judge
        self._live = live
        self._clock = clock
        self._audit = audit
        self._file = file
        self._logs = logs
        self._writing = threading.Lock()
        self._looking = asyncio.Semaphore(1)  # through logs, which takes a processor

    async def begin(self) -> None:
        """Write the file anew, as it may have been lost, or the process have died before it was written."""
        try:
            await asyncio.to_thread(self._write_file)
        except (ConfigError, OSError) as error:  # a file of the site; whoever runs Gordon is told, and the rest works
            log.error("what was added in chat may not be searched for: %s", error)

    async def list(self, word: str = "") -> Sequence[KnownCause]:
        """List signatures that have a word in their id, class or expression: those of chat, of the site, Gordon's."""
        word = word.lower()
        causes = await asyncio.to_thread(self._all)
        return [one for one in causes if word in f"{one.id}\n{one.failure_class}\n{one.regex}".lower()]

    async def unknown(self, *, days: int = 30, at_most: int = 5) -> Sequence[Cluster]:
        """Cluster the failures that nothing explains, the largest first, each with a signature that was tried."""
        signatures = frozenset(cause.id for cause in await asyncio.to_thread(self._all))
        failures = await self._rows.unexplained(self._clock.now() - timedelta(days=days), signatures)
        async with self._looking:
            return await asyncio.to_thread(self._clusters, failures, at_most)

    async def trial(self, regex: str) -> Trial:
        """Look for an expression in the logs of both colours that are kept."""
        async with self._looking:
            return await asyncio.to_thread(self._trial, KnownCause("trial", FailureClass.UNKNOWN, None, regex))

    async def weigh(self, cause: KnownCause, person: str) -> Trial:
        """See that somebody may add a signature, without adding it; errors are those of `add`."""
        if refusal := await asyncio.to_thread(self._refusal, replace(cause, origin=person, is_added=True)):
            raise UserError(refusal)
        trial = await self.trial(cause.regex)
        if trial.wrong:
            raise UserError(f"the expression {trial.wrong[0]}")
        if trial.is_too_broad:
            raise UserError(
                f"it is found in {trial.greens} of {trial.greens_tried} logs of builds that passed, so it tells "
                "nothing: require more of the text that only this failure has"
            )
        return trial

    async def add(self, cause: KnownCause, person: str) -> Trial:
        """Add a signature for all logs from now on; the same one of the same person a second time changes nothing.

        Raises:
            UserError: the expression is wrong or too broad, or the id or the expression is there already.
        """
        trial = await self.weigh(cause, person)
        cause = replace(cause, origin=person, is_added=True, is_unproven=trial.is_unproven)

        def make(db: sqlite3.Connection) -> KnownCause:
            is_new = not any(one.id == cause.id for one in self._rows.all(db))
            if is_new:
                self._audit.append_with(db, _record(cause, person, "known add"))
            return self._rows.add(db, cause, self._clock.now().timestamp())

        kept = await self._database.write(make)
        if not _is_same(kept, cause):
            raise UserError(f"{kept.id} is there already: it {whence(kept)}; choose another id")
        try:
            await asyncio.to_thread(self._write_file)
        except ConfigError as error:
            await self._database.write(lambda db: self._rows.remove(db, cause.id))
            await asyncio.to_thread(self._write_file)
            raise UserError(f"{cause.id} cannot be compiled together with all others: {error}") from error
        return trial

    async def remove(self, cause_id: str, person: str) -> None:
        """Forget a signature that was added in chat.

        Raises:
            UserError: there is none, or it comes from a file.
        """

        def make(db: sqlite3.Connection) -> bool:
            found = next((one for one in self._rows.all(db) if one.id == cause_id), None)
            if found is None:
                return False
            self._audit.append_with(db, _record(found, person, "known remove"))
            return self._rows.remove(db, cause_id)

        if not await self._database.write(make):
            found = next((one for one in await self.list(cause_id) if one.id == cause_id), None)
            if found is None:
                raise UserError(f'no signature "{shown(cause_id)}" is there, or not any more')
            raise UserError(f"{found.id} {whence(found)}, so it cannot be removed in chat")
        await asyncio.to_thread(self._write_file)

    def _trial(self, cause: KnownCause) -> Trial:
        sign = signature_of(cause)
        if wrong := wrong_with(sign, self._today):
            return Trial(tuple(wrong))
        return trials_of([sign], self._logs(False), self._logs(True))[0]

    def _clusters(self, failures: Sequence[Unexplained], at_most: int) -> Sequence[Cluster]:
        unknown = (one for one in cluster(failures) if not self._is_known(one[0].text))
        found = list(islice(unknown, at_most))
        proposals = [propose([failure.text for failure in one]) for one in found]
        signs = [signature_of(KnownCause("trial", FailureClass.UNKNOWN, None, p.regex)) for p in proposals if p.regex]
        tried = trials_of(signs, self._logs(False), self._logs(True), max_s=MAX_UNKNOWN_S) if signs else ()
        trials = iter(tried)
        return [
            _told(one, proposal, next(trials) if proposal.regex else Trial())
            for one, proposal in zip(found, proposals, strict=True)
        ]

    def _is_known(self, line: str) -> bool:
        """Tell whether a signature knows a line by now, as one does that was added since."""
        catalogue, text = self._judge.catalogue(), line.encode("utf-8", "replace")
        return any(
            isinstance(catalogue.signs[position], Signature) and catalogue.found(position, text, most=1)
            for position in catalogue.scan(text)
        )

    def _refusal(self, cause: KnownCause) -> str:
        """Say why a signature cannot be added, whatever logs say; empty if it can."""
        if wrong := wrong_with(signature_of(cause), self._today):
            return f"{shown(cause.id)}: {wrong[0]}"
        for other in self._all():
            if other.id == cause.id and not _is_same(other, cause):
                return f"{other.id} is there already: it {whence(other)}; choose another id"
            if other.id != cause.id and other.regex == cause.regex:
                return f"the same expression is known as {other.id}, which {whence(other)}"
        return ""

    def _all(self) -> Sequence[KnownCause]:
        try:
            return self._read_all()
        except (ConfigError, OSError) as error:
            raise UserError(f"the catalogues of known causes cannot be read: {error}") from error

    def _read_all(self) -> Sequence[KnownCause]:
        added = {cause.id: cause for cause in self._added()}
        files = {sign.id: file.name for file, sign in _signs(self._live.now.settings.diagnosis.catalogues)}
        others = [
            _cause_of(sign, files.get(sign.id, "gordon"))
            for sign in self._judge.catalogue().signs
            if isinstance(sign, Signature) and (sign.id not in added or sign.id in files)
        ]
        return [*added.values(), *sorted(others, key=lambda one: (one.origin == "gordon", one.id))]

    def _added(self) -> Sequence[KnownCause]:
        return self._database.submit(self._rows.all).result()  # after all writes before it

    def _write_file(self) -> None:
        """Write what was added as a catalogue, and have it read."""
        with self._writing:
            added = self._added()
            if not added and not self._file.exists():
                return
            files = [*sorted(SHIPPED.glob("*.toml")), *self._live.now.settings.diagnosis.catalogues]
            taken = {sign.id: file.name for file, sign in _signs(files)}
            usable = []
            for cause in added:
                wrong = wrong_with(signature_of(cause), self._today)
                if cause.id in taken:
                    wrong = [f"{taken[cause.id]} has that id, too"]
                if wrong:
                    log.warning("%s, which %s added, is not used: %s", cause.id, cause.origin, wrong[0])
                else:
                    usable.append(cause)
            _put(self._file, HEAD + "".join(map(_table, usable)))
            self._judge.renew()

    @property
    def _today(self) -> date:
        return self._clock.now().date()


def _told(failures: Sequence[Unexplained], proposal: Proposal, trial: Trial) -> Cluster:
    """Tell a cluster with the signature that was made for it, unless logs of builds that passed have that, too."""
    regex, why_none = proposal.regex, proposal.why_not
    if trial.wrong or (trial.greens and trial.greens * MIN_GREENS >= trial.greens_tried):
        regex, why_none = "", "".join(trial.wrong) or f"is in {trial.greens} of {trial.greens_tried} green logs, too"
    counted = Counter(str(failure.build.job) for failure in failures)
    return Cluster(
        failures[0].fingerprint,
        failures[0].text,
        len(failures),
        failures[0].at,
        tuple(failure.build for failure in failures[:MAX_BUILDS]),
        tuple(name for name, _ in counted.most_common()),
        regex,
        why_none,
        proposal.knows,
        trial.reds,
        trial.reds_tried,
        trial.greens,
        trial.greens_tried,
    )


def signature_of(cause: KnownCause) -> Signature:
    """Make the signature that a catalogue has of a cause."""
    retry = RETRY_WORDS[cause.retry]
    return msgspec.convert(
        {"id": cause.id, "class": cause.failure_class, "regex": cause.regex, "retry": retry, "example": ""}, Signature
    )


def whence(cause: KnownCause) -> str:
    """Say where a signature is from, in words that follow its name."""
    if cause.is_added:
        return f"was added by {cause.origin}"
    return "comes with Gordon" if cause.origin == "gordon" else f"comes from {cause.origin}"


def _cause_of(sign: Signature, origin: str) -> KnownCause:
    retry = RETRIES[sign.retry]
    return KnownCause(sign.id, sign.failure_class, retry, sign.regex, sign.note, origin, sign.reference)


def _signs(files: Iterable[Path]) -> Iterator[tuple[Path, Signature]]:
    """List the signatures of catalogues, each with its file."""
    for file in files:
        for sign in read_file(file, read_whole(file)):
            if isinstance(sign, Signature):
                yield file, sign


def _is_same(one: KnownCause, other: KnownCause) -> bool:
    """Tell whether two are one signature by one person; whether it was proven may differ by now."""
    return replace(one, is_unproven=other.is_unproven) == other


def _table(cause: KnownCause) -> str:
    """Write a signature as TOML has it."""
    sign = signature_of(cause)
    given = {
        "id": sign.id,
        "class": sign.failure_class.value,
        "retry": sign.retry,
        "regex": sign.regex,
        "example": "",
        "reference": f"added in chat by {cause.origin}",
    }
    return "\n[[signature]]\n" + "".join(f"{key} = {_string(value)}\n" for key, value in given.items())


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")  # all else is as TOML has it


def _put(file: Path, text: str) -> None:
    """Write a file in one piece: nobody sees half of it, and it is on disk when this ends."""
    beside = file.with_suffix(".new")
    with beside.open("w", encoding="utf-8") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    beside.replace(file)


def _record(cause: KnownCause, person: str, effect: str) -> AuditRecord:
    told = {
        "id": cause.id,
        "class": cause.failure_class.value,
        "retry": RETRY_WORDS[cause.retry],
        "regex": redact(cause.regex),
        "unproven": str(cause.is_unproven).lower(),
    }
    return AuditRecord(id=short_id(f"known:{cause.id}"), person=person, effect=effect, params_redacted=told)
