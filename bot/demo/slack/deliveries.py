"""What Slack has for the app: kept in a ledger, sent by either transport, and sent again until it is acknowledged."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from bot.demo.slack.workspace import Json, Workspace

Kind = Literal["events_api", "slash_commands", "interactive", "options"]
LATE = ("timeout", "http_timeout", "http_error")  # an app that was there, so nothing tells when to try again


@dataclass(frozen=True, slots=True)
class Patience:
    """How long Slack waits, in real seconds, so that tests can be quick.

    Arguments:
        ack_s: for an acknowledgement.
        retries_s: before each of the times that it sends an event again.
    """

    ack_s: float = 3.0
    retries_s: tuple[float, ...] = (0.0, 60.0, 300.0)


@dataclass(slots=True)
class Try:
    """One time that something was sent.

    Arguments:
        at_s: when it was sent, by the double's clock; 0 if it was not.
        socket: the number of the socket that took it; 0 for HTTP, and where none was open.
        reason: why it was sent again, in Slack's words.
        ack_s: how long the acknowledgement took; None without one.
        failure: what went wrong, in Slack's words.
    """

    attempt: int
    reason: str
    at_s: float = 0.0
    socket: int = 0
    ack_s: float | None = None
    failure: str = ""


@dataclass(slots=True)
class Delivery:
    """Something for the app, all times that it was sent, and what the app answered with its acknowledgement."""

    number: int
    kind: Kind
    payload: Json
    on_answer: Callable[[Json], None]
    tries: list[Try] = field(default_factory=list)
    answer: Json = field(default_factory=dict)
    is_acknowledged: bool = False
    done: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def failure(self) -> str:
        """What the person sees who asked, or the last thing that went wrong; empty unless it was given up."""
        return "" if self.is_acknowledged or not self.tries else self.tries[-1].failure


class Transport(Protocol):
    """A way to the app."""

    async def send(self, delivery: Delivery, attempt: Try, wait_s: float) -> Json | None:
        """Send it once, and give the answer that came with the acknowledgement; None, and `failure` set, without.

        Arguments:
            wait_s: when to do so at the latest; at once if the app was away, and is there again.
        """


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a delivery.

    Arguments:
        copies: how often it is sent from the start; 0 loses it.
        late: how many later deliveries overtake it.
    """

    copies: int = 1
    late: int = 0


class Deliveries:
    """The ledger of one workspace, and a task for each delivery that is under way.

    Arguments:
        transport: chosen for each time anew, so that an app may change its mind.
        fate: decides what becomes of each delivery; may be changed at any time.
        patience: may be changed at any time.
    """

    def __init__(self, workspace: Workspace, transport: Callable[[], Transport]) -> None:
        self.patience = Patience()
        self.fate: Callable[[Delivery], Fate] = lambda _: Fate()
        self.ledger: list[Delivery] = []
        self._workspace = workspace
        self._transport = transport
        self._tasks: set[asyncio.Task[None]] = set()
        self._late: list[tuple[int, Delivery]] = []
        self._held: list[Delivery] | None = None

    def event(self, event: Json, **more: object) -> Delivery | None:
        """Tell the app of an event, unless it does not subscribe to it."""
        app, workspace = self._workspace.app, self._workspace
        kind = event["type"]
        name = f"message.{event['channel_type']}s" if kind == "message" and event["channel_type"] != "im" else kind
        name = "message.im" if kind == "message" and event["channel_type"] == "im" else name
        if app.events is not None and name not in app.events:
            return None
        authorization = {
            "enterprise_id": None,
            "team_id": workspace.team_id,
            "user_id": app.user_id,
            "is_bot": True,
            "is_enterprise_install": False,
        }
        payload = {
            "token": "a-verification-token",
            "team_id": workspace.team_id,
            "context_team_id": workspace.team_id,
            "context_enterprise_id": None,
            "api_app_id": app.id,
            "event": event,
            "type": "event_callback",
            "event_id": workspace.next_id("Ev"),
            "event_time": int(workspace.now_s()),
            "authorizations": [authorization],
            "is_ext_shared_channel": False,
            "event_context": f"4-{workspace.next_id('')}",
        }
        return self.put("events_api", payload | more)

    def put(self, kind: Kind, payload: Json, on_answer: Callable[[Json], None] = lambda _: None) -> Delivery:
        """Send something, by its fate.

        Arguments:
            on_answer: told what came with the acknowledgement.
        """
        delivery = Delivery(len(self.ledger) + 1, kind, payload, on_answer)
        self.ledger.append(delivery)
        if self._held is not None:
            self._held.append(delivery)
            return delivery
        fate = self.fate(delivery)
        if fate.late:
            self._late.append((delivery.number + fate.late, delivery))
        else:
            for _ in range(fate.copies):
                self.send(delivery)
        if not fate.copies:
            delivery.done.set()
        due = [late for number, late in self._late if number <= delivery.number]
        self._late = [(number, late) for number, late in self._late if number > delivery.number]
        for late in due:
            self.send(late)
        return delivery

    def send(self, delivery: Delivery) -> None:
        """Send a delivery, even if it was sent before: the same event with the same id."""
        task = asyncio.create_task(self._send(delivery))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def hold(self) -> None:
        """Send nothing new until `release`."""
        self._held = []

    def release(self, order: Callable[[list[Delivery]], Iterable[Delivery]] = list) -> None:
        """Send what was held back.

        Arguments:
            order: given those that wait, tells which of them to send and in which order; may leave out or repeat some.
        """
        held, self._held = self._held or [], None
        held += [late for _, late in self._late]
        self._late = []
        for delivery in order(held):
            self.send(delivery)

    async def settled(self) -> None:
        """Wait until everything that was sent is acknowledged or given up; what is held back is not waited for."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    async def close(self) -> None:
        """Send nothing more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _send(self, delivery: Delivery) -> None:
        waits_s = (0.0, *self.patience.retries_s)
        reason = ""
        for attempt, wait_s in enumerate(waits_s if delivery.kind == "events_api" else waits_s[:1]):
            now = Try(attempt, reason)
            delivery.tries.append(now)
            if reason in LATE:
                await asyncio.sleep(wait_s)
            answer = await self._transport().send(delivery, now, 0.0 if reason in LATE else wait_s)
            if answer is not None:
                self._acknowledge(delivery, answer)
                return
            reason = now.failure
        delivery.done.set()

    def _acknowledge(self, delivery: Delivery, answer: Json) -> None:
        if not delivery.is_acknowledged:
            delivery.answer = answer
            delivery.is_acknowledged = True
            delivery.on_answer(answer)
        delivery.done.set()
