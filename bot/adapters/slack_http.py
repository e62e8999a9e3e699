"""The page that Slack posts to where there is no socket: nothing is read before it is known to be Slack's.

Events, commands and what is clicked come to one address. Slack waits for three seconds, and posts an event again that
was not answered with a 2xx (https://docs.slack.dev/apis/events-api/); who asks is told what `SlackApp` answers.
"""

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web
from multidict import MultiMapping

from bot.adapters.hook_secrets import HookSecrets, Signatures
from bot.adapters.slack_app import SlackApp
from bot.clock import Clock
from bot.health import Part

PATH, EVENTS = "/slack", "events"
MAX_BODY_BYTES = 1024 * 1024
BODY_WITHIN_S = 3.0  # as long as Slack itself waits
AGE_S = 300.0  # of a request, by the time that it was signed with
READ_AT_ONCE = 16  # bodies; more wait
SAID_EVERY_S = 60.0
MAX_FIELDS = 100
STAMP = re.compile(r"[0-9]{1,11}", re.ASCII)
SIGNATURE = re.compile(r"v0=([0-9a-f]{64})", re.ASCII)
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
log = logging.getLogger(__name__)


@dataclass(eq=False)
class Refusal(Exception):
    """A request that is refused; `what` is counted and said to operators, and nothing of it to the sender."""

    status: int
    what: str


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace that may post here, and what answers it."""

    secrets: HookSecrets
    app: SlackApp


class SlackPage:
    """Takes in what Slack posts.

    Arguments:
        workspaces: by their names in the configuration, which are in the address.
        body_within_s: how long somebody may take to send a body.
    """

    def __init__(
        self, workspaces: Mapping[str, Workspace], clock: Clock, *, body_within_s: float = BODY_WITHIN_S
    ) -> None:
        self._workspaces = workspaces
        self._clock = clock
        self._body_within_s = body_within_s
        self._reading = asyncio.Semaphore(READ_AT_ONCE)
        self._said_s: dict[tuple[str, str], float] = {}
        self.refused: Counter[str] = Counter()

    def parts(self) -> Sequence[Part]:
        """Tell how much was refused since the start."""
        return [Part("posts of Slack", {"refused": self.refused})]

    async def answer(self, request: web.Request, rest: str) -> web.Response:
        """Take in a request.

        Arguments:
            rest: of the path, the name of the workspace and "events".
        """
        name, _, what = rest.partition("/")
        workspace = self._workspaces.get(name)
        if workspace is None or what != EVENTS:
            self.refused["no such workspace"] += 1
            return web.Response(status=404)
        try:
            stamp, signature = self._head(request.headers)
            body = await self._body(request, workspace, stamp, signature)
            payload = read_payload(body, request.content_type)
        except Refusal as refusal:
            return self._no(name, refusal)
        response = await workspace.app.answer(payload)
        kind = response.headers.get("content-type", ["text/plain"])[0].partition(";")[0]
        return web.Response(status=response.status, text=response.body or "", content_type=kind)

    def _head(self, headers: MultiMapping[str]) -> tuple[str, str]:
        """Read when it was signed, and the signature, before anything of the body is read.

        Raises:
            Refusal: one is missing, there twice, none of Slack's, or too old.
        """
        stamps, signatures = (headers.getall(f"X-Slack-{each}", []) for each in ("Request-Timestamp", "Signature"))
        found = SIGNATURE.fullmatch(signatures[0]) if len(signatures) == 1 else None
        if found is None or len(stamps) != 1 or not STAMP.fullmatch(stamps[0]):
            raise Refusal(401, "something without a signature")
        if abs(self._clock.now().timestamp() - int(stamps[0])) > AGE_S:
            raise Refusal(401, "something that was signed at another time; it is old, or a clock is wrong")
        return stamps[0], found[1]

    async def _body(self, request: web.Request, workspace: Workspace, stamp: str, signature: str) -> bytes:
        """Read a body that is signed.

        Raises:
            Refusal: it is not, or too large, or came too slowly.
        """
        if (request.content_length or 0) > MAX_BODY_BYTES:
            raise Refusal(413, "a body that is too large")
        body = bytearray()
        try:
            async with asyncio.timeout(self._body_within_s), self._reading:
                while piece := await request.content.readany():
                    body += piece
                    if len(body) > MAX_BODY_BYTES:
                        raise Refusal(413, "a body that is too large")
        except TimeoutError as error:
            raise Refusal(408, "a body that came too slowly") from error
        except (web.RequestPayloadError, web.PayloadAccessError, ConnectionError) as error:
            raise Refusal(400, "a body that broke off") from error
        known = await workspace.secrets.current()
        if not _fits(known, stamp, body, signature):
            renewed = await workspace.secrets.newer(known)
            if not _fits(renewed, stamp, body, signature):
                raise Refusal(401, "a signature that its secret did not make")
        return bytes(body)

    def _no(self, name: str, refusal: Refusal) -> web.Response:
        """Count what is wrong, and say each kind of it once a minute."""
        self.refused[refusal.what] += 1
        now_s, key = self._clock.monotonic_s(), (name, refusal.what)
        if now_s - self._said_s.get(key, -SAID_EVERY_S) >= SAID_EVERY_S:
            self._said_s[key] = now_s
            log.warning("%s/%s was sent %s (%d so far)", PATH, name, refusal.what, self.refused[refusal.what])
        return web.Response(status=refusal.status)


def read_payload(body: bytes, content_type: str) -> Mapping[str, Any]:
    """Read what Slack posts: JSON, a form, or JSON in a form.

    Bolt would do that, but takes a command with the word "payload" in it for none.

    Raises:
        Refusal: it is none of these.
    """
    try:
        if content_type == JSON:
            payload = msgspec.json.decode(body)
        elif content_type == FORM:
            form = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS))
            payload = msgspec.json.decode(form["payload"]) if "payload" in form else form
        else:
            raise Refusal(415, "something that is neither JSON nor a form")
    except (ValueError, RecursionError) as error:  # msgspec.DecodeError and UnicodeDecodeError are of the first kind
        raise Refusal(400, "something that cannot be read") from error
    if not isinstance(payload, dict):
        raise Refusal(400, "something that cannot be read")
    return payload


def _fits(secrets: Sequence[bytes], stamp: str, body: bytes | bytearray, signature: str) -> bool:
    signatures = Signatures(secrets)
    signatures.update(b"v0:" + stamp.encode("ascii") + b":")
    signatures.update(body)
    return signatures.fit(signature)
