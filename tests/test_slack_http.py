"""The page that Slack posts to: what is not Slack's is refused before it is read, and what is Slack's is answered."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec
import pytest

from bot.adapters.hook_secrets import HookSecrets
from bot.adapters.slack_ack import Ack
from bot.adapters.slack_app import SlackApp
from bot.adapters.slack_http import MAX_BODY_BYTES, PATH, SlackPage, Workspace
from bot.adapters.web import Page, WebServer
from bot.errors import StorageError
from bot.settings import WebSettings
from tests.moved_clock import MovedClock

SECRET, FORM, JSON = "a-signing-secret", "application/x-www-form-urlencoded", "application/json"
EVENT = msgspec.json.encode({"type": "event_callback", "event_id": "Ev1", "event": {"type": "message"}})
Headers = list[tuple[str, str]]


class Posting:
    """A page that listens, and whoever posts to it."""

    def __init__(self, url: str, page: SlackPage, clock: MovedClock, file: Path) -> None:
        self.url = url
        self.page = page
        self.clock = clock
        self.file = file
        self.taken: list[Mapping[str, Any]] = []
        self.is_full = False

    def stamp(self, ahead_s: float = 0.0) -> str:
        return str(int(self.clock.now().timestamp() + ahead_s))

    def headers(self, body: bytes, stamp: str | None = None, kind: str = JSON, secret: str = SECRET) -> Headers:
        stamp = self.stamp() if stamp is None else stamp
        made = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
        return [("Content-Type", kind), ("X-Slack-Request-Timestamp", stamp), ("X-Slack-Signature", f"v0={made}")]

    async def post(self, body: bytes, headers: Headers, path: str = "/slack/moby/events") -> tuple[int, str]:
        async with aiohttp.ClientSession() as session, session.post(self.url + path, data=body, headers=headers) as got:
            return got.status, await got.text()

    async def signed(self, body: bytes, kind: str = JSON) -> tuple[int, str]:
        return await self.post(body, self.headers(body, kind=kind))

    async def raw(self, head: bytes) -> int:
        """Send what no client would, and give the status."""
        host, _, port = self.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(head)
        try:
            return int((await reader.readline()).split()[1])
        finally:
            writer.close()
            await writer.wait_closed()

    async def take(self, payload: Mapping[str, Any]) -> Ack:
        if self.is_full:
            raise StorageError("the disk is full")
        self.taken.append(payload)
        return Ack({"text": f"heard {payload['text']}"}) if "command" in payload else Ack()


def head_of(headers: Headers) -> bytes:
    """Write the head of a request."""
    lines = ["POST /slack/moby/events HTTP/1.1", "Host: x", *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode()


@asynccontextmanager
async def posting(folder: Path, **limits: float) -> AsyncIterator[Posting]:
    file, clock, found = folder / "signing", MovedClock(), list[Posting]()
    file.write_text(SECRET)
    file.chmod(0o600)

    async def take(payload: Mapping[str, Any]) -> Ack:
        return await found[0].take(payload)

    secrets = HookSecrets("the signatures of Slack moby", [(file, "")], clock)
    page = SlackPage({"moby": Workspace(secrets, SlackApp("moby", take))}, clock, **limits)
    server = WebServer(WebSettings(port=0), {PATH: Page(page.answer)})
    await server.start()
    try:
        found.append(Posting(server.url, page, clock, file))
        yield found[0]
    finally:
        await server.stop()


async def test_an_event_is_taken_and_answered(tmp_path: Path) -> None:
    async with posting(tmp_path) as slack:
        assert await slack.signed(EVENT) == (200, "")
        assert [one["event_id"] for one in slack.taken] == ["Ev1"]


@pytest.mark.parametrize(
    "text", ["rebuild 7", "why payload", "payload=7", '{"payload": 1}', "50% done + more", "\u00fc & \u00e4"]
)
async def test_a_command_is_taken_as_it_was_typed_and_its_answer_sent_back(text: str, tmp_path: Path) -> None:
    """Bolt would read a form with the word "payload" in it as one without fields."""
    async with posting(tmp_path) as slack:
        status, answer = await slack.signed(urlencode({"command": "/gordon", "text": text}).encode(), FORM)
        assert (status, msgspec.json.decode(answer)) == (200, {"text": f"heard {text}"})


async def test_what_is_clicked_is_taken(tmp_path: Path) -> None:
    async with posting(tmp_path) as slack:
        body = urlencode({"payload": msgspec.json.encode({"type": "block_actions", "actions": []})}).encode()
        assert await slack.signed(body, FORM) == (200, "")
        assert [one["type"] for one in slack.taken] == ["block_actions"]


async def test_the_address_is_verified(tmp_path: Path) -> None:
    async with posting(tmp_path) as slack:
        body = msgspec.json.encode({"type": "url_verification", "challenge": "a-challenge", "token": "t"})
        status, answer = await slack.signed(body)
        assert (status, msgspec.json.decode(answer), slack.taken) == (200, {"challenge": "a-challenge"}, [])


@pytest.mark.parametrize(
    "stamp",
    [
        pytest.param("abc", id="no-number"),
        pytest.param("", id="empty"),
        pytest.param("1e9", id="with-an-exponent"),
        pytest.param("\u0661\u0667\u0660\u0660\u0660\u0660\u0660\u0660\u0660\u0660", id="arabic-digits"),
        pytest.param(str(10**30), id="10^30"),
        pytest.param("-1", id="negative"),
        pytest.param("1700000000.5", id="with-a-fraction"),
        pytest.param("+1700000000", id="with-a-sign"),
        pytest.param("1_700_000_000", id="as-python-writes-it"),
        pytest.param("00000000000000001700000000", id="with-zeros"),
    ],
)
async def test_a_time_that_is_none_is_refused(stamp: str, tmp_path: Path) -> None:
    """A11: though the signature is right for it."""
    async with posting(tmp_path) as slack:
        assert (await slack.post(EVENT, slack.headers(EVENT, stamp)))[0] == 401
        assert slack.taken == []


@pytest.mark.parametrize(("ahead_s", "status"), [(-301, 401), (301, 401), (-290, 200), (290, 200)])
async def test_what_was_signed_at_another_time_is_refused(ahead_s: float, status: int, tmp_path: Path) -> None:
    """A11, A10: five minutes both ways."""
    async with posting(tmp_path) as slack:
        assert (await slack.post(EVENT, slack.headers(EVENT, slack.stamp(ahead_s))))[0] == status
        assert len(slack.taken) == (status == 200)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda made: made.replace("v0=", "v1="), id="another-version"),
        pytest.param(lambda made: made[3:], id="without-a-version"),
        pytest.param(lambda made: made.upper(), id="in-capitals"),
        pytest.param(lambda made: made[:-1], id="too-short"),
        pytest.param(lambda made: made + "0", id="too-long"),
        pytest.param(lambda made: made[:-1] + ("1" if made.endswith("0") else "0"), id="all-but-its-end"),
        pytest.param(lambda made: "v0=" + "0" * 64, id="zeros"),
        pytest.param(lambda made: "v0=" + "\u0660" * 64, id="arabic-digits"),
        pytest.param(lambda made: "v0=" + "\u00fc" * 64, id="not-ascii"),
        pytest.param(lambda made: "", id="empty"),
    ],
)
async def test_a_signature_that_is_none_is_refused(change: Any, tmp_path: Path) -> None:
    """A11."""
    async with posting(tmp_path) as slack:
        headers = [
            (name, change(value) if name.endswith("Signature") else value) for name, value in slack.headers(EVENT)
        ]
        assert (await slack.post(EVENT, headers))[0] == 401
        assert slack.taken == []


@pytest.mark.parametrize("header", ["X-Slack-Request-Timestamp", "X-Slack-Signature"])
@pytest.mark.parametrize("times", [0, 2])
async def test_a_header_that_is_missing_or_there_twice_is_refused(header: str, times: int, tmp_path: Path) -> None:
    """A11."""
    async with posting(tmp_path) as slack:
        headers = [one for one in slack.headers(EVENT) for _ in range(times if one[0] == header else 1)]
        assert (await slack.post(EVENT, headers))[0] == 401
        assert slack.taken == []


@pytest.mark.parametrize("value", [b"v0=\xff\xfe", b"v0=\xc3\xbc", b"\xed\xa0\x80"])
async def test_bytes_that_are_no_text_are_refused(value: bytes, tmp_path: Path) -> None:
    """A11: never 500."""
    async with posting(tmp_path) as slack:
        stamp = slack.stamp().encode()
        lines = (b"X-Slack-Request-Timestamp: " + stamp, b"X-Slack-Signature: " + value, b"Content-Length: 2")
        head = b"\r\n".join((b"POST /slack/moby/events HTTP/1.1", b"Host: x", *lines, b"", b"{}"))
        assert await slack.raw(head) in (400, 401)


async def test_what_another_secret_has_signed_is_refused(tmp_path: Path) -> None:
    async with posting(tmp_path) as slack:
        assert (await slack.post(EVENT, slack.headers(EVENT, secret="another-secret")))[0] == 401
        assert (await slack.post(EVENT + b" ", slack.headers(EVENT)))[0] == 401
        assert slack.taken == []


async def test_a_secret_that_was_renewed_counts_once_it_is_in_its_file(tmp_path: Path) -> None:
    async with posting(tmp_path) as slack:
        slack.file.write_text("a-renewed-secret")
        slack.clock.move(31)
        assert (await slack.post(EVENT, slack.headers(EVENT, secret="a-renewed-secret")))[0] == 200


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        pytest.param(b"{", JSON, 400, id="half"),
        pytest.param(b"[]", JSON, 400, id="no-object"),
        pytest.param(b"[" * 100_000, JSON, 400, id="deep"),
        pytest.param(b'{"a": "\xff"}', JSON, 400, id="no-text"),
        pytest.param(b"payload=%7B", FORM, 400, id="half-in-a-form"),
        pytest.param(b"payload=7", FORM, 400, id="no-object-in-a-form"),
        pytest.param(b"a=1&" * 200, FORM, 400, id="many-fields"),
        pytest.param(b"\xff=\xff", FORM, 400, id="a-form-that-is-no-text"),
        pytest.param(b"<xml/>", "text/xml", 415, id="neither"),
    ],
)
async def test_what_is_signed_and_cannot_be_read_is_refused(
    body: bytes, kind: str, status: int, tmp_path: Path
) -> None:
    async with posting(tmp_path) as slack:
        assert (await slack.signed(body, kind))[0] == status


async def test_a_body_is_as_large_as_slack_makes_one_at_most(tmp_path: Path) -> None:
    """A11: neither by what is announced nor by what is sent."""
    async with posting(tmp_path) as slack:
        size = ("Content-Length", str(MAX_BODY_BYTES + 1))
        assert await slack.raw(head_of([*slack.headers(EVENT), size])) == 413

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(17):
                yield b" " * 65_536

        async with aiohttp.ClientSession() as session:
            url, headers = f"{slack.url}/slack/moby/events", slack.headers(EVENT)
            async with session.post(url, data=pieces(), headers=headers) as got:
                assert got.status == 413


async def test_a_body_that_does_not_come_is_waited_for_no_longer_than_slack_waits(tmp_path: Path) -> None:
    async with posting(tmp_path, body_within_s=0.05) as slack:
        head = head_of([*slack.headers(EVENT), ("Content-Length", "100")])
        assert await slack.raw(head + b"{") == 408


@pytest.mark.parametrize("path", ["/slack", "/slack/", "/slack/other/events", "/slack/moby", "/slack/moby/events/more"])
async def test_at_any_other_address_there_is_nothing(path: str, tmp_path: Path) -> None:
    async with posting(tmp_path) as slack:
        assert (await slack.post(EVENT, slack.headers(EVENT), path))[0] == 404
        assert slack.taken == []


async def test_what_the_disk_does_not_take_is_not_acknowledged(tmp_path: Path) -> None:
    """F10: Slack posts an event again that was answered with no 2xx."""
    async with posting(tmp_path) as slack:
        slack.is_full = True
        assert (await slack.signed(EVENT))[0] == 503
        slack.is_full = False
        assert (await slack.signed(EVENT))[0] == 200


async def test_what_is_refused_is_counted_and_holds_no_secret(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with posting(tmp_path) as slack:
        for _ in range(3):
            await slack.post(EVENT, slack.headers(EVENT, "abc"))
        assert [part.facts["refused"] for part in slack.page.parts()] == [{"something without a signature": 3}]
    assert caplog.text.count("something without a signature") == 1
    assert SECRET not in caplog.text
