"""The pages of a build: itself, its buttons, its test report and its console."""

import json
from datetime import UTC, datetime

from bot.demo.jenkins.logs import NOTE, clock_time, progress
from bot.demo.jenkins.model import Build
from bot.demo.jenkins.report_views import has_report, report
from bot.demo.jenkins.request import CANCEL, HTML, MANAGE, TEXT, Answer, Refused
from bot.demo.jenkins.rooms import Visit


def build_page(visit: Visit, build: Build, page: list[str]) -> Answer | None:
    """Show a build, or stop it."""
    match page:
        case []:
            return visit.page(f"{build.job.full_name} {build.name}")
        case ["api", "json"]:
            return visit.shown(visit.views.build(build))
        case ["stop"]:
            visit.only_post()
            visit.asking.need(CANCEL)
            visit.engine.stop(build, visit.asking.name, visit.asking.name or "anonymous")
            return visit.sent_to(f"{build.job.path}{build.number}/")
        case ["testReport", "api", "json"] if has_report(build, visit.now_s):
            return visit.shown(report(build, visit.now_s, visit.views.build))
    return None


def edit_page(visit: Visit, build: Build, page: list[str]) -> Answer | None:
    """Keep a build for ever or not, describe it, name it, or delete it [Run]."""
    if page not in (["toggleLogKeep"], ["submitDescription"], ["configSubmit"], ["doDelete"]):
        return None
    visit.only_post()
    visit.asking.need(MANAGE)
    there = f"{build.job.path}{build.number}/"
    match page:
        case ["toggleLogKeep"]:
            build.keep = not build.keep
        case ["submitDescription"]:
            build.description = visit.incoming.get("description")
        case ["configSubmit"]:
            _configure(visit, build)
        case _:
            if build.keep or build.building(visit.now_s):
                raise Refused(500, f"{build.job.full_name} {build.name} is kept or running")
            del build.job.builds[build.number]
            there = build.job.path
    return visit.sent_to(there)


def _configure(visit: Visit, build: Build) -> None:
    try:
        form = json.loads(visit.incoming.get("json") or "")
    except ValueError as error:
        raise Refused(400, "This page expects a form submission") from error
    if not isinstance(form, dict):
        raise Refused(400, "This page expects a form submission")
    build.display_name = str(form.get("displayName") or "") or None
    build.description = str(form.get("description") or "")


def console_page(visit: Visit, build: Build, page: list[str]) -> Answer | None:
    """Give the log, whole or from an offset on."""
    match page:
        case ["consoleText"]:
            lost = f"No such file: /var/lib/jenkins/jobs/{build.job.full_name}/builds/{build.number}/log\n"
            text = lost.encode() if build.log_lost else NOTE.sub(b"", build.stored_log(visit.now_s))
            return Answer(200, text, TEXT)
        case ["logText", "progressiveText"]:
            return _progress(visit, build, html=False)
        case ["logText", "progressiveHtml"]:
            return _progress(visit, build, html=True)
        case ["timestamps"]:
            return _timestamps(visit, build)
    return None


def _progress(visit: Visit, build: Build, *, html: bool) -> Answer:
    start = visit.incoming.get("start") or "0"
    if not start.lstrip("-").isdecimal() or int(start) < 0:
        raise Refused(500, f"For input string: {start}")
    kind = HTML if html else TEXT
    if build.log_lost:
        return Answer(200, b"", kind, {"X-Text-Size": "0", "X-More-Data": "true"})
    complete = not build.in_progress(visit.now_s)
    stored = build.stored_log(visit.now_s)
    part = progress(stored, int(start), complete=complete, old=visit.engine.faults.old_logs, html=html)
    size = part.size if build.shown_size is None else build.shown_size
    more = {"X-More-Data": "true"} if part.more else {}
    return Answer(200, part.text, kind, {"X-Text-Size": str(size), **more})


def _timestamps(visit: Visit, build: Build) -> Answer | None:
    """Give the moment of each line, with the line if it is asked for [timestamper's TimestampsAction]."""
    if "timestamper" not in visit.engine.plugins or build.log_lost:
        return None
    pattern = visit.incoming.get("time")
    shown = visit.incoming.get("appendLog") is not None
    lines = []
    for at, line in build.lines(visit.now_s):
        if pattern is None:
            moment = f"{at - build.started_s:.3f}"
        else:
            moment = clock_time(pattern, datetime.fromtimestamp(visit.engine.wall_ms(at) / 1000, UTC))
        text = NOTE.sub(b"", line).decode("utf-8", "replace") if shown else ""
        lines.append(f"{moment}  {text}\n" if shown else f"{moment}\n")
    return Answer(200, "".join(lines).encode(), TEXT)
