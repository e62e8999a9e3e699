"""The page that Jenkins' Notification plugin posts to: who is it, and which build should be looked at now.

The plugin ignores the status except 307, tries once by default, and its build waits for the answer [Protocol.HTTP]; so
it is answered at once, and what is lost is found by the poll.
"""

import asyncio
import base64
import hmac
import logging
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import unquote

from aiohttp import web

from bot.adapters.hook_secrets import Secrets
from bot.adapters.notification_wire import WrongFormat, read_notification
from bot.clock import Clock
from bot.health import NOTIFICATIONS, Part

PATH = "/notification/jenkins"
BODY_WITHIN_S = 10.0
SAID_EVERY_S = 60.0
Hinted = Callable[[str, str, int | None], None]  # the server's configured name, the job's full name, the number
log = logging.getLogger(__name__)


class Notifications:
    """Takes in notifications of those who have the secret of a server: in the path, or as a password for its name.

    Arguments:
        secrets: by server; one that has none sends nothing here.
        hint: told which build of which job has moved on; never more than that.
        body_within_s: how long somebody may take to send a body.
    """

    def __init__(
        self, secrets: Mapping[str, Secrets], hint: Hinted, clock: Clock, *, body_within_s: float = BODY_WITHIN_S
    ) -> None:
        self._secrets = secrets
        self._hint = hint
        self._clock = clock
        self._body_within_s = body_within_s
        self._taken: dict[str, int] = {}
        self._taken_s: dict[str, float] = {}
        self._bad: dict[str, int] = {}
        self._said_s: dict[str, float] = {}

    async def answer(self, request: web.Request, rest: str) -> web.Response:
        """Take in a notification, or tell nothing to whoever may not send one.

        Arguments:
            rest: of the path; the secret, unless it comes as a password.
        """
        servers = await self._senders(request.headers.get("Authorization", ""), rest)
        if not servers:
            return web.Response(status=404)
        try:
            async with asyncio.timeout(self._body_within_s):
                body = await request.read()
            found = read_notification(body, request.headers.get("Content-Type", ""))
        except TimeoutError:
            return self._refused(servers, 408, f"a body that took longer than {self._body_within_s:g} s")
        except web.HTTPRequestEntityTooLarge:
            return self._refused(servers, 413, "a body that is too large; let the plugin send fewer lines of the log")
        except WrongFormat as error:
            return self._refused(servers, 400, str(error))
        for server in servers:
            self._taken[server] = self._taken.get(server, 0) + 1
            self._taken_s[server] = self._clock.monotonic_s()
            self._hint(server, found.job, found.number)
        return web.Response()

    def parts(self) -> Sequence[Part]:
        """Tell what came of each server since the start, and when last; nothing if none has a secret."""
        if not self._secrets:
            return []
        now_s = self._clock.monotonic_s()
        ago = {server: int(now_s - at_s) for server, at_s in self._taken_s.items()}
        return [Part(NOTIFICATIONS, {"taken": dict(self._taken), "refused": dict(self._bad), "last_s_ago": ago})]

    async def _senders(self, authorization: str, rest: str) -> list[str]:
        """Tell whose secret was given; all are compared, so that the time taken tells nothing."""
        name, given = _basic(authorization)
        path, password = rest.encode("utf-8", "replace"), given.encode("utf-8", "replace")
        found = []
        for server, secrets in self._secrets.items():

            def fit(known: Sequence[bytes], is_by_password: bool = name == server and not rest) -> bool:
                by_path = sum(hmac.compare_digest(path, secret) for secret in known)
                by_password = sum(hmac.compare_digest(password, secret) for secret in known)
                return bool(by_path or (by_password and is_by_password))

            known = await secrets.current()
            if fit(known) or fit(await secrets.newer(known)):
                found.append(server)
        return found

    def _refused(self, servers: list[str], status: int, what: str) -> web.Response:
        """Count what is wrong, and say it once a minute for each server."""
        now_s = self._clock.monotonic_s()
        for server in servers:
            self._bad[server] = self._bad.get(server, 0) + 1
            if now_s - self._said_s.get(server, -SAID_EVERY_S) >= SAID_EVERY_S:
                self._said_s[server] = now_s
                log.warning("Jenkins %s sent %s (%d bad so far)", server, what, self._bad[server])
        return web.Response(status=status)


def _basic(authorization: str) -> tuple[str, str]:
    """Read a name and a password; both empty if there are none.

    The plugin sends them as they stand in its URL, with what had to be written with a % left so [Protocol.HTTP].
    """
    scheme, _, given = authorization.partition(" ")
    try:
        name, _, password = base64.b64decode(given.strip(), validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return (name, unquote(password)) if scheme.lower() == "basic" else ("", "")
