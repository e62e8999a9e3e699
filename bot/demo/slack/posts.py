"""HTTP mode: signed requests to the app's own address."""

import asyncio
import hashlib
import hmac
from collections.abc import Callable
from urllib.parse import urlencode

import aiohttp
import msgspec

from bot.demo.slack.deliveries import Delivery, Patience, Try
from bot.demo.slack.workspace import Json, Workspace

AGENT = "Slackbot 1.0 (+https://api.slack.com/robots)"
FORM = "application/x-www-form-urlencoded"


def signature(secret: str, stamp: str, body: bytes) -> str:
    """Sign a request, as `X-Slack-Signature` has it."""
    return "v0=" + hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()


class Posts:
    """Sends what Slack has for an app to its request URL."""

    def __init__(self, workspace: Workspace, patience: Callable[[], Patience]) -> None:
        self._workspace = workspace
        self._patience = patience
        self._session: aiohttp.ClientSession | None = None

    async def send(self, delivery: Delivery, attempt: Try, wait_s: float) -> Json | None:
        """Post it once, in its time; anything from 200 to 299 acknowledges."""
        await asyncio.sleep(wait_s)
        body, headers = self.request_of(delivery)
        is_event = delivery.kind == "events_api"
        if attempt.attempt:
            headers |= {"X-Slack-Retry-Num": str(attempt.attempt), "X-Slack-Retry-Reason": attempt.reason}
        loop = asyncio.get_running_loop()
        began_s, attempt.at_s = loop.time(), self._workspace.now_s()
        try:
            status, answer = await self.post(body, headers)
        except TimeoutError:
            attempt.failure = "http_timeout" if is_event else "operation_timeout"
            return None
        except aiohttp.ClientError:
            attempt.failure = "connection_failed" if is_event else "dispatch_failed"
            return None
        if not 200 <= status < 300:
            attempt.failure = "http_error" if is_event else "dispatch_failed"
            return None
        attempt.ack_s = loop.time() - began_s
        return read_answer(answer)

    async def verify(self, challenge: str = "a-challenge") -> tuple[int, str]:
        """Send `url_verification`, as when the address is set, and give what comes back."""
        told = {"token": "a-verification-token", "challenge": challenge, "type": "url_verification"}
        body = msgspec.json.encode(told)
        return await self.post(body, self.headers(body, "application/json"))

    def request_of(self, delivery: Delivery) -> tuple[bytes, dict[str, str]]:
        """Write a request: its body and signed headers, which a test may change and `post`."""
        if delivery.kind == "events_api":
            body, kind = msgspec.json.encode(delivery.payload), "application/json"
        elif delivery.kind == "slash_commands":
            body, kind = urlencode(delivery.payload).encode(), FORM
        else:
            body, kind = urlencode({"payload": msgspec.json.encode(delivery.payload)}).encode(), FORM
        return body, self.headers(body, kind)

    def headers(self, body: bytes, kind: str) -> dict[str, str]:
        """Sign a body with the secret and the time that count now."""
        stamp = str(int(self._workspace.now_s()))
        return {
            "Content-Type": kind,
            "User-Agent": AGENT,
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": signature(self._workspace.app.signing_secret, stamp, body),
        }

    async def post(self, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        """Post a body and give status and text of the answer.

        Raises:
            TimeoutError: there was none in time.
            aiohttp.ClientError: nobody listens, or the connection broke.
        """
        if self._session is None:
            self._session = aiohttp.ClientSession(auto_decompress=True)
        limit = aiohttp.ClientTimeout(total=self._patience().ack_s)
        url = self._workspace.app.request_url
        async with self._session.post(url, data=body, headers=headers, timeout=limit) as answer:
            return answer.status, await answer.text()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


def read_answer(text: str) -> Json:
    """Read what an acknowledgement carries; plain words are the text of a message."""
    try:
        told = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return {"text": text} if text.strip() else {}
    return told if isinstance(told, dict) else {"text": text}
