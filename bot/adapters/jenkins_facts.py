"""What the jobs of one Jenkins declare, read and remembered for a minute."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.adapters.jenkins_http import JenkinsHttp
from bot.adapters.jenkins_jobs import JobFacts, read_job
from bot.adapters.jenkins_library import JenkinsLibrary
from bot.adapters.jenkins_wire import Unreadable
from bot.bounded import Bounded
from bot.clock import Clock
from bot.errors import Unavailable
from bot.values import JobRef

FACTS_LAST_S = 60.0
MOST_JOBS = 2000  # each branch of a project is one, and is gone when it is merged


@dataclass(frozen=True, slots=True)
class _Known:
    facts: JobFacts
    at_s: float
    session: str


class KnownJobs:
    """The jobs of one Jenkins, by their declarations."""

    def __init__(self, http: JenkinsHttp, library: JenkinsLibrary, clock: Clock) -> None:
        self._http = http
        self._library = library
        self._clock = clock
        self._known: Bounded[str, _Known] = Bounded(MOST_JOBS)
        self._plugins: tuple[str, Mapping[str, str] | None] | None = None

    async def facts(self, job: JobRef, doing: str) -> JobFacts | None:
        """Read what a job declares, at most once a minute; None when there is no such job for us."""
        key = job.full_name.casefold()
        known = self._known.get(key)
        if known and known.session == self._http.session and self._clock.monotonic_s() - known.at_s < FACTS_LAST_S:
            return known.facts
        raw = await self._library.job(job.full_name, doing)
        if raw is None:
            return None
        try:
            facts = read_job(raw)
        except Unreadable as error:
            raise Unavailable(self._http.peer, f"{doing}: it answered something unreadable") from error
        self._known[key] = _Known(facts, self._clock.monotonic_s(), self._http.session)
        return facts

    async def plugins(self, doing: str) -> Mapping[str, str] | None:
        """Tell the active plugins with their versions, read once in each start; None if we may not know them."""
        if self._plugins is None or self._plugins[0] != self._http.session:
            found = await self._library.plugins(doing)
            self._plugins = (self._http.session, found)
        return self._plugins[1]

    def last(self, job: JobRef) -> JobFacts | None:
        """Tell what was read of a job last, however long ago."""
        known = self._known.get(job.full_name.casefold())
        return known.facts if known else None

    def forget(self, job: JobRef) -> None:
        """Read a job anew the next time: it is not as we thought."""
        self._known.pop(job.full_name.casefold(), None)
