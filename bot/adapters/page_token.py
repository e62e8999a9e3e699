"""Who may see a page that only its readers should: whoever has its token, or else whoever sits at this machine."""

import asyncio
import hmac
import logging
import re
from collections.abc import Sequence

from aiohttp import web

from bot.adapters.hook_secrets import HookSecrets
from bot.adapters.leeroy_wire import read_basic
from bot.clock import Clock
from bot.config_values import is_loopback

SLOW_S = 1.0  # that somebody waits for the answer that it was the wrong token
AT_ONCE = 8  # who have sent a wrong one and wait; beyond them nobody's is looked at
SAID_EVERY_S = 60.0
_PORT = re.compile(r":\d{0,5}\Z", re.ASCII)
log = logging.getLogger(__name__)


class PageToken:
    """Lets in by HTTP Basic, with the token as the password, or by `Authorization: Bearer`.

    Arguments:
        secrets: the token; None if the page has none, and is for this machine alone.
        slow_s: how long the answer to a wrong one takes.
    """

    def __init__(self, secrets: HookSecrets | None, clock: Clock, *, slow_s: float = SLOW_S) -> None:
        self._secrets = secrets
        self._clock = clock
        self._slow_s = slow_s
        self._slowed = 0
        self._refused = 0
        self._said_s = float("-inf")

    async def refusal(self, request: web.Request) -> web.Response | None:
        """Tell what to answer to whoever may not see the page; None to whoever may."""
        if self._secrets is None:
            # A page of anybody's in a browser here could ask by a name of its own that leads to this machine.
            return None if is_loopback(_PORT.sub("", request.headers.get("Host", ""))) else web.Response(status=404)
        given = request.headers.getall("Authorization", [])
        if not given:
            return _asks()
        known, token = await self._secrets.current(), read_token(given)
        if self._slowed >= AT_ONCE:
            return web.Response(status=429, headers={"Retry-After": "2"})
        if _is_one_of(token, known):
            return None
        self._slowed += 1  # nothing is waited for since they were counted, or any number would be looked at at once
        try:
            if _is_one_of(token, await self._secrets.newer(known)):
                return None
            self._say()
            await asyncio.sleep(self._slow_s)
        finally:
            self._slowed -= 1
        return _asks()

    async def still_lets_in(self, request: web.Request) -> bool:
        """Tell whether the token of somebody who was let in counts yet: it may have been taken back since."""
        if self._secrets is None:
            return True
        return _is_one_of(read_token(request.headers.getall("Authorization", [])), await self._secrets.current())

    def _say(self) -> None:
        """Count who has a wrong token, and say it once a minute."""
        self._refused += 1
        now_s = self._clock.monotonic_s()
        if now_s - self._said_s >= SAID_EVERY_S:
            self._said_s = now_s
            log.warning("the status page was asked for with a wrong token (%d times so far)", self._refused)


def read_token(given: Sequence[str]) -> bytes:
    """Read the token out of the only Authorization header; empty if there is none in it."""
    if len(given) != 1:
        return b""
    scheme, _, token = given[0].partition(" ")
    if scheme.lower() == "bearer":
        return token.strip().encode(errors="replace")
    _, password = read_basic(given[0]) or (b"", b"")
    return password


def _is_one_of(token: bytes, secrets: Sequence[bytes]) -> bool:
    return sum(hmac.compare_digest(token, secret) for secret in secrets) > 0


def _asks() -> web.Response:
    headers = {"WWW-Authenticate": 'Basic realm="gordon", charset="UTF-8"', "Cache-Control": "no-store"}
    return web.Response(status=401, headers=headers)
