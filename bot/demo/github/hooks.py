"""Webhooks of a GitHub on loopback: who is told what, signed deliveries, and what may happen to them on the way."""

import asyncio
import contextlib
import hashlib
import hmac
import random
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal
from urllib.parse import urlencode

import aiohttp
import msgspec

from bot.clock import Clock
from bot.demo.github.bodies import Bodies, Json
from bot.demo.github.records import RepoRecord, stamp

PATIENCE_S = 10.0  # GitHub hangs up then; it never tries again by itself
LARGEST_BODY = 25_000_000  # an event with more is not sent at all
UNREACHED, TIMED_OUT = (502, "failed to connect to host"), (504, "timed out")
ContentType = Literal["json", "form"]


@dataclass(slots=True)
class Hook:
    """Somewhere that is told of events.

    Arguments:
        of: a repository, `owner/name`, or an organisation.
        events: their names; "*" is all of them.
        secret: signs every delivery unless it is empty; it may be changed.
    """

    id: int
    of: str
    url: str
    secret: str
    events: tuple[str, ...]
    content_type: ContentType
    created: datetime
    active: bool = True
    last: tuple[int | None, str, str | None] = (None, "unused", None)  # code, status and message of the last answer

    @property
    def is_of_repository(self) -> bool:
        return "/" in self.of


@dataclass(slots=True)
class Delivery:
    """One event for one hook, and how the last attempt to send it went.

    Arguments:
        guid: stays the same when it is sent again.
        body: as it goes over the wire.
        status_code: 0 until it is answered, or where nobody answered.
        status: "OK", or what went wrong in GitHub's words.
        is_listed: GitHub shows it in its list; what it lost itself it does not.
    """

    id: int
    guid: str
    hook: Hook
    event: str
    action: str | None
    repository_id: int | None
    payload: Json
    body: bytes
    headers: Mapping[str, str]
    at: datetime
    is_redelivery: bool = False
    status_code: int = 0
    status: str = "pending"
    duration_s: float = 0.0
    answer: str = ""
    answer_headers: Mapping[str, str] = field(default_factory=dict)
    is_listed: bool = True

    @property
    def arrived(self) -> bool:
        return 200 <= self.status_code < 300


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a delivery.

    Arguments:
        copies: how often it is sent; 0 loses it on the way.
        late: how many later deliveries overtake it.
        delay_s: waited before it is sent, by the clock; whatever comes after it waits too.
        is_listed: whether GitHub's own list has it.
    """

    copies: int = 1
    late: int = 0
    delay_s: float = 0.0
    is_listed: bool = True


ARRIVES = Fate()
LOST = Fate(copies=0)
FORGOTTEN = Fate(copies=0, is_listed=False)


def dice(seed: int, *, lost: float = 0.0, twice: float = 0.0, late: float = 0.0) -> Callable[[Delivery], Fate]:
    """Decide the fate of deliveries by chance, the same in every run.

    Arguments:
        lost, twice, late: the share of deliveries, from 0 to 1, that this happens to.
    """
    chance = random.Random(seed)

    def decide(_: Delivery) -> Fate:
        is_lost, is_twice, is_late = (chance.random() < share for share in (lost, twice, late))
        return Fate(0 if is_lost else 2 if is_twice else 1, chance.randint(1, 5) if is_late else 0)

    return decide


class Hooks:
    """All hooks, and a task that sends what they are told, in order and one at a time.

    Arguments:
        fate: decides what becomes of each delivery; may be changed at any time.
        patience_s: real seconds that an answer may take; may be changed while nothing is sent.
        ledger: all deliveries, as they were made.
        sent: those that went over the wire, each time anew.
    """

    def __init__(self, clock: Clock, bodies: Bodies, seed: str) -> None:
        self.fate: Callable[[Delivery], Fate] = lambda _: ARRIVES
        self.patience_s = PATIENCE_S
        self.all: list[Hook] = []
        self.ledger: list[Delivery] = []
        self.sent: list[Delivery] = []
        self._clock = clock
        self._bodies = bodies
        self._seed = seed
        self._waiting: deque[tuple[Delivery, Fate]] = deque()
        self._overtaken: list[tuple[int, Delivery, Fate]] = []
        self._is_held = False
        self._sender: asyncio.Task[None] | None = None

    def add(
        self, of: str, url: str, secret: str, events: Iterable[str], content_type: ContentType, payload: Json
    ) -> Hook:
        """Make a hook, which is told so by a ping.

        Arguments:
            payload: what a ping carries beside the hook.
        """
        hook = Hook(len(self.all) + 1, of, url, secret, tuple(events), content_type, self._clock.now())
        self.all.append(hook)
        ping = {"zen": "Keep it logically awesome.", "hook_id": hook.id, "hook": hook_body(self._bodies, hook)}
        self._enqueue(self._delivery(hook, "ping", None, {**ping, **payload}))
        return hook

    def of(self, repo: RepoRecord, event: str) -> Sequence[Hook]:
        """List the active hooks that want an event of a repository."""
        places = (repo.name.lower(), repo.owner.lower())
        return [
            hook
            for hook in self.all
            if hook.active and hook.of.lower() in places and ("*" in hook.events or event in hook.events)
        ]

    def tell(self, event: str, repo: RepoRecord, payload: Json) -> None:
        """Send an event to every hook that wants it."""
        for hook in self.of(repo, event):
            self._enqueue(self._delivery(hook, event, repo.id, payload))

    def send(self, hook: Hook, event: str, payload: Json) -> Delivery:
        """Send a hook whatever one likes, signed as all is."""
        delivery = self._delivery(hook, event, None, payload)
        self._enqueue(delivery)
        return delivery

    def redeliver(self, delivery: Delivery) -> Delivery:
        """Send something again: the same identity and body, with a signature by the secret that counts now."""
        again = replace(
            delivery,
            id=len(self.ledger) + 1,
            at=self._clock.now(),
            is_redelivery=True,
            status_code=0,
            status="pending",
            headers=self._headers(delivery.hook, delivery.event, delivery.guid, delivery.body),
            is_listed=True,
        )
        self._enqueue(again)
        return again

    def hold(self) -> None:
        """Send nothing until `release`."""
        self._is_held = True

    def release(self, order: Callable[[list[Delivery]], Iterable[Delivery]] = list) -> None:
        """Send what was held back.

        Arguments:
            order: given those that wait, tells which of them to send and in which order; may leave out or repeat some.
        """
        waiting = [delivery for delivery, _ in self._waiting]
        self._waiting = deque((delivery, ARRIVES) for delivery in order(waiting))
        self._is_held = False
        self._wake()

    async def settled(self) -> None:
        """Wait until everything that is to be sent has been sent; what is held back is not waited for."""
        while (sender := self._sender) is not None and not sender.done():
            await asyncio.wait([sender])
            sender.result()

    async def close(self) -> None:
        """Send nothing more."""
        self._waiting.clear()
        self._overtaken.clear()
        if self._sender is not None:
            self._sender.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sender

    def _delivery(self, hook: Hook, event: str, repository_id: int | None, payload: Json) -> Delivery:
        number = len(self.ledger) + 1
        text = msgspec.json.encode(payload)
        body = text if hook.content_type == "json" else urlencode({"payload": text}).encode()
        guid = str(uuid.UUID(bytes=hashlib.sha256(f"{self._seed}:{number}".encode()).digest()[:16], version=1))
        headers, now = self._headers(hook, event, guid, body), self._clock.now()
        return Delivery(number, guid, hook, event, payload.get("action"), repository_id, payload, body, headers, now)

    def _headers(self, hook: Hook, event: str, guid: str, body: bytes) -> Mapping[str, str]:
        repo = self._bodies.repos.get(hook.of.lower())
        target = repo.id if repo else self._bodies.number(hook.of)
        headers = {
            "Accept": "*/*",
            "Content-Type": f"application/{'json' if hook.content_type == 'json' else 'x-www-form-urlencoded'}",
            "User-Agent": f"GitHub-Hookshot/{hashlib.sha256(self._seed.encode()).hexdigest()[:7]}",
            "X-GitHub-Delivery": guid,
            "X-GitHub-Event": event,
            "X-GitHub-Hook-ID": str(hook.id),
            "X-GitHub-Hook-Installation-Target-ID": str(target),
            "X-GitHub-Hook-Installation-Target-Type": "repository" if hook.is_of_repository else "organization",
        }
        if hook.secret:
            for name, digest in (("X-Hub-Signature", "sha1"), ("X-Hub-Signature-256", "sha256")):
                headers[name] = f"{digest}={hmac.new(hook.secret.encode(), body, digest).hexdigest()}"
        return headers

    def _enqueue(self, delivery: Delivery) -> None:
        if len(delivery.body) > LARGEST_BODY:
            return
        fate = self.fate(delivery)
        delivery.is_listed = fate.is_listed
        self.ledger.append(delivery)
        if fate.late:
            self._overtaken.append((len(self.ledger) + fate.late, delivery, fate))
        else:
            self._waiting.append((delivery, fate))
        self._let_in(len(self.ledger))
        self._wake()

    def _let_in(self, count: int) -> None:
        """Put those in line that enough others have overtaken."""
        for entry in [entry for entry in self._overtaken if entry[0] <= count]:
            self._overtaken.remove(entry)
            self._waiting.append(entry[1:])

    def flush(self) -> None:
        """Send what was to be overtaken by deliveries that never came."""
        self._waiting.extend((delivery, fate) for _, delivery, fate in self._overtaken)
        self._overtaken.clear()
        self._wake()

    def _wake(self) -> None:
        if self._waiting and not self._is_held and (self._sender is None or self._sender.done()):
            self._sender = asyncio.get_running_loop().create_task(self._send_all(), name="github-hooks")
            self._sender.add_done_callback(self._go_on)

    def _go_on(self, ended: asyncio.Task[None]) -> None:
        """Send what came in after the last look for more, while the session was closed."""
        if not ended.cancelled() and ended.exception() is None:
            self._wake()

    async def _send_all(self) -> None:
        timeout = aiohttp.ClientTimeout(total=self.patience_s)
        async with aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session:
            while self._waiting and not self._is_held:
                delivery, fate = self._waiting.popleft()
                if fate.delay_s:
                    await self._clock.sleep(fate.delay_s)
                if not fate.copies:
                    delivery.status_code, delivery.status = UNREACHED
                for _ in range(fate.copies):
                    await self._send(session, delivery)

    async def _send(self, session: aiohttp.ClientSession, delivery: Delivery) -> None:
        started_s = self._clock.monotonic_s()
        self.sent.append(delivery)
        try:
            async with session.post(
                delivery.hook.url, data=delivery.body, headers=delivery.headers, allow_redirects=False
            ) as answer:
                delivery.answer = (await answer.read()).decode(errors="replace")
                delivery.status_code, delivery.answer_headers = answer.status, dict(answer.headers)
            delivery.status = "OK" if delivery.arrived else f"Invalid HTTP Response: {delivery.status_code}"
        except TimeoutError:
            delivery.status_code, delivery.status = TIMED_OUT
        except aiohttp.ClientError:
            delivery.status_code, delivery.status = UNREACHED
        told = None if delivery.arrived else delivery.status
        delivery.hook.last = (delivery.status_code, "active" if delivery.arrived else "misconfigured", told)
        delivery.duration_s = round(self._clock.monotonic_s() - started_s, 2)


def hook_body(bodies: Bodies, hook: Hook) -> Json:
    """Show a hook; its secret is never told."""
    url = f"{bodies.base_url}/{'repos' if hook.is_of_repository else 'orgs'}/{hook.of}/hooks/{hook.id}"
    config = {"content_type": hook.content_type, "url": hook.url, "insecure_ssl": "0"}
    moment = stamp(hook.created)
    shown: Json = {
        "type": "Repository" if hook.is_of_repository else "Organization",
        "id": hook.id,
        "name": "web",
        "active": hook.active,
        "events": list(hook.events),
        "config": {**config, **({"secret": "********"} if hook.secret else {})},
        "updated_at": moment,
        "created_at": moment,
        "url": url,
        "ping_url": f"{url}/pings",
        "deliveries_url": f"{url}/deliveries",
    }
    if hook.is_of_repository:
        last = dict(zip(("code", "status", "message"), hook.last, strict=True))
        shown |= {"test_url": f"{url}/test", "last_response": last}
    return shown
