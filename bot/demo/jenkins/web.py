"""The door of a Jenkins stand-in: who asks, with which crumb, and which room answers."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import replace
from email.utils import format_datetime

from bot.demo.jenkins.engine import Engine
from bot.demo.jenkins.job_pages import items_page
from bot.demo.jenkins.model import BadParameter
from bot.demo.jenkins.queue_pages import queue_page
from bot.demo.jenkins.request import ALL_PERMISSIONS, MANAGE, READ, Answer, Asking, Incoming, Refused, User
from bot.demo.jenkins.rooms import RootRoom, Visit
from bot.demo.jenkins.tree import MalformedTree


class Site:
    """The controller's pages."""

    def __init__(self, engine: Engine, *, csrf: bool) -> None:
        self.engine = engine
        self.csrf = csrf
        self.users: dict[str, User] = {}
        self.root = ""
        self._salt = secrets.token_hex(8)
        self._rooms: Sequence[RootRoom] = (root_page, self._crumb_page, queue_page, nodes_page, items_page)

    def answer(self, incoming: Incoming) -> Answer:
        """Answer a request, with its effect on the state."""
        now = self.engine.catch_up()
        date = {"Date": format_datetime(self.engine.wall(now), usegmt=True)}
        try:
            if now < self.engine.up_s:
                raise Refused(503, "Please wait while Jenkins is restarting")
            answer = self._inside(incoming)
        except Refused as refused:
            answer = refused.answer
            if answer.status == 404:  # its page is in the layout of all others, which advertises
                advertised = self._visit(incoming, Asking(None, frozenset())).advertised()
                answer = replace(answer, headers={**answer.headers, **advertised})
        except (MalformedTree, BadParameter) as error:
            answer = Refused(500, f"Oops! A problem occurred: {error}").answer
        return Answer(answer.status, answer.body, answer.kind, {**answer.headers, **date})

    def _inside(self, incoming: Incoming) -> Answer:
        visit = self._visit(incoming, self._who(incoming))
        if incoming.method == "POST" and self.csrf and not visit.asking.by_token:
            self._check_crumb(incoming, visit.asking)
        for room in self._rooms:
            answer = room(visit, incoming.segments)
            if answer is not None:
                return answer
        raise Refused(404, "Not Found")

    def _visit(self, incoming: Incoming, asking: Asking) -> Visit:
        return Visit(self.engine, incoming, asking, self.engine.faults.json_root or self.root)

    def _who(self, incoming: Incoming) -> Asking:
        given = incoming.credentials
        if given is None:
            if self.users:
                advertised = self._visit(incoming, Asking(None, frozenset())).advertised()
                raise Refused(403, "Authentication required", advertised)
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

    def _crumb_page(self, visit: Visit, segments: list[str]) -> Answer | None:
        if segments != ["crumbIssuer", "api", "json"]:
            return None
        if not self.csrf:
            raise Refused(404, "no crumb issuer")
        session = visit.incoming.cookies.get("JSESSIONID") or secrets.token_hex(8)
        answer = visit.json(
            {
                "_class": "hudson.security.csrf.DefaultCrumbIssuer",
                "crumb": self._crumb(visit.asking, session),
                "crumbRequestField": "Jenkins-Crumb",
            }
        )
        cookie = {"Set-Cookie": f"JSESSIONID={session}; Path={visit.incoming.context or '/'}; HttpOnly"}
        return replace(answer, headers={**answer.headers, **cookie})


def root_page(visit: Visit, segments: list[str]) -> Answer | None:
    """Show the controller and who asks, or let it quiet down."""
    match segments:
        case []:
            visit.asking.need(READ)
            return Answer(200, b"<html><body>Jenkins</body></html>", headers=visit.advertised())
        case ["api", "json"]:
            visit.asking.need(READ)
            return visit.shown(visit.views.controller())
        case ["whoAmI" | "me", "api", "json"]:
            return _who_am_i(visit)
        case ["quietDown" | "cancelQuietDown" as act]:
            visit.only_post()
            visit.asking.need(MANAGE)
            visit.engine.quiet_down(act == "quietDown")
            return visit.sent_to("")
    return None


def _who_am_i(visit: Visit) -> Answer:
    name = visit.asking.name
    return visit.json(
        {
            "_class": "hudson.security.WhoAmI",
            "anonymous": name is None,
            "authenticated": name is not None,
            "name": name or "anonymous",
            "fullName": name or "anonymous",
            "id": name,
            "authorities": ["authenticated"] if name else [],
        }
    )


def nodes_page(visit: Visit, segments: list[str]) -> Answer | None:
    """Show the nodes."""
    if segments != ["computer", "api", "json"]:
        return None
    visit.asking.need(READ)
    return visit.shown(visit.views.computers())
