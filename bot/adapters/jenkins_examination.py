"""What `gordon doctor` asks one Jenkins, all of it without a side effect.

Whether we may build is asked by a GET of `buildWithParameters`: 403 without the right, 405 with it, as the right is
looked at before the method [BuildAuthorizationToken.checkPermission]. Where security is off that GET might start
something, so it is sent only once Jenkins has told that it knows us by name.
"""

import os
import re
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from itertools import chain
from urllib.parse import urlsplit

import aiohttp

from bot.adapters.certificate import certificate_left
from bot.adapters.jenkins_facts import KnownJobs
from bot.adapters.jenkins_http import MOVED, WITNESS, JenkinsHttp
from bot.adapters.jenkins_jobs import JobFacts, near, some
from bot.adapters.jenkins_wire import job_path, objects, one_line, text_of
from bot.errors import GordonError, Refused, Unavailable, UserError
from bot.findings import About, At, Finding, JobNeeds, ServerNeeds
from bot.settings import JenkinsSettings
from bot.values import JobRef

OLDEST = (2, 302)  # before, who triggers a build that waits already is not told so
RIGHTS = "Manage Jenkins, Security, or the job's own page Configure"
PROXY_LOGIN = "put it into HTTPS_PROXY or HTTP_PROXY, as http://NAME:PASSWORD@HOST:PORT; NO_PROXY names what needs none"
ENDPOINT = re.compile(rb"<(?:url|urlOrId)>[^<]{0,2000}/notification/jenkins\b")  # of the Notification plugin
SECRET_ENDPOINT = b"<urlType>SECRET</urlType>"  # its URL is a credential, of which only the name is told
KEPT_SLASHES = "Apache: AllowEncodedSlashes NoDecode, and nocanon behind ProxyPass; nginx: proxy_pass without a path"
MONITORS = "computer[monitorData[*]]"
NAMES = "jobs[name]"


class JenkinsExamination:
    """Looks at one controller.

    Arguments:
        name: of the server in our configuration.
    """

    def __init__(self, http: JenkinsHttp, jobs: KnownJobs, name: str, settings: JenkinsSettings) -> None:
        self._http = http
        self._jobs = jobs
        self._about = About(http.peer)
        self._at: At = ("jenkins", name)
        self._user = settings.user
        self._mark = settings.parameters.request_id
        self._ca_file = settings.ca_file
        self._is_notified = settings.notify_secret_file is not None or bool(settings.notify_secret_env)

    async def findings(self, needs: ServerNeeds) -> AsyncIterator[Finding]:
        """Look at everything; once it does not answer, or not to us, the rest would end alike."""
        try:
            async for finding in self._server(needs):
                yield finding
            is_known = await self._is_known() if self._user else False
            async for finding in self._identity(is_known=is_known):
                yield finding
            for each in needs.jobs:
                async for finding in self._job(each, is_known=is_known):
                    yield finding
            if needs.agents:
                yield await self._agents()
        except (Unavailable, Refused) as error:
            yield await self._silence(error)

    # -- the server --

    async def _server(self, needs: ServerNeeds) -> AsyncIterator[Finding]:
        about = self._about
        answer = await self._http.get("api/json", "quietingDown", "checking")
        if answer is None:
            raise self._http.hidden("checking")
        yield about.well("reachable", f"{self._http.root} answers")
        if (left := await certificate_left(self._http.root, self._ca_file, self._http.deadline_s)) is not None:
            yield about.certificate(left, urlsplit(self._http.root).hostname or "it")
        yield self._version(answer.headers.get("X-Jenkins", ""))
        yield about.clock(self._http.skew)
        if b'"quietingDown":true' in answer.body.replace(b" ", b""):
            yield about.wrong(
                "shutting down",
                f"{about.neighbour} is about to shut down: it takes builds into its queue and starts none",
                f"wait for its restart, or cancel the shutdown at {self._http.root}manage/",
            )
        if self._is_notified:
            yield await self._notification_plugin()

    def _version(self, told: str) -> Finding:
        told = one_line(told, 40)
        numbers = tuple(int(part) for part in re.findall(r"[0-9]{1,6}", told)[:2])
        if not numbers:
            return self._about.unknown("version", "it does not tell its version")
        if numbers < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            what = f"Jenkins {told} is older than {oldest}: a build that waits already is not told apart from a new one"
            return self._about.warning("version", what, f"upgrade Jenkins to {oldest} or newer")
        return self._about.well("version", f"Jenkins {told}")

    async def _notification_plugin(self) -> Finding:
        plugins = await self._jobs.plugins("checking")
        if plugins is None:
            return self._about.unknown("notification plugin", "only administrators are told which plugins there are")
        if "notification" in plugins:
            return self._about.well("notification plugin", f"its Notification plugin is {plugins['notification']}")
        return self._about.wrong(
            "notification plugin",
            f"{self._about.neighbour} has no Notification plugin, so nothing will come for its notify_secret",
            f"install it at {self._http.root}manage/pluginManager/available, or take the secret out",
            (*self._at, "notify_secret_file"),
        )

    async def _silence(self, error: Unavailable | Refused) -> Finding:
        """Name why there is no use in going on, with what can be done about it."""
        url = (*self._at, "url")
        silent = self._about.wrong("reachable", str(error), _why_silent(error.__cause__, self._http.root), url)
        if error.__cause__ is not None:
            return silent
        try:
            answer = await self._http.look(WITNESS, "checking")
        except GordonError:
            return silent
        if answer.status == 407:
            return self._about.wrong("reachable", "the proxy on the way to it wants a login", PROXY_LOGIN)
        if answer.status in MOVED:
            home = one_line(answer.headers.get("Location", ""), 300).partition("/api/json")[0]
            what = (
                f"it sends us to {home or 'elsewhere'}, where each command would arrive as a question and start nothing"
            )
            return self._about.wrong("reachable", what, f'write url = "{home}/"', url)
        if isinstance(error, Unavailable):
            return silent
        if answer.status == 401:
            page = f"{self._http.root}user/{self._user}/security/"
            return self._about.wrong(
                "authenticated",
                str(error),
                f"make an API token at {page} and put it where it is read from",
                (*self._at, "token_file"),
            )
        remedy = f"let {self._user or 'everybody'} have Overall/Read: {self._http.root}manage/configureSecurity/"
        return self._about.wrong("allowed", str(error), remedy, (*self._at, "user"))

    # -- who we are --

    async def _is_known(self) -> bool:
        """Tell whether Jenkins knows us by name, so that its security is on."""
        found = await self._http.read(
            "whoAmI/api/json", "name,anonymous", "asking who we are", lambda raw: raw.get("anonymous") is False
        )
        return found is True

    async def _identity(self, *, is_known: bool) -> AsyncIterator[Finding]:
        if is_known:
            yield self._about.well("authenticated", f"it knows us as {self._user}")
            yield self._about.unknown("may cancel", "whether we have Job/Cancel shows only when something is cancelled")
        elif self._user:
            what = f"it takes our token, and does not say that we are {self._user}: is its security on?"
            yield self._about.unknown("authenticated", what)
        else:
            yield self._about.warning(
                "authenticated",
                "we ask it as anybody, who may seldom start builds",
                "name a user and the file with its API token",
                (*self._at, "user"),
            )

    # -- jobs --

    async def _job(self, needs: JobNeeds, *, is_known: bool) -> AsyncIterator[Finding]:
        job, check = needs.job, f"job {needs.job.full_name}"
        try:
            facts = await self._jobs.facts(job, f"checking {job}")
        except (UserError, Refused) as error:
            yield self._about.wrong(check, str(error), "write its full name, folders with / between", needs.at)
            return
        if facts is None:
            what = f"there is no job {job} on {self._about.neighbour}, or it is hidden from us"
            yield self._about.wrong(check, what, f"make it, or let {self._user or 'us'} have Job/Read on it", needs.at)
        elif needs.is_project:
            yield await self._project(needs, facts)
        elif facts.holds_jobs:
            yield self._about.wrong(
                check,
                f'{job} holds other jobs: if it is a multibranch project, its context needs branch = "PR-{{number}}"',
                'write branch = "PR-{number}" into its context, or the name of a job within it',
                needs.at,
            )
        else:
            found = [*self._of_job(needs, facts), *([await self._may_build(needs)] if is_known else [])]
            found += [await self._endpoint(needs)] if self._is_notified else []
            bad = [one for one in found if one is not None]
            for finding in bad:
                yield finding
            if not bad:
                yield self._about.well(check, f"{job} declares what is sent to it{', and we may build it' * is_known}")

    def _of_job(self, needs: JobNeeds, facts: JobFacts) -> Iterator[Finding]:
        job, check, page = needs.job, f"job {needs.job.full_name}", self._page(needs)
        if not facts.buildable:
            yield self._about.wrong(check, f"job {job} is disabled", f"enable it at {page}", needs.at)
        if self._mark and self._mark not in facts.definitions:
            yield self._about.wrong(
                check,
                without_mark(job, self._mark, self._about.neighbour),
                f"add a string parameter {self._mark} at {page}configure",
                needs.at,
            )
        if needs.facts and not facts.definitions.keys() & set(needs.facts):
            what = f"{job} declares none of {some(sorted(needs.facts))}, so it cannot know which pull request it builds"
            remedy = f"add them as string parameters at {page}configure, or name those it has in"
            yield self._about.wrong(check, what, f"{remedy} [jenkins.NAME.parameters]", (*self._at, "parameters"))
        yield from chain.from_iterable(
            self._values(needs, facts, name, values) for name, values in needs.values.items()
        )

    def _values(self, needs: JobNeeds, facts: JobFacts, name: str, values: Collection[str]) -> Iterator[Finding]:
        check, declared = f"job {needs.job.full_name}", facts.definitions.get(name)
        if declared is None:
            what = f"{needs.job} does not declare {name}{near(name, facts.definitions)}, and drops what it is given"
            yield self._about.wrong(check, what, f"add it at {self._page(needs)}configure, or take it out", needs.at)
            return
        for value in values:
            if declared.choices and value not in declared.choices:
                what = f"{name} of {needs.job} is one of {some(declared.choices)}; not {value!r}"
                yield self._about.wrong(check, what, f"write one of them{near(value, declared.choices)}", needs.at)

    async def _may_build(self, needs: JobNeeds) -> Finding | None:
        answer = await self._http.look(f"{job_path(needs.job.full_name)}buildWithParameters", f"checking {needs.job}")
        if answer.status == 403:
            lacks = one_line(answer.headers.get("X-Required-Permission"), 100)
            what = f"{self._user} may not build {needs.job}{f': {lacks} is needed' if lacks else ''}"
            return self._about.wrong(f"job {needs.job.full_name}", what, f"give it Job/Build: {RIGHTS}", needs.at)
        return None

    async def _endpoint(self, needs: JobNeeds) -> Finding | None:
        """Look whether a job tells us of its builds; its definition may hold secrets, so nothing of it is shown."""
        check = f"job {needs.job.full_name}"
        try:
            answer = await self._http.get(f"{job_path(needs.job.full_name)}config.xml", "", f"checking {needs.job}")
        except Refused:
            what = f"whether {needs.job} notifies us only those know who may configure it"
            return self._about.unknown(check, what, f"see {self._page(needs)}configure, Job Notifications")
        if answer is None or ENDPOINT.search(answer.body):
            return None
        if SECRET_ENDPOINT in answer.body:
            what = f"whether {needs.job} notifies us cannot be told, as the URL of its endpoint is a credential"
            remedy = "see that it is https://YOUR_HOST/notification/jenkins/SECRET, and that builds are told at once"
            return self._about.unknown(check, what, remedy)
        what = (
            f"{needs.job} has no Notification endpoint that ends in /notification/jenkins, so its builds are seen late"
        )
        remedy = f"add one at {self._page(needs)}configure, Job Notifications: JSON, HTTP, event all"
        return self._about.warning(check, what, remedy, needs.at)

    async def _project(self, needs: JobNeeds, facts: JobFacts) -> Finding:
        """Look at a multibranch project: where a branch has a slash, by asking for it as its builds will be."""
        job, check, path = needs.job, f"job {needs.job.full_name}", job_path(needs.job.full_name)
        if not facts.holds_jobs:
            return self._about.wrong(
                check, f"{job} is no multibranch project", "take branch out of its context", needs.at
            )
        names = await self._http.read(f"{path}api/json", NAMES, f"checking {job}", _names)
        slashed = next((name for name in names or () if "%2F" in name), "")
        if not slashed:
            return self._about.well(check, f"{job} is a multibranch project with {len(names or ())} branches")
        answer = await self._http.look(f"{job_path(f'{job.full_name}/{slashed}')}{WITNESS[:8]}", f"checking {job}")
        if answer.status == 404:
            what = f"something in front of {self._about.neighbour} decodes slashes in names: {slashed} is out of reach"
            return self._about.wrong(check, what, KEPT_SLASHES, needs.at)
        return self._about.well(check, f"{job} is a multibranch project, and branches with a slash are reached")

    async def _agents(self) -> Finding:
        """Tell whether we may mark agents: what is measured of them is shown to those only who may connect them."""
        check = "agents"
        measured = await self._http.read(
            "computer/api/json",
            MONITORS,
            "checking the agents",
            lambda raw: [bool(each.get("monitorData")) for each in objects(raw.get("computer"))],
        )
        if not measured:
            return self._about.unknown(check, "it shows us no agents")
        if any(measured):
            return self._about.well(check, "we may mark its agents, as far as that shows without doing it")
        what = "we lack Agent/Connect, so `node NAME offline` and `online` will be refused"
        return self._about.warning(
            check, what, f"give {self._user or 'us'} Agent/Connect and Agent/Disconnect: {RIGHTS}"
        )

    def _page(self, needs: JobNeeds) -> str:
        return f"{self._http.root}{job_path(needs.job.full_name)}"


def without_mark(job: JobRef, mark: str, peer: str) -> str:
    """Say what it means that a job does not declare the mark of its order."""
    return (
        f"job {job} does not declare {mark}; if an answer of {peer} is lost, "
        f"its build can only be found again by its pull, commit, user and time"
    )


def _names(raw: Mapping[str, object]) -> list[str]:
    return [name for each in objects(raw.get("jobs")) if (name := text_of(each.get("name")))]


def _why_silent(cause: BaseException | None, root: str) -> str:
    """Say what to try where nothing answers."""
    host = urlsplit(root).hostname or root
    if isinstance(cause, aiohttp.ClientConnectorDNSError):
        return f"nobody knows the name {host} here: run `getent hosts {host}`, and see that url is right"
    if isinstance(cause, aiohttp.ClientHttpProxyError):
        return f"the proxy on the way answers {cause.status}: see HTTPS_PROXY, with its login, and NO_PROXY"
    if isinstance(cause, TimeoutError):
        return f"nothing came in time: see whether a firewall drops it, run `curl -sSI {root}`"
    if isinstance(cause, aiohttp.ClientConnectorError):
        why = os.strerror(cause.os_error.errno).lower() if cause.os_error.errno else "no connection"
        return f"{why}: see that Jenkins runs and listens there, run `curl -sSI {root}`"
    return f"run `curl -sSI {root}`, and look into the log of Jenkins and of the proxy before it"
