"""A whole Gordon on IRC and on Slack, and somebody's bridge between their channels."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.adapters.slack_wire import plain
from bot.demo.irc_network import Said
from bot.demo.slack.moby import DOCKER_DEV, OTHER_BOT
from bot.demo.world import CHANNEL, SLACK_PEOPLE, World
from tests.slack_hearing_rig import eventually
from tests.world.failing import NUMBERS, REAL


class Bridge:
    """Somebody's program that copies what is new in each of two channels to the other one.

    Arguments:
        on_irc, on_slack: all that was said there, by whom: "bridge" is the program itself.
    """

    def __init__(self, world: World) -> None:
        assert world.irc is not None
        assert world.slack is not None
        self.irc, self.slack = world.irc, world.slack.team()
        self.on_irc: list[tuple[str, str]] = []
        self.on_slack: list[tuple[str, str]] = []
        self.irc.join("bridge", CHANNEL)
        self.irc.on_message(self._said_on_irc)

    def _said_on_irc(self, said: Said) -> None:
        if said.target != CHANNEL:
            return
        self.on_irc.append((said.nick, said.text))
        if said.nick != "bridge":
            text = said.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            self.slack.acts.bot_says(OTHER_BOT, f"&lt;{said.nick}&gt; {text}", DOCKER_DEV)

    async def copy_from_slack(self) -> None:
        """Copy to IRC, for ever."""
        known: set[str] = set()
        names = {user.id: user.name for user in self.slack.workspace.users.values()}
        while True:
            for ts, message in list(self.slack.workspace.channels[DOCKER_DEV].messages.items()):
                if ts in known:
                    continue
                known.add(ts)
                is_ours = message.get("bot_id") == self.slack.workspace.users[OTHER_BOT].bot_id
                text = plain(message["text"])
                self.on_slack.append(("bridge" if is_ours else names[message["user"]], text))
                for line in () if is_ours else text.splitlines():
                    self.irc.say("bridge", CHANNEL, f"<{names[message['user']]}> {line}")
            await asyncio.sleep(0.005)

    def read(self, pattern: str, whose: str = "") -> tuple[int, int]:
        """Tell how often something can be read on IRC and on Slack, of somebody or of anybody."""
        sides = (self.on_irc, self.on_slack)
        irc, slack = (
            sum(bool(re.search(pattern, text)) and whose in ("", who) for who, text in side) for side in sides
        )
        return irc, slack

    def said(self, pattern: str) -> tuple[int, int]:
        """Tell how often Gordon itself said something on IRC and on Slack."""
        return self.read(pattern, "gordon")


@asynccontextmanager
async def joined(folder: Path, speaker: str) -> AsyncIterator[tuple[World, Bridge]]:
    """Run a Gordon on IRC and on Slack, whose channels a bridge joins.

    Arguments:
        speaker: which of them speaks, "irc" or "slack".
    """
    async with World(folder, with_irc=True, with_slack="socket", numbers=NUMBERS) as world:
        text = world.config.read_text().replace('nick = "gordon"', 'nick = "gordon"\nrelays = ["bridge"]')
        text = text.replace(
            'channels = ["#docker-dev"]', f'channels = ["#docker-dev"]\nrelays = ["{OTHER_BOT}", "B0OTHERBT"]'
        )
        silent, by = ('slack.moby.channel."#docker-dev"', f"demo/{CHANNEL}")
        if speaker == "slack":
            silent, by = f'irc.demo.channel."{CHANNEL}"', "moby/#docker-dev"
        world.config.write_text(f'{text}\n[{silent}]\nspoken_by = "{by}"\n{ANSWERS}')
        bridge = Bridge(world)
        app = world.gordon()
        running = asyncio.create_task(app.run())
        copying = asyncio.create_task(bridge.copy_from_slack())
        try:
            async with asyncio.timeout(30):
                await app.ready.wait()
            await bridge.slack.link.connected()
            here = bridge.irc.channels[CHANNEL.lower()].members
            await eventually(lambda: any(one.nick == "gordon" for one in here))
            yield world, bridge
        finally:
            copying.cancel()
            app.stop()
            await running


ANSWERS = """
[plugin.answers.answer.skew]
words = ["clock skew"]
say = "set your watch"
channels = ["demo/#docker-maintainers", "moby/#docker-dev"]
"""


@pytest.mark.parametrize("speaker", ["irc", "slack"])
async def test_half_a_team_is_here_and_half_there(tmp_path: Path, speaker: str) -> None:  # A17
    """A command runs once wherever it is typed, each announcement is read once on each side, and nothing goes round."""
    async with joined(tmp_path, speaker) as (world, bridge):
        world.build_of(lambda starting: REAL)
        for nick in ("tianon", "jess"):
            bridge.irc.join(nick, CHANNEL)
        bridge.irc.say("tianon", CHANNEL, "!rebuild moby#1 janky")
        await eventually(lambda: bridge.read("moby#1.*janky #1 failed") == (1, 1))
        assert bridge.said("queued janky .item 1") == bridge.said("janky #1 failed") == (1, 0), "where it was typed"

        bridge.slack.acts.mentions(SLACK_PEOPLE["tianon"], "rebuild moby#2 janky", DOCKER_DEV)
        await eventually(lambda: bridge.read("moby#2.*janky #2 failed") == (1, 1))
        assert bridge.said("queued janky .item 2") == bridge.said("janky #2 failed") == (0, 1), "where it was typed"

        alone = SLACK_PEOPLE["crosbymichael"]
        bridge.slack.acts.says(alone, "rebuild moby#3 janky", alone)
        await eventually(lambda: bridge.read("moby#3.*janky #3 failed") == (1, 1))
        assert bridge.said("janky #3 failed") == ((1, 0) if speaker == "irc" else (0, 1)), "by the one that speaks"

        bridge.slack.acts.says(SLACK_PEOPLE["jess"], "is that clock skew?", DOCKER_DEV)
        await eventually(lambda: bridge.read("set your watch") == (1, 1))
        assert bridge.said("set your watch") == (0, 1), "where it was asked"
        bridge.irc.say("jess", CHANNEL, "!ping")
        await eventually(lambda: bridge.read("pong") == (1, 1))
        for once in (
            "#1 failed",
            "#2 failed",
            "#3 failed",
            "set your watch",
            "queued janky .item 1",
            "queued janky .item 2",
        ):
            assert bridge.read(once) == (1, 1)
        assert len(world.request_ids()) == len(set(world.request_ids())) == 3
