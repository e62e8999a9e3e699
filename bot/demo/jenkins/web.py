"""The answers of a Jenkins stand-in: from a request that was read whole to status, headers and body."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from email.utils import format_datetime

from bot.demo.jenkins.engine import Engine
from bot.demo.jenkins.model import (
    NOTE,
    BadParameter,
    Build,
    Cause,
    Job,
    QueueItem,
    progress,
    read_delay,
)
from bot.demo.jenkins.request import (
    ALL_PERMISSIONS,
    BUILD,
    CANCEL,
    MANAGE,
    READ,
    TEXT,
    VERSION,
    Answer,
    Asking,
    Incoming,
    Refused,
    User,
)
from bot.demo.jenkins.tree import Bean, ByDepth, MalformedTree, Tree, parse_tree, render
from bot.demo.jenkins.views import Views, find_build, job_path


class Site:
    """The controller's pages."""

    def __init__(self, engine: Engine, *, csrf: bool) -> None:
        self.engine = engine
        self.csrf = csrf
        self.users: dict[str, User] = {}
        self.root = ""
        self._salt = secrets.token_hex(8)

    def answer(self, incoming: Incoming) -> Answer:
        """Answer a request, with its effect on the state."""
        now = self.engine.catch_up()
        date = {"Date": format_datetime(self.engine.wall(now), usegmt=True)}
        try:
            if now < self.engine.up_s:
                raise Refused(503, "Please wait while Jenkins is restarting")
            asking = self._who(incoming)
            if incoming.method == "POST" and self.csrf and not asking.by_token:
                self._check_crumb(incoming, asking)
            answer = self._route(incoming, asking)
        except Refused as refused:
            answer = refused.answer
            if answer.status == 404:  # its page is in the layout of all others, which advertises
                answer = replace(answer, headers={**answer.headers, **self._advertised()})
        except (MalformedTree, BadParameter) as error:
            answer = Refused(500, f"Oops! A problem occurred: {error}").answer
        return Answer(answer.status, answer.body, answer.kind, {**answer.headers, **date})

    def _who(self, incoming: Incoming) -> Asking:
        given = incoming.credentials
        if given is None:
            if self.users:
                raise Refused(403, "Authentication required", self._advertised())
            return Asking(None, ALL_PERMISSIONS)
        name, secret = given
        user = self.users.get(name)
        if user is None or not secret or secret not in (user.token, user.password):
            raise Refused(401, "Invalid password/token", {"WWW-Authenticate": 'Basic realm="Jenkins"'})
        return Asking(user, user.permissions, by_token=secret == user.token)

    def _crumb(self, asking: Asking, session: str) -> str:
        words = f"{asking.name};{session};{self._salt};{self.engine.session}"
        return hashlib.sha256(words.encode()).hexdigest()

    def _check_crumb(self, incoming: Incoming, asking: Asking) -> None:
        given = incoming.headers.get("Jenkins-Crumb") or incoming.get("Jenkins-Crumb")
        session = incoming.cookies.get("JSESSIONID", "")
        if not session or given != self._crumb(asking, session):
            raise Refused(403, "No valid crumb was included in the request")

    def _issue_crumb(self, incoming: Incoming, asking: Asking) -> Answer:
        if not self.csrf:
            raise Refused(404, "no crumb issuer")
        session = incoming.cookies.get("JSESSIONID") or secrets.token_hex(8)
        shown = {
            "_class": "hudson.security.csrf.DefaultCrumbIssuer",
            "crumb": self._crumb(asking, session),
            "crumbRequestField": "Jenkins-Crumb",
        }
        cookie = {"Set-Cookie": f"JSESSIONID={session}; Path={incoming.context or '/'}; HttpOnly"}
        return Answer(200, json.dumps(shown).encode(), "application/json", {**self._advertised(), **cookie})

    def _advertised(self) -> dict[str, str]:
        return {"X-Jenkins": VERSION, "X-Jenkins-Session": self.engine.session}

    def _route(self, incoming: Incoming, asking: Asking) -> Answer:
        match incoming.segments:
            case []:
                asking.need(READ)
                return Answer(200, b"<html><body>Jenkins</body></html>", headers=self._advertised())
            case ["api", "json"]:
                asking.need(READ)
                return self._shown(incoming, self._views().controller())
            case ["crumbIssuer", "api", "json"]:
                return self._issue_crumb(incoming, asking)
            case ["whoAmI" | "me", "api", "json"]:
                return self._who_am_i(incoming, asking)
            case ["queue", *rest]:
                asking.need(READ)
                return self._queue(incoming, asking, rest)
            case ["computer", "api", "json"]:
                asking.need(READ)
                return self._shown(incoming, self._views().computers())
            case ["quietDown" | "cancelQuietDown" as act]:
                _only_post(incoming)
                asking.need(MANAGE)
                self.engine.quiet_down(act == "quietDown")
                return Answer(302, headers={"Location": f"{incoming.base}/"})
            case ["job", *_] as segments:
                return self._below_job(incoming, asking, segments)
        raise Refused(404, "Not Found")

    def _views(self) -> Views:
        return Views(self.engine, self.engine.faults.json_root or self.root, self.engine.now_s())

    def _shown(self, incoming: Incoming, shown: Bean) -> Answer:
        pruner: Tree | ByDepth
        tree, depth = incoming.get("tree"), incoming.get("depth") or "0"
        if tree is not None:
            pruner = parse_tree(tree)
        elif depth.lstrip("-").isdecimal():
            pruner = ByDepth(1 - int(depth))
        else:
            raise Refused(500, f"bad depth: {depth}")
        indent = 2 if incoming.get("pretty") == "true" else None
        body = json.dumps(render(shown, pruner), indent=indent, ensure_ascii=False).encode()
        return Answer(200, body, "application/json;charset=utf-8", self._advertised())

    def _who_am_i(self, incoming: Incoming, asking: Asking) -> Answer:
        shown = {
            "_class": "hudson.security.WhoAmI",
            "anonymous": asking.user is None,
            "authenticated": asking.user is not None,
            "name": asking.name or "anonymous",
            "fullName": asking.name or "anonymous",
            "id": asking.name,
            "authorities": ["authenticated"] if asking.user else [],
        }
        return Answer(200, json.dumps(shown).encode(), "application/json;charset=utf-8", self._advertised())

    def _queue(self, incoming: Incoming, asking: Asking, rest: list[str]) -> Answer:
        match rest:
            case ["api", "json"]:
                return self._shown(incoming, self._views().queue())
            case ["item", number, *page] if number.isdecimal():
                item = self._item(number)
                if page == ["api", "json"]:
                    return self._shown(incoming, self._views().item(item))
                return Answer(200, f"Queue item {item.id}".encode(), TEXT)
            case ["cancelItem"]:
                _only_post(incoming)
                item = self._item(incoming.get("id") or "")
                if CANCEL not in asking.permissions:
                    raise Refused(422, "no permission to cancel")
                if not self.engine.cancel(item, asking.name):
                    raise Refused(500, "Could not cancel run")
                return Answer(204)
        raise Refused(404, "Not Found")

    def _item(self, number: str) -> QueueItem:
        item = self.engine.item(int(number)) if number.isdecimal() else None
        if item is None or item.job.hidden:
            raise Refused(404, "no such item")
        return item

    def _below_job(self, incoming: Incoming, asking: Asking, segments: list[str]) -> Answer:
        asking.need(READ)
        names: list[str] = []
        while len(segments) >= 2 and segments[0] == "job":
            names.append(segments[1])
            segments = segments[2:]
        full_name = "/".join(names)
        job = self.engine.jobs.get(full_name.lower())
        if job is None:
            return self._folder(incoming, full_name, segments)
        if job.hidden:
            raise Refused(404, "Not Found")
        match segments:
            case []:
                return _page(incoming, job.full_name)
            case ["api", "json"]:
                return self._shown(incoming, self._views().job(job))
            case ["build"]:
                return self._build(incoming, asking, job)
            case ["buildWithParameters"]:
                return self._build_with_parameters(incoming, asking, job)
            case [name, *page]:
                build = find_build(job, name, self.engine.now_s())
                if build is not None:
                    return self._build_page(incoming, asking, build, page)
        raise Refused(404, "Not Found")

    def _folder(self, incoming: Incoming, full_name: str, segments: list[str]) -> Answer:
        inside = [job for key, job in self.engine.jobs.items() if key.startswith(f"{full_name.lower()}/")]
        if all(job.hidden for job in inside):
            raise Refused(404, "Not Found")
        stored = "/".join(inside[0].full_name.split("/")[: full_name.count("/") + 1])
        if segments == ["api", "json"]:
            return self._shown(incoming, self._views().folder(stored))
        if segments:
            raise Refused(404, "Not Found")
        return _page(incoming, stored)

    def _build(self, incoming: Incoming, asking: Asking, job: Job) -> Answer:
        delay = _delay(incoming)
        if job.disabled:
            raise Refused(409, f"{job.full_name} is not buildable")
        if job.parameters and incoming.method != "POST":
            raise Refused(405, "<form>This build requires parameters</form>")
        by_token = self._may_build(incoming, asking, job)
        if not job.parameters:
            return self._trigger(incoming, asking, job, {}, delay, by_token, folded_status=201)
        posted = next((value for name, value in incoming.form if name == "json"), None)
        if posted is None:
            raise Refused(400, "This page expects a form submission")
        try:
            form = json.loads(posted)
        except ValueError as error:
            raise Refused(400, "This page expects a form submission") from error
        parameters = job.bind_form(form)
        return self._trigger(incoming, asking, job, parameters, delay, by_token, folded_status=302)

    def _build_with_parameters(self, incoming: Incoming, asking: Asking, job: Job) -> Answer:
        delay = _delay(incoming)
        by_token = self._may_build(incoming, asking, job)
        if job.disabled:
            raise Refused(409, f"{job.full_name} is not buildable")
        if not job.parameters:
            raise Refused(400, f"{job.full_name} is not parameterized")
        status = 201 if self.engine.faults.duplicates_are_201 else 303
        parameters = job.bind(incoming.fields)
        return self._trigger(incoming, asking, job, parameters, delay, by_token, folded_status=status)

    def _may_build(self, incoming: Incoming, asking: Asking, job: Job) -> bool:
        """Check token or permission; tell whether the job's own token opened the door."""
        token = incoming.get("token")
        if job.trigger_token is not None and token is not None:
            if token != job.trigger_token:
                raise Refused(403, "Invalid token provided.")
            return True
        asking.need(BUILD)
        _only_post(incoming)
        return False

    def _trigger(
        self,
        incoming: Incoming,
        asking: Asking,
        job: Job,
        parameters: Mapping[str, str | bool],
        delay_s: float | None,
        by_token: bool,
        *,
        folded_status: int,
    ) -> Answer:
        if job.vetoed:
            return Answer(302, headers={"Location": f"{incoming.base}/{job_path(job.full_name)}"})
        cause = Cause(asking.name)
        if by_token:
            cause = Cause(asking.name, incoming.address, incoming.get("cause") or "")
        item, folded = self.engine.trigger(job, parameters, cause, delay_s=delay_s)
        if folded and folded_status == 302:
            return Answer(302, headers={"Location": f"{incoming.base}/{job_path(job.full_name)}"})
        location = {"Location": f"{incoming.base}/queue/item/{item.id}/"}
        return Answer(folded_status if folded else 201, headers=location)

    def _build_page(self, incoming: Incoming, asking: Asking, build: Build, page: list[str]) -> Answer:
        now = self.engine.now_s()
        match page:
            case []:
                return _page(incoming, f"{build.job.full_name} #{build.number}")
            case ["api", "json"]:
                return self._shown(incoming, self._views().build(build))
            case ["stop"]:
                _only_post(incoming)
                asking.need(CANCEL)
                self.engine.stop(build, asking.name, asking.name or "anonymous")
                there = f"{incoming.base}/{job_path(build.job.full_name)}{build.number}/"
                return Answer(302, headers={"Location": there})
            case ["consoleText"]:
                lost = f"No such file: /var/lib/jenkins/jobs/{build.job.full_name}/builds/{build.number}/log\n"
                text = lost.encode() if build.log_lost else NOTE.sub(b"", build.stored_log(now))
                return Answer(200, text, TEXT)
            case ["logText", "progressiveText"]:
                return self._progress(incoming, build, now)
        raise Refused(404, "Not Found")

    def _progress(self, incoming: Incoming, build: Build, now: float) -> Answer:
        start = incoming.get("start") or "0"
        if not start.lstrip("-").isdecimal():
            raise Refused(500, f"For input string: {start}")
        if build.log_lost:
            return Answer(200, b"", TEXT, {"X-Text-Size": "0", "X-More-Data": "true"})
        complete = not build.in_progress(now)
        part = progress(build.stored_log(now), int(start), complete=complete, old=self.engine.faults.old_logs)
        more = {"X-More-Data": "true"} if part.more else {}
        return Answer(200, part.text, TEXT, {"X-Text-Size": str(part.size), **more})


def _only_post(incoming: Incoming) -> None:
    if incoming.method != "POST":
        raise Refused(405, "POST required", {"Allow": "POST"})


def _delay(incoming: Incoming) -> float | None:
    text = incoming.get("delay")
    return read_delay(text) if text else None


def _page(incoming: Incoming, title: str) -> Answer:
    if not incoming.path.endswith("/"):
        path, _, query = incoming.target.partition("?")
        return Answer(302, headers={"Location": f"{path}/" + (f"?{query}" if query else "")})
    return Answer(200, f"<html><body>{title}</body></html>".encode(), headers={"X-Jenkins": VERSION})
