"""Signed deliveries of webhooks as large as GitHub's, over connections that stay open, as fast as they are answered."""

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from bot.clock import SystemClock
from bot.demo.github.hub import Hub
from tests.hook_bodies import signed

REPO = "moby/moby"
DELIVERY_BYTES = 25_000
AGO = timedelta(days=1)  # when the first change was; each of a pull request is a second after the one before
SHA, UPDATED, NUMBER = "5ha" + "0" * 37, "2001-01-01T00:00:00Z", 77_007  # what a delivery puts its own in place of


@dataclass(frozen=True, slots=True)
class Delivery:
    """One that pushes a commit of its own to a pull request."""

    guid: str
    pull: int
    head: str
    body: bytes
    signature: str

    @property
    def request(self) -> bytes:
        lines = [
            "POST /notification/github HTTP/1.1",
            "Host: gordon",
            "User-Agent: GitHub-Hookshot/044aadd",
            "Accept: */*",
            "Content-Type: application/json",
            f"Content-Length: {len(self.body)}",
            "X-GitHub-Event: pull_request",
            f"X-GitHub-Delivery: {self.guid}",
            "X-GitHub-Hook-ID: 109948940",
            f"X-Hub-Signature-256: {self.signature}",
        ]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


@dataclass(frozen=True, slots=True)
class Answered:
    """How a delivery was answered, and after how long."""

    delivery: Delivery
    status: int
    took_ms: float


def deliveries(secret: str, pulls: Sequence[int], each: int, begin: int = 0) -> Iterator[Delivery]:
    """Make deliveries that move pull requests on in turn.

    Arguments:
        each: how often a pull request is told of; the first time it is opened.
        begin: how often it was told of before.
    """
    template, day = _template(), datetime.now(UTC) - AGO
    for turn in range(begin, begin + each):
        action = b'"opened"' if turn == 0 else b'"synchronize"'
        stamp = f"{day + timedelta(seconds=turn):%Y-%m-%dT%H:%M:%SZ}".encode()
        for pull in pulls:
            head = hashlib.sha1(f"{pull}:{turn}".encode(), usedforsecurity=False).hexdigest()
            body = template.replace(b'"synchronize"', action, 1).replace(UPDATED.encode(), stamp)
            body = body.replace(SHA.encode(), head.encode()).replace(str(NUMBER).encode(), str(pull).encode())
            yield Delivery(f"guid-{pull}-{turn}", pull, head, body, signed(body, secret))


async def send(
    url: str, queues: Iterable[Sequence[Delivery]], on_answer: Callable[[Answered], None] = lambda answered: None
) -> list[Answered]:
    """Send each queue over a connection of its own, one delivery after another; a broken connection ends its queue."""
    address, answered = urlsplit(url), list[Answered]()

    async def sender(queue: Sequence[Delivery]) -> None:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        try:
            for delivery in queue:
                begun_s = time.perf_counter()
                writer.write(delivery.request)
                status = await _status(reader)
                answered.append(Answered(delivery, status, (time.perf_counter() - begun_s) * 1e3))
                on_answer(answered[-1])
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the server was killed; whatever was not answered is not among the answered
        finally:
            writer.close()

    await asyncio.gather(*(sender(queue) for queue in queues))
    return answered


async def _status(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    _, _, length = head.partition("content-length: ")
    await reader.readexactly(int(length.split("\r\n")[0]))
    return int(head.split()[1])


def _template() -> bytes:
    """Shape a delivery as GitHub does, with a description that makes it as long as one of moby's."""
    hub = Hub(SystemClock(), "bench")
    hub.add_repo(REPO)
    hub.open_pull(REPO, title="Fix the volumes", author="alice", number=NUMBER, head_sha=SHA, labels=("bug", "ci"))
    home = hub.repo(REPO)
    pull = hub.bodies.pull(home, home.pulls[NUMBER]) | {"updated_at": UPDATED, "body": ""}
    told = {
        "action": "synchronize",
        "number": NUMBER,
        "pull_request": pull,
        "repository": hub.bodies.repository(home.name, home.id, home.created),
        "organization": hub.bodies.organization(home.owner),
        "sender": hub.bodies.user("alice"),
    }
    line = '- `docker run -v` says "no such volume" where there is one\r\n'
    missing = DELIVERY_BYTES - len(json.dumps(told))
    pull["body"] = line * (missing // (len(json.dumps(line)) - 2))
    return json.dumps(told).encode()
