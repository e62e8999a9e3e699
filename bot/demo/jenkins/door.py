"""Who asks, and with which crumb: tokens, passwords and sessions, as the security filters of a Jenkins see them.

A valid API token counts for the one request, makes no session and needs no crumb. A password and a login make a
session; while its cookie is sent, a Basic header of the same user is not looked at, so that a crumb is needed even
if that header holds a token [BasicHeaderProcessor.authenticationIsRequired].
"""

import hashlib
import secrets
from dataclasses import replace
from html import escape
from urllib.parse import quote

from bot.demo.jenkins.engine import Engine
from bot.demo.jenkins.request import ALL_PERMISSIONS, READ, VERSION, Answer, Asking, Incoming, Refused, User
from bot.demo.jenkins.rooms import Visit

COOKIE = "JSESSIONID"
LOGIN = ["j_spring_security_check"]


class Door:
    """The users of a controller, their sessions and their crumbs."""

    def __init__(self, engine: Engine, *, csrf: bool) -> None:
        self.users: dict[str, User] = {}
        self.csrf = csrf
        self._engine = engine
        self._salt = secrets.token_hex(8)
        self._sessions: dict[str, tuple[str, str]] = {}  # cookie -> user and start of the controller

    def who(self, incoming: Incoming) -> Asking:
        """Find out who asks.

        Raises:
            Refused: the secret is wrong, or there is none where nobody gets in without.
        """
        given = incoming.credentials
        known = self._signed_in(incoming)
        if known is not None and (given is None or given[0] == known.name):
            return Asking(known, known.permissions)
        if given is None:
            if self.users:
                raise _signed_out(incoming, self._engine.session)
            return Asking(None, ALL_PERMISSIONS)
        name, secret = given
        user = self.users.get(name)
        if user is None or not secret or secret not in (user.token, user.password):
            raise Refused(401, "Invalid password/token", {"WWW-Authenticate": 'Basic realm="Jenkins"'})
        return Asking(user, user.permissions, by_token=secret == user.token)

    def check_crumb(self, incoming: Incoming, asking: Asking) -> None:
        """Refuse a POST without the crumb of this user and session, unless a token speaks for it [CrumbFilter]."""
        if incoming.method != "POST" or not self.csrf or asking.by_token:
            return
        given = incoming.headers.get("Jenkins-Crumb") or incoming.get("Jenkins-Crumb")
        cookie = incoming.cookies.get(COOKIE, "")
        if not cookie or given != self._crumb(asking, cookie):
            raise Refused(403, "No valid crumb was included in the request")

    def crumb_page(self, visit: Visit, segments: list[str]) -> Answer | None:
        """Issue a crumb, bound to the user and to a session."""
        if segments != ["crumbIssuer", "api", "json"]:
            return None
        if not self.csrf:
            raise Refused(404, "no crumb issuer")
        cookie = visit.incoming.cookies.get(COOKIE) or secrets.token_hex(8)
        if visit.asking.user is not None and not visit.asking.by_token:
            self._sessions[cookie] = (visit.asking.user.name, self._engine.session)
        answer = visit.json(
            {
                "_class": "hudson.security.csrf.DefaultCrumbIssuer",
                "crumb": self._crumb(visit.asking, cookie),
                "crumbRequestField": "Jenkins-Crumb",
            }
        )
        return replace(answer, headers={**answer.headers, **_set_cookie(visit.incoming, cookie)})

    def login(self, incoming: Incoming) -> Answer:
        """Take the form of the login page; right or wrong, it redirects, and only the address tells which."""
        user = self.users.get(incoming.get("j_username") or "")
        if user is None or not user.password or incoming.get("j_password") != user.password:
            return Answer(302, headers={"Location": f"{incoming.base}/loginError"})
        cookie = secrets.token_hex(8)  # a new one at each login, against session fixation
        self._sessions[cookie] = (user.name, self._engine.session)
        return Answer(302, headers={"Location": f"{incoming.base}/", **_set_cookie(incoming, cookie)})

    def _signed_in(self, incoming: Incoming) -> User | None:
        name, start = self._sessions.get(incoming.cookies.get(COOKIE, ""), ("", ""))
        return self.users.get(name) if start == self._engine.session else None

    def _crumb(self, asking: Asking, cookie: str) -> str:
        words = f"{asking.name};{cookie};{self._salt};{self._engine.session}"
        return hashlib.sha256(words.encode()).hexdigest()


def _set_cookie(incoming: Incoming, cookie: str) -> dict[str, str]:
    return {"Set-Cookie": f"{COOKIE}={cookie}; Path={incoming.context or '/'}; HttpOnly"}


def _signed_out(incoming: Incoming, session: str) -> Refused:
    """Make the 403 whose page sends browsers to the login [HudsonAuthenticationEntryPoint]."""
    there = escape(f"{incoming.context}/login?from={quote(incoming.target, safe='')}")
    refused = Refused(403, "Authentication required")
    head = f"<head><meta http-equiv='refresh' content='1;url={there}'/></head>"
    headers = {
        "X-Jenkins": VERSION,
        "X-Jenkins-Session": session,
        "X-You-Are-Authenticated-As": "anonymous",
        "X-Required-Permission": READ,
    }
    page = f"<html>{head}<body>Authentication required</body></html>"
    refused.answer = Answer(403, page.encode(), headers=headers)
    return refused
