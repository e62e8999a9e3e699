"""Fuzz of what Slack sends, of notifications of Jenkins, and of files that people write (G4): read or refused, quickly.

Each begins with what is right, or with what was found to hurt once, and changes parts of it, then perhaps bytes. How
many inputs there are, and which, is told by GORDON_FUZZ and GORDON_SEED, as for the parsers that have a file of their
own. None may take the processor for longer than 100 ms.
"""

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote_plus

import aiohttp
import pytest
from slack_bolt.response import BoltResponse

from bot.adapters import slack_wire as wire
from bot.adapters.notification_wire import WrongFormat, read_notification
from bot.adapters.slack_app import SlackApp
from bot.adapters.slack_clicks import read_click, read_opened, read_shared, texts_of
from bot.adapters.slack_http import FORM, JSON, Refusal, read_payload
from bot.adapters.slack_socket import Link, Times
from bot.adapters.slack_wire import Unreadable
from bot.config import load
from bot.errors import ConfigError
from bot.people import load_people
from tests.soak.figures import Record, Row
from tests.test_config import EXAMPLE, mutate
from tests.test_fuzz_jenkins import FUZZ, body_of, dice_of
from tests.test_slack_wire import EVENT, SLASH, US, USER

STALL_S = 0.1
POSTS, FILES = (FUZZ, FUZZ) if os.environ.get("GORDON_SOAK") == "1" else (FUZZ // 5, FUZZ // 10)  # each is large
PEOPLE = Path("deploy/people.example.toml")
CLICK: dict[str, Any] = {
    "type": "block_actions",
    "user": {"id": "U0TIANON1", "team_id": "T0MOBY001"},
    "team": {"id": "T0MOBY001"},
    "api_app_id": "A0GORDON1",
    "trigger_id": "1.2.abc",
    "container": {"type": "message", "message_ts": "1.000100", "channel_id": "C0DOCKDEV", "is_ephemeral": False},
    "channel": {"id": "C0DOCKDEV", "name": "docker-dev"},
    "message": {"type": "message", "ts": "1.000100", "text": "card", "user": "U0GORDON1", "blocks": [{"type": "x"}]},
    "actions": [{"type": "button", "action_id": "again", "block_id": "b", "value": "v", "action_ts": "1.2"}],
    "view": {"id": "V1", "callback_id": "form", "private_metadata": "{}", "state": {"values": {"a": {"b": {}}}}},
}
BODIES: Sequence[dict[str, Any]] = (
    {"type": "event_callback", "team_id": "T0MOBY001", "event": EVENT},
    {"type": "event_callback", "event": {"type": "link_shared", "user": "U0TIANON1", "links": [{"url": "x"}]}},
    {"type": "event_callback", "event": {"type": "app_home_opened", "user": "U0TIANON1", "tab": "home"}},
    {"ok": True, "user": USER},
    SLASH,
    CLICK,
    {**CLICK, "type": "view_submission"},
    {**CLICK, "type": "message_action", "callback_id": "why"},
)
NOTIFIED: dict[str, Any] = {
    "name": "docker-prs",
    "url": "job/docker-prs/",
    "build": {
        "full_url": "https://ci.example.org/job/docker-prs/7/",
        "number": 7,
        "phase": "FINALIZED",
        "status": "SUCCESS",
        "parameters": {"PR": "1"},
        "scm": {"commit": "9f1c" * 10},
    },
}
# What hurt a reader of JSON, forms or TOML somewhere once; each is tried as it stands.
HURT = (
    *(b"", b"null", b"[]", b"0", b'"', b"\xff", b"\x00", b"[" * 100_000, b'{"a":' * 100_000, b"9" * 100_000),
    *(b'{"payload":1}', b"payload=", b"payload=%", b"payload=%ff", b"&" * 5000, b"=" * 5000, b"1e999999"),
    *(b'{"event":{"ts":"' + b"9" * 5000 + b'"}}', b'{"type":"hello","connection_info":[]}', b'"\\ud800"'),
    *(b'{"type":"disconnect","reason":{}}', b'{"envelope_id":"x"}', b'{"envelope_id":"x","type":1,"payload":1}'),
    *(b"a.b.c=1\na.b=2", b"[[a]]\n[a]", b"a='''" + b"'" * 5000, b"x=" + b"[" * 5000, b"[" + b"a." * 5000 + b"a]"),
    *(b"d=9999-99-99", b"n=0x" + b"f" * 5000, b"[people." + b"x" * 5000 + b"]", b"k\xc2\xa0=1", b"\xef\xbb\xbf[a]"),
)


@dataclass
class Stalls:
    """Sees that nothing takes long."""

    worst_s: float = 0.0
    worst: bytes = b""

    async def see(self, sent: bytes, take: Callable[[bytes], Awaitable[None]]) -> None:
        """Have one input taken, and measure what that takes of the processor."""
        if (took_s := await self._once(sent, take)) >= STALL_S:  # a look for garbage may have come in between
            took_s = min(took_s, await self._once(sent, take))
        if took_s > self.worst_s:
            self.worst_s, self.worst = took_s, sent

    async def _once(self, sent: bytes, take: Callable[[bytes], Awaitable[None]]) -> float:
        began_s = time.thread_time()
        await take(sent)
        return time.thread_time() - began_s


def read_all(payload: Any) -> None:
    """Have each reader of Slack's bodies try one, as nobody knows which of them somebody will send where."""
    event = payload.get("event") if isinstance(payload, dict) else None
    clicks = (read_click, read_shared, read_opened)
    for read, given in (
        *((read, payload) for read in (wire.read_line, wire.read_slash, wire.read_member, wire.read_changed)),
        *((read, each) for read in clicks for each in (payload, event) if isinstance(each, dict)),
    ):
        try:
            found = read(given)
        except Unreadable:
            continue
        if isinstance(found, wire.Line):
            wire.command_of(found.text, US, "!", private=False)
        if (message := getattr(found, "message", None)) is not None:
            texts_of(message)


def post_of(number: int) -> bytes:
    dice = dice_of(number)
    body = body_of(dice.choice(BODIES), dice)
    return dice.choice((body, b"payload=" + quote_plus(body).encode()))


async def post(sent: bytes) -> None:
    """Have the page of posts read a body, as JSON and as a form, though it says that it is one of them."""
    for kind in (JSON, FORM):
        try:
            read_all(read_payload(sent, kind))
        except Refusal as refusal:
            assert refusal.status in (400, 415)  # noqa: PT017


class Frames:
    """A socket of Slack's whose frames are given by hand; what it acknowledges is read by all readers."""

    def __init__(self) -> None:
        times = Times(hello_s=60, ping_s=60, lingers_s=60)
        self._link = Link("moby", cast(SlackApp, self), times, lambda app_id: None)

    async def answer(self, payload: Any) -> BoltResponse:
        read_all(payload)
        return BoltResponse(status=200, body="")

    async def send_str(self, text: str) -> None:
        assert "envelope_id" in json.loads(text)

    async def take(self, sent: bytes) -> None:
        """Take a frame, and what comes of it; a task that failed is told here."""
        async with self._link._limit:
            self._link._heard(cast("aiohttp.ClientWebSocketResponse", self), sent.decode(errors="replace"))
            await asyncio.gather(*self._link._taking)
            self._link._limit.reschedule(None)
        self._link._limit = asyncio.timeout(60)


def frame_of(number: int) -> bytes:
    dice = dice_of(number)
    kind = dice.choice(("events_api", "slash_commands", "interactive", "hello", "disconnect"))
    frame = {"envelope_id": f"e{number}", "type": kind, "payload": dice.choice(BODIES), "retry_attempt": 1}
    frame |= {"accepts_response_payload": True, "connection_info": {"app_id": "A"}, "reason": "warning"}
    return body_of(frame, dice)


async def notify(sent: bytes) -> None:
    try:
        hint = read_notification(sent, "application/json")
    except WrongFormat as error:
        assert len(str(error)) < 500  # noqa: PT017
    else:
        assert hint.job


def file_of(path: Path) -> Callable[[int], bytes]:
    content = path.read_bytes()

    def make(number: int) -> bytes:
        dice, changed = dice_of(number), content
        for _ in range(dice.randint(1, 4)):
            how = dice.choice(("cut", "flip", "swap", "drop", "misspell", "flip", "swap"))
            changed = mutate(changed, how, dice.randrange(1 << 30), dice.randrange(1 << 30))
        return changed

    return make


def refusing(read: Callable[[Path], object], path: Path) -> Callable[[bytes], Awaitable[None]]:
    """Take a file's content by writing and reading it."""

    def see(sent: bytes) -> None:
        path.write_bytes(sent)
        path.chmod(0o600)
        try:
            read(path)
        except ConfigError as error:
            assert error.problems  # noqa: PT017

    async def take(sent: bytes) -> None:
        see(sent)

    return take


@pytest.mark.parametrize("what", ["post", "frame", "notification", "people.toml", "gordon.toml"])
@pytest.mark.timeout(max(60, FUZZ // 20))
async def test_no_input_does_worse_than_being_refused_and_none_takes_long(
    what: str, tmp_path: Path, record_property: Record
) -> None:
    make: Callable[[int], bytes]
    take: Callable[[bytes], Awaitable[None]]
    match what:
        case "post":
            make, take, many = post_of, post, POSTS
        case "frame":
            make, take, many = frame_of, Frames().take, FUZZ
        case "notification":
            make, take, many = lambda number: body_of(NOTIFIED, dice_of(number)), notify, FUZZ
        case "people.toml":
            make, take, many = file_of(PEOPLE), refusing(load_people, tmp_path / "people.toml"), FILES
        case _:
            make, take, many = file_of(EXAMPLE), refusing(load, tmp_path / "gordon.toml"), FILES
    stalls = Stalls()
    for sent in HURT:
        await stalls.see(sent, take)
    for number in range(many):
        sent = make(number)
        await stalls.see(sent, take)
    worst = f"{many + len(HURT):,} inputs, the worst took {stalls.worst_s * 1000:.0f} ms"
    Row(f"malformed: {what}", worst, "each below 100 ms", stalls.worst_s < STALL_S).tell(record_property)
    assert stalls.worst_s < STALL_S, stalls.worst[:2000]
