"""The pages of a build: itself, its stop button and its console."""

from bot.demo.jenkins.model import NOTE, Build, progress
from bot.demo.jenkins.request import CANCEL, TEXT, Answer, Refused
from bot.demo.jenkins.rooms import Visit


def build_page(visit: Visit, build: Build, page: list[str]) -> Answer | None:
    """Show a build, or stop it."""
    match page:
        case []:
            return visit.page(f"{build.job.full_name} #{build.number}")
        case ["api", "json"]:
            return visit.shown(visit.views.build(build))
        case ["stop"]:
            visit.only_post()
            visit.asking.need(CANCEL)
            visit.engine.stop(build, visit.asking.name, visit.asking.name or "anonymous")
            return visit.sent_to(f"{build.job.path}{build.number}/")
    return None


def console_page(visit: Visit, build: Build, page: list[str]) -> Answer | None:
    """Give the log, whole or from an offset on."""
    match page:
        case ["consoleText"]:
            lost = f"No such file: /var/lib/jenkins/jobs/{build.job.full_name}/builds/{build.number}/log\n"
            text = lost.encode() if build.log_lost else NOTE.sub(b"", build.stored_log(visit.now_s))
            return Answer(200, text, TEXT)
        case ["logText", "progressiveText"]:
            return _progress(visit, build)
    return None


def _progress(visit: Visit, build: Build) -> Answer:
    start = visit.incoming.get("start") or "0"
    if not start.lstrip("-").isdecimal():
        raise Refused(500, f"For input string: {start}")
    if build.log_lost:
        return Answer(200, b"", TEXT, {"X-Text-Size": "0", "X-More-Data": "true"})
    complete = not build.in_progress(visit.now_s)
    stored = build.stored_log(visit.now_s)
    part = progress(stored, int(start), complete=complete, old=visit.engine.faults.old_logs)
    more = {"X-More-Data": "true"} if part.more else {}
    return Answer(200, part.text, TEXT, {"X-Text-Size": str(part.size), **more})
