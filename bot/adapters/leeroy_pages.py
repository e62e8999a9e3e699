"""The pages that clients of Leeroy post to: `/build/retry`, `/build/custom`, `/build/cron`, with its codes.

401 without the right user and password, both of them; 405 for what is no POST; 204 once it is done; else 500, and
here a line that says why. Leeroy asks for the password before it looks at the method, and so does this.
"""

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import hdrs, web

from bot.adapters.hook_bytes import WrongBody
from bot.adapters.hook_secrets import Secrets
from bot.adapters.leeroy_wire import read_asked, read_basic
from bot.clock import Clock
from bot.errors import UserError

PATH = "/build"
METHODS = tuple(hdrs.METH_ALL)  # whoever has no password learns nothing about methods
BODY_WITHIN_S = 10.0
MAX_BODY_BYTES = 64 * 1024  # a request has 60
AT_ONCE = 32  # requests that wait for their answer; each holds a connection
SAID_EVERY_S = 60.0
Ask = Callable[[str, int, str, str], Awaitable[None]]  # a repository, a number, a context, a ref
log = logging.getLogger(__name__)


class LeeroyPages:
    """Takes in what clients of Leeroy ask for.

    Arguments:
        rebuild, rebuild_open: do it for one pull request, and for all that are open; a UserError says why not.
        user, passwords: what they prove themselves by; each of the passwords that count is as good as the others.
        body_within_s: how long somebody may take to send a body.
    """

    def __init__(
        self,
        rebuild: Ask,
        rebuild_open: Ask,
        user: str,
        passwords: Secrets,
        clock: Clock,
        *,
        body_within_s: float = BODY_WITHIN_S,
    ) -> None:
        self._asks = {"retry": rebuild, "custom": rebuild, "cron": rebuild_open}
        self._user, self._passwords = user.encode(), passwords
        self._clock = clock
        self._body_within_s = body_within_s
        self._under_way = 0
        self._refused = 0
        self._said_s = float("-inf")

    async def answer(self, request: web.Request, rest: str) -> web.Response:
        """Do what is asked for.

        Arguments:
            rest: of the path: what it is about.
        """
        ask = self._asks.get(rest)
        if ask is None:
            return web.Response(status=404)
        if not await self._is_let_in(request):
            self._refuse()
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="gordon"'})
        if request.method != "POST":
            return web.Response(status=405, headers={"Allow": "POST"})
        if self._under_way >= AT_ONCE:
            return _no(f"not done: {AT_ONCE} requests are waiting for their answers already; send it again later")
        self._under_way += 1
        try:
            async with asyncio.timeout(self._body_within_s):
                body = await _body(request)
            asked = read_asked(body)
            await ask(asked.repo, asked.number, asked.context, asked.ref)
        except TimeoutError:
            return web.Response(status=408)
        except web.HTTPRequestEntityTooLarge:
            return web.Response(status=413)
        except WrongBody as error:
            return _no(f"not done: that is {error}")
        except UserError as error:
            return _no(str(error))
        finally:
            self._under_way -= 1
        return web.Response(status=204)

    async def _is_let_in(self, request: web.Request) -> bool:
        """Compare both halves whatever the first one is, so that the time taken tells nothing."""
        given = request.headers.getall("Authorization", [])
        user, password = (read_basic(given[0]) if len(given) == 1 else None) or (b"", b"")
        by_user = hmac.compare_digest(user, self._user)
        known = await self._passwords.current()
        by_password = _is_among(password, known) or _is_among(password, await self._passwords.newer(known))
        return by_user & by_password

    def _refuse(self) -> None:
        """Count who has no password, and say it once a minute."""
        self._refused += 1
        now_s = self._clock.monotonic_s()
        if now_s - self._said_s >= SAID_EVERY_S:
            self._said_s = now_s
            log.warning("%s was asked without the user and password of [leeroy] (%d times so far)", PATH, self._refused)


def _is_among(given: bytes, known: Sequence[bytes]) -> bool:
    return sum(hmac.compare_digest(given, one) for one in known) > 0


async def _body(request: web.Request) -> bytearray:
    """Read a body of few bytes, whatever its head says of its length.

    Raises:
        WrongBody: it broke off.
        HTTPRequestEntityTooLarge: it has more.
    """
    body = bytearray()
    try:
        while piece := await request.content.readany():
            body += piece
            if len(body) > MAX_BODY_BYTES:
                raise web.HTTPRequestEntityTooLarge(MAX_BODY_BYTES, len(body))
    except (web.RequestPayloadError, web.PayloadAccessError, ConnectionError) as error:
        raise WrongBody("a body that broke off") from error
    return body


def _no(words: str) -> web.Response:
    return web.Response(status=500, text=f"{words}\n")
