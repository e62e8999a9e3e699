"""The double of Slack, and Gordon itself, beside npm's `emulate`, a Slack that nobody here wrote: answers of one shape.

What it is known to do otherwise than Slack is not asked of it: it lets every token in, takes any blocks, limits
nobody, keeps texts unescaped, has no sockets and no user groups, and reads arguments of forms alone.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from bot.adapters.slack import Slack, SlackSecrets
from bot.chat import Button, Card, Heard
from bot.clock import SystemClock
from bot.demo.slack import moby
from bot.demo.slack.double import SlackDouble
from bot.settings import SlackSettings
from bot.values import Place
from tests.rigs.emulate import emulated

SEED = {
    "tokens": {moby.BOT_TOKEN: {"login": "gordon", "scopes": []}},
    "slack": {
        "team": {"name": "moby", "domain": "moby"},
        "users": [{"name": "gordon"}, {"name": "tianon"}],
        "channels": [{"name": "docker-dev"}],
    },
}
# What it tells and we do not, and why.
APART = {
    "is_open",  # of a direct message alone
    "last_read",  # of whoever asks: a bot reads nothing
    "email",  # wants a scope that we do not ask for
    "title", "phone", "skype", "image_192", "status_emoji_display_info", "huddle_state", "huddle_state_expiration_ts",
}  # fmt: skip
HOME = {"type": "home", "blocks": [{"type": "divider"}]}


class Side:
    """One of the two."""

    def __init__(self, api_url: str, session: aiohttp.ClientSession) -> None:
        self.channel = ""
        self.person = ""
        self.ts = ""
        self._api_url = api_url
        self._session = session

    async def call(self, method: str, **arguments: Any) -> Any:
        """Call a method by a form, as the other one reads nothing else; `$name` is what this side calls that."""
        for name, value in arguments.items():
            mine = getattr(self, value[1:]) if isinstance(value, str) and value.startswith("$") else value
            arguments[name] = mine if isinstance(mine, str) else json.dumps(mine)
        headers = {"Authorization": f"Bearer {moby.BOT_TOKEN}"}
        async with self._session.post(self._api_url + method, data=arguments, headers=headers) as answer:
            return await answer.json()

    async def begin(self) -> None:
        """Find the channel and the person, and say something there."""
        channels = (await self.call("conversations.list"))["channels"]
        (self.channel,) = [each["id"] for each in channels if each["name"] == "docker-dev"]
        people = (await self.call("users.list"))["members"]
        (self.person,) = [each["id"] for each in people if each["name"] == "tianon"]
        self.ts = (await self.call("chat.postMessage", channel=self.channel, text="first"))["ts"]
        await self.call("chat.postMessage", channel=self.channel, text="reply", thread_ts=self.ts)
        await self.call("chat.postMessage", channel=self.channel, text="second")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with emulated("slack", tmp_path_factory.mktemp("emulate"), SEED) as url:
        yield url


@pytest.fixture
async def sides(url: str) -> AsyncIterator[tuple[Side, Side]]:
    async with SlackDouble() as slack, aiohttp.ClientSession() as session:
        both = Side(slack.api_url, session), Side(f"{url}/api/", session)
        for side in both:
            await side.begin()
        yield both


CALLS: list[tuple[str, dict[str, Any]]] = [
    ("auth.test", {}),
    ("team.info", {}),
    ("users.list", {"limit": "1"}),
    ("users.info", {"user": "$person"}),
    ("users.info", {"user": "U404"}),
    ("conversations.list", {"limit": "1"}),
    ("conversations.info", {"channel": "$channel", "include_num_members": "true"}),
    ("conversations.info", {"channel": "C404"}),
    ("conversations.members", {"channel": "$channel"}),
    ("conversations.open", {"users": "$person"}),
    ("conversations.history", {"channel": "$channel", "limit": "1"}),
    ("conversations.replies", {"channel": "$channel", "ts": "$ts"}),
    ("chat.postMessage", {"channel": "$channel", "text": "x"}),
    ("chat.postMessage", {"channel": "$channel", "text": "x", "thread_ts": "$ts"}),
    ("chat.postMessage", {"channel": "$channel", "text": "x", "blocks": [{"type": "divider"}]}),
    ("chat.postMessage", {"channel": "$channel", "text": "x" * 40_001}),
    ("chat.postMessage", {"channel": "$channel"}),
    ("chat.postMessage", {"channel": "C404", "text": "x"}),
    ("chat.postEphemeral", {"channel": "$channel", "user": "$person", "text": "x"}),
    ("chat.update", {"channel": "$channel", "ts": "$ts", "text": "x"}),
    ("chat.update", {"channel": "$channel", "ts": "1.000001", "text": "x"}),
    ("chat.delete", {"channel": "$channel", "ts": "$ts"}),
    ("chat.delete", {"channel": "$channel", "ts": "1.000001"}),
    ("chat.getPermalink", {"channel": "$channel", "message_ts": "$ts"}),
    ("reactions.add", {"channel": "$channel", "timestamp": "$ts", "name": "eyes"}),
    ("reactions.remove", {"channel": "$channel", "timestamp": "$ts", "name": "eyes"}),
    ("views.publish", {"user_id": "$person", "view": HOME}),
    ("files.getUploadURLExternal", {"filename": "a.log", "length": "3"}),
]


@pytest.mark.parametrize(("method", "arguments"), CALLS, ids=[f"{call[0]}-{n}" for n, call in enumerate(CALLS)])
async def test_an_answer_has_all_that_the_others_has(
    sides: tuple[Side, Side], method: str, arguments: dict[str, Any]
) -> None:
    ours, theirs = [await side.call(method, **arguments) for side in sides]
    assert (ours["ok"], ours.get("error")) == (theirs["ok"], theirs.get("error"))
    assert lacking(theirs, ours) == []


async def test_a_second_sign_of_one_name_is_refused_by_both(sides: tuple[Side, Side]) -> None:
    for side in sides:
        sign = {"channel": "$channel", "timestamp": "$ts", "name": "eyes"}
        assert (await side.call("reactions.add", **sign))["ok"]
        assert (await side.call("reactions.add", **sign))["error"] == "already_reacted"


async def test_what_gordon_says_is_taken_and_shown_by_a_slack_that_nobody_here_wrote(url: str) -> None:
    settings = SlackSettings(url=f"{url}/api/", channels=("#docker-dev",))
    slack = Slack("moby", settings, SlackSecrets(lambda: moby.BOT_TOKEN), "!", SystemClock())
    running = asyncio.create_task(slack.run(nobody_hears))
    buttons = (Button("Rebuild", "rebuild moby#7"),)
    card = Card("it failed", ("janky: TestRun",), {"took": "7 min"}, buttons, quote="x\n" * 99)
    async with aiohttp.ClientSession() as session:
        side = Side(f"{url}/api/", session)
        try:
            await side.begin()
            ref = await slack.send(Place("moby", "#docker-dev"), card)
            await slack.send(slack.under(ref), "more")
            await slack.send(Place("moby", side.person, to=side.person, private=True), "alone")
            await slack.edit(ref, replace(card, title="it passed"))
            await slack.arrived(ref)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        channel, _, ts = ref.id.partition(":")
        thread = (await side.call("conversations.replies", channel=channel, ts=ts))["messages"]
        alone = (await side.call("conversations.open", users="$person"))["channel"]["id"]
        told = (await side.call("conversations.history", channel=alone))["messages"]
    assert channel == side.channel
    assert thread[0]["text"].startswith("it passed")
    assert thread[0]["blocks"][-1]["elements"][0]["text"]["text"] == "Rebuild"
    assert [file["name"] for one in thread for file in one.get("files", ())] == ["log.txt"]
    assert "more" in [one["text"] for one in thread[1:]]
    assert [one["text"] for one in told] == ["alone"]


async def nobody_hears(heard: Heard) -> None:
    raise AssertionError(heard)


def lacking(theirs: Any, ours: Any, path: str = "") -> list[str]:
    """List what one answer has and the other has not, or has as another kind of value."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        missing = [f"{path}/{name}" for name in theirs.keys() - ours.keys() - APART]
        both = theirs.keys() & ours.keys()
        return sorted(missing + [each for name in both for each in lacking(theirs[name], ours[name], f"{path}/{name}")])
    if isinstance(theirs, list) and isinstance(ours, list):
        return lacking(theirs[0], ours[0], f"{path}/0") if theirs and ours else []
    kinds = type(theirs), type(ours)
    return [] if kinds[0] is kinds[1] or theirs is None else [f"{path} is {kinds[1].__name__}, not {kinds[0].__name__}"]
