"""The page that GitHub's webhooks post to: who signed it, what it tells, and a 2xx only once that is on disk.

GitHub gives up after ten seconds and sends nothing a second time by itself; what was not answered with a 2xx is shown
as failed in its list of deliveries, where the comparison finds it (https://docs.github.com/webhooks).
"""

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from aiohttp import web
from multidict import MultiMapping

from bot.adapters.hook_bytes import WrongBody, json_of_form
from bot.adapters.hook_secrets import HookSecrets, Signatures, read_signature
from bot.adapters.hook_wire import Delivery, read_body
from bot.adapters.web import MAX_BODY_BYTES
from bot.clock import Clock
from bot.errors import StorageError
from bot.forge import Told
from bot.health import Part

PATH = "/notification/github"
BODY_WITHIN_S = 10.0  # as long as GitHub itself waits
SMALL_BYTES = 64 * 1024  # what is read without asking; a delivery has 25 KB
LARGE_AT_ONCE = 8  # times 25 MB, the most that bodies may take of the memory
THREAD_BYTES = 256 * 1024  # what takes a millisecond to take apart; more is done in a thread
SAID_EVERY_S = 60.0
MAX_NAMES = 100  # of events that are counted one by one
GUID = re.compile(r"[!-~]{1,64}", re.ASCII)
EVENT = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
Take = Callable[[Told], Awaitable[str]]
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook that may send something here.

    Arguments:
        repos: the only ones it may tell of; empty: all that are configured.
    """

    name: str
    secrets: HookSecrets
    repos: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Head:
    """What the headers say."""

    event: str
    guid: str
    signature: str
    is_form: bool


@dataclass(eq=False)
class Refusal(Exception):
    """A request that is refused; `what` is counted and said to operators, and nothing of it to the sender."""

    status: int
    what: str


class GitHubHooks:
    """Takes in what webhooks tell.

    Arguments:
        hooks: by the rest of the path; "" is the webhook without a name.
        repos: tells the repositories that are configured now.
        take: called with what was told; returns once that is on disk, with a word on what it came to.
        body_within_s: how long somebody may take to send a body.
        large_at_once: how many bodies of more than 64 KB may be read at a time.
    """

    def __init__(
        self,
        hooks: Collection[Hook],
        repos: Callable[[], Collection[str]],
        take: Take,
        clock: Clock,
        *,
        body_within_s: float = BODY_WITHIN_S,
        large_at_once: int = LARGE_AT_ONCE,
    ) -> None:
        self._hooks = {hook.name: hook for hook in hooks}
        self._repos = repos
        self._take = take
        self._clock = clock
        self._body_within_s = body_within_s
        self._large = asyncio.Semaphore(large_at_once)
        self._said_s: dict[tuple[str, str], float] = {}
        self.taken: Counter[str] = Counter()
        self.ignored: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    def parts(self) -> Sequence[Part]:
        """Tell how much came of what has arrived since the start."""
        return [Part("webhooks", {"taken": self.taken, "ignored": self.ignored, "refused": self.refused})]

    async def answer(self, request: web.Request, rest: str) -> web.Response:
        """Take in a delivery.

        Arguments:
            rest: of the path, the name of the webhook.
        """
        hook = self._hooks.get(rest)
        if hook is None:
            self.refused["no such webhook"] += 1
            return web.Response(status=404)
        try:
            if (request.content_length or 0) > MAX_BODY_BYTES:
                raise Refusal(413, "a body that is too large")
            told = await self._understood(request, hook, read_head(request.headers))
            if told is None:
                return web.Response(text="ignored\n")
            self.taken[await self._take(told)] += 1
        except Refusal as refusal:
            return self._no(hook, refusal)
        except WrongBody as error:
            return self._no(hook, Refusal(400, str(error)))
        except StorageError:
            return self._no(hook, Refusal(503, "something that the disk did not take"))
        return web.Response(status=202, text="accepted\n")

    async def _understood(self, request: web.Request, hook: Hook, head: Head) -> Told | None:
        """Read what is told; None if it is of no use. Nothing of the body is kept beyond that."""
        async with AsyncExitStack() as large:
            body = await self._body(request, hook, head, large)
            is_slow = len(body) > THREAD_BYTES
            found = await asyncio.to_thread(_read, head, body) if is_slow else _read(head, body)
            if not found.is_of_use:
                self._pass_over(head.event)
                return None
            repo = {name.lower(): name for name in self._repos()}.get(found.repo.lower(), "")
            if hook.repos and repo not in hook.repos:
                raise Refusal(403, "something of another repository than its own")
            if not repo:
                self._pass_over("another repository")
                return None
            return found.told(head.guid, repo, self._clock.now())

    async def _body(self, request: web.Request, hook: Hook, head: Head, large: AsyncExitStack) -> bytearray:
        """Read a body that is signed; a large one only while few others are read.

        Arguments:
            large: keeps the place of a large one until it is left.
        """
        secrets = await hook.secrets.current()
        signatures, body = Signatures(secrets), bytearray()
        late = slow = Refusal(408, "a body that came too slowly")
        try:
            async with asyncio.timeout(self._body_within_s):
                while piece := await request.content.readany():
                    if len(body) <= SMALL_BYTES < len(body) + len(piece):
                        late = Refusal(503, "a large body while others were read")
                        await large.enter_async_context(self._large)
                        late = slow
                    if len(body) + len(piece) > MAX_BODY_BYTES:
                        raise Refusal(413, "a body that is too large")
                    signatures.update(piece)
                    body += piece
        except TimeoutError as error:
            raise late from error
        except (web.RequestPayloadError, web.PayloadAccessError, ConnectionError) as error:
            raise Refusal(400, "a body that broke off") from error
        if not signatures.fit(head.signature):
            renewed = Signatures(await hook.secrets.newer(secrets))
            await asyncio.to_thread(renewed.update, body)
            if not renewed.fit(head.signature):
                raise Refusal(403, "a signature that none of its secrets made")
        return body

    def _pass_over(self, name: str) -> None:
        is_full = len(self.ignored) >= MAX_NAMES and name not in self.ignored
        self.ignored["others" if is_full else name] += 1

    def _no(self, hook: Hook, refusal: Refusal) -> web.Response:
        """Count what is wrong, and say each kind of it once a minute."""
        self.refused[refusal.what] += 1
        now_s, key = self._clock.monotonic_s(), (hook.name, refusal.what)
        if now_s - self._said_s.get(key, -SAID_EVERY_S) >= SAID_EVERY_S:
            self._said_s[key] = now_s
            name = f"{PATH}/{hook.name}" if hook.name else PATH
            log.warning("%s was sent %s (%d so far)", name, refusal.what, self.refused[refusal.what])
        return web.Response(status=refusal.status)


def read_head(headers: MultiMapping[str]) -> Head:
    """Read the headers, before anything of the body is.

    Raises:
        Refusal: one is missing, there twice, or none of GitHub's.
    """
    events, guids = headers.getall("X-GitHub-Event", []), headers.getall("X-GitHub-Delivery", [])
    if len(events) != 1 or not EVENT.fullmatch(events[0]):
        raise Refusal(400, "something without the name of an event")
    if len(guids) != 1 or not GUID.fullmatch(guids[0]):
        raise Refusal(400, "something without a delivery id")
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind not in (JSON, FORM) or headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Refusal(415, "something that is neither JSON nor a form")
    signature = read_signature(headers.getall("X-Hub-Signature-256", []))
    if not signature:
        raise Refusal(403, "something without a signature")
    return Head(events[0], guids[0], signature, kind == FORM)


def _read(head: Head, body: bytearray) -> Delivery:
    return read_body(head.event, json_of_form(body) if head.is_form else body)
