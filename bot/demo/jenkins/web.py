"""The way through a Jenkins stand-in: from a request past the door to the room that answers it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from email.utils import format_datetime
from uuid import uuid4

from bot.demo.jenkins.administration import controller_page, person_page, plugins_page
from bot.demo.jenkins.definition_pages import creation_page
from bot.demo.jenkins.door import LOGIN, Door
from bot.demo.jenkins.engine import Engine
from bot.demo.jenkins.job_pages import items_page
from bot.demo.jenkins.model import BadParameter
from bot.demo.jenkins.node_pages import nodes_page
from bot.demo.jenkins.queue_pages import queue_page
from bot.demo.jenkins.request import Answer, Asking, Incoming, Refused
from bot.demo.jenkins.rooms import JSON, RootRoom, Visit
from bot.demo.jenkins.tree import MalformedTree, as_python

PYTHON = "text/x-python;charset=UTF-8"


class Site:
    """The controller's pages."""

    def __init__(self, engine: Engine, *, csrf: bool) -> None:
        self.engine = engine
        self.door = Door(engine, csrf=csrf)
        self.root = ""
        self._rooms: Sequence[RootRoom] = (
            controller_page,
            self.door.crumb_page,
            person_page,
            plugins_page,
            queue_page,
            nodes_page,
            creation_page,
            items_page,
        )

    def answer(self, incoming: Incoming) -> Answer:
        """Answer a request, with its effect on the state."""
        now = self.engine.catch_up()
        date = {"Date": format_datetime(self.engine.wall(now), usegmt=True)}
        try:
            if now < self.engine.up_s:
                raise self._away(now)
            answer = self._inside(incoming)
        except Refused as refused:
            answer = refused.answer
            if answer.status == 404:  # its page is in the layout of all others, which advertises
                advertised = self._visit(incoming, Asking(None, frozenset())).advertised()
                answer = replace(answer, headers={**answer.headers, **advertised})
        except (MalformedTree, BadParameter) as error:
            answer = Refused(500, f"Oops! A problem occurred: {error}<br/>Logging ID={uuid4()}").answer
        return Answer(answer.status, answer.body, answer.kind, {**answer.headers, **date})

    def _away(self, now: float) -> Refused:
        """Refuse everything while it is down [HudsonIsRestarting, HudsonIsLoading]."""
        faults = self.engine.faults
        if faults.away_status != 503:
            return Refused(faults.away_status, "The proxy server could not handle the request")
        if now < self.engine.up_s - faults.loading_s:
            return Refused(503, "Please wait while Jenkins is restarting")
        return Refused(503, "<h1>Starting Jenkins</h1>Please wait while Jenkins is getting ready to work")

    def _inside(self, incoming: Incoming) -> Answer:
        segments = incoming.segments
        if segments == LOGIN and incoming.method == "POST":
            return self.door.login(incoming)
        visit = self._visit(incoming, self.door.who(incoming))
        self.door.check_crumb(incoming, visit.asking)
        if segments[:1] == ["view"] and segments[2:3] == ["job"]:  # a job is also below each view that shows it
            segments = segments[2:]
        python = segments[-2:] == ["api", "python"]
        if python:
            segments = [*segments[:-1], "json"]
        for room in self._rooms:
            answer = room(visit, segments)
            if answer is not None:
                return _in_python(answer) if python else answer
        raise Refused(404, "Not Found")

    def _visit(self, incoming: Incoming, asking: Asking) -> Visit:
        return Visit(self.engine, incoming, asking, self.engine.faults.json_root or self.root)


def _in_python(answer: Answer) -> Answer:
    if answer.status != 200 or answer.kind != JSON:
        return answer
    return replace(answer, body=as_python(json.loads(answer.body)).encode(), kind=PYTHON)
