"""The pages of a job that ask for a build: `build` and `buildWithParameters`."""

import json
import re
from collections.abc import Mapping

from bot.demo.jenkins.causes import Cause
from bot.demo.jenkins.items import is_buildable
from bot.demo.jenkins.ledger import Value
from bot.demo.jenkins.model import BadParameter, Job
from bot.demo.jenkins.parameters import bind, bind_form
from bot.demo.jenkins.request import BUILD, Answer, Refused
from bot.demo.jenkins.rooms import Visit

_DELAY = re.compile(r"\s*(-?\d+)\s*(secs?)?\s*")


def trigger_page(visit: Visit, job: Job, page: list[str]) -> Answer | None:
    """Put a build of a job into the queue."""
    match page:
        case ["build"]:
            return _build(visit, job)
        case ["buildWithParameters"]:
            return _build_with_parameters(visit, job)
    return None


def _build(visit: Visit, job: Job) -> Answer:
    delay = _delay(visit)
    if not is_buildable(visit.engine, job):
        raise Refused(409, f"{job.full_name} is not buildable")
    if job.parameters and visit.incoming.method != "POST":
        raise Refused(405, "<form>This build requires parameters</form>")
    by_token = _may_build(visit, job)
    if not job.parameters:
        return _trigger(visit, job, {}, delay, by_token, folded_status=201)
    posted = next((value for name, value in visit.incoming.form if name == "json"), None)
    if posted is None:
        raise Refused(400, "This page expects a form submission")
    try:
        form = json.loads(posted)
    except ValueError as error:
        raise Refused(400, "This page expects a form submission") from error
    return _trigger(visit, job, bind_form(job, form), delay, by_token, folded_status=302)


def _build_with_parameters(visit: Visit, job: Job) -> Answer:
    delay = _delay(visit)
    by_token = _may_build(visit, job)
    if not is_buildable(visit.engine, job):
        raise Refused(409, f"{job.full_name} is not buildable")
    if not job.parameters:
        raise Refused(400, f"{job.full_name} is not parameterized")
    status = 201 if visit.engine.faults.duplicates_are_201 else 303
    return _trigger(visit, job, bind(job, visit.incoming.fields), delay, by_token, folded_status=status)


def _may_build(visit: Visit, job: Job) -> bool:
    """Check token or permission; tell whether the job's own token opened the door."""
    token = visit.incoming.get("token")
    if job.trigger_token is not None and token is not None:
        if token != job.trigger_token:
            raise Refused(403, "Invalid token provided.")
        return True
    visit.asking.need(BUILD)
    visit.only_post()
    return False


def _trigger(
    visit: Visit,
    job: Job,
    parameters: Mapping[str, Value],
    delay_s: float | None,
    by_token: bool,
    *,
    folded_status: int,
) -> Answer:
    if job.vetoed:
        return visit.sent_to(job.path)
    cause = Cause(visit.asking.name)
    if by_token:
        cause = Cause(visit.asking.name, visit.incoming.address, visit.incoming.get("cause") or "")
    item, folded = visit.engine.trigger(job, parameters, cause, delay_s=delay_s, user=cause.user)
    if folded and folded_status == 302:
        return visit.sent_to(job.path)
    location = {"Location": f"{visit.incoming.base}/queue/item/{item.id}/"}
    return Answer(folded_status if folded else 201, headers=location)


def _delay(visit: Visit) -> float | None:
    text = visit.incoming.get("delay")
    return read_delay(text) if text else None


def read_delay(text: str) -> float:
    """Read `delay=`: a bare number is milliseconds, cut to whole seconds; `5sec` is seconds."""
    match = _DELAY.fullmatch(text)
    if match is None:
        raise BadParameter(f"Invalid time duration value: {text}")
    return float(match[1]) if match[2] else float(max(0, int(match[1])) // 1000)
