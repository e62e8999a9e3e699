"""Slack's Web API: one call, and what its answer means for whoever tries again.

A limit stops what it is about, one method at one channel; nothing is sent past it. A call is sent once more by itself
only after a short limit, when nothing was done.
"""

import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.adapters.slack_errors import Verdict, code_of, scopes_of, verdict_of, wait_of, words_of
from bot.calls import LIMITED, Calls
from bot.chat import Report
from bot.clock import Clock
from bot.errors import Refused, Unavailable, Unrecognised, Unsent

PATIENCE_S = 5.0  # a limit that is over sooner is waited for
TRIES = 3  # of a call that meets one short limit after another
MAX_CONNECTIONS = 20
MAX_PAGES, PAGE = 500, 200
PAGE_PATIENCE_S = 60.0  # between pages, which take all of what may be asked in a minute
SILENT_S = 60.0  # without any answer, before operators are told
PAUSE_S, MOST_PAUSE_S = 0.5, 15.0  # after a call that was not answered, for all calls
MAX_LANES = 2000
PROOF, SILENCE = "its token", "its Web API"

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Limited(Unsent):
    """Slack takes no more of this for a while, and has not taken this.

    Arguments:
        wait_s: how long, from now on.
    """

    wait_s: float = 0.0

    def __str__(self) -> str:
        return f"{self.peer} takes no more for now ({self.doing})"


@dataclass(eq=False)
class Declined(Refused):
    """Slack said no to this call.

    Arguments:
        code: how Slack calls the reason.
    """

    code: str = ""


@dataclass(slots=True)
class _Lane:
    """What may not be sent before some moment, and how often that was said without a success between."""

    until_s: float = 0.0
    in_a_row: int = 0


class Api:
    """The Web API of one workspace, by one bot token.

    Arguments:
        name: of the network; the peer in errors is "Slack NAME".
        timeout_s: for one whole request.
        tell: what to call with troubles that operators should know of.
        calls: counts what is asked.
    """

    def __init__(
        self,
        name: str,
        url: str,
        token: str,
        timeout_s: float,
        clock: Clock,
        tell: Report,
        calls: Calls | None = None,
    ) -> None:
        self.peer = f"Slack {name}"
        self._url = url
        self._token = token
        self._timeout_s = timeout_s
        self._clock = clock
        self._tell = tell
        self._calls = calls or Calls()
        self._client: AsyncWebClient | None = None
        self._session: aiohttp.ClientSession | None = None
        self._lanes: dict[tuple[str, str], _Lane] = {}
        self._lacking: dict[str, str] = {}
        self._is_refused_token = False
        self.scopes: frozenset[str] | None = None  # those that the token has, once Slack has told
        self.ahead: timedelta | None = None  # how far its clock is ahead of ours, once it has told
        self._pause_s = 0.0
        self._quiet_until_s = float("-inf")
        self._silent_since: datetime | None = None
        self._is_silence_told = False

    @property
    def is_refused_token(self) -> bool:
        """Tell whether the last answer was that the token does not count."""
        return self._is_refused_token

    @property
    def is_silent(self) -> bool:
        """Tell whether nothing was answered for a minute."""
        return self._is_silence_told

    def renew(self, token: str) -> None:
        """Go on with another token."""
        self._token = token
        if self._client is not None:
            self._client.token = token

    async def close(self) -> None:
        """Hang up; a later call connects again."""
        session, self._session, self._client = self._session, None, None
        if session is not None:
            await session.close()

    async def call(
        self, method: str, *, lane: str = "", patience_s: float = PATIENCE_S, **arguments: Any
    ) -> Mapping[str, Any]:
        """Call a method.

        Arguments:
            lane: what a limit of this method is about, a channel's id.
            patience_s: how long a limit may last that is waited for.
            arguments: those of the method; None is left out.

        Raises:
            Limited: not sent, or not taken, as it was too much.
            Unsent: nobody was there to take it.
            Unavailable: the answer did not come, or says nothing; it may have been done.
            Unrecognised: the token does not count; nothing was done.
            Declined: Slack said no.
        """
        form = {name: _as_text(value) for name, value in arguments.items() if value is not None}
        for tries_left in reversed(range(TRIES)):
            await self._let_through(method, lane, patience_s)
            try:
                return await self._ask(method, lane, form)
            except Limited:
                if not tries_left:
                    raise
        raise AssertionError("the last try is an answer or an error")

    async def pages(self, method: str, key: str, **arguments: Any) -> list[Any]:
        """Call a method that lists something, until its last page.

        Raises:
            Unavailable: the list is not complete.
            Refused: as for `call`.
        """
        found: list[Any] = []
        cursor = ""
        arguments = {"limit": PAGE} | arguments
        for _ in range(MAX_PAGES):
            page = await self.call(method, patience_s=PAGE_PATIENCE_S, cursor=cursor or None, **arguments)
            items, more = page.get(key), page.get("response_metadata")
            found += items if isinstance(items, list) else []
            following = more.get("next_cursor") if isinstance(more, Mapping) else ""
            if not following or not isinstance(following, str):
                return found
            if following == cursor:
                break
            cursor = following
        raise Unavailable(self.peer, f"ending the list of {method}")

    async def upload(self, channel_id: str, thread: str, name: str, title: str, content: bytes, alt: str = "") -> None:
        """Show a file in a thread.

        Arguments:
            name: of the file, with the ending by which Slack knows what it is.
            alt: what a picture shows, for who does not see it.

        Raises:
            Unavailable: it is not shown. An answer that was lost after everything was sent is none: once is enough.
            Refused: Slack said no; it is not shown.
        """
        asked = await self.call(
            "files.getUploadURLExternal", filename=name, length=len(content), alt_txt=alt or None, patience_s=SILENT_S
        )
        address, id_ = asked.get("upload_url"), asked.get("file_id")
        if not isinstance(address, str) or not isinstance(id_, str) or not self._is_as_safe(address):
            raise Refused(self.peer, "the address that it gives for a file is none to send it to")
        await self._put(address, content)
        try:
            await self.call(
                "files.completeUploadExternal",
                lane=channel_id,
                patience_s=SILENT_S,
                files=[{"id": id_, "title": title}],
                channel_id=channel_id,
                thread_ts=thread or None,
            )
        except Unsent:
            raise
        except Unavailable as error:
            log.info("taken as shown: %s", error)

    # -- one request --

    async def _ask(self, method: str, lane: str, form: Mapping[str, str]) -> Mapping[str, Any]:
        """Send a call and read the answer, and have it counted."""
        with self._calls.to(self.peer) as call:
            try:
                return await self._asked(method, lane, form)
            except Limited:
                call.outcome = LIMITED
                self._calls.on_limit(self.peer)
                raise

    async def _asked(self, method: str, lane: str, form: Mapping[str, str]) -> Mapping[str, Any]:
        client = self._connected()
        try:
            answer = await client.api_call(method, data=dict(form))
        except SlackApiError as error:
            response = error.response  # aiohttp's own where the answer was no JSON
            status = int(getattr(response, "status_code", 0) or getattr(response, "status", 0))
            body, headers = getattr(response, "data", None), response.headers
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise self._unanswered(Unsent(self.peer, method), error) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unanswered(Unavailable(self.peer, method), error) from None
        except (AttributeError, ValueError, RecursionError) as error:  # slack_sdk, of JSON that is no object
            raise self._unanswered(Unavailable(self.peer, method), error) from None
        else:
            if not isinstance(answer.data, dict):
                raise self._unanswered(Unavailable(self.peer, method), "bytes, and no answer of Slack's")
            self._note_well(method, lane)
            if told := answer.headers.get("x-oauth-scopes"):
                self.scopes = frozenset(told.replace(" ", "").split(","))
            self._note_time(answer.headers.get("date"))
            return answer.data
        # The request holds the token, so no error of slack_sdk's is passed on.
        raise self._meant(method, lane, status, body, headers.get("Retry-After"))

    def _meant(self, method: str, lane: str, status: int, body: object, retry_after: str | None) -> Exception:
        """Tell what an answer means that is not `ok`."""
        is_answer = isinstance(body, dict) and body.get("ok") is False
        code = code_of(body.get("error")) if isinstance(body, dict) and is_answer else ""
        verdict = verdict_of(code) if is_answer else Verdict.UNKNOWN
        if status == 429 or verdict is Verdict.LIMITED:
            return self._limited(method, lane, retry_after)
        if not is_answer:
            return self._unanswered(Unavailable(self.peer, method), f"HTTP {status}, and no answer of Slack's")
        self._note_answered()
        if verdict in (Verdict.UNKNOWN, Verdict.LATER):
            log.info("%s: %s: %s", self.peer, method, code)
            return (Unsent if verdict is Verdict.LATER else Unavailable)(self.peer, f"{method}: {code}")
        if verdict is Verdict.TOKEN:
            self._is_refused_token = True
            self._tell(PROOF, f"Slack does not take it ({code}); put another one where it is read from")
            return Unrecognised(self.peer, f"the token does not count: {code}")
        if code == "missing_scope" and isinstance(body, dict):
            needed = scopes_of(body.get("needed"))
            about = self._lacking[method] = f"its scope {needed}"
            self._tell(about, f"the app lacks it for {method}; add it, and install the app again")
            return Declined(self.peer, f"the app lacks the scope {needed}", code=code)
        return Declined(self.peer, words_of(code), code=code)

    async def _put(self, address: str, content: bytes) -> None:
        """Send the bytes of a file; the address is the proof, so our token is not sent there."""
        self._connected()
        if self._session is None:
            raise Unsent(self.peer, "sending a file")
        proxy = self._client.proxy if self._client else None
        try:
            async with self._session.post(address, data=content, proxy=proxy, allow_redirects=False) as answer:
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unanswered(Unavailable(self.peer, "sending a file"), error) from None
        if status != 200:
            raise Unavailable(self.peer, f"sending a file: HTTP {status}")

    def _connected(self) -> AsyncWebClient:
        if self._client is None:
            limits = aiohttp.ClientTimeout(total=self._timeout_s)
            connector = aiohttp.TCPConnector(limit=MAX_CONNECTIONS)
            self._session = aiohttp.ClientSession(
                timeout=limits, connector=connector, cookie_jar=aiohttp.DummyCookieJar()
            )
            quiet = logging.getLogger(f"{__name__}.sdk")
            quiet.setLevel(logging.WARNING)  # at DEBUG slack_sdk logs all arguments
            self._client = AsyncWebClient(
                self._token, base_url=self._url, session=self._session, retry_handlers=[], logger=quiet
            )
            if urlsplit(self._url).scheme != "https":  # on loopback, where no proxy stands between
                self._client.proxy = None
        return self._client

    def _is_as_safe(self, address: str) -> bool:
        return urlsplit(address).scheme in {"https", urlsplit(self._url).scheme}

    # -- what may be sent when --

    async def _let_through(self, method: str, lane: str, patience_s: float) -> None:
        """Wait until this may be sent, if that is soon.

        Raises:
            Limited: it is not.
            Unsent: a moment ago nobody answered.
        """
        while (now_s := self._clock.monotonic_s()) < (until_s := self._until_s(method, lane)):
            if until_s - now_s > patience_s:
                raise Limited(self.peer, _at(method, lane), wait_s=until_s - now_s)
            await self._clock.sleep(until_s - now_s)
        if now_s < self._quiet_until_s:
            raise Unsent(self.peer, method)

    def _until_s(self, method: str, lane: str) -> float:
        known = self._lanes.get((method, lane))
        return known.until_s if known else float("-inf")

    def _limited(self, method: str, lane: str, retry_after: str | None) -> Limited:
        self._note_answered()
        if len(self._lanes) >= MAX_LANES:
            now_s = self._clock.monotonic_s()
            self._lanes = {key: one for key, one in self._lanes.items() if one.until_s > now_s}
        closed = self._lanes.setdefault((method, lane), _Lane())
        wait_s = wait_of(retry_after, closed.in_a_row)
        closed.in_a_row += 1
        closed.until_s = self._clock.monotonic_s() + wait_s
        log.info("%s: %s: no more for %.0f s", self.peer, _at(method, lane), wait_s)
        return Limited(self.peer, _at(method, lane), wait_s=wait_s)

    # -- how it stands --

    def _note_well(self, method: str, lane: str) -> None:
        self._note_answered()
        if self._until_s(method, lane) <= self._clock.monotonic_s():  # else this was sent before the limit was told
            self._lanes.pop((method, lane), None)
        if self._is_refused_token:
            self._is_refused_token = False
            self._tell(PROOF, "")
        if about := self._lacking.pop(method, ""):
            self._tell(about, "")

    def _note_time(self, told: str | None) -> None:
        with suppress(ValueError, OverflowError):  # an answer without a date, or with nonsense: the last one stands
            self.ahead = parsedate_to_datetime(told or "").astimezone(UTC) - self._clock.now()

    def _note_answered(self) -> None:
        self._pause_s, self._quiet_until_s, self._silent_since = 0.0, float("-inf"), None
        if self._is_silence_told:
            self._is_silence_told = False
            self._tell(SILENCE, "")

    def _unanswered(self, error: Unavailable, why: object) -> Unavailable:
        """Leave Slack alone for a moment, the longer the more often it did not answer."""
        log.info("%s: %s", error, str(why) or type(why).__name__)
        now, now_s = self._clock.now(), self._clock.monotonic_s()
        if now_s >= self._quiet_until_s:  # what was under way with a call that is lost is lost with it
            self._pause_s = min(max(PAUSE_S, self._pause_s * 2), MOST_PAUSE_S)
            self._quiet_until_s = now_s + self._pause_s
        self._silent_since = self._silent_since or now
        if not self._is_silence_told and (now - self._silent_since).total_seconds() >= SILENT_S:
            self._is_silence_told = True
            self._tell(SILENCE, f"does not answer since {self._silent_since:%H:%M} UTC")
        return error


def _at(method: str, lane: str) -> str:
    return f"{method} at {lane}" if lane else method


def _as_text(value: object) -> str:
    """Write an argument as a form has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.encode(errors="replace").decode()  # half a character is nothing that can be sent
