"""Socket Mode against the Slack on loopback: nothing is lost while sockets come and go, and a dead one is noticed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from bot.adapters.slack_ack import Ack
from bot.adapters.slack_api import Api
from bot.adapters.slack_app import SlackApp
from bot.adapters.slack_socket import THE_SOCKET, SlackSocket, Times
from bot.clock import SystemClock
from bot.demo.slack import moby
from bot.demo.slack.deliveries import Patience
from bot.demo.slack.double import SlackDouble
from bot.demo.slack.link import MOST_SOCKETS
from bot.errors import StorageError

QUICK = Times(
    hello_s=0.3, ping_s=0.1, lingers_s=1.0, steady_s=5.0, down_s=0.2, off_s=0.1, first_pause_s=0.02, most_pause_s=0.1
)
SOON = Patience(0.3, (0.05, 0.1, 0.2))


class App:
    """What is behind the socket: it notes what it takes, and may be slow, or full, or wrong."""

    def __init__(self, slack: SlackDouble, times: Times) -> None:
        self.slack = slack
        self.team = slack.team()
        self.team.deliveries.patience = SOON
        self.troubles: list[str] = []
        self.app_id = ""
        self.taken: list[Mapping[str, Any]] = []
        self.before: Callable[[], Any] | None = None
        self.api = Api("moby", slack.api_url, moby.APP_TOKEN, 5.0, SystemClock(), lambda about, words: None)
        self.socket = SlackSocket("moby", self._address, SlackApp("moby", self._take), self._tell, self._greeted, times)

    @property
    def keys(self) -> list[str]:
        """What was done, by what it was about: repeats are one, as they are for the journal."""
        return list(dict.fromkeys(one.get("trigger_id") or one["event"]["ts"] for one in self.taken))

    async def until(self, is_so: Callable[[], bool], within_s: float = 60.0) -> None:
        async with asyncio.timeout(within_s):
            while not is_so():  # noqa: ASYNC110  what is asked tells when asked
                await asyncio.sleep(0.005)

    async def _address(self) -> str:
        return str((await self.api.call("apps.connections.open"))["url"])

    async def _take(self, payload: Mapping[str, Any]) -> Ack:
        if self.before is not None:
            await self.before()
        self.taken.append(payload)
        return Ack({"text": "heard"}) if "command" in payload else Ack()

    def _tell(self, about: str, words: str) -> None:
        assert about == THE_SOCKET
        if words != (self.troubles or [""])[-1]:
            self.troubles.append(words)

    def _greeted(self, app_id: str) -> None:
        self.app_id = app_id


@asynccontextmanager
async def listening(
    times: Times = QUICK, before: Callable[[SlackDouble], None] = lambda slack: None
) -> AsyncIterator[App]:
    async with SlackDouble() as slack:
        before(slack)
        app = App(slack, times)
        running = asyncio.create_task(app.socket.run())
        try:
            yield app
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await app.api.close()
            assert not app.socket.is_open()
    mine = {asyncio.current_task()}
    assert [task for task in asyncio.all_tasks() - mine if "slack_socket" in repr(task)] == []


async def test_what_is_said_and_asked_comes_by_the_socket_and_is_acknowledged() -> None:
    async with listening() as app:
        await app.team.link.connected()
        said = await app.team.acts.says(moby.TIANON, "hello", moby.DOCKER_DEV).acknowledged()
        asked = await app.team.acts.slash(moby.TIANON, "status", moby.DOCKER_DEV).acknowledged()
        assert (app.keys, asked.answer) == ([said.ts, asked.trigger_id], {"text": "heard"})
        assert (app.socket.is_open(), app.app_id) == (True, moby.APP)


async def test_a_text_with_the_word_payload_arrives() -> None:
    """Bolt reads the form of such a command as none of Slack's."""
    async with listening() as app:
        await app.team.link.connected()
        await app.team.acts.slash(moby.TIANON, "why payload=7", moby.DOCKER_DEV).acknowledged()
        assert [one["text"] for one in app.taken] == ["why payload=7"]


@pytest.mark.parametrize("reason", ["refresh_requested", "warning"])
async def test_the_next_socket_is_open_before_the_last_one_goes(reason: str) -> None:
    """F9: a click in between, which Slack repeats for nobody, arrives; what the last socket brought is acknowledged."""
    async with listening() as app:
        await app.team.link.connected()
        app.before = lambda: asyncio.sleep(0.1)
        said = app.team.acts.says(moby.TIANON, "hello", moby.DOCKER_DEV)
        await app.until(lambda: bool(app.team.link.sockets[0].sent))
        await app.team.link.disconnect(reason=reason)
        assert app.socket.is_open()
        await app.until(lambda: app.team.link.opened == 2)
        assert len(app.team.link.sockets) == 2
        asked = await app.team.acts.slash(moby.TIANON, "status", moby.DOCKER_DEV).acknowledged()
        await said.acknowledged()
        assert [len(one.deliveries[0].tries) for one in (said, asked)] == [1, 1]
        assert (asked.failure, len(app.team.link.acks)) == ("", 2)


async def test_of_events_nothing_is_lost_while_sockets_are_replaced_all_the_time() -> None:
    """F9: a socket is told to go after every third envelope; never are more open than Slack allows."""
    async with listening(replace(QUICK, lingers_s=30.0)) as app:
        await app.team.link.connected()
        app.team.link.refresh_every, app.team.link.grace_s = 3, 30.0
        most, acts = 0, []
        for number in range(60):
            acts.append(app.team.acts.says(moby.TIANON, f"line {number}", moby.DOCKER_DEV))
            await asyncio.sleep(0.01)
            most = max(most, len(app.team.link.sockets))
        await asyncio.wait_for(app.team.deliveries.settled(), 10)
        assert [act.failure for act in acts] == [""] * 60
        assert sorted(app.keys) == sorted(act.ts for act in acts)
        assert app.team.link.opened > 10
        assert most < MOST_SOCKETS


async def test_events_while_there_is_no_socket_arrive_by_the_next_one() -> None:
    """F9: the connection breaks without a word, twice, and the line in between is told again."""
    async with listening() as app:
        for number in range(2):
            await app.team.link.connected()
            app.team.link.cut()
            said = await app.team.acts.says(moby.TIANON, f"line {number}", moby.DOCKER_DEV).acknowledged()
            assert (said.failure, app.keys[-1]) == ("", said.ts)


async def test_the_connection_is_tried_again_where_ten_sockets_are_open_already() -> None:
    """F9: operators are told of it, and that it is over."""
    async with listening() as app:
        await app.team.link.connected()
        async with aiohttp.ClientSession() as session:
            others = []
            while len(app.team.link.sockets) < MOST_SOCKETS:
                others.append(await session.ws_connect(await app._address()))
            app.team.link.cut(app.team.link.sockets[0])
            await app.until(lambda: len(app.team.link.sockets) < MOST_SOCKETS)
            others.append(await session.ws_connect(await app._address()))
            await app.until(lambda: any("(429)" in trouble for trouble in app.troubles))
            for other in others:
                await other.close()
        await app.until(lambda: app.troubles[-1] == "")


async def test_what_came_by_a_socket_is_taken_though_that_has_broken_since() -> None:
    """F9: Slack repeats no command with a slash, so it is done though nobody can be told any more."""
    async with listening() as app:
        await app.until(app.socket.is_open)
        app.before = lambda: asyncio.sleep(0.1)
        asked = app.team.acts.slash(moby.TIANON, "status", moby.DOCKER_DEV)
        await app.until(lambda: bool(app.team.link.sockets[0].sent))
        app.team.link.cut()
        await asked.acknowledged()
        await app.until(lambda: app.keys == [asked.trigger_id])
        assert asked.failure == "dispatch_failed"


async def test_a_socket_that_says_no_hello_is_none() -> None:
    """F12: it counts as not connected, operators are told, and another one is tried until one is greeted."""
    async with listening(before=lambda slack: setattr(slack.team().link, "says_hello", False)) as app:
        await app.team.link.connected()
        assert not app.socket.is_open()
        await app.until(lambda: bool(app.troubles))
        assert "no hello within" in app.troubles[0]
        app.team.link.says_hello = True
        await app.until(app.socket.is_open)
        assert app.troubles[-1] == ""


async def test_sockets_that_are_greeted_and_closed_at_once_are_told() -> None:
    """F9, F12: what stands between lets nothing stay open; a hello each time is no connection."""
    async with listening() as app:
        async with asyncio.timeout(30):
            while not app.troubles:
                app.team.link.cut()
                await asyncio.sleep(0.01)
        assert app.troubles[0].startswith("not connected: ")
        await app.until(lambda: app.socket.is_open() and app.troubles[-1] == "")


async def test_a_socket_that_falls_silent_is_noticed_and_replaced() -> None:
    """F12: it takes everything and answers no ping."""
    async with listening() as app:
        await app.until(app.socket.is_open)
        app.team.link.silence()
        said = app.team.acts.says(moby.TIANON, "hello", moby.DOCKER_DEV)
        await app.until(lambda: not app.socket.is_open(), within_s=2)
        app.team.link.speak()
        await app.until(app.socket.is_open)
        assert ((await said.acknowledged()).failure, app.keys) == ("", [said.ts])


async def test_how_long_a_silence_lasts_at_most() -> None:
    """F12: within a minute there is another socket, be it that the last one says nothing or the next one no hello."""
    times = Times()
    assert times.ping_s * 1.5 + times.first_pause_s < 60
    assert times.hello_s + times.most_pause_s < 60


async def test_where_socket_mode_is_switched_off_operators_are_told_and_it_is_tried_slowly() -> None:
    async with listening(replace(QUICK, off_s=0.4)) as app:
        await app.until(app.socket.is_open)
        await app.team.link.disconnect(reason="link_disabled")
        await app.until(lambda: bool(app.troubles))
        assert "switched off in the app's settings" in app.troubles[0]
        await asyncio.sleep(0.2)
        assert app.team.link.opened == 1
        await app.until(lambda: app.team.link.opened == 2)
        await app.until(lambda: app.troubles[-1] == "")


async def test_a_token_that_opens_no_socket_is_told_at_once() -> None:
    """F11."""
    async with listening() as app:
        await app.until(app.socket.is_open)
        app.api.renew("xapp-of-nobody")
        app.team.link.cut()
        await app.until(lambda: bool(app.troubles))
        assert "invalid_auth" in app.troubles[0]


async def test_what_the_disk_does_not_take_is_not_acknowledged_and_comes_again() -> None:
    """F10: so does what is taken too late; both are the same event each time."""
    tries = 0

    async def full_at_first() -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise StorageError("the disk is full")
        if tries == 2:
            await asyncio.sleep(0.4)

    async with listening() as app:
        await app.team.link.connected()
        app.before = full_at_first
        said = await app.team.acts.says(moby.TIANON, "hello", moby.DOCKER_DEV).acknowledged()
        assert (said.failure, len(said.deliveries[0].tries), app.keys) == ("", 3, [said.ts])


@pytest.mark.parametrize(
    "payload", [{"type": "event_callback", "authorizations": 7}, {"team": 7}, {"event": []}, {"type": "made_up"}]
)
async def test_what_makes_bolt_or_us_fail_is_acknowledged(payload: dict[str, Any]) -> None:
    """It would fail each time that it came."""

    async def wrong() -> None:
        raise KeyError("a mistake of ours")

    async with listening() as app:
        await app.team.link.connected()
        app.before = wrong
        delivery = app.team.deliveries.put("events_api", payload)
        await asyncio.wait_for(delivery.done.wait(), 5)
        assert (delivery.is_acknowledged, len(delivery.tries)) == (True, 1)
